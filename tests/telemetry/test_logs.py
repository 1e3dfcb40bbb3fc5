from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from orchestrator.reporting.base import SafeFormatter
from telemetry.logs import LEVELS, CallbackHandler, set_up_logging, show_trace_ids

Record = tuple[int, str, str, str, str]
IDS = ("a" * 32, "b" * 16)


@pytest.fixture
def records() -> Iterator[list[Record]]:
    """What a handler with the formatter of the command gets; logging is as before afterwards."""
    got: list[Record] = []
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    handler = CallbackHandler(lambda *record: got.append(record))
    handler.setFormatter(SafeFormatter("%(levelname)s %(message)s"))
    set_up_logging("info", [handler])
    yield got
    show_trace_ids(None)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("opentelemetry", "urllib3", "requests", "grpc", "openai", "httpx"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_log_lines_carry_the_ids_of_their_span(records: list[Record]) -> None:
    """While a run is traced each line ends with its trace and span id; a child's line keeps the child's."""
    log = logging.getLogger("orchestrator")
    log.info("before %s", "tracing")
    show_trace_ids(lambda: IDS)
    log.info("100 %% of %s", "it")
    log.info("of a child", extra={"trace_id": "c" * 32, "span_id": "d" * 16})
    assert records == [
        (logging.INFO, "orchestrator", "INFO before tracing", "", ""),
        (logging.INFO, "orchestrator", f"INFO 100 % of it trace_id={IDS[0]} span_id={IDS[1]}", *IDS),
        (
            logging.INFO,
            "orchestrator",
            f"INFO of a child trace_id={'c' * 32} span_id={'d' * 16}",
            "c" * 32,
            "d" * 16,
        ),
    ]


@pytest.mark.parametrize("name", ["opentelemetry.sdk.trace.export", "urllib3.connectionpool", "requests", "grpc"])
def test_exporters_are_not_heard(records: list[Record], name: str) -> None:
    """What the exporters log of each retry reaches nobody: it holds addresses with passwords."""
    for level in LEVELS:
        set_up_logging(level, logging.getLogger().handlers[:])
        logging.getLogger(name).error("connection refused")
    assert records == []


def test_levels_are_those_of_the_command_line(records: list[Record]) -> None:
    """Records below the level are left out, at it and above they pass."""
    for level, number in LEVELS.items():
        records.clear()
        set_up_logging(level, logging.getLogger().handlers[:])
        for other in LEVELS.values():
            logging.getLogger("orchestrator").log(other, "x")
        assert [record[0] for record in records] == sorted(value for value in LEVELS.values() if value >= number)
