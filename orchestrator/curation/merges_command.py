"""`orchestrator merges TOPIC`: suggests items that are perhaps the same; applies suggestions, and undoes that."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from archive.filesystem import RealFileSystem
from contract.errors import ConfigurationError, ExitCode
from contract.text import printable
from orchestrator.command_parser import CommandParser
from orchestrator.curation.merged import MERGED_NAME, MergedItems
from orchestrator.curation.merges import MIN_SCORE, Suggestion, suggest_merges
from orchestrator.curation.merges_file import MERGES_NAME, read_merges, write_merges
from orchestrator.curation.topic_folder import opened_folder, topic_folder

_LOWEST_SCORE = 70.0
"""Below that, and in a long list, nearly everything is like something."""

_SHOWN = 5


def _score(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not _LOWEST_SCORE <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {_LOWEST_SCORE:g} to 100")
    return value


def run_merges(arguments: Sequence[str]) -> int:
    """Suggest, apply or undo merges of a topic's items; the topic must not be running. Returns the exit code."""
    parser = CommandParser(
        "orchestrator merges",
        "Finds items of a topic that are perhaps the same, and lists them in merges.jsonl with method and score. "
        "Applied merges make merged.txt; attributes.txt is never changed.",
    )
    parser.add_argument("topic", metavar="TOPIC", help="a topic explored before, or its folder")
    parser.add_argument("--output", type=Path, metavar="DIR", help="the topic's folder (default: ./output/<topic>)")
    parser.add_argument(
        "--min-score",
        type=_score,
        metavar="N",
        help=f"70 to 100 (default: {MIN_SCORE:g}; with --apply all: whatever is listed)",
    )
    parser.add_argument("--semantic", action="store_true", help="by meaning too; needs the extra semantic")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--apply",
        metavar="FILE|all",
        help="apply the lines of a file like merges.jsonl; all: those of merges.jsonl, except the ones by meaning",
    )
    action.add_argument("--undo", action="store_true", help="undo all applied merges")
    parsed = parser.parse_args(arguments)
    folder = topic_folder(parsed.topic, parsed.output)
    with opened_folder(folder) as database:
        merged = MergedItems(database)
        if parsed.undo:
            text = _undo(folder, merged)
        elif parsed.apply is not None:
            text = _apply(folder, merged, parsed.apply, parsed.min_score or 0.0)
        else:
            text = _suggest(folder, merged, parsed.min_score or MIN_SCORE, semantic=parsed.semantic)
    sys.stdout.write(text)
    return ExitCode.DONE


def _suggest(folder: Path, merged: MergedItems, min_score: float, *, semantic: bool) -> str:
    embedder = None
    if semantic:
        from orchestrator.curation.embedding import WordLlamaEmbedder  # loads its weights: only where it is wanted

        embedder = WordLlamaEmbedder()
    items = merged.items()
    suggestions = suggest_merges(items, min_score=min_score, embedder=embedder)
    applied = merged.suggestions()
    lines = [(suggestion, False) for suggestion in suggestions] + [(suggestion, True) for suggestion in applied]
    write_merges(folder / MERGES_NAME, lines, RealFileSystem())
    merged.write_list(folder, RealFileSystem())
    shown = [f"  {one.score:5.1f}  {one.item.text}  =  {one.into.text}" for one in suggestions[:_SHOWN]]
    rest = [f"  … and {len(suggestions) - _SHOWN} more"] if len(suggestions) > _SHOWN else []
    head = (
        f"{len(suggestions)} suggestions for {len(items)} items, {len(applied)} merges applied: {folder / MERGES_NAME}"
    )
    return "".join(f"{printable(line)}\n" for line in (head, *shown, *rest))


def _apply(folder: Path, merged: MergedItems, which: str, min_score: float) -> str:
    files = RealFileSystem()
    own = folder / MERGES_NAME
    listed = read_merges(own, files) if files.exists(own) else []
    if which == "all":
        if not listed:
            raise ConfigurationError(f"{own} has no suggestions; make some first: orchestrator merges without --apply")
        wanted = [one for one in listed if one.method != "meaning" and one.score >= min_score]
    else:
        path = Path(which)
        if "\0" in which or not path.is_file():
            raise ConfigurationError(f"there is no file {which!r}; nothing was changed; name one, or all")
        wanted = read_merges(path, files)
    count, unknown = merged.apply(wanted, time.time())
    merged.write_list(folder, RealFileSystem())
    _write_lines(own, [*listed, *merged.suggestions()], merged)
    left_out = f"; {unknown} left out, which are no items of this folder" if unknown else ""
    return printable(f"{count} merges applied, {len(merged)} in all{left_out}: {folder / MERGED_NAME}") + "\n"


def _undo(folder: Path, merged: MergedItems) -> str:
    own = folder / MERGES_NAME
    listed = [*(read_merges(own, RealFileSystem()) if own.exists() else ()), *merged.suggestions()]
    count = merged.undo()
    merged.write_list(folder, RealFileSystem())
    _write_lines(own, listed, merged)
    return f"{count} merges undone; attributes.txt holds every spelling\n"


def _write_lines(path: Path, suggestions: Sequence[Suggestion], merged: MergedItems) -> None:
    """Each pair once, as it was first listed."""
    once: dict[frozenset[int], Suggestion] = {}
    for suggestion in suggestions:
        once.setdefault(frozenset((suggestion.item.id, suggestion.into.id)), suggestion)
    write_merges(path, [(suggestion, merged.are_one(suggestion)) for suggestion in once.values()], RealFileSystem())
