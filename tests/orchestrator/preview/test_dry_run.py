"""`--dry-run`: what would be asked, without asking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.errors import ConfigurationError, ForeignDatabaseError, UsageError
from contract.identity import Identity
from contract.messages import ProviderSetup
from orchestrator import explore
from orchestrator.cli import _dispatch
from orchestrator.composition import Seams, prompt_of
from orchestrator.local_model import LocalModelServer
from orchestrator.preview.dry_run import DryRun, dry_run_lines, show_dry_run
from orchestrator.preview.plan_command import run_plan
from orchestrator.preview.prompts import Prompt
from orchestrator.settings import STRATEGIES, Settings
from orchestrator.store import Store
from tests.orchestrator.preview.places import FOLDER, TOPIC, Place, contents, drawn
from tests.orchestrator.test_run import batch, done

Capture = pytest.CaptureFixture[str]


def dry(place: Place, capsys: Capture, **settings: Any) -> dict[str, Any]:
    """What `--dry-run --json` prints."""
    made = Settings(topic=TOPIC, **{"provider": "test", **settings})
    assert show_dry_run(made, as_json=True, seams=place.seams()) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def kinds(shown: dict[str, Any], *, real: bool) -> list[str]:
    """Of the next orders, or of the examples."""
    return [prompt["kind"] for prompt in shown["prompts"] if prompt["real"] is real]


def test_nothing_is_asked_and_nothing_is_made(capsys: Capture) -> None:
    """No producer gets an order, and no folder appears."""
    place = Place()
    shown = dry(place, capsys)
    assert place.answers.orders == []
    assert contents(place.files) == {}
    assert shown["folder"] == str(FOLDER)
    assert kinds(shown, real=True) == ["fresh"]
    assert kinds(shown, real=False) == ["listed", "plan", "facet", "catch-all", "letter", "language"]


def test_a_provider_that_takes_no_parts_is_shown_none(capsys: Capture) -> None:
    """Unless they are asked for by name."""
    options = ("test.takes_parts=false", "test.takes_avoid_list=false")
    assert kinds(dry(Place(), capsys, provider_options=options), real=False) == []
    shown = dry(Place(), capsys, provider_options=options, strategy="letters")
    assert kinds(shown, real=False) == ["letter"]


@pytest.mark.parametrize(
    ("strategy", "others"),
    [
        ("plain", []),
        ("listed", ["listed"]),
        ("facets", ["listed", "plan", "facet", "catch-all"]),
        ("letters", ["listed", "letter"]),
        ("languages", ["language"]),
        ("continued", ["continued"]),
    ],
)
def test_a_strategy_shows_what_it_asks(strategy: str, others: list[str], capsys: Capture) -> None:
    """And nothing else."""
    assert kinds(dry(Place(), capsys, strategy=strategy), real=False) == others


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_kind_of_order_is_told_in_words(strategy: str, capsys: Capture) -> None:
    """People read what each order asks for, whatever the strategy, and judgements too."""
    made = Settings(topic=TOPIC, provider="test", strategy=strategy, validate="on")
    assert show_dry_run(made, as_json=False, seams=Place().seams()) == 0
    shown = capsys.readouterr().out
    assert "example: validate (asks which of the items do not belong to the topic)" in shown
    assert "next order: fresh (asks afresh" in shown


def test_the_next_order_is_the_one_that_the_run_would_give(capsys: Capture) -> None:
    """With the folder's own items on its list; the folder stays as it is."""
    place = Place(drawn(90))
    once = {"strategy": "listed", "provider": "test", "producers": 1, "concurrency": 1}
    explore(TOPIC, seams=place.seams(), iterations=8, **once)
    before = contents(place.files)
    shown = dry(place, capsys, strategy="listed")
    assert contents(place.files) == before
    assert kinds(shown, real=True) == ["listed"]
    (prompt,) = [one for one in shown["prompts"] if one["real"]]
    explore(TOPIC, seams=place.seams(), iterations=1, **once)
    asked = place.answers.orders[-1]
    assert prompt["listed"] == len(asked.avoid) > 0
    assert (prompt["system"], prompt["prompt"]) == prompt_of(asked, ProviderSetup("test:simulated", "simulated", "x"))


