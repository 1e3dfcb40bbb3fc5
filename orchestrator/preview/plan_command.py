"""`orchestrator plan --topic TEXT`: a pilot of a few calls, then what the rest would take."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from contract.errors import ExitCode, NoProviderError
from contract.text import printable
from orchestrator.arguments import add_run_options, again, converter, given_settings
from orchestrator.command_parser import CommandParser
from orchestrator.composition import Seams, built_run, unstarted_run
from orchestrator.events import Result, StopReason
from orchestrator.exploration import Ask
from orchestrator.exploration.explorer import PILOT
from orchestrator.planner import request_size
from orchestrator.preview.dry_run import show_dry_run
from orchestrator.preview.outlook import outlook_of
from orchestrator.preview.plan_report import print_plan
from orchestrator.preview.plan_words import Pilot, Plan, notes
from orchestrator.preview.prompts import active, most_usd
from orchestrator.reporting import choose_reporter
from orchestrator.run import Run
from orchestrator.settings import (
    Settings,
    WholeNumber,
    build_settings,
    coverage_share,
    read_environment,
    shown_settings,
)
from orchestrator.signals import forwarded_signals
from orchestrator.words import money, plural

TARGET = 0.9
"""The coverage that is planned for where none is given."""
LARGEST_PILOT = 100
_FEWEST = 2
"""Fresh answers below which nothing can be estimated."""
_ONLY_HERE = ("--target-coverage", "--pilot")
"""Options with a value that the run's own command does not have."""
_FLAGS = ("--dry-run", "--json", "--quiet")

log = logging.getLogger("orchestrator")


def _pilot_size(text: str) -> int:
    value = WholeNumber(LARGEST_PILOT, "fresh answers are too many for a pilot")(text)
    if value < _FEWEST:
        raise ValueError(f"{value} is too small: nothing can be estimated from fewer than {_FEWEST} answers")
    return value


def _parser() -> CommandParser:
    parser = CommandParser(
        "orchestrator plan",
        "Asks a few times afresh (the pilot), then says how many calls, tokens, dollars and minutes a coverage takes. "
        "What the pilot finds stays in the topic's folder, and a run continues from it; fresh answers that are there "
        "already are not bought again.",
    )
    parser.add_argument("--topic", metavar="TEXT", help="the topic to plan for")
    parser.add_argument(
        "--target-coverage",
        metavar="SHARE",
        type=converter(coverage_share),
        help=f"the coverage that is wanted (default: {TARGET:g}; see docs/exhaustion.md)",
    )
    parser.add_argument(
        "--pilot",
        metavar="N",
        type=converter(_pilot_size),
        default=PILOT,
        help=f"fresh answers that the figures stand on, those of earlier runs included (default: {PILOT})",
    )
    parser.add_argument("--fresh", action="store_true", default=None, help="start anew; the earlier run is moved aside")
    parser.add_argument("--dry-run", action="store_true", help="print the prompts; nothing is called or written")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON on stdout, no live display")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors (and the JSON of --json)")
    add_run_options(parser, besides=("iterations", "until_coverage"))
    return parser


def run_plan(arguments: Sequence[str], seams: Seams | None = None) -> int:
    """Make what is missing of the pilot, and print the plan. Returns the exit code.

    Raises:
        OrchestratorError: As a run does.
    """
    parser = _parser()
    known, strays = parser.parse_known_args(arguments)
    if strays:
        hint = "" if strays[0].startswith("-") else f"; did you mean --topic {shlex.quote(' '.join(strays))}?"
        parser.error(f"unrecognized arguments: {' '.join(strays)}{hint}")
    if known.topic is None:
        parser.error("there is no topic; give one: --topic TEXT")
    parsed = vars(known)
    as_json, quiet, dry = parsed.pop("json"), parsed.pop("quiet"), parsed.pop("dry_run")
    target, wanted = parsed.pop("target_coverage"), parsed.pop("pilot")
    seams = seams or Seams()
    environment = read_environment(Path.cwd()) if seams.environment is None else seams.environment
    settings = build_settings(given_settings(parsed), environment)
    target = target or settings.until_coverage or TARGET
    settings = msgspec.structs.replace(settings, until_coverage=target)
    with unstarted_run(settings, seams, keyless=dry) as (run, _):
        before = _fresh_of(run)
        missing = max(0, wanted - before)
        announced = _announced(run, missing)
    if dry:
        pilots = _pilot_settings(settings, max(1, missing))
        return show_dry_run(pilots, asks=missing > 0, as_json=as_json, quiet=quiet, seams=seams)
    pilot = Pilot(wanted=wanted, before=before)
    code: int = ExitCode.DONE
    if missing:
        if not (as_json or quiet):
            sys.stderr.write(f"{printable(announced)}\n")
        result = _make_pilot(settings, missing, seams, as_json=as_json, quiet=quiet)
        code = result.exit_code
        pilot = msgspec.structs.replace(
            pilot,
            calls=result.calls,
            failed_calls=result.failed_calls,
            tokens=result.input_tokens + result.output_tokens,
            cost_usd=result.cost_usd,
            duration_s=result.duration_s,
            stopped=_why_ended(result),
        )
    settings = msgspec.structs.replace(settings, fresh=False)
    with unstarted_run(settings, seams) as (run, _):
        plan = _plan(run, pilot, _command(arguments, settings.topic, target))
    if as_json or not quiet:
        print_plan(plan, as_json=as_json)
    return code


