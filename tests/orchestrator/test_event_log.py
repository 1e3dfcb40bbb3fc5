"""Writing a topic's event log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.event_log import EVENTS_NAME, newest_first, read_events
from archive.filesystem import FileSystem, MemoryFileSystem, RealFileSystem
from contract.errors import ErrorKind
from contract.service import TopicEvent
from orchestrator.event_log import LINES_AT_ONCE, MAX_TEXT_CHARS, MAX_WINDOW_S, WINDOW_S, EventLog
from orchestrator.events import ItemFound, OrderEnded, ProducerDied, Result, RunEvent, Steered, StopReason
from orchestrator.run import Run
from orchestrator.settings import Settings
from orchestrator.store import Recovery

FOLDER = Path("/runs/fruit")
PATH = FOLDER / EVENTS_NAME


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now = 1.7e9

    def __call__(self) -> float:
        return self.now


def retry(number: int = 1, message: str = "429") -> OrderEnded:
    """A failed answer."""
    return OrderEnded(number, 0, 0, "openai:gpt", 0, 0, ErrorKind.RATE_LIMITED, message, 1.0)


DIED = ProducerDied(1, "it was killed by SIGKILL", 2)


def written(filesystem: FileSystem, path: Path = PATH) -> list[TopicEvent]:
    """What stands in the file, the newest last."""
    with filesystem.open_read(path) as stream:
        end = stream.seek(0, 2)
        return list(newest_first(stream, end))[::-1]


def standing(unique: int = 0, recovered: Recovery | None = None) -> Run:
    """What the log asks of a run that begins."""
    return cast(
        Run,
        SimpleNamespace(
            settings=Settings(topic="Fruit", producers=3),
            router=SimpleNamespace(states={"openai:gpt-5-mini": None, "test:x": None}),
            store=SimpleNamespace(totals=lambda: SimpleNamespace(unique=unique), recovered=recovered or Recovery()),
        ),
    )


def result(reason: StopReason, **changes: Any) -> Result:
    """What a run did."""
    figures: dict[str, Any] = {
        "topic": "Fruit",
        "folder": FOLDER,
        "unique": 1240,
        "new": 1120,
        "duplicates": 3,
        "refused": 0,
        "calls": 35,
        "failed_calls": 2,
        "cancelled_calls": 0,
        "input_tokens": 1000,
        "output_tokens": 2500,
        "tokens_estimated": 0,
        "cost_usd": 0.0123,
        "duration_s": 80.0,
        "stop_reason": reason,
        "explanation": "the time is over",
        "exit_code": reason.exit_code,
        "providers": (),
    }
    return Result(**{**figures, **changes})


def test_a_run_is_told_from_its_start_to_its_end() -> None:
    """What was repaired, what begins, what happens, why it ended and with which figures; numbered from 1."""
    filesystem, clock = MemoryFileSystem(), Clock()
    log = EventLog(FOLDER, filesystem, clock)
    told = log.started(standing(120, Recovery(orders_interrupted=4)), 2)
    clock.now += 5
    told += log.round([retry(), ItemFound(1, "Apple", "", "openai:gpt", 1), DIED])
    told += log.round([])
    told += log.ended(result(StopReason.MAX_TIME))
    log.close()
    assert [(event.seq, event.at - 1.7e9, event.level, event.kind) for event in told] == [
        (1, 0, "info", "started"),
        (2, 0, "info", "started"),
        (3, 5, "info", "retry"),
        (4, 5, "warning", "died"),
        (5, 5, "info", "ended"),
    ]
    assert "4 requests had been open" in told[0].text
    assert told[1].text == "run 2 begins: 3 producers, openai:gpt-5-mini, test:x, continuing with 120 items"
    assert told[4].text == (
        "run 2 ended: the time is over; 1,240 items, 1,120 of them new, 35 calls (2 failed), 3,500 tokens, "
        "cost $0.0123, 1 min 20 s"
    )
    assert written(filesystem) == told


@pytest.mark.parametrize(
    ("reason", "level"),
    [
        (StopReason.ITERATIONS, "info"),
        (StopReason.INTERRUPTED, "info"),
        (StopReason.NO_PROVIDER, "error"),
        (StopReason.STORAGE, "error"),
    ],
)
def test_a_fault_is_an_error(reason: StopReason, level: str) -> None:
    """A run that a fault ended says so in the line's level."""
    log = EventLog(FOLDER, MemoryFileSystem(), Clock())
    (event,) = log.ended(result(reason, failed_calls=0))
    assert event.level == level
    assert "failed" not in event.text


