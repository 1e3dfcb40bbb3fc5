"""The service's own file in its output folder: who it is, where it answers, and the lock that keeps a second one out.

The lock dies with the process, so that a file left by a crash is known to be stale; a process id alone could by now
belong to another program.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from contract.errors import ConfigurationError, StorageError

NAME = ".service.json"
_MAX_BYTES = 4096
_ATTEMPTS = 4
_ASKING_S = 0.02


class Running(msgspec.Struct, frozen=True):
    """What the file says of the service that holds it.

    Attributes:
        pid: Its process id.
        url: Where its page is; empty until it answers.
        local: Where this machine reaches it.
    """

    pid: int
    url: str = ""
    local: str = ""


class PidFile:
    """Held by a service as long as it runs. A context manager.

    Args:
        output: The folder that holds the topics' folders; made if needed.

    Raises:
        ConfigurationError: On entering: another service works there.
        StorageError: The file cannot be written.
    """

    def __init__(self, output: Path) -> None:
        self._path = output / NAME
        self._descriptor = -1

    def __enter__(self) -> Self:
        for attempt in range(_ATTEMPTS):
            try:
                if self._take():
                    self.tell("", "")
                    return self
            except BlockingIOError as error:
                other = _read(self._descriptor)
                os.close(self._descriptor)
                if attempt == _ATTEMPTS - 1:
                    raise ConfigurationError(already_running(other, self._path.parent)) from error
                time.sleep(_ASKING_S)  # somebody may only have asked whether a service runs
            except OSError as error:
                raise StorageError(f"cannot use {self._path}: {error.strerror}; choose another --output") from error
        raise ConfigurationError(already_running(None, self._path.parent))

    def _take(self) -> bool:
        """Take the lock; whether the locked file is the one that others find (not one that was just removed)."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self._is_ours():
            return True
        os.close(self._descriptor)
        return False

    def _is_ours(self) -> bool:
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return False
        return os.path.samestat(found, os.fstat(self._descriptor))

    def tell(self, url: str, local: str) -> None:
        """Write where the page is, for people and for this machine."""
        data = msgspec.json.encode(Running(os.getpid(), url, local)) + b"\n"
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the file, if it is still ours, then give the lock back."""
        with contextlib.suppress(OSError):
            if self._is_ours():
                self._path.unlink()
        os.close(self._descriptor)


def already_running(other: Running | None, output: Path) -> str:
    """The words for a second start."""
    who = f" (process {other.pid}{f', {other.url}' if other.url else ''})" if other is not None else ""
    return (
        f"a service runs already for {output}{who}: use its page, stop it with scripts/stop.sh, "
        "or choose another --output"
    )


def running(output: Path) -> Running | None:
    """The service that works in this folder now; None where none does, whatever a stale file says.

    Its `pid` is 0 where the file does not tell it.

    Raises:
        StorageError: The file cannot be read.
    """
    path = output / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor) or Running(0)
    finally:
        os.close(descriptor)
    return None


def _read(descriptor: int) -> Running | None:
    try:
        found = msgspec.json.decode(os.pread(descriptor, _MAX_BYTES, 0), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.pid > 1 else None
