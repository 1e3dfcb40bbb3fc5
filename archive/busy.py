"""Whether a run holds a topic's folder now, found out without getting in its way.

A run holds the folder's lock file by `flock` and ends at once when it cannot have it. So the lock must not be tried,
not even shared and for a moment: a run that starts in that moment would fail. Linux lists all held locks by device and
inode in `/proc/locks`; only where there is no such list is the lock tried.

Not seen are holders in another process namespace, such as a container: the answer is for people. What keeps two runs
apart is the lock itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

LOCK_NAME = "run.lock"

_HELD_LOCKS = Path("/proc/locks")


def is_busy(folder: Path) -> bool:
    """Whether a process holds the folder's lock. False as well where the folder or the lock cannot be looked at."""
    lock = folder / LOCK_NAME
    try:
        found = lock.lstat()
    except OSError:
        return False
    try:
        lines = _HELD_LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return _refused(lock)
    return any(_is_of(line.split(), found) for line in lines)


def _is_of(fields: list[str], file: os.stat_result) -> bool:
    """Whether a line such as `4: FLOCK ADVISORY WRITE 1234 fe:00:131074 0 EOF` is the lock of this file."""
    if len(fields) != 8 or fields[1] != "FLOCK" or fields[3] != "WRITE":
        return False
    with contextlib.suppress(ValueError):
        major, minor, inode = fields[5].split(":")
        device = (int(major, 16), int(minor, 16))
        # File systems without a device of their own (btrfs, overlay) have one number here and another one in `stat`.
        same_device = device[0] == 0 or device == (os.major(file.st_dev), os.minor(file.st_dev))
        return same_device and int(inode) == file.st_ino
    return False


def _refused(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
