"""Events in plain words."""

from __future__ import annotations

import logging

import pytest

from contract.errors import ErrorKind
from orchestrator.events import (
    ItemFound,
    OrderEnded,
    ProducerDied,
    ProviderDisabled,
    RunEvent,
    Steered,
    Stopping,
    StopReason,
)
from orchestrator.reporting.base import log_event
from orchestrator.store import Recovery
from orchestrator.words import count, in_words, money, plural, price_of_one, recovery_lines, span


def order(error: ErrorKind | None, retry_in_s: float | None = None) -> OrderEnded:
    """An order's end."""
    return OrderEnded(7, 0, 1, "openai:gpt", 3, 4, error, "" if error is None else "it broke", retry_in_s)


EVENTS: list[tuple[RunEvent, tuple[str, str, str] | None, tuple[int, str] | None]] = [
    (ItemFound(1, "Apple", "", "test:x", 7), None, None),
    (order(None), None, (logging.DEBUG, "order 7 (openai:gpt): 3 new, 4 known")),
    (
        order(ErrorKind.CANCELLED),
        None,
        (logging.DEBUG, "order 7 (openai:gpt) was cancelled; what had come is kept"),
    ),
    (
        order(ErrorKind.TIMEOUT, 1.26),
        ("info", "retry", "order 7 (openai:gpt) failed: it broke; what had come is kept, next try in 1.3 s"),
        (logging.INFO, "order 7 (openai:gpt) failed: it broke; what had come is kept, next try in 1.3 s"),
    ),
    (
        order(ErrorKind.TIMEOUT),
        ("warning", "given_up", "order 7 (openai:gpt) is given up: it broke"),
        (logging.WARNING, "order 7 (openai:gpt) is given up: it broke"),
    ),
    (
        ProducerDied(2, "it was killed by SIGKILL", 3),
        ("warning", "died", "producer 2 died: it was killed by SIGKILL; its 3 open orders go on with others"),
        (logging.WARNING, "producer 2 died: it was killed by SIGKILL; its 3 open orders go on with others"),
    ),
    (
        ProviderDisabled("openai:gpt", "the key was refused"),
        ("error", "disabled", "provider openai:gpt is not used any more: the key was refused"),
        (logging.ERROR, "provider openai:gpt is not used any more: the key was refused"),
    ),
    (
        Steered("changed", "3 producers instead of 5"),
        ("info", "changed", "3 producers instead of 5"),
        (logging.INFO, "3 producers instead of 5"),
    ),
    (
        Stopping(StopReason.INTERRUPTED, 2, False),
        ("info", "stopping", "finishing 2 open responses"),
        (logging.INFO, "finishing 2 open responses; Ctrl-C again ends at once"),
    ),
    (
        Stopping(StopReason.INTERRUPTED, 1, True),
        ("info", "stopping", "stopping: interrupted; 1 open response is cancelled, what had come is kept"),
        (logging.DEBUG, "stopping: interrupted; 1 open response is cancelled, what had come is kept"),
    ),
    (
        Stopping(StopReason.NO_PROVIDER, 2, False),
        ("info", "stopping", "stopping: no provider is left; 2 open responses are finished"),
        (logging.DEBUG, "stopping: no provider is left; 2 open responses are finished"),
    ),
    (
        Stopping(StopReason.ITERATIONS, 0, False),
        ("info", "stopping", "stopping: every producer has made its requests"),
        (logging.DEBUG, "stopping: every producer has made its requests"),
    ),
]


@pytest.mark.parametrize(("event", "words", "logged"), EVENTS)
def test_every_event_has_its_words(
    event: RunEvent,
    words: tuple[str, str, str] | None,
    logged: tuple[int, str] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Level, kind and text for the event log, and the line of the log, which says the same."""
    assert in_words(event) == words
    with caplog.at_level(logging.DEBUG, "orchestrator"):
        log_event(event)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == ([] if logged is None else [logged])


@pytest.mark.parametrize("reason", StopReason)
def test_every_stop_reason_can_be_told(reason: StopReason) -> None:
    """Whatever stops a run: the line is a sentence."""
    words = in_words(Stopping(reason, 0, True))
    assert words is not None
    assert words.text.startswith("stopping: ")


def test_what_was_repaired_is_told() -> None:
    """One line for each repair, none where all was in order."""
    assert recovery_lines(Recovery(items_known=5)) == []
    everything = Recovery(5, 3, 2, 1, 4, 6, "", "runs.old")
    lines = recovery_lines(everything)
    assert [any(text in line for line in lines) for text in ("runs.old", "4 requests", "3 bytes", "1 lines", "6 it")]
    assert len(lines) == 5


def test_numbers_for_people() -> None:
    """Thousands, plurals, money and durations."""
    assert (count(1234567), plural(1, "item"), plural(2000, "item")) == ("1,234,567", "1 item", "2,000 items")
    assert [money(cost) for cost in (None, 0, 0.01234, 1234.5)] == ["unknown", "$0", "$0.0123", "$1,234.50"]
    assert [span(seconds) for seconds in (1.23, 61, 3661)] == ["1.2 s", "1 min 01 s", "1 h 01 min"]


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0.0, "$0"),
        (0.0000512, "$0.000051"),
        (0.00099, "$0.00099"),
        (0.004, "$0.0040"),
        (0.02, "$0.0200"),
        (3.0, "$3.00"),
    ],
)
def test_prices_of_one_item_stay_visible(usd: float, shown: str) -> None:
    """Items cost thousandths of a cent: two digits of that are shown."""
    assert price_of_one(usd) == shown
