"""Topics of every kind, each with a folder of its own inside the output folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tester.checks import check, check_consistent, check_equal, check_exit
from tester.run_files import RunFiles
from tester.scenario import Context

_TOPICS = (
    "Paris attractions",
    "paris attractions",
    "../../../etc/passwd",
    "..",
    ".",
    "/tmp/absolute",  # noqa: S108 - a topic that looks like a path
    "a/b",
    "a\\b",
    "CON",
    "--help me",
    "C++",
    "C#",
    "x" * 300,
    "x" * 299 + "y",
    "🗼 Türme 塔",
    "عناوين",
    "two\nlines\tand\x1b[31m red",
    "broken \udce9 bytes",
    "%s {topic} $HOME `id`",
)
_AT_ONCE = 3


class Folders:
    """Runs on topics that are no file names."""

    name = "folders"
    description = "topics with separators, dots, emoji, 300 characters, broken bytes: each its own folder, none outside"

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("in/the/depths")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda topic: _explore(context, place, topic), _TOPICS))
        runs = list(place.glob("output/*/run.db"))
        check_equal("folders in output/", len(runs), len(_TOPICS))
        check_equal("run.db files in all", len(list(context.folder.rglob("run.db"))), len(_TOPICS))
        for path in runs:
            check_consistent(RunFiles(path.parent))
        first = {path: path.read_bytes() for path in place.glob("output/*/attributes.txt")}
        _explore(context, place, _TOPICS[0])
        grown = [path for path, content in first.items() if path.read_bytes() != content]
        check_equal("folders that a second run on the first topic changed", len(grown), 1)


def _explore(context: Context, place: Path, topic: str) -> None:
    ended = context.run(
        f"--topic={topic}",
        *("--provider", "test", "--producers", "1", "--iterations", "1", "--provider-option", "test.speed=0"),
        *("--request-size", "20", "--avoid-share", "0.9"),
        place=place,
    )
    check_exit(ended, 0)
    check("\x1b" not in ended.stdout + ended.stderr, f"an escape character of the topic {topic!r} reached the terminal")
