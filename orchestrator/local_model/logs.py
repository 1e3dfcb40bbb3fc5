"""Log files of the programs that we start: a fresh one for each start, and their last words for an error message."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import IO

_TAIL_BYTES = 8192
_LINE_LIMIT = 300


def fresh_log(path: Path) -> IO[bytes]:
    """A new, empty log at `path`, open for writing and reading; what was there is kept once, as `<name>.1`.

    Other runs may do the same at the same moment: each has a file of its own, of which the last one bears the name.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unnamed = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    file = os.fdopen(descriptor, "w+b")
    try:
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_name(path.name + ".1"))
        Path(unnamed).replace(path)
    except BaseException:
        file.close()
        Path(unnamed).unlink(missing_ok=True)
        raise
    return file


def tail(file: IO[bytes]) -> str:
    """The last 8 KiB of an open log. Its file position stays where it is: the program writing it may share it."""
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode("utf-8", "replace")


def last_line(log: Path | IO[bytes]) -> str:
    """The last line that says something: printable characters only, at most 300, for one line of an error message."""
    if isinstance(log, Path):
        with log.open("rb") as file:
            return last_line(file)
    lines = (one_line(line) for line in reversed(tail(log).splitlines()))
    return next((line for line in lines if line), "it said nothing")


def one_line(text: str) -> str:
    """`text` without control characters and shortened."""
    return "".join(character if character.isprintable() else " " for character in text).strip()[:_LINE_LIMIT]
