"""What the summary, the log and the JSON result say of how far a topic is explored."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from contract.discovery import ExplorationView
from orchestrator.events import Result, StopReason
from orchestrator.reporting.base import next_words, summary_lines
from orchestrator.reporting.plain import LogReporter, QuietReporter, figures_line
from orchestrator.settings import Settings
from tests.orchestrator.run_cases import Clock, still_run
from tests.orchestrator.test_live_display import explored

EXPLORED = ExplorationView(0.83, 0.9, 0.95, 12, 0.7, 3.46, 0.0000512, {"facet": (3, 40)})
RESULT = Result(
    topic="Fruit",
    folder=Path("out"),
    unique=48,
    new=48,
    duplicates=0,
    refused=0,
    calls=12,
    failed_calls=0,
    cancelled_calls=0,
    input_tokens=1,
    output_tokens=1,
    tokens_estimated=0,
    cost_usd=0.1,
    duration_s=1.0,
    stop_reason=StopReason.EXHAUSTED,
    explanation="every way of asking brings next to nothing new",
    exit_code=0,
    providers=(),
    coverage=0.871,
    exploration=EXPLORED,
)


def test_the_summary_says_how_far_the_topic_is_explored(capsys: pytest.CaptureFixture[str]) -> None:
    """With the interval, the bound on distinct items, and what going on would bring at what price."""
    LogReporter(Settings(topic="Fruit"), "orchestrator").ended(RESULT)
    assert (
        "  explored  coverage 87.1% (83.0%–90.0%), at most 70% of the distinct items; "
        "the next call brings about 3.5 new items, $0.000051 each\n"
    ) in capsys.readouterr().out


def test_a_run_that_knows_too_little_says_nothing_of_it() -> None:
    """There is no such line; without a price, none is named."""
    unknown = msgspec.structs.replace(RESULT, coverage=None, exploration=None)
    assert "explored" not in dict(summary_lines(unknown, "orchestrator"))
    without = msgspec.structs.replace(EXPLORED, next_price_usd=None)
    assert next_words(without) == "the next call brings about 3.5 new items"


def test_the_json_result_has_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """By the names that the API has for them."""
    QuietReporter(Settings(topic="Fruit"), as_json=True).ended(RESULT)
    printed = json.loads(capsys.readouterr().out)
    assert (printed["coverage"], printed["explanation"]) == (0.871, RESULT.explanation)
    assert printed["exploration"] == {
        "coverage_low": 0.83,
        "coverage_high": 0.9,
        "without_noise": 0.95,
        "fresh_responses": 12,
        "distinct_at_most": 0.7,
        "next_yield": 3.46,
        "next_price_usd": 0.0000512,
        "ways": {"facet": [3, 40]},
    }


def test_a_log_line_tells_it_now_and_then() -> None:
    """As soon as it is known, behind the other figures."""
    run = still_run(Clock())
    assert "coverage" not in figures_line(run)
    explored(run)
    line = figures_line(run)
    assert "; coverage " in line
    assert line.endswith("the next call brings about 4.0 new items, $0.00050 each")