@pytest.mark.parametrize("real", [True, False])
def test_numbers_go_on_over_runs(real: bool, tmp_path: Path) -> None:
    """The next run's lines follow those of the last one, on a disk too, and readers find them."""
    filesystem: FileSystem = RealFileSystem() if real else MemoryFileSystem()
    for _ in range(3):
        log = EventLog(tmp_path, filesystem, Clock())
        log.round([retry(), DIED])
        log.close()
        log.close()
    assert [event.seq for event in written(filesystem, tmp_path / EVENTS_NAME)] == [1, 2, 3, 4, 5, 6]
    if real:
        assert [event.seq for event in read_events(tmp_path, None, 4, 10)] == [5, 6]


@given(st.lists(st.sampled_from([b"\n", b"\xff", b"{", b'{"seq": 5}', b"x" * 50]), max_size=6), st.integers(0, 120))
def test_whatever_stands_in_the_file_new_lines_are_whole(rubbish: list[bytes], cut: int) -> None:
    """Behind garbage and a line that was torn anywhere, the next lines stand on lines of their own and count on."""
    filesystem = MemoryFileSystem()
    first = EventLog(FOLDER, filesystem, Clock())
    first.round([retry(1), retry(2)])
    whole = bytes(filesystem.files[PATH])
    before, last, _ = whole.split(b"\n")
    filesystem.files[PATH] = bytearray(before + b"\n" + last[:cut] + b"".join(rubbish))
    known = written(filesystem)
    told = EventLog(FOLDER, filesystem, Clock()).round([DIED, retry(3)])
    assert written(filesystem) == known + told
    assert [event.seq for event in told] == [len(known) + 1, len(known) + 2]


def storm(log: EventLog, clock: Clock, seconds: float, each_s: float, events: Sequence[RunEvent]) -> list[TopicEvent]:
    """The same events again and again."""
    told = []
    for _ in range(round(seconds / each_s)):
        told += log.round(events)
        clock.now += each_s
    return told


def told_of(events: list[TopicEvent], kind: str) -> int:
    """How many events the lines of this kind stand for."""
    lines = [event.text for event in events if event.kind == kind]
    more = [int(text.split()[2].replace(",", "")) for text in lines if text.startswith("…")]
    return len(lines) - len(more) + sum(more)


def test_a_storm_is_counted() -> None:
    """Of hundreds of lines of a kind a second some are written, the others are told by their number; no one is lost."""
    filesystem, clock = MemoryFileSystem(), Clock()
    log = EventLog(FOLDER, filesystem, clock)
    told = log.round([retry(number) for number in range(260)] + [DIED])
    assert [event.kind for event in told].count("retry") == LINES_AT_ONCE
    assert told[-1].kind == "died"
    assert log.round([]) == []
    clock.now += WINDOW_S
    (more,) = log.round([])
    assert (more.level, more.kind, more.text) == ("info", "retry", "… and 240 more like this")
    clock.now += 2 * WINDOW_S
    assert log.round([]) == []
    assert [event.text.startswith("order") for event in log.round([retry()])] == [True]


