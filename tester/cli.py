"""The `tester` command: plays scenarios with the real command and says what does not hold."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from tester.scenario import Outcome, Scenario, play
from tester.scenarios import SCENARIOS

_PASSED, _FAILED, _USAGE = 0, 1, 2
_TIMEOUT_S = 60.0


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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tester",
        description="Starts the real orchestrator command on loopback providers, asserts what it must do, and leaves "
        "no process behind.",
        epilog="exit codes: 0 all passed, 1 an assertion failed, 2 usage",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--scenario", metavar="NAME", action="append", help="which to play, or all; may be repeated (default: all)"
    )
    parser.add_argument("--list", action="store_true", help="print the scenarios and exit")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all draws (default: 1)")
    parser.add_argument(
        "--timeout",
        type=_positive_seconds,
        default=_TIMEOUT_S,
        metavar="SECONDS",
        help=f"longest time of one command of a scenario (default: {_TIMEOUT_S:g})",
    )
    parser.add_argument("--verbose", action="store_true", help="say on stderr what is being done")
    parser.add_argument("--keep", action="store_true", help="keep files and logs of scenarios that passed, too")
    parser.add_argument("--json", action="store_true", help="print the outcomes as JSON on stdout")
    return parser


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its code."""
    arguments = _parser().parse_args(argv)
    if arguments.list:
        width = max(map(len, SCENARIOS))
        _say("\n".join(f"{name:<{width}}  {scenario.description}" for name, scenario in SCENARIOS.items()))
        sys.exit(_PASSED)
    chosen = _chosen(arguments.scenario or ["all"])
    try:
        outcomes = [_play(scenario, arguments) for scenario in chosen]
    except KeyboardInterrupt:
        sys.stderr.write("tester: interrupted\n")
        sys.exit(130)
    failed = sum(not outcome.passed for outcome in outcomes)
    if arguments.json:
        _say(msgspec.json.format(msgspec.json.encode(outcomes), indent=2).decode())
    else:
        _say(f"{len(outcomes) - failed} passed, {failed} failed")
    sys.exit(_FAILED if failed else _PASSED)


def _chosen(wanted: list[str]) -> list[Scenario]:
    unknown = [name for name in wanted if name != "all" and name not in SCENARIOS]
    if unknown:
        sys.stderr.write(f"tester: there is no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}\n")
        sys.exit(_USAGE)
    return [scenario for name, scenario in SCENARIOS.items() if name in wanted or "all" in wanted]


def _play(scenario: Scenario, arguments: argparse.Namespace) -> Outcome:
    def say(text: str) -> None:
        if arguments.verbose:
            sys.stderr.write(f"{scenario.name}: {text}\n")

    say(scenario.description)
    outcome = play(scenario, seed=arguments.seed, timeout_s=arguments.timeout, keep=arguments.keep, say=say)
    if not arguments.json:
        _say(f"{'passed' if outcome.passed else 'FAILED'}  {outcome.name}")
        if outcome.failure:
            _say(f"        {outcome.failure.rstrip()}")
        if outcome.folder:
            _say(f"        files and logs: {outcome.folder}")
    return outcome


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