def test_a_plan_that_was_bought_gives_the_examples_their_names(capsys: Capture) -> None:
    """Parts that the folder knows stand in the facet's prompt and in the catch-all's."""
    parts = ("Berries", "Stone fruit", "Citrus", "Melons")

    def answer(order: Any) -> Any:
        return [batch(order, *parts), done(order)] if order.mode == "plan" else drawn(5000)(order)

    place = Place(answer)
    assert run_plan(["--topic", TOPIC, "--provider", "test", "--quiet"], place.seams()) == 0
    store_plan(place, parts)
    shown = dry(place, capsys)
    by_kind = {prompt["kind"]: prompt["prompt"] for prompt in shown["prompts"]}
    assert any(part in by_kind["facet"] for part in parts)
    assert "; ".join(parts) in by_kind["catch-all"]


def store_plan(place: Place, parts: tuple[str, ...]) -> None:
    """Write an ended planning order into the folder, as a run does."""
    store = Store.open(FOLDER, TOPIC, identity=Identity.NORMALIZED, filesystem=place.files)
    store.begin_run({})
    order = store.issue_order(provider="test", model="simulated", mode="plan", size=40, producer=0)
    store.keep_parts(order, parts)
    ended: dict[str, Any] = {"usage": None, "cost_usd": None, "error": None}
    store.end_order(order, state="done", attempts=1, time_to_first_chunk_s=0.1, duration_s=0.2, **ended)
    store.end_run("iterations")
    store.close()


def test_keys_need_not_be_there(capsys: Capture) -> None:
    """Without any, the prompts are those of every vendor, and all of them are named as without a key."""
    shown = dry(Place(), capsys, provider="env")
    assert shown["without_key"] == ["openai", "anthropic", "gemini"]
    assert {prompt["provider"].partition(":")[0] for prompt in shown["prompts"]} == {"openai", "anthropic", "gemini"}
    assert all(prompt["cost_usd_at_most"] > 0 for prompt in shown["prompts"])


def test_a_key_is_nowhere_in_what_is_shown(capsys: Capture) -> None:
    """One that is set is not told, nor missed."""
    place = Place(environment={"OPENAI_API_KEY": "sk-very-secret"})
    shown = dry(place, capsys, provider="openai:gpt-5-mini,anthropic")
    assert shown["without_key"] == ["anthropic"]
    assert "very-secret" not in json.dumps(shown)


def test_an_endpoint_of_ones_own_needs_no_key(capsys: Capture) -> None:
    """Nor is its price known."""
    place = Place(environment={"OPENAI_BASE_URL": "http://127.0.0.1:9"})
    shown = dry(place, capsys, provider="openai:mine")
    assert shown["without_key"] == []
    assert {prompt["cost_usd_at_most"] for prompt in shown["prompts"]} == {None}


