"""`orchestrator plan`: the pilot, and what is printed."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from contract.errors import ConfigurationError, ErrorKind, NoProviderError, UsageError
from contract.messages import Order
from orchestrator.exploration.explorer import PILOT
from orchestrator.preview.plan_command import run_plan
from tests.orchestrator.preview.places import FOLDER, TOPIC, Place, contents, drawn, same
from tests.orchestrator.test_run import failed

Capture = pytest.CaptureFixture[str]


def test_the_pilot_asks_afresh_and_no_more_than_it_says(capsys: Capture) -> None:
    """Five audits without a list, from one producer; their items are in the folder."""
    place = Place()
    plan = place.plan(capsys)
    assert len(place.answers.orders) == PILOT == plan["pilot"]["calls"] == plan["pilot"]["asked"]
    assert {(order.mode, order.avoid) for order in place.answers.orders} == {("audit", ())}
    assert plan["outlook"]["fresh_responses"] == PILOT
    lines = bytes(place.files.files[FOLDER / "attributes.txt"]).decode().splitlines()
    assert len(lines) == plan["outlook"]["known"] > 60


def test_a_pilot_buys_no_judgements(capsys: Capture) -> None:
    """What is asked and what it can cost was said before; whoever continues still has the items judged."""
    place = Place()
    plan = place.plan(capsys, "--validate", "on")
    assert [order.mode for order in place.answers.orders] == ["audit"] * PILOT
    assert "--validate on" in plan["command"]
    assert json.loads(bytes(place.files.files[FOLDER / "run.json"]))["run"]["settings"]["validate"] == "on"


def test_a_second_plan_asks_nothing_and_changes_nothing(capsys: Capture) -> None:
    """Fresh answers of an earlier plan count; the folder stays as it is, byte for byte."""
    place = Place()
    first = place.plan(capsys)
    before = contents(place.files)
    second = place.plan(capsys, "--target-coverage", "0.8")
    assert len(place.answers.orders) == PILOT
    assert contents(place.files) == before
    assert second["pilot"]["before"] == PILOT
    assert second["pilot"]["calls"] == 0
    assert second["outlook"]["coverage"] == first["outlook"]["coverage"]


def test_a_larger_pilot_asks_for_what_is_missing(capsys: Capture) -> None:
    """Eight after five: three more."""
    place = Place()
    place.plan(capsys)
    plan = place.plan(capsys, "--pilot", "8")
    assert len(place.answers.orders) == 8
    assert (plan["pilot"]["before"], plan["pilot"]["asked"]) == (5, 3)


def test_fresh_answers_of_other_providers_do_not_stand_for_this_one(capsys: Capture) -> None:
    """They stay in the estimate, but the pilot asks the provider that the run will ask."""
    place = Place()
    place.plan(capsys)
    plan = place.plan(capsys, "--provider", "test:other")
    assert [order.provider for order in place.answers.orders] == ["test:simulated"] * 5 + ["test:other"] * 5
    assert plan["outlook"]["fresh_responses"] == 10


def test_more_coverage_takes_more(capsys: Capture) -> None:
    """The ladder with the wanted coverage: calls, tokens, time and items rise; each range holds its estimate."""
    plan = Place(drawn(2000)).plan(capsys, "--target-coverage", "0.85", "--producers", "2", "--concurrency", "2")
    targets = plan["outlook"]["targets"]
    assert [target["coverage"] for target in targets] == [0.5, 0.8, 0.85, 0.9, 0.95]
    for name in ("calls", "tokens", "duration_s", "items"):
        estimates = [target[name]["estimate"] for target in targets]
        assert estimates == sorted(estimates)
        assert all(target[name]["low"] <= target[name]["estimate"] for target in targets)
    last = targets[-1]
    assert last["tokens"]["estimate"] == pytest.approx(500 * last["calls"]["estimate"])
    assert last["duration_s"]["estimate"] == pytest.approx(2.0 * last["calls"]["estimate"] / 4)


def test_a_price_makes_costs(capsys: Capture) -> None:
    """A call of 100 tokens in and 400 out at 1 and 10 dollars a million costs 0.0041."""
    plan = Place().plan(capsys, "--price", "test:simulated=1,10")
    assert plan["pilot"]["cost_usd"] == pytest.approx(5 * 0.0041)
    assert plan["outlook"]["call"]["cost_usd"] == pytest.approx(0.0041)
    wanted = plan["outlook"]["targets"][-1]
    assert wanted["cost_usd"]["estimate"] == pytest.approx(0.0041 * wanted["calls"]["estimate"])


def test_an_unknown_price_stays_unknown(capsys: Capture) -> None:
    """No cost is guessed, and the notes say which price is missing."""
    place = Place(environment={"OPENAI_BASE_URL": "http://127.0.0.1:9"})
    plan = place.plan(capsys, "--provider", "openai:mine")
    assert {target["cost_usd"] for target in plan["outlook"]["targets"]} == {None}
    assert any("openai:mine" in note and "--price" in note for note in plan["notes"])


def test_the_money_limit_holds_during_the_pilot(capsys: Capture) -> None:
    """A pilot that would exceed it is cut short, and the plan says so with what it has."""
    place = Place()
    plan = place.plan(capsys, "--price", "test:simulated=1,1000", "--max-cost", "2")
    assert 0 < len(place.answers.orders) < PILOT
    assert plan["pilot"]["cost_usd"] <= 2
    assert any("--max-cost" in note for note in plan["notes"])


def test_nothing_can_be_said_of_failures(capsys: Capture) -> None:
    """Where no answer comes the plan says that and why, with no figures, and every number is null."""
    place = Place(lambda order: [failed(order, ErrorKind.BAD_RESPONSE)])
    plan = place.plan(capsys, "--max-attempts", "1", code=4)
    assert plan["outlook"]["coverage"] is None
    assert plan["outlook"]["targets"] == []
    assert plan["notes"][0] == "0 of 5 fresh answers came: all 5 requests failed, last: it failed."


def test_a_failure_among_answers_is_told(capsys: Capture) -> None:
    """That the pilot made all its requests is no reason."""
    place = Place(lambda order: [failed(order, ErrorKind.BAD_RESPONSE)] if order.id == 2 else same(order))
    plan = place.plan(capsys, "--max-attempts", "1")
    assert plan["notes"][0] == "4 of 5 fresh answers came: 1 request failed."
    assert place.plan(capsys, "--max-attempts", "1")["pilot"]["stopped"] == ""


def test_a_dry_run_shows_what_the_pilot_would_ask(capsys: Capture) -> None:
    """Fresh requests only, whatever the run would ask next; nothing where the answers are there."""
    place = Place(same)
    options = ["--topic", TOPIC, "--provider", "test", "--dry-run"]
    assert run_plan(options, place.seams()) == 0
    shown = capsys.readouterr().out
    assert "next order: fresh" in shown
    assert "example" not in shown
    place.plan(capsys)
    assert run_plan([*options, "--json"], place.seams()) == 0
    assert json.loads(capsys.readouterr().out)["prompts"] == []
    assert run_plan(options, place.seams()) == 0
    assert "nothing would be asked" in capsys.readouterr().out
    assert run_plan([*options, "--pilot", "6"], place.seams()) == 0
    assert "next order: fresh" in capsys.readouterr().out


def test_a_refused_key_ends_it() -> None:
    """Where no provider is left the command fails as a run does."""
    place = Place(lambda order: [failed(order, ErrorKind.AUTH, "the key is wrong")])
    with pytest.raises(NoProviderError, match="the key is wrong"):
        run_plan(["--topic", TOPIC, "--provider", "test", "--quiet"], place.seams())


def test_without_any_key_nothing_is_begun() -> None:
    """The folder is not made."""
    place = Place()
    with pytest.raises(NoProviderError):
        run_plan(["--topic", TOPIC], place.seams())
    assert contents(place.files) == {}


def test_identical_answers_are_told(capsys: Capture) -> None:
    """A model that always says the same looks like a small topic: the plan warns."""
    plan = Place(same).plan(capsys)
    assert plan["outlook"]["identical"] is True
    assert "same items" in plan["notes"][0]


def test_the_command_goes_on_with_the_same_options(capsys: Capture) -> None:
    """Without what belongs to the plan alone, with the wanted coverage."""
    options = ["--producers", "3", "--target-coverage=0.8", "--pilot", "6", "--fresh", "--max-cost", "3"]
    command = shlex.split(Place().plan(capsys, *options)["command"])
    begin = command.index("--topic")
    assert command[begin:] == [
        *("--topic", TOPIC, "--provider", "test", "--producers", "3", "--max-cost", "3"),
        *("--until-coverage", "0.8"),
    ]


def test_what_is_continued_is_what_was_planned(capsys: Capture) -> None:
    """The settings that the folder keeps for a continuation are the run's, not those of its pilot."""
    place = Place()
    place.plan(capsys, "--producers", "3", "--target-coverage", "0.8")
    database = place.files.connect_database(FOLDER / "run.db", read_only=True)
    ((settings,),) = database.execute("SELECT settings FROM runs").fetchall()
    for part in ('"producers":3', '"iterations":null', '"strategy":"auto"', '"until_coverage":0.8'):
        assert part in settings


