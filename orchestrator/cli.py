"""The `orchestrator` command. Parses and dispatches; what it starts is built in `composition`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from contract.errors import ExitCode, OrchestratorError, UsageError
from contract.text import printable
from contract.version import __version__
from orchestrator.arguments import add_options, add_run_options, again, given_settings
from orchestrator.settings import SERVICE_OPTIONS, Settings, build_settings, read_environment
from telemetry.logs import let_go

_EPILOG = """\
examples:
  orchestrator                                       the web page, http://localhost:8080
  orchestrator --topic "Paris attractions" --producers 3
  orchestrator --topic "Programming languages" --provider local --iterations 5
  orchestrator --topic "Test topic" --producers 2 --provider test
  orchestrator plan --topic "Paris attractions" --target-coverage 0.9
  orchestrator export "Paris attractions" --format csv > paris.csv

Options with a value can be set in the environment or in ./.env too, named as
in example.env: --request-size is ORCHESTRATOR_REQUEST_SIZE.

exit codes: 0 done, 1 internal error, 2 usage, 3 configuration, 4 no provider
            usable, 5 producers cannot start, 6 files cannot be written,
            130 interrupted (everything found is kept)
"""


class _Parser(argparse.ArgumentParser):
    """Errors in one line, with the usage exit code."""

    def error(self, message: str) -> NoReturn:
        strays = message.partition("unrecognized arguments: ")[2]
        if strays and not strays.startswith("-"):
            message += f"; did you mean --topic {shlex.quote(strays)}?"
        self.exit(ExitCode.USAGE, f"orchestrator: {printable(message)} (see orchestrator --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The command line of a run."""
    parser = _Parser(
        prog="orchestrator",
        usage="%(prog)s --topic TEXT [options]\n       %(prog)s [--host HOST] [--port N] [options]\n"
        "       %(prog)s plan --topic TEXT [--target-coverage SHARE] [--pilot N] [--dry-run] [options]\n"
        "       %(prog)s export TOPIC [--format txt|jsonl|csv|parquet] [--valid] [--out FILE]\n"
        "       %(prog)s merges TOPIC [--min-score N] [--semantic] [--apply FILE|all | --undo]\n"
        "       %(prog)s rejected TOPIC [--accept ITEM|all] [--reject ITEM]",
        description="Lists everything there is to list about a topic, every item once.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--topic", metavar="TEXT", help="the topic to explore")
    add_run_options(parser)
    web = parser.add_argument_group(
        "web mode", "Without --topic: a page where topics are started, watched and steered."
    )
    add_options(web, SERVICE_OPTIONS)
    parser.add_argument("--fresh", action="store_true", default=None, help="start anew; the earlier run is moved aside")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the prompts that would be sent, with their tokens and most cost; nothing is called or written",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout, no live display")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors (and the JSON of --json)")
    parser.add_argument("--version", action="version", version=f"orchestrator {__version__}")
    return parser


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with its code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    try:
        code = _dispatch(arguments)
    except OrchestratorError as error:
        _complain(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        code = ExitCode.DONE  # the reader of our output has left (head, less): not an error of ours
        let_go(sys.stdout)
    except OSError as error:
        _complain(f"{error.strerror or error}; everything found is kept in the topic's folder")
        code = ExitCode.STORAGE
        let_go(sys.stdout)
    sys.exit(_flushed(code))


def _open_closed_streams() -> None:
    """Started with closed standard streams (`>&-`) Python has None for them: give it a place to write to."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - it lives as long as the process


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):  # nobody is there to hear it
        sys.stderr.write(f"orchestrator: {printable(text)}\n")
        sys.stderr.flush()


def _flushed(code: int) -> int:
    """Write out what is buffered; the exit code, changed where the result could not be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        let_go(sys.stdout)
    except OSError as error:
        _complain(f"cannot write to standard output: {error.strerror or error}; the items are in the topic's folder")
        let_go(sys.stdout)
        code = code or ExitCode.STORAGE
    try:
        sys.stderr.flush()
    except OSError:
        let_go(sys.stderr)
    return code


def _dispatch(arguments: list[str]) -> int:
    if arguments[:1] == ["export"]:
        from orchestrator.export_command import run_export

        return run_export(arguments[1:])
    if arguments[:1] == ["merges"]:
        from orchestrator.curation.merges_command import run_merges

        return run_merges(arguments[1:])
    if arguments[:1] == ["plan"]:
        from orchestrator.preview.plan_command import run_plan

        return run_plan(arguments[1:])
    if arguments[:1] == ["rejected"]:
        from orchestrator.curation.rejected_command import run_rejected

        return run_rejected(arguments[1:])
    parsed = vars(build_parser().parse_args(arguments))
    as_json, quiet, dry = parsed.pop("json"), parsed.pop("quiet"), parsed.pop("dry_run")
    service = {option.field: parsed.pop(option.field) for option in SERVICE_OPTIONS}
    parsed = given_settings(parsed)
    environment = read_environment(Path.cwd())
    if parsed["topic"] is None:
        if dry:
            raise UsageError("--dry-run needs a --topic: in the web mode nothing is asked until a topic is started")
        return _serve(parsed, service, environment, as_json=as_json, quiet=quiet)
    for option in SERVICE_OPTIONS:
        if service[option.field] is not None:
            raise UsageError(f"{option.flag} is for the web mode, which starts without --topic")
    settings = build_settings(parsed, environment)
    if dry:
        from orchestrator.preview.dry_run import show_dry_run

        return show_dry_run(settings, as_json=as_json, quiet=quiet)
    return _run(settings, arguments, as_json=as_json, quiet=quiet)


def _serve(
    given: dict[str, Any], service: dict[str, Any], environment: dict[str, str], *, as_json: bool, quiet: bool
) -> int:
    if as_json or quiet:
        raise UsageError(f"{'--json' if as_json else '--quiet'} needs a --topic: the web mode shows its page")
    from orchestrator.service.command import run_service

    given = {name: value for name, value in given.items() if value is not None}
    if given.pop("fresh", None):
        raise UsageError("--fresh needs a --topic: in the web mode each topic is asked by itself")
    return run_service(given, service, environment)


def _run(settings: Settings, arguments: list[str], *, as_json: bool, quiet: bool) -> int:
    from orchestrator.composition import Seams, built_run
    from orchestrator.reporting import choose_reporter
    from orchestrator.signals import forwarded_signals

    reporter = choose_reporter(settings, as_json=as_json, quiet=quiet, command=again(arguments, settings.topic))
    with reporter, forwarded_signals() as signals:
        with built_run(settings, Seams(), reporter.progress) as run:
            signals.to(run)
            reporter.started(run)
            for events in run.rounds():
                reporter.round(run, events)
            result = run.result()
        reporter.ended(result)
    if run.failure is not None:
        logging.getLogger(__name__).debug("the run failed", exc_info=run.failure)
        _complain(str(run.failure))
    return result.exit_code
