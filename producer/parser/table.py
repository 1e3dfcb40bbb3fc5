"""Rows of a markdown table: which cell is the item, which its description, and which rows are no items."""

from __future__ import annotations

import re
from typing import NamedTuple

_RULE = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")
_BAR = re.compile(r"(?<!\\)\|")
_NUMBER_HEADERS = frozenset({"", "#", "no", "no.", "nr", "nr.", "№", "number", "rank", "index", "s.no", "s.no.", "id"})
_HEADERS = frozenset({"description", "details", "notes", "location", "category", "type", "summary", "explanation"})
_ORDINAL = re.compile(r"\d{1,5}[.)]?")


class Row(NamedTuple):
    """One table line.

    Attributes:
        text: The item's cell.
        description: The cell behind it, or empty.
        is_rule: It is the separator below the header.
        is_header: It is surely a header.
        is_first: It opens the table, so that a separator behind it would make it the header.
    """

    text: str
    description: str = ""
    is_rule: bool = False
    is_header: bool = False
    is_first: bool = False


class Table:
    """The table that is open, if one is.

    A column of numbers is skipped where the header says so, or where the cell is the row's own number: a table of
    aircraft may well begin its rows with "747".
    """

    __slots__ = ("_number_column", "_rows", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._rows = 0
        self._number_column = False

    def read(self, line: str) -> Row | None:
        """The row that this line is, or None, which closes the table."""
        if "|" not in line or not (line.startswith("|") or " | " in line or self.is_open or _RULE.fullmatch(line)):
            self.is_open = False
            return None
        if _RULE.fullmatch(line):
            self.is_open = True
            self._rows = 0
            return Row(line, is_rule=True)
        cells = [
            cell.replace("\\|", "|").strip() for cell in _BAR.split(line.strip().removeprefix("|").removesuffix("|"))
        ]
        if not self.is_open:
            return self._open(cells)
        self._rows += 1
        return Row(*self._pick(cells))

    def _open(self, cells: list[str]) -> Row:
        self.is_open, self._rows = True, 0
        names = [cell.strip("*_ ").casefold() for cell in cells]
        self._number_column = len(cells) > 1 and names[0] in _NUMBER_HEADERS
        if self._number_column or not _HEADERS.isdisjoint(names):
            return Row(" | ".join(cells), is_header=True)
        self._rows = 1
        return Row(*self._pick(cells), is_first=True)

    def _pick(self, cells: list[str]) -> tuple[str, str]:
        numbered = self._number_column or (
            _ORDINAL.fullmatch(cells[0]) is not None and int(cells[0].rstrip(".)")) == self._rows
        )
        filled = cells[1:] if numbered and len(cells) > 1 else cells
        return filled[0], filled[1] if len(filled) > 1 else ""