def test_a_clock_that_is_set_back_holds_up_nothing() -> None:
    """What was left out is told in the next round, not an hour later."""
    clock = Clock()
    log = EventLog(FOLDER, MemoryFileSystem(), clock)
    log.round([retry() for _ in range(LINES_AT_ONCE + 5)])
    clock.now -= 3600
    assert [event.text for event in log.round([])] == ["… and 5 more like this"]


def test_a_lasting_storm_is_told_more_and_more_seldom() -> None:
    """An hour of 100 failures a second is some hundred lines, and each failure is counted."""
    filesystem, clock = MemoryFileSystem(), Clock()
    log = EventLog(FOLDER, filesystem, clock)
    told = storm(log, clock, 3600, 0.1, [retry() for _ in range(10)])
    told += log.ended(result(StopReason.INTERRUPTED))
    assert told_of(told, "retry") == 360_000
    assert len(told) < 1.2 * (LINES_AT_ONCE + 1) * 3600 / MAX_WINDOW_S + 200
    assert [event.kind for event in told[-2:]] == ["retry", "ended"]
    assert written(filesystem) == told


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(-5, 70)), max_size=25),
)
def test_nothing_is_dropped_in_silence(rounds: list[tuple[int, int, float]]) -> None:
    """Any storm, with any clock, also one that is set back: the lines stand for all events, numbered in order."""
    filesystem, clock = MemoryFileSystem(), Clock()
    log = EventLog(FOLDER, filesystem, clock)
    told = []
    for retries, deaths, wait in rounds:
        told += log.round([retry()] * retries + [DIED] * deaths)
        clock.now += wait
    told += log.ended(result(StopReason.INTERRUPTED))
    assert told_of(told, "retry") == sum(retries for retries, _, _ in rounds)
    assert told_of(told, "died") == sum(deaths for _, deaths, _ in rounds)
    assert [event.seq for event in told] == list(range(1, len(told) + 1))
    assert written(filesystem) == told


def test_lines_are_one_line_of_plain_text() -> None:
    """What a provider said cannot steer a terminal, break the line or fill the disk."""
    filesystem = MemoryFileSystem()
    log = EventLog(FOLDER, filesystem, Clock())
    log.round([retry(1, "\x1b[31mred\nnext \ud800 \u202e" + "x" * 100_000), Steered("paused", "paused")])
    first, second = written(filesystem)
    assert "�[31mred�next � �xxx" in first.text
    assert len(first.text) == MAX_TEXT_CHARS + 1
    assert (second.kind, second.text) == ("paused", "paused")
    assert bytes(filesystem.files[PATH]).count(b"\n") == 2


def test_a_full_disk_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Lines are told to the watchers all the same, the fault is logged once, and with space again the log goes on."""
    filesystem = MemoryFileSystem()
    log = EventLog(FOLDER, filesystem, Clock())
    log.round([retry(1)])
    filesystem.fail_after_bytes(10)
    assert [event.seq for event in log.round([retry(2)]) + log.round([DIED])] == [2, 3]
    assert [record.getMessage() for record in caplog.records if EVENTS_NAME in record.getMessage()] == [
        f"the event log {PATH} cannot be written: No space left on device; the run goes on"
    ]
    filesystem.fail_after_bytes(None)
    log.round([retry(4)])
    log.round([retry(5)])
    assert [event.seq for event in written(filesystem)] == [1, 4, 5]


@pytest.mark.parametrize("spoil", [lambda path: path.mkdir(), lambda path: path.symlink_to(path)])
def test_a_log_that_cannot_be_opened_ends_nothing(
    tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Something else has the log's name: it is said once, the watchers are told, the run goes on."""
    spoil(tmp_path / EVENTS_NAME)
    log = EventLog(tmp_path, RealFileSystem(), Clock())
    assert [event.seq for event in log.round([retry()])] == [1]
    assert [event.seq for event in log.ended(result(StopReason.ITERATIONS))] == [2]
    log.close()
    assert len(caplog.records) == 1