def test_the_local_model_is_not_installed_for_it(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its prompts are shown in its own style, and it has no lists; nothing is fetched or started."""

    def never(server: object) -> None:
        raise AssertionError("it was installed")

    monkeypatch.setattr(LocalModelServer, "ensure_installed", never)
    monkeypatch.setattr(LocalModelServer, "start", never)
    shown = dry(Place(), capsys, provider="local")
    assert "listed" not in {prompt["kind"] for prompt in shown["prompts"]}
    assert shown["prompts"][0]["prompt"] == "List 40 distinct Fruit."


def test_the_most_that_a_call_costs_is_never_less_than_what_it_reserves(capsys: Capture) -> None:
    """An example's most is that of the longest list, whatever is known now."""
    shown = dry(Place(), capsys, prices=("test:simulated=1,1",))
    most = {prompt["kind"]: prompt["cost_usd_at_most"] for prompt in shown["prompts"]}
    assert most["listed"] > most["fresh"] > 0
    assert all(cost * 1e6 > 1360 for kind, cost in most.items() if kind != "plan")


def test_fresh_looks_at_no_earlier_run(capsys: Capture) -> None:
    """`--fresh` begins anew: the first order is as of an empty folder, and the old one stays."""
    place = Place()
    run_plan(["--topic", TOPIC, "--provider", "test", "--quiet"], place.seams())
    before = contents(place.files)
    shown = dry(place, capsys, fresh=True)
    assert (shown["known"], kinds(shown, real=True)) == (0, ["fresh"])
    assert contents(place.files) == before


def test_each_provider_has_its_next_order(capsys: Capture) -> None:
    """The same words stand there once, with each provider's amounts."""
    place = Place()
    shown = dry(place, capsys, provider="test:a,test:b")
    assert [prompt["provider"] for prompt in shown["prompts"] if prompt["real"]] == ["test:a", "test:b"]
    show_dry_run(Settings(topic=TOPIC, provider="test:a,test:b"), as_json=False, seams=place.seams())
    text = capsys.readouterr().out
    assert text.count("next order") == 1
    assert text.count("  test:b: about") == 7


def test_untrusted_words_cannot_steer_the_terminal(capsys: Capture) -> None:
    """Control characters of a topic or a part are replaced; lines stay lines."""
    place = Place()
    show_dry_run(Settings(topic="Fruit\x1b[2J\u202e", provider="test"), as_json=False, seams=place.seams())
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "List 60 distinct items that belong to this topic: Fruit\ufffd[2J\ufffd" in text


def test_the_plan_command_has_it_too(capsys: Capture) -> None:
    """Nothing is asked; `--quiet` prints nothing."""
    place = Place()
    assert run_plan(["--topic", TOPIC, "--provider", "test", "--dry-run"], place.seams()) == 0
    assert "nothing is called" in capsys.readouterr().out
    assert run_plan(["--topic", TOPIC, "--provider", "test", "--dry-run", "--quiet"], place.seams()) == 0
    assert capsys.readouterr().out == ""
    assert place.answers.orders == []


def test_faults_of_settings_and_files_are_told_as_by_a_run(tmp_path: Any) -> None:
    """Unknown options, prices for nobody, a database that is none."""
    place = Place()
    for wrong in (
        {"provider_options": ("test.nonsense=1",)},
        {"prices": ("test:nobody=1,1",)},
        {"provider": "nobody"},
    ):
        with pytest.raises(ConfigurationError):
            show_dry_run(Settings(topic=TOPIC, **{"provider": "test", **wrong}), as_json=False, seams=place.seams())
    (tmp_path / "run.db").write_bytes(b"no database" * 100)
    with pytest.raises(ForeignDatabaseError, match=str(tmp_path)):
        show_dry_run(
            Settings(topic=TOPIC, provider="test", output=tmp_path), as_json=False, seams=Seams(environment={})
        )
    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]


def test_the_web_mode_has_no_dry_run() -> None:
    """Without a topic nothing would be asked."""
    with pytest.raises(UsageError, match="--dry-run needs a --topic"):
        _dispatch(["--dry-run"])


def test_a_mark_stands_for_a_long_list() -> None:
    """Where nothing is known yet two hundred marks are shown as three and a word."""
    prompt = Prompt(
        kind="listed",
        real=False,
        provider="test:a",
        system="s",
        prompt="\n".join(["head", *(f"[known item {n}]" for n in range(1, 201)), "tail"]),
        listed=200,
        input_tokens=1,
        output_tokens_at_most=1,
        cost_usd_at_most=None,
    )
    lines = list(dry_run_lines(DryRun(topic="t", folder="f", known=0, without_key=(), prompts=(prompt,)), exists=False))
    assert lines[-6:] == [
        "    head",
        "    [known item 1]",
        "    [known item 2]",
        "    [known item 3]",
        "    [and so on]",
        "    tail",
    ]
