"""A plan as it is printed: a table on a terminal, plain lines elsewhere, JSON where asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from contract.text import printable
from orchestrator.preview.plan_words import COLUMNS, Cell, Plan, rows, summary


def print_plan(plan: Plan, *, as_json: bool) -> None:
    """Print a plan on stdout."""
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(plan), indent=2).decode() + "\n")
    elif sys.stdout.isatty():
        _print_table(plan)
    else:
        sys.stdout.writelines(f"{printable(line)}\n" for line in plain_lines(plan))


def plain_lines(plan: Plan) -> Iterator[str]:
    """The plan without a terminal."""
    yield plan.topic
    yield from (f"  {name:<9} {text}" for name, text in summary(plan))
    table = [[Cell(name) for name in COLUMNS], *(cells for _, cells in rows(plan.outlook))]
    if len(table) > 1:
        yield ""
        texts = [[f"{figure} ({range_})" if range_ else figure for figure, range_ in cells] for cells in table]
        widths = [max(len(row[column]) for row in texts) for column in range(len(COLUMNS))]
        for row in texts:
            yield "  " + "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield from (f"  {note}" for note in plan.notes)
    yield f"  {'continue':<9} {plan.command}"


def _print_table(plan: Plan) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(printable(plan.topic), style="bold"))
    head = Table.grid(padding=(0, 2))
    head.add_column(style="dim")
    head.add_column(overflow="fold")
    for name, text in summary(plan):
        head.add_row(name, Text(printable(text)))
    console.print(head)
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 3, 0, 0))
    for name in COLUMNS:
        table.add_column(name, justify="right", overflow="fold")
    for target, cells in rows(plan.outlook):
        style = "bold" if target.coverage == plan.outlook.target else ""
        shown = [Text(figure, style=style).append(f"\n{range_}", style="dim") for figure, range_ in cells]
        table.add_row(*shown)
    if table.row_count:
        console.print()
        console.print(table)
    console.print()
    for note in plan.notes:
        console.print(Text(printable(note)))
    # In one piece, so that it can be copied.
    console.print(Text(f"continue  {printable(plan.command)}", style="dim"), soft_wrap=True)
