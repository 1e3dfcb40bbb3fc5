"""`--dry-run`: the prompts, with what a call of each takes at most. Nothing is called, nothing is written."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from contract.errors import ExitCode
from contract.text import printable
from orchestrator.api_keys import KEY_VARIABLES
from orchestrator.composition import Seams, unstarted_run
from orchestrator.preview.prompts import Kind, Prompt, grouped, prompts_of
from orchestrator.settings import Settings
from orchestrator.words import count, money, plural

_WHAT: dict[Kind, str] = {
    "fresh": "asks afresh, nothing named; the estimates stand on these answers",
    "listed": "names what is known, not to be repeated",
    "plan": "asks for the parts of the topic",
    "facet": "asks for one part of the topic",
    "catch-all": "asks for what belongs to none of the parts",
    "letter": "asks for names that begin with a letter",
    "language": "asks for another language's view",
    "continued": "shows the model its own earlier answers, and asks for more",
    "validate": "asks which of the items do not belong to the topic",
}
_SHOWN_MARKS = 3


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What `--dry-run --json` prints.

    Attributes:
        topic: As it was understood.
        folder: Where the run would keep it.
        known: Items that are there already.
        without_key: Vendors that would be asked and have no key.
        prompts: The next orders first, then examples.
    """

    topic: str
    folder: str
    known: int
    without_key: tuple[str, ...]
    prompts: tuple[Prompt, ...]


def show_dry_run(
    settings: Settings, *, asks: bool = True, as_json: bool, quiet: bool = False, seams: Seams | None = None
) -> int:
    """Print what would be asked. Returns the exit code.

    Args:
        settings: Those of the run that would ask.
        asks: Whether it would ask at all.
        as_json: Print a `DryRun`.
        quiet: Print nothing else.
        seams: What the run stands on.

    Raises:
        OrchestratorError: Settings, prices or the folder cannot be used; a missing key is told, and is no error.
    """
    with unstarted_run(settings, seams or Seams(), keyless=True) as (run, without_key):
        known: int = run.store.totals().unique
        dry = DryRun(
            topic=settings.topic,
            folder=str(run.store.folder),
            known=known,
            without_key=without_key,
            prompts=tuple(prompts_of(run)) if asks else (),
        )
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(dry), indent=2).decode() + "\n")
    elif not quiet:
        exists = not settings.fresh and Path(dry.folder).exists()
        sys.stdout.writelines(f"{printable(line)}\n" for line in dry_run_lines(dry, exists=exists))
    return ExitCode.DONE


def dry_run_lines(dry: DryRun, *, exists: bool) -> Iterator[str]:
    """A dry run for people, line by line. Untrusted: items and parts are in it."""
    yield f"{dry.topic}: dry run; nothing is called, nothing is written"
    if dry.without_key:
        variables = ", ".join(KEY_VARIABLES[vendor][0] for vendor in dry.without_key)
        yield f"no API key is set for {', '.join(dry.without_key)} ({variables}): a real call would be refused"
    place = f"{plural(dry.known, 'item')} known" if exists else "would be made"
    yield f"{dry.folder}: {place}"
    if not dry.prompts:
        yield "nothing would be asked: there are fresh answers enough (--pilot N for more)"
    for group in grouped(dry.prompts):
        first = group[0]
        yield ""
        yield f"{'next order' if first.real else 'example'}: {first.kind} ({_WHAT[first.kind]})"
        for prompt in group:
            yield f"  {prompt.provider}: {_amounts(prompt)}"
        yield from _text("system", first.system.split("\n"))
        yield from _text("user", _shortened(first.prompt.split("\n")))


def _amounts(prompt: Prompt) -> str:
    cost = "price unknown" if prompt.cost_usd_at_most is None else f"at most {money(prompt.cost_usd_at_most)}"
    return f"about {count(prompt.input_tokens)} tokens in, at most {count(prompt.output_tokens_at_most)} out, {cost}"


def _text(name: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"  {name}"
    yield from (f"    {line}" for line in lines)


def _shortened(lines: Sequence[str]) -> Iterator[str]:
    """The lines of a prompt; of marks that stand for items that nobody knows yet, a few."""
    marks = 0
    for line in lines:
        marks = marks + 1 if line.startswith("[known item ") else 0
        if marks <= _SHOWN_MARKS:
            yield line
        elif marks == _SHOWN_MARKS + 1:
            yield "[and so on]"