def test_a_coverage_wanted_by_the_environment_is_planned_for(capsys: Capture) -> None:
    """ORCHESTRATOR_UNTIL_COVERAGE is the default of --target-coverage."""
    place = Place(environment={"ORCHESTRATOR_UNTIL_COVERAGE": "0.7"})
    assert place.plan(capsys)["outlook"]["target"] == 0.7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--topic", TOPIC, "--target-coverage", "1"], "above 0 and below 1"),
        (["--topic", TOPIC, "--target-coverage", "95"], "above 0 and below 1: 95 % is 0.95"),
        (["--topic", TOPIC, "--target-coverage", "much"], "above 0 and below 1"),
        (["--topic", TOPIC, "--pilot", "1"], "fewer than 2"),
        (["--topic", TOPIC, "--pilot", "1000"], "too many for a pilot"),
        (["--topic", TOPIC, "--iterations", "3"], "--iterations"),
        (["Paris", "parks"], "did you mean --topic 'Paris parks'?"),
        ([], "no topic"),
    ],
)
def test_slips_are_told_in_a_line(arguments: list[str], words: str, capsys: Capture) -> None:
    """As usage, with exit code 2; nothing is begun."""
    with pytest.raises(SystemExit) as ended:
        run_plan(arguments, Place().seams())
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in error
    assert error.count("\n") == 1