def _fresh_of(run: Run) -> int:
    """Fresh answers of the providers that the run asks."""
    names = {state.spec.name for state in active(run)}
    return sum(call.provider in names for call in run.store.fresh_calls())


def _announced(run: Run, missing: int) -> str:
    """What the pilot is about to do, and what it can cost."""
    states = active(run)
    costs = [most_usd(run, state, Ask("audit", run.explorer.plain)) for state in states]
    known = [cost for cost in costs if cost is not None]
    at = ", ".join(state.spec.name for state in states)
    if len(known) < len(costs):
        cost = "what they cost is not known (--price sets a price)"
    else:
        cost = f"at most {money(missing * max(known))} in all"
        cost += f" (one that breaks off is tried again, for at most {money(max(known))})" if max(known) else ""
    return f"pilot: {plural(missing, 'fresh request')} to {at}; {cost}"


def _make_pilot(settings: Settings, missing: int, seams: Seams, *, as_json: bool, quiet: bool) -> Result:
    """Ask so many times afresh, through the program as it is; a single producer is enough for it.

    Raises:
        OrchestratorError: What ended it, where that was a fault.
    """
    pilot = _pilot_settings(settings, missing)
    reporter = choose_reporter(pilot, as_json=as_json, quiet=quiet, command="")
    with reporter, forwarded_signals() as signals, built_run(pilot, seams, reporter.progress) as run:
        signals.to(run)
        reporter.started(run)
        kept = False
        for events in run.rounds():
            if not kept and run.stats.ended_at is None:
                # Whoever continues the topic continues what was planned, not its pilot.
                run.store.change_settings(shown_settings(msgspec.structs.replace(settings, fresh=False)))
                kept = True
            reporter.round(run, events)
        result = run.result()
    if run.failure is not None:
        log.debug("the pilot failed", exc_info=run.failure)
        raise run.failure
    if result.stop_reason is StopReason.NO_PROVIDER:
        raise NoProviderError(result.explanation)
    return result


def _why_ended(result: Result) -> str:
    """Why fresh answers are missing; that the pilot made all its requests is no reason."""
    if result.stop_reason is not StopReason.ITERATIONS or result.exit_code != ExitCode.DONE:
        return result.explanation
    return f"{plural(result.failed_calls, 'request')} failed" if result.failed_calls else ""


def _pilot_settings(settings: Settings, missing: int) -> Settings:
    return msgspec.structs.replace(
        settings,
        strategy="plain",
        validate="off",  # it asks what was said that it asks; the run judges its items
        producers=1,
        iterations=missing,
        concurrency=min(missing, settings.producers * settings.concurrency),
        until_coverage=None,
        min_yield=None,
        max_price_per_item_usd=None,
    )


def _plan(run: Run, pilot: Pilot, command: str) -> Plan:
    """The plan as the folder is now; `pilot` may not know yet what came."""
    settings, states = run.settings, active(run)
    prices = {state.spec.name: run.stats.providers[state.spec.name].price for state in states}
    pilot = msgspec.structs.replace(pilot, asked=max(0, _fresh_of(run) - pilot.before))
    most = [state.spec.max_in_flight for state in states]
    in_flight = settings.producers * settings.concurrency
    if None not in most:
        in_flight = min(in_flight, sum(limit or 0 for limit in most))
    assert settings.until_coverage is not None  # noqa: S101 - it was set before
    sizes = [request_size(settings.request_size, state.spec) for state in states]
    calls = list(run.store.fresh_calls())
    outlook = outlook_of(run.explorer, calls, prices, sizes, in_flight, settings.until_coverage)
    unpriced = tuple(name for name, price in prices.items() if price is None)
    return Plan(
        topic=settings.topic,
        folder=str(run.store.folder),
        providers=tuple(prices),
        pilot=pilot,
        outlook=outlook,
        notes=tuple(notes(outlook, pilot, settings, unpriced)),
        command=command,
    )


def _command(arguments: Sequence[str], topic: str, target: float) -> str:
    """The run's own command, with the same options."""
    words: list[str] = []
    skip = False
    for word in arguments:
        if skip:
            skip = False
        elif word in _ONLY_HERE:
            skip = True
        elif word not in _FLAGS and not word.startswith(tuple(f"{option}=" for option in _ONLY_HERE)):
            words.append(word)
    return again([*words, "--until-coverage", f"{target:g}"], topic)
