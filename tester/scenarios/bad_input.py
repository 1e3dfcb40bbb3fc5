"""What users get wrong, and what they find in their way: one clear line, the right exit code, nothing lost."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tester.checks import CheckError, check, check_consistent, check_equal, check_error_line, check_exit
from tester.run_files import RunFiles
from tester.scenario import TOPIC, TOPIC_FOLDER, Context

_USAGE, _CONFIGURATION, _NO_PROVIDER, _STORAGE = 2, 3, 4, 6
_AT_ONCE = 3
_TEST = ("--topic", TOPIC, "--provider", "test", "--producers", "1", "--provider-option", "test.speed=0")
_NEWER_VERSION = 999


class _Case(msgspec.Struct, frozen=True):
    """One bad invocation, and what must come of it.

    Attributes:
        title: What is wrong.
        arguments: Of the command.
        exit_code: As documented.
        words: What the error line must say.
        environment: Variables.
        prepare: Makes the folder what it has to be before.
    """

    title: str
    arguments: tuple[str, ...]
    exit_code: int
    words: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    prepare: Callable[[Context, Path], None] | None = None


def _option(*arguments: str, word: str = "") -> _Case:
    word = word or arguments[0]
    return _Case(" ".join(arguments), (*_TEST, "--iterations", "1", *arguments), _USAGE, (word,))


def _file_in_the_way(context: Context, place: Path) -> None:
    (place / "file").write_text("in the way", encoding="utf-8")


def _dotenv(text: str) -> Callable[[Context, Path], None]:
    def write(context: Context, place: Path) -> None:
        (place / ".env").write_text(text, encoding="utf-8")

    return write


def _earlier_run(context: Context, place: Path) -> None:
    check_exit(context.run(*_TEST, "--iterations", "1", place=place), 0)


def _foreign_database(context: Context, place: Path) -> None:
    (place / TOPIC_FOLDER).mkdir(parents=True)
    (place / TOPIC_FOLDER / "run.db").write_bytes(b"These are notes of mine, and no database.\n" * 200)


def _other_database(context: Context, place: Path) -> None:
    (place / TOPIC_FOLDER).mkdir(parents=True)
    with sqlite3.connect(place / TOPIC_FOLDER / "run.db") as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()


def _newer_database(context: Context, place: Path) -> None:
    _earlier_run(context, place)
    connection = sqlite3.connect(place / TOPIC_FOLDER / "run.db")
    connection.execute(f"PRAGMA user_version = {_NEWER_VERSION}")
    connection.close()


_CASES = (
    _Case("JSON without a topic", ("--json",), _USAGE, ("--json", "--topic")),
    _Case("quiet without a topic", ("--quiet",), _USAGE, ("--quiet", "--topic")),
    _Case("fresh without a topic", ("--fresh",), _USAGE, ("--fresh", "--topic")),
    _Case("a page beside a topic", (*_TEST, "--port", "8080"), _USAGE, ("--port", "--topic")),
    _Case("a port that is none", ("--port", "65536"), _USAGE, ("--port",)),
    _Case("a host that is none", ("--port", "0", "--host", "256.0.0.1"), _CONFIGURATION, ("--host",)),
    _Case("empty topic", ("--topic", "", "--provider", "test"), _USAGE, ("topic",)),
    _Case("blank topic", ("--topic", " \t\n", "--provider", "test"), _USAGE, ("topic",)),
    _Case("topic without value", ("--topic",), _USAGE, ("--topic",)),
    _option("--producers", "0"),
    _option("--producers", "-1"),
    _option("--producers", "many"),
    _option("--producers", "1000"),
    _option("--providers", "0", word="--providers"),
    _option("--concurrency", "0"),
    _option("--iterations", "0"),
    _option("--iterations", "1.5"),
    _option("--request-size", "0"),
    _option("--max-attributes", "0"),
    _option("--max-cost", "-1"),
    _option("--max-cost", "nan"),
    _option("--max-time", "soon"),
    _option("--seed", "x"),
    _option("--identity", "same"),
    _option("--log-level", "loud"),
    _option("--colour", "blue"),
    _option("surplus"),
    _option("--prod", "2"),
    _Case("unknown provider", ("--topic", TOPIC, "--provider", "oracle:one"), _CONFIGURATION, ("oracle",)),
    _Case("empty provider list", ("--topic", TOPIC, "--provider", ","), _CONFIGURATION, ("provider",)),
    _Case("weight 0", ("--topic", TOPIC, "--provider", "test:a:0"), _CONFIGURATION, ("weight",)),
    _Case("no key at all", ("--topic", TOPIC), _NO_PROVIDER, ("local", "test")),
    _Case("no key for a vendor", ("--topic", TOPIC, "--provider", "openai"), _NO_PROVIDER, ("OPENAI_API_KEY",)),
    _Case(
        "blank key",
        ("--topic", TOPIC, "--provider", "anthropic"),
        _NO_PROVIDER,
        ("ANTHROPIC_API_KEY",),
        {"ANTHROPIC_API_KEY": "  "},
    ),
    _Case(
        "address that is none",
        ("--topic", TOPIC, "--provider", "openai"),
        _CONFIGURATION,
        ("OPENAI_BASE_URL",),
        {"OPENAI_BASE_URL": "not an address"},
    ),
    _Case(
        "setting in the environment",
        _TEST,
        _CONFIGURATION,
        ("ORCHESTRATOR_ITERATIONS",),
        {"ORCHESTRATOR_ITERATIONS": "0"},
    ),
    _Case(
        "unknown option of a provider",
        (*_TEST, "--iterations", "1", "--provider-option", "test.colour=blue"),
        _CONFIGURATION,
        ("colour",),
    ),
    _Case("option without provider", (*_TEST, "--provider-option", "speed"), _CONFIGURATION, ("speed",)),
    _Case("price of nobody", (*_TEST, "--price", "openai:x=1,2"), _CONFIGURATION, ("openai:x",)),
    _Case(".env line", _TEST, _CONFIGURATION, (".env", "2"), prepare=_dotenv("A=1\nthis is no assignment\n")),
    _Case("output below a file", (*_TEST, "--output", "file/run"), _CONFIGURATION, ("file",), prepare=_file_in_the_way),
    _Case("output is a file", (*_TEST, "--output", "file"), _CONFIGURATION, ("file",), prepare=_file_in_the_way),
    _Case("run.db is no database", (*_TEST, "--iterations", "1"), _STORAGE, ("run.db",), prepare=_foreign_database),
    _Case("run.db is another's", (*_TEST, "--iterations", "1"), _STORAGE, ("run.db",), prepare=_other_database),
    _Case("run.db is newer", (*_TEST, "--iterations", "1"), _STORAGE, ("newer",), prepare=_newer_database),
    _Case(
        "another topic's folder",
        ("--topic", "Something else", *_TEST[2:], "--iterations", "1", "--output", str(TOPIC_FOLDER)),
        _CONFIGURATION,
        (TOPIC,),
        prepare=_earlier_run,
    ),
    _Case("export of nothing", ("export", "Unknown topic"), _CONFIGURATION, ("Unknown topic",)),
    _Case("export format", ("export", TOPIC, "--format", "xml"), _USAGE, ("xml",)),
    _Case("export without topic", ("export",), _USAGE, ("TOPIC",)),
)


class BadInput:
    """A table of bad invocations, and a second run in the same folder."""

    name = "badinput"
    description = "bad options, settings, folders and databases: one clear line, the documented exit code, nothing lost"

    def run(self, context: Context) -> None:
        """Play it."""
        failures: list[str] = []

        def attempt(number: int, case: _Case) -> None:
            try:
                check_case(context, context.place(f"case-{number:02d}"), case)
            except CheckError as error:
                failures.append(f"{case.title}: {error}")

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(attempt, range(len(_CASES)), _CASES))
        check(not failures, "\n".join(sorted(failures)))
        check_busy(context)


def check_case(context: Context, place: Path, case: _Case) -> None:
    """Make one mistake; the message must be clear and the files untouched."""
    if case.prepare is not None:
        case.prepare(context, place)
    before = _contents(place)
    ended = context.run(*case.arguments, place=place, environment=case.environment)
    check_exit(ended, case.exit_code)
    check_error_line(ended, *case.words)
    check_equal("stdout", ended.stdout, "")
    after = _contents(place)
    changed = [str(path) for path, content in before.items() if after.get(path) != content]
    check(not changed, f"files were changed or are gone: {changed}")
    if case.exit_code == _USAGE:
        check_equal("files that appeared", sorted(map(str, after.keys() - before.keys())), [])


def _contents(place: Path) -> dict[Path, bytes]:
    """Every file but the lock, in which each run writes its process id, and SQLite's shared memory."""
    return {
        path: path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and path.name not in ("run.lock", "run.db-shm")
    }


def check_busy(context: Context) -> None:
    """A second run in a folder that a first one works in is refused; the first one goes on."""
    place = context.place("busy")
    first = context.start("--topic", TOPIC, "--provider", "test", "--iterations", "1", "--producers", "2", place=place)
    first.wait_for("exploring", context.timeout_s)
    first.signal(signal.SIGSTOP)  # or it might end before a slow second one begins
    second = context.run(*_TEST, "--iterations", "1", place=place)
    first.signal(signal.SIGCONT)
    check_exit(second, _STORAGE)
    check_error_line(second, str(first.pid))
    check(first.running, "the first run has ended; it should not mind the second")
    check_exit(first.ended(context.timeout_s), 0)
    check_consistent(RunFiles(place / TOPIC_FOLDER))
