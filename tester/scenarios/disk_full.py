"""A disk that fills up in the middle of a run."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from contract import spans as names
from tester.checks import check, check_consistent, check_equal, check_error_line, check_exit, check_prefix
from tester.command import Ended
from tester.process_table import poll_until
from tester.scenario import TOPIC, Context

_ARGUMENTS = (
    *("--topic", TOPIC, "--provider", "test", "--producers", "2", "--concurrency", "2"),
    *("--provider-option", "test.universe_size=50000", "--provider-option", "test.speed=0"),
)
_DISK_BYTES = 1024 * 1024


class DiskFull:
    """No room for another byte: by a limit of the process, and on a small disk of its own where one can be made."""

    name = "disk-full"
    description = "a disk that fills up ends the run with exit code 6 and a clear line; what was written is kept"

    def run(self, context: Context) -> None:
        """Play it."""
        context.together(partial(self._limited, context), partial(self._small, context))

    def _small(self, context: Context) -> None:
        with _small_disk(context.place("disk")) as disk:
            if disk is not None:
                self._full(context, disk)

    def _limited(self, context: Context) -> None:
        """No file may grow beyond the length that run.db has now."""
        place = context.place("limit")
        command = context.start(*_ARGUMENTS, place=place)
        files = context.files(place)
        check(poll_until(lambda: len(files.lines(live=True)) >= 200, context.timeout_s), "the run found nothing")
        command.limit(resource.RLIMIT_FSIZE, files.database.stat().st_size + 200_000)
        ended = command.ended(context.timeout_s)
        check_exit(ended, 6)
        check_error_line(ended)
        _check_failure(context, ended)
        self._continue(context, place)

    def _full(self, context: Context, disk: Path) -> None:
        ended = context.run(*_ARGUMENTS, place=disk)
        check_exit(ended, 6)
        check_error_line(ended)
        _check_failure(context, ended)
        # Elsewhere is room: a copy must be as good as the run itself.
        place = context.place("copy")
        shutil.copytree(disk, place, dirs_exist_ok=True)
        self._continue(context, place)

    def _continue(self, context: Context, place: Path) -> None:
        before = context.files(place).lines(live=True)
        check(before, "nothing was written before the disk was full")
        ended = context.run(*_ARGUMENTS, "--iterations", "1", place=place)
        check_exit(ended, 0)
        files = context.files(place)
        check_prefix("attributes.txt after the run on a disk with room", before, files.lines())
        check_consistent(files)


def _check_failure(context: Context, ended: Ended) -> None:
    """The trace is whole, and says what ended the run."""
    root = context.trace(ended).root
    check_equal("error of the run in its trace", root.attributes.get(names.ERROR_TYPE), "StorageError")
    check_equal("exit code of the run in its trace", root.attributes.get(names.PROCESS_EXIT_CODE), 6)


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system in memory of `_DISK_BYTES`; None where this user may not mount one."""
    mount = [*("mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tester"), str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)  # noqa: S603 - fixed words and a path of ours
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)  # noqa: S603, S607
