"""A plan in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.exploration.coverage import Interval
from orchestrator.preview.outlook import Call, Outlook, Target
from orchestrator.preview.plan_report import plain_lines, print_plan
from orchestrator.preview.plan_words import COLUMNS, Pilot, Plan, notes, rows, summary
from orchestrator.settings import Settings

PILOT = Pilot(wanted=5, before=2, asked=3, calls=4, failed_calls=1, tokens=2000, cost_usd=0.0123, duration_s=8.0)
SETTINGS = Settings(topic="Fruit", until_coverage=0.9)
SOME = Interval(40.0, 20.0, 90.0)
NOWHERE = Interval(math.inf, 0.0, math.inf)


def target(coverage: float = 0.9, calls: Interval = SOME, *, reached: bool = False) -> Target:
    """A row whose amounts are multiples of its calls."""

    def times(factor: float) -> Interval:
        return Interval(*(end * factor for end in (calls.estimate, calls.low, calls.high)))

    return Target(
        coverage=coverage,
        reached=reached,
        calls=calls,
        items=times(10.0),
        tokens=times(500.0),
        cost_usd=times(0.001),
        duration_s=times(2.0),
    )


def outlook(*targets: Target, **others: object) -> Outlook:
    """After five fresh answers."""
    made = Outlook(
        known=212,
        fresh_responses=5,
        coverage=Interval(0.61, 0.52, 0.7),
        without_noise=0.7,
        total_at_least=480.0,
        distinct_at_most=212 / 480,
        next_call=Interval(23.0, 15.0, 31.0),
        next_item_usd=0.00002,
        call=Call(tokens=500.0, cost_usd=0.0005, duration_s=8.0),
        in_flight=20,
        unasked=(),
        sizes=(60,),
        sizes_wanted=(60,),
        targets=targets,
        target=0.9,
    )
    return msgspec.structs.replace(made, **others)


def said(*targets: Target, settings: Settings = SETTINGS, pilot: Pilot = PILOT, **others: object) -> str:
    """The notes in one text."""
    return "\n".join(notes(outlook(*targets, **others), pilot, settings, ()))


def plan(*targets: Target, **others: object) -> Plan:
    """A whole one."""
    return Plan(
        topic="Fruit",
        folder="output/fruit",
        providers=("test:a",),
        pilot=PILOT,
        outlook=outlook(*targets, **others),
        notes=("One note.",),
        command="orchestrator --topic Fruit --until-coverage 0.9",
    )


def test_what_the_pilot_did_and_found_stands_above() -> None:
    """Answers of now and of before, calls, tokens, money; items, coverage, the next call and its price."""
    assert summary(plan(target())) == [
        ("pilot", "3 fresh answers, 2 of earlier runs; 4 calls, 1 failed, 2,000 tokens, $0.0123, 8.0 s"),
        ("found", "212 items, 44% at most of the distinct ones (at least 480)"),
        ("coverage", "61% (52%–70%) of what a fresh answer names is known"),
        ("next call", "brings 23 new items (15–31) for $0.0005, $0.02 a thousand"),
    ]


def test_a_row_has_each_figure_with_its_range() -> None:
    """In the order of the columns; a coverage that is reached needs nothing."""
    reached, wanted = (cells for _, cells in rows(outlook(target(0.5, reached=True), target())))
    assert [cell.figure for cell in reached] == ["50 %", "reached", "", "", "", ""]
    assert [cell.figure for cell in wanted] == ["90 %", "40", "20 k", "$0.04", "80 s", "400"]
    assert [cell.range for cell in wanted] == ["", "20–90", "10 k–45 k", "$0.02–$0.09", "40 s–3 min", "200–900"]


def test_an_end_that_says_nothing_is_left_out() -> None:
    """An infinite or absurd upper end; an estimate that is none; amounts that nobody knows."""
    ((_, far),) = rows(outlook(target(calls=Interval(40.0, 20.0, 4000.0))))
    assert far[1] == ("40", "at least 20")
    ((_, near),) = rows(outlook(target(calls=Interval(0.2, 0.0, 8.0))))
    assert near[1] == ("1", "0–8")  # less than a call is no measure
    ((_, none),) = rows(outlook(target(calls=NOWHERE)))
    assert none[1] == ("?", "at least 0")
    unknown = msgspec.structs.replace(target(), cost_usd=None, tokens=None, duration_s=None)
    ((_, cells),) = rows(outlook(unknown))
    assert [cell.figure for cell in cells[2:5]] == ["unknown"] * 3


@given(st.floats(0, 1e12), st.floats(0, 1e3), st.floats(1, 1e9))
def test_any_figure_can_be_shown(estimate: float, below: float, above: float) -> None:
    """No number breaks a row."""
    calls = Interval(estimate, max(0.0, estimate - below), estimate * above)
    ((_, cells),) = rows(outlook(target(calls=calls)))
    assert len(cells) == len(COLUMNS)
    assert "e+" not in summary(plan(target(calls=calls), next_call=calls))[-1][1]
    assert not any("inf" in cell.figure or "nan" in cell.figure or "e+" in cell.figure for cell in cells)


def test_every_plan_says_what_it_speaks_of() -> None:
    """These models and prompts; fresh calls as an upper bound, unless the run asks afresh alone."""
    text = said(target())
    assert "90 % intervals" in text
    assert "these models say to these prompts" in text
    assert "upper bound" in text
    assert "upper bound" not in said(target(), settings=msgspec.structs.replace(SETTINGS, strategy="plain"))


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        (Interval(40.0, 20.0, 900.0), "20 calls or 900"),
        (Interval(40.0, 20.0, math.inf), "20 calls or more than 1,200"),
        (NOWHERE, "any number of calls"),
    ],
)
def test_a_hopeless_range_is_told_with_what_helps(calls: Interval, words: str) -> None:
    """More answers, a lower target, a narrower topic."""
    text = said(target(calls=calls))
    assert words in text
    assert "--pilot 10" in text
    assert "cannot tell" not in said(target())


def test_what_is_reached_is_told() -> None:
    """With how many answers say so."""
    assert "90 % is reached, as far as 5 fresh answers can tell" in said(target(reached=True))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_cost_usd": 0.03}, "--max-cost will probably end the run before 90 %."),
        ({"max_cost_usd": 0.08}, "--max-cost may end the run before 90 %."),
        ({"min_yield": 30.0}, "--min-yield will probably end the run before 90 %."),
        ({"min_yield": 10.0}, "--min-yield may end the run before 90 %."),
        ({"max_price_per_item_usd": 0.00001}, "--max-price-per-item will probably end the run before 90 %."),
        ({"max_price_per_item_usd": 0.00005}, "--max-price-per-item may end the run before 90 %."),
        ({"max_time_s": 100.0}, "--max-time may"),
        ({"max_attributes": 300}, "--max-attributes will probably"),
        ({"iterations": 10, "producers": 5}, "--iterations may"),
    ],
)
def test_limits_that_come_first_are_told(limits: dict[str, float], words: str) -> None:
    """Where the estimate, or only the upper end, is above a limit of the run."""
    assert words in said(target(), settings=msgspec.structs.replace(SETTINGS, **limits))
    assert "end the run" not in said(target(), settings=msgspec.structs.replace(SETTINGS, max_cost_usd=1.0))


def test_what_makes_the_figures_doubtful_is_told() -> None:
    """Providers not asked yet, answers of another size, a pilot cut short, unknown prices."""
    assert "test:b: not asked afresh yet" in said(target(), unasked=("test:b",))
    assert "asked for 20 items" in said(target(), sizes=(20,))
    short = msgspec.structs.replace(PILOT, stopped="the time is over (--max-time 5s)")
    assert said(target(), pilot=short, fresh_responses=3).startswith("3 of 5 fresh answers came: the time is over")
    assert "price of test:a is not known" in "\n".join(notes(outlook(target()), PILOT, SETTINGS, ("test:a",)))


def test_nothing_is_said_of_too_little() -> None:
    """Without a coverage there are no figures, and no words about them."""
    nothing = {"coverage": None, "next_call": None, "total_at_least": None, "distinct_at_most": None}
    assert "too little" in said(**nothing)
    assert "interval" not in said(**nothing)
    assert summary(plan(**nothing))[-1] == ("found", "212 items")
    assert list(rows(outlook(**nothing))) == []


def lines(*targets: Target) -> Iterator[str]:
    """Plain output."""
    return plain_lines(plan(*targets))


def test_plain_output_has_all_of_it() -> None:
    """A line each; columns stand under each other."""
    text = list(lines(target(0.5, reached=True), target()))
    head = next(line for line in text if line.startswith("  coverage  calls"))
    row = next(line for line in text if line.startswith("  90 %"))
    assert row[head.index("tokens") :].startswith("20 k (10 k–45 k)")
    assert row[head.index("items") :] == "400 (200–900)"
    assert text[0] == "Fruit"
    assert text[-1] == "  continue  orchestrator --topic Fruit --until-coverage 0.9"


def test_json_has_null_for_what_is_infinite(capsys: pytest.CaptureFixture[str]) -> None:
    """It stays JSON that any program reads."""
    print_plan(plan(target(calls=NOWHERE)), as_json=True)
    shown = msgspec.json.decode(capsys.readouterr().out)
    assert shown["outlook"]["targets"][0]["calls"] == {"estimate": None, "low": 0.0, "high": None}


def test_a_terminal_gets_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures above their ranges; nothing of the topic can steer it; the command stays in one piece."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "70")
    odd = msgspec.structs.replace(plan(target()), topic="Fruit\x1b[2J", command="orchestrator " + "x" * 100)
    print_plan(odd, as_json=False)
    text = capsys.readouterr().out
    assert "\x1b[2J" not in text
    assert "20–90" in text
    assert f"continue  orchestrator {'x' * 100}" in text
