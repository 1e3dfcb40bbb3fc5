"""The comparison on a real model: ratios with their intervals, and the tables of runs."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.exhaustion.closed_worlds import closed_world
from benchmarks.exhaustion.real import Ran, comparison, ratio_of_means, runs_table, token_budget, ways_table
from benchmarks.exhaustion.real_runs import Job
from benchmarks.exhaustion.token_curve import Answer
from benchmarks.report import Table
from contract.errors import ConfigurationError

ELEMENTS = closed_world("elements").items
found = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=2, max_size=8)


def ran(strategy: str, seed: int, *answers: Answer) -> Ran:
    """A run on the elements."""
    return Ran(closed_world("elements"), Job("Chemical elements", strategy, seed), list(answers))


def row(table: Table, name: str) -> dict[str, float]:
    """A row's figures by name."""
    rows = {label: {figure.name: figure.value for figure in figures} for label, figures in table.rows}
    return rows[name]


@given(found)
def test_a_ratio_lies_within_its_interval(pairs: list[tuple[int, int]]) -> None:
    """The interval is symmetric about the ratio of the sums."""
    ours, naive = zip(*pairs, strict=True)
    ratio = ratio_of_means(ours, naive)
    assert ratio.value == pytest.approx(sum(ours) / sum(naive))
    assert ratio.low <= ratio.value <= ratio.high
    assert ratio.high - ratio.value == pytest.approx(ratio.value - ratio.low)


def test_runs_that_always_differ_by_the_same_factor_leave_no_doubt() -> None:
    """Pairs of one ratio have an interval without width."""
    assert ratio_of_means([20, 40, 60], [10, 20, 30]) == pytest.approx((2, 2, 2))


def test_pairs_that_scatter_have_the_interval_of_the_ratio_estimator() -> None:
    """Two pairs of ratio 1 and 3: the residuals are -10 and 10 about 2, t with one degree is 6.31."""
    ratio = ratio_of_means([10, 30], [10, 10])
    assert ratio.value == 2
    assert ratio.high == pytest.approx(2 + 6.31 * math.sqrt(200) * math.sqrt(2) / 20)


def test_nothing_is_claimed_from_one_pair_or_from_nothing() -> None:
    """One pair has no interval; naive runs that found nothing have no ratio."""
    one = ratio_of_means([3], [2])
    assert one.value == 1.5
    assert math.isnan(one.low)
    assert math.isnan(ratio_of_means([3, 4], [0, 0]).value)


def test_a_comparison_counts_valid_items_at_the_same_tokens() -> None:
    """A run is taken where it stood after the budget, however far it went; inventions do not count as valid."""
    half_noise = Answer("plain", 0, 300, (*ELEMENTS[:10], *(f"Foo {n}" for n in range(10))))
    more = Answer("plain", 0, 300, ELEMENTS[10:30])
    runs = [
        run
        for seed in (1, 2)
        for run in (ran("plain", seed, half_noise), ran("auto", seed, half_noise, more._replace(way="facet"), more))
    ]
    at_end = row(comparison(runs, 600, "a model"), "elements, 600 tokens")
    assert (at_end["naive valid"], at_end["ours valid"]) == (10, 30)
    assert at_end["naive valid %"] == 50
    assert at_end["ours recall %"] == pytest.approx(100 * 30 / 118)
    assert at_end["ours ÷ naive"] == 3
    assert row(comparison(runs, 600, "a model"), "elements, 200 tokens")["ours ÷ naive"] == 1


def test_a_prompts_token_may_count_a_quarter() -> None:
    """With cheap prompts, a way that reads much is further for the same price."""
    wordy = Answer("listed", 800, 200, ELEMENTS[:40])
    terse = Answer("plain", 0, 400, ELEMENTS[:40])
    runs = [run for seed in (1, 2) for run in (ran("plain", seed, terse), ran("auto", seed, wordy))]
    figures = row(comparison(runs, 400, "a model"), "elements, 400 tokens")
    assert figures["ours ÷ naive"] == pytest.approx(0.4)
    assert figures["at 1/4"] == pytest.approx(1.0)


def test_each_way_of_asking_is_judged_by_what_it_brought() -> None:
    """A way's gain is new valid items for its tokens; a plan's names are no items."""
    run = ran(
        "auto",
        1,
        Answer("plain", 0, 100, ELEMENTS[:10]),
        Answer("plan", 0, 100, ("Gases",)),
        Answer("facet", 0, 200, (*ELEMENTS[5:15], "Foo", "Bar")),
    )
    table = ways_table([run])
    facet = row(table, "elements, auto: facet")
    assert facet["new valid / 1,000"] == 25
    assert facet["valid %"] == pytest.approx(100 * 10 / 12)
    assert row(table, "elements, auto: plan")["items an answer"] == 0


@pytest.mark.parametrize("text", ["many", "0", "-5", "1.5"])
def test_a_budget_that_is_none_is_refused_in_one_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable."""
    monkeypatch.setenv("EXHAUSTION_TOKENS", text)
    with pytest.raises(ConfigurationError, match=r"^EXHAUSTION_TOKENS[^\n]*$"):
        token_budget()


def test_a_budget_is_what_the_environment_says_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank is as good as not given."""
    monkeypatch.setenv("EXHAUSTION_TOKENS", " ")
    usual = token_budget()
    monkeypatch.setenv("EXHAUSTION_TOKENS", str(usual + 1))
    assert token_budget() == usual + 1


def test_each_run_is_written_down_with_its_curve() -> None:
    """Points at sixths of the budget, and what there was at the end."""
    run = ran("plain", 3, Answer("plain", 0, 300, ELEMENTS[:30]), Answer("plain", 0, 900, (*ELEMENTS[:30], "Foo")))
    figures = row(runs_table([run], 600), "elements plain 3")
    assert [figures[tokens] for tokens in ("100", "200", "300", "600")] == [10, 20, 30, 30]
    assert (figures["distinct"], figures["calls"], figures["tokens"]) == (31, 2, 1200)
