"""Logging set-up of each process.

Levels are those of the command line: trace, debug, info, warn, error. `trace` shows each message between processes.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import TextIO

from contract.messages import LogLine

TRACE = 5
LEVELS = {"trace": TRACE, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
logging.addLevelName(TRACE, "TRACE")

_VENDOR_LOGGERS = (
    "openai",
    "anthropic",
    "google_genai",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "aiohttp",
    "asyncio",
)
_EXPORT_LOGGERS = ("opentelemetry.sdk", "urllib3", "requests", "grpc")


_no_ids: tuple[str, str] = ("", "")


class TraceIds(logging.Filter):
    """Gives each record the attributes `trace_id` and `span_id`, unless it has them: a child's record brings its own.

    They are empty until `show_trace_ids` has said where to find them.
    """

    current: Callable[[], tuple[str, str]] = staticmethod(lambda: _no_ids)

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        if not hasattr(record, "trace_id"):
            record.trace_id, record.span_id = type(self).current()
        return True


def trace_suffix(record: logging.LogRecord) -> str:
    """` trace_id=… span_id=…` for the end of a log line; empty while nothing is traced."""
    trace_id = getattr(record, "trace_id", "")
    return f" trace_id={trace_id} span_id={getattr(record, 'span_id', '')}" if trace_id else ""


def show_trace_ids(current: Callable[[], tuple[str, str]] | None) -> None:
    """From now on records carry the trace and span id that `current` tells; None: no longer."""
    TraceIds.current = staticmethod(current or (lambda: _no_ids))


class CallbackHandler(logging.Handler):
    """Gives each formatted record to a function: a child's records travel to the orchestrator this way.

    Args:
        callback: Called with level, logger's name, text, trace id and span id.
    """

    def __init__(self, callback: Callable[[int, str, str, str, str], None]) -> None:
        super().__init__()
        self._callback = callback

    def emit(self, record: logging.LogRecord) -> None:
        """Format and hand over one record; a failure here must never break the work."""
        try:
            ids = (getattr(record, "trace_id", ""), getattr(record, "span_id", ""))
            self._callback(record.levelno, record.name, self.format(record), *ids)
        except Exception:
            self.handleError(record)


class ErrorStreamHandler(logging.StreamHandler[TextIO]):
    """Writes to stderr; one that takes nothing (a full disk, a reader that left) is given up, not complained to."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A log line that cannot be written must not end the work."""
        if isinstance(sys.exc_info()[1], OSError):
            let_go(self.stream)
        else:
            super().handleError(record)


def log_for_child(message: LogLine, prefix: str = "") -> None:
    """Write a child's log record as one of this process."""
    ids = {"trace_id": message.trace_id, "span_id": message.span_id} if message.trace_id else None
    logging.getLogger(message.logger).log(message.level, "%s%s", prefix, message.text, extra=ids)


def let_go(stream: TextIO) -> None:
    """Point a broken standard stream elsewhere: Python flushes it again and again, and would fail each time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def set_up_logging(level: str, handlers: list[logging.Handler]) -> None:
    """Send all records of this process at `level` and above to `handlers`.

    Vendors' libraries are heard from `warn` on, or from `level` on when that is debug or trace.
    """
    numeric = LEVELS[level]
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    for handler in handlers:
        handler.addFilter(TraceIds())
        root.addHandler(handler)
    root.setLevel(numeric)
    vendor_level = numeric if numeric < logging.DEBUG else max(numeric, logging.WARNING)
    for name in _VENDOR_LOGGERS:
        logging.getLogger(name).setLevel(vendor_level)
    for name in _EXPORT_LOGGERS:
        # A collector that is down is told of once, in our words. These would say each retry, with the whole address,
        # password included, and from threads of their own.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
