"""The `tester` command: plays scenarios with the real command and says what does not hold."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir
from types import FrameType
from typing import NoReturn

import msgspec

from contract.text import printable
from telemetry.logs import let_go
from tester.command import NotInstalledError, command_line
from tester.scenario import SPANS_FILE, Outcome, Scenario, play
from tester.scenarios import GROUPS, SCENARIOS
from tester.trace.render import line
from tester.trace.span import Span

_PASSED, _FAILED, _USAGE, _INTERRUPTED = 0, 1, 2, 130
_TIMEOUT_S = 60.0
_DEFAULT = "basic"
_ALL = "all"
_HIGHEST_PORT = 65535
_LONGEST_TMPDIR = 64
"""Characters; the path of a Unix socket may have 107, and folders and the socket's own name stand behind it."""


class _Parser(argparse.ArgumentParser):
    """Errors in one line, with the usage exit code."""

    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE, f"tester: {message} (see tester --help)\n")


def _positive_seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= _HIGHEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {_HIGHEST_PORT}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tester",
        description="Starts the real orchestrator command on loopback providers, asserts what it must do, and leaves "
        "no process behind.",
        epilog="exit codes: 0 all passed, 1 an assertion failed, 2 usage, port taken, or orchestrator not installed, "
        "130 interrupted",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--scenario",
        metavar="NAME",
        action="append",
        help=f"which to play, or {_ALL}; may be repeated (default: {_DEFAULT})",
    )
    parser.add_argument("--list", action="store_true", help="print the scenarios and exit")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of everything that is drawn at random (default: 1)"
    )
    parser.add_argument(
        "--timeout",
        type=_positive_seconds,
        default=_TIMEOUT_S,
        metavar="SECONDS",
        help=f"longest time of one command of a scenario (default: {_TIMEOUT_S:g})",
    )
    parser.add_argument("--port", type=_port, default=0, help="where spans are received (default: any that is free)")
    parser.add_argument(
        "--verbose", action="store_true", help="say on stderr what is being done, and each span as it arrives"
    )
    parser.add_argument("--keep", action="store_true", help="keep files and logs of scenarios that passed, too")
    parser.add_argument(
        "--keep-running",
        action="store_true",
        help="leave what a scenario has running up for a look, until Ctrl-C; implies --keep",
    )
    parser.add_argument("--json", action="store_true", help="print the outcomes as JSON on stdout")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the outcomes as JUnit XML")
    return parser


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its code."""
    arguments = _parser().parse_args(argv)
    if arguments.list:
        width = max(map(len, SCENARIOS))
        lines = [f"{name:<{width}}  {scenario.description}" for name, scenario in SCENARIOS.items()]
        lines += [f"{name:<{width}}  {' and '.join(members)}" for name, members in GROUPS.items()]
        with contextlib.suppress(BrokenPipeError):  # the reader has left (head): no error of ours
            _say("\n".join(lines))
            sys.exit(_PASSED)
        let_go(sys.stdout)
        sys.exit(_PASSED)
    chosen = _chosen(arguments.scenario or [_DEFAULT])
    _check_surroundings(arguments, chosen)
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    outcomes: list[Outcome] = []
    interrupted = False
    try:
        for scenario in chosen:
            outcomes.append(_play(scenario, arguments))
            _write_junit(outcomes, chosen, arguments.junit)
    except KeyboardInterrupt:
        interrupted = True
    except OSError as error:
        _refuse(f"cannot write: {error.strerror or error}; {len(outcomes)} of {len(chosen)} scenarios were played")
    _report(outcomes, time.monotonic() - started, arguments)
    if interrupted:
        sys.stderr.write("tester: interrupted; nothing that was started is left running\n")
        sys.exit(_INTERRUPTED)
    sys.exit(_PASSED if all(outcome.passed for outcome in outcomes) else _FAILED)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _check_surroundings(arguments: argparse.Namespace, chosen: Sequence[Scenario]) -> None:
    """What would make every scenario fail is told before the first one."""
    try:
        command_line()
        _write_junit([], chosen, arguments.junit)
    except NotInstalledError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"cannot write {arguments.junit}: {error.strerror}")
    if len(gettempdir()) > _LONGEST_TMPDIR:
        _refuse(f"TMPDIR is too long a path for sockets ({len(gettempdir())} characters): set a shorter one")


def _report(outcomes: Sequence[Outcome], duration_s: float, arguments: argparse.Namespace) -> None:
    if arguments.json:
        _say(msgspec.json.format(msgspec.json.encode(outcomes), indent=2).decode())
        return
    failed = sum(not outcome.passed for outcome in outcomes)
    _say(f"{len(outcomes) - failed} passed, {failed} failed in {duration_s:.1f} s")


def _write_junit(outcomes: Sequence[Outcome], chosen: Sequence[Scenario], path: Path | None) -> None:
    """Write what there is so far: a tester that is killed must not leave a report that all is well."""
    if path is None:
        return
    from tester.junit import document

    unfinished = [scenario.name for scenario in chosen[len(outcomes) :]]
    path.write_text(document(outcomes, unfinished), encoding="utf-8")


def _chosen(wanted: list[str]) -> list[Scenario]:
    unknown = [name for name in wanted if name not in (_ALL, *GROUPS, *SCENARIOS)]
    if unknown:
        _refuse(f"there is no scenario {unknown[0]!r}; there are {', '.join([*SCENARIOS, *GROUPS, _ALL])}")
    names = {one for name in wanted for one in GROUPS.get(name, (name,))}
    return [scenario for name, scenario in SCENARIOS.items() if name in names or _ALL in names]


def _play(scenario: Scenario, arguments: argparse.Namespace) -> Outcome:
    from tester.collector import CollectorError

    def say(text: str) -> None:
        if arguments.verbose:
            sys.stderr.write(f"{scenario.name}: {text}\n")

    say(scenario.description)
    terminal = sys.stderr.isatty() and not arguments.verbose
    if terminal:
        sys.stderr.write(f"playing {scenario.name} …\r")
        sys.stderr.flush()
    try:
        outcome = play(
            scenario,
            seed=arguments.seed,
            timeout_s=arguments.timeout,
            keep=arguments.keep,
            say=say,
            port=arguments.port,
            watch=_Watch() if arguments.verbose else None,
            keep_running=arguments.keep_running,
        )
    except CollectorError as error:
        _refuse(str(error))
    if terminal:
        sys.stderr.write("\x1b[2K")
    if not arguments.json:
        _say(f"{'passed' if outcome.passed else 'FAILED'}  {outcome.name}  {outcome.duration_s:.1f} s")
        if outcome.failure:
            _say("\n".join(f"        {printable(text)}" for text in outcome.failure.rstrip().split("\n")))
        if outcome.folder:
            _say(f"        files and logs: {outcome.folder}\n        spans: {Path(outcome.folder) / SPANS_FILE}")
    return outcome


class _Watch:
    """Prints spans as they arrive; times count from the start of the earliest of the first that came."""

    def __init__(self) -> None:
        self._origin_ns: int | None = None

    def __call__(self, spans: Sequence[Span]) -> None:
        if self._origin_ns is None:
            self._origin_ns = min((span.start_ns for span in spans), default=None)
        sys.stderr.write("".join(f"{line(span, self._origin_ns or 0)}\n" for span in spans))


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"tester: {message}\n")
    sys.exit(_USAGE)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