def test_a_blank_topic_is_refused() -> None:
    """As for a run."""
    with pytest.raises(UsageError):
        run_plan(["--topic", " ", "--provider", "test"], Place().seams())


def test_a_folder_of_another_topic_is_refused_before_anything_is_asked(capsys: Capture) -> None:
    """By its own path, and unchanged."""
    place = Place()
    place.plan(capsys)
    before = contents(place.files)
    with pytest.raises(ConfigurationError, match=str(FOLDER)):
        run_plan(["--topic", "Trees", "--provider", "test", "--output", str(FOLDER)], place.seams())
    assert contents(place.files) == before


def test_the_pilot_is_spread_over_all_providers(capsys: Capture) -> None:
    """By their weights; one of weight 0 is not asked, and not missed."""
    asked: list[Order] = []

    def answer(order: Order) -> Any:
        asked.append(order)
        return drawn()(order)

    plan = Place(answer).plan(capsys, "--provider", "test:a,test:b,test:c:0")
    assert {order.provider for order in asked} == {"test:a", "test:b"} == set(plan["providers"])
    assert plan["outlook"]["unasked"] == []


def test_a_provider_s_own_size_is_the_run_s_too(capsys: Capture) -> None:
    """One that is asked for fewer items at a time is measured as it will be asked: nothing to warn of."""
    option = ("--provider-option", "test.max_request_size=30")
    place = Place()
    plan = place.plan(capsys, *option)
    assert plan["outlook"]["sizes"] == plan["outlook"]["sizes_wanted"] == [30]
    assert not any("asked for" in note for note in plan["notes"])
    assert any("asked for 30 items, where the run asks for 60" in note for note in place.plan(capsys)["notes"])
