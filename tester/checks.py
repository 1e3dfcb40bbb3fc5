"""Assertions of the scenarios. Each failure says what was asserted and what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tester.command import Ended
    from tester.run_files import OrderRow, RunFiles

_SHOWN = 8
"""Examples that a message gives of a set or list."""


class CheckError(AssertionError):
    """An assertion about the product does not hold."""


def check(condition: object, message: str) -> None:
    """Raise `CheckError` with the message unless the condition holds."""
    if not condition:
        raise CheckError(message)


def check_equal(what: str, seen: object, wanted: object) -> None:
    """Two values are equal."""
    check(seen == wanted, f"{what}: {_short(wanted)} was expected, {_short(seen)} was seen")


def check_same_items(what: str, seen: Collection[str], wanted: Collection[str]) -> None:
    """Two collections hold the same items; the message names those that differ."""
    missing, surplus = set(wanted) - set(seen), set(seen) - set(wanted)
    check(
        not missing and not surplus,
        f"{what}: {len(missing)} of {len(wanted)} are missing {_examples(missing)}, "
        f"{len(surplus)} should not be there {_examples(surplus)}",
    )


def check_none_lost(what: str, seen: Collection[str], wanted: Collection[str]) -> None:
    """Everything wanted was seen; more is allowed."""
    missing = set(wanted) - set(seen)
    check(not missing, f"{what}: {len(missing)} of {len(set(wanted))} are lost {_examples(missing)}")


def check_prefix(what: str, earlier: Sequence[str], later: Sequence[str]) -> None:
    """The later list begins with the earlier one: nothing was lost, changed or moved."""
    for number, line in enumerate(earlier):
        seen = later[number] if number < len(later) else "the end"
        check(seen == line, f"{what}: line {number + 1} was {line!r}, now it is {seen!r}")


def check_unique(what: str, lines: Sequence[str]) -> None:
    """No line comes twice."""
    twice = {line: times for line, times in Counter(lines).items() if times > 1}
    check(not twice, f"{what}: {len(twice)} lines come more than once {_examples(twice)}")


def check_exit(ended: Ended, wanted: int) -> None:
    """The command ended with this code, and without a traceback."""
    check(
        ended.exit_code == wanted,
        f"exit code {wanted} was expected, {ended.exit_code} was seen; stderr ends with {ended.stderr[-1500:]!r}",
    )
    check_no_traceback(ended)


def check_no_traceback(ended: Ended) -> None:
    """Neither output holds a Python traceback."""
    for name, text in (("stdout", ended.stdout), ("stderr", ended.stderr)):
        check("Traceback" not in text, f"{name} holds a traceback: {text[-1500:]!r}")


def check_error_line(ended: Ended, *words: str) -> None:
    """Stderr ends with one `orchestrator: …` line that holds all the words (in any case)."""
    lines = [line for line in ended.stderr.splitlines() if line.startswith("orchestrator")]
    check(len(lines) == 1, f"one error line was expected on stderr, {len(lines)} were seen: {ended.stderr[-1500:]!r}")
    for word in words:
        check(word.lower() in lines[0].lower(), f"the error line should say {word!r}; it is {lines[0]!r}")


def check_consistent(files: RunFiles) -> None:
    """The files of a run that has ended agree with each other.

    attributes.txt holds the items of run.db in their order, every line once and none torn; an order counts once for an
    item; each order's items are new or duplicates, and those that it named first are its new ones; no order is open.
    """
    lines, items, orders, namings = files.lines(), files.items(), files.orders(), files.namings()
    check_unique("attributes.txt", lines)
    check_equal("attributes.txt beside the items of run.db", lines, [item.text for item in items])
    check_equal("ids of the items", [item.id for item in items], list(range(1, len(items) + 1)))
    held = files.held()
    twice = [naming for naming, times in Counter(namings).items() if times > 1]
    check(not twice, f"(item, order) counted more than once: {twice[:_SHOWN]}")
    adopted = sum(item.first_order is None for item in items)
    counted = sum(item.count for item in items)
    check_equal("sum of the items' counts beside the namings and adopted lines", counted, len(namings) + adopted)
    first_of, named_by = Counter(item.first_order for item in items), Counter(order for _, order in namings)
    for order in orders:
        what = f"order {order.id} ({order.state})"
        check_equal(f"{what}: new beside the items that it named first", order.new, first_of[order.id])
        parts = order.new + order.duplicate
        check(
            order.items == parts or (held and order.items > parts),
            f"{what} has {order.items} items, of which {order.new} are new, {order.duplicate} duplicates, {held} held",
        )
        check(
            named_by[order.id] <= order.items,
            f"{what} has {order.items} items, but {named_by[order.id]} namings are written for it",
        )
        check(order.state != "open", f"{what} is open in run.db though the run has ended")


def _examples(some: Collection[str]) -> str:
    if not some:
        return ""
    shown = ", ".join(repr(text) for text in sorted(some)[:_SHOWN])
    return f"({shown}{', …' if len(some) > _SHOWN else ''})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text)} characters)"


def check_every_order_done(orders: Sequence[OrderRow], wanted: int) -> None:
    """As many orders are done as were wanted; any other failed and was made up for by one at another provider."""
    check_equal("orders that are done", sum(order.state == "done" for order in orders), wanted)
    others = [order for order in orders if order.state != "done"]
    check(
        all(order.state == "failed" and order.error for order in others),
        f"an order that is not done should have failed with an error: {others[:3]}",
    )
