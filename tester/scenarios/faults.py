"""Every way in which a stream can fail for a while, each alone and with each vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from tester.checks import (
    CheckError,
    check,
    check_consistent,
    check_equal,
    check_exit,
    check_none_lost,
    check_same_items,
)
from tester.fake_provider import Fault, FaultKind
from tester.run_files import OrderRow
from tester.scenario import TOPIC, Context
from tester.served import NAME_CHARACTERS, Served, delivered, names

APIS = ("openai", "anthropic", "gemini")
_ITEMS = 12
_ITERATIONS = 2
_AT_ONCE = 3

FAULTS: dict[str, Fault] = {
    "429 with seconds": Fault(FaultKind.RATE_LIMITED, retry_after_s=1.0),
    "429 with a date": Fault(FaultKind.RATE_LIMITED, retry_after_s=1.0, as_date=True),
    "500": Fault(FaultKind.SERVER_ERROR),
    "503": Fault(FaultKind.UNAVAILABLE),
    "529": Fault(FaultKind.OVERLOADED),
    "reset": Fault(FaultKind.RESET),
    "cut in an item": Fault(FaultKind.CUT, after_items=5),
    "cut by a reset": Fault(FaultKind.CUT_RESET, after_items=5),
    "cut without a finish reason": Fault(FaultKind.CUT_CLEAN, after_items=5),
    "stall": Fault(FaultKind.STALL, after_items=5),
    "stall from the start": Fault(FaultKind.STALL, after_items=0),
    "200 with HTML": Fault(FaultKind.HTML),
    "200 with JSON": Fault(FaultKind.PLAIN_JSON),
    "200 and empty": Fault(FaultKind.EMPTY),
    "garbage": Fault(FaultKind.GARBAGE, after_items=5),
    "error in the stream": Fault(FaultKind.ERROR_EVENT, after_items=5),
    "wrong encoding": Fault(FaultKind.ENCODING, after_items=5),
    "very long line": Fault(FaultKind.LONG_LINE, after_items=5),
    "every event twice": Fault(FaultKind.DUPLICATE, after_items=5),
    "byte by byte": Fault(FaultKind.DRIP, interval_s=0.0002),
    "wrong content type": Fault(FaultKind.CONTENT_TYPE),
}
"""Each fault that must not cost more than another attempt."""

_NO_FAILURE = (FaultKind.DUPLICATE, FaultKind.DRIP, FaultKind.CONTENT_TYPE)
"""Oddities that a client lives with: the answer is whole."""
_BREAKS = (FaultKind.CUT, FaultKind.CUT_RESET, FaultKind.CUT_CLEAN, FaultKind.STALL, FaultKind.ERROR_EVENT)
_ESTIMATED = (*_BREAKS, FaultKind.GARBAGE, FaultKind.ENCODING, FaultKind.LONG_LINE)
"""Streams that break before their usage is told: the product counts their tokens itself."""


class Faults:
    """Each fault alone, at all vendors."""

    name = "faults"
    description = "each fault of a provider alone: the run completes, no item is lost, none is counted twice"

    def run(self, context: Context) -> None:
        """Play it."""
        failures: list[str] = []

        def attempt(title: str) -> None:
            try:
                if title == _COUNTS:
                    check_counts(context)
                else:
                    check_fault(context, title)
            except CheckError as error:
                failures.append(f"{title}: {error}")

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(attempt, [*FAULTS, _COUNTS]))
        check(not failures, "\n".join(failures))


_COUNTS = "counts of items that several attempts brought"


def check_fault(context: Context, title: str) -> None:
    """One fault hits the first request at each vendor; everything sent, before it and after it, must be kept."""
    place, fault = context.place(title.replace(" ", "-")), FAULTS[title]
    # One event a line for doubled events, so that a doubled event is a doubled item and not a garbled one.
    chunk_chars = NAME_CHARACTERS + 1 if fault.kind is FaultKind.DUPLICATE else 5
    served = {api: _serve(context, [fault], api, chunk_chars) for api in APIS}
    ended = context.run(*arguments(_ITERATIONS), place=place, environment=environment_of(served))
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    orders = files.orders()
    check_equal("orders", len(orders), len(APIS) * _ITERATIONS)
    check_equal("states of the orders", {order.state for order in orders}, {"done"})
    wanted = set()
    for api, server in served.items():
        entries = server.entries()
        check_equal(f"requests at {api} that were hit", sum(entry.fault != "" for entry in entries), 1)
        wanted |= delivered(entries)
        if fault.kind in _NO_FAILURE:
            check_equal(f"requests at {api}", len(entries), _ITERATIONS)
    check_none_lost("items sent by the servers", files.lines(), wanted)
    check_same_items("attributes.txt beside what the servers sent", files.lines(), wanted)
    failed = 0 if fault.kind in _NO_FAILURE else len(APIS)
    check_equal("attempts beyond the first", sum(order.attempts - 1 for order in orders), failed)
    _check_tokens(orders, served, exact=fault.kind not in _ESTIMATED)


def check_counts(context: Context) -> None:
    """Every answer names the same items: each item's count is the number of orders, whatever broke in between."""
    place = context.place("counts")
    plan = [fault for kind in _BREAKS for fault in (Fault(kind, after_items=4), None)]
    served = context.serve(names(_ITEMS, context.seed), items_per_response=_ITEMS, chunk_chars=5, faults=plan)
    ended = context.run(
        *("--topic", TOPIC, "--producers", "1", "--concurrency", "1", "--iterations", str(len(_BREAKS))),
        *("--request-size", str(_ITEMS), "--provider", "openai:model", "--read-timeout", "1"),
        place=place,
        environment=served.environment("openai"),
    )
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    check_same_items("attributes.txt", files.lines(), served.provider.universe)
    wanted = dict.fromkeys(served.provider.universe, len(_BREAKS))
    check_equal("counts of the items", {item.text: item.count for item in files.items()}, wanted)


def _check_tokens(orders: Sequence[OrderRow], served: Mapping[str, Served], *, exact: bool) -> None:
    for what in ("input_tokens", "output_tokens"):
        seen = sum(getattr(order, what) for order in orders)
        told = sum(getattr(entry, what) for server in served.values() for entry in server.entries())
        if exact:
            check_equal(f"{what} in run.db beside those that the servers told", seen, told)
        else:
            check(seen >= told, f"{what}: the servers told {told}, run.db has {seen}, which is less")


def arguments(iterations: int, *more: str) -> list[str]:
    """A run with a producer a vendor, one request at a time each."""
    return [
        *("--topic", TOPIC, "--producers", str(len(APIS)), "--concurrency", "1", "--iterations", str(iterations)),
        *("--request-size", str(_ITEMS), "--provider", ",".join(f"{api}:model" for api in APIS)),
        *("--read-timeout", "1", *more),
    ]


def environment_of(served: Mapping[str, Served]) -> dict[str, str]:
    """Variables that lead each vendor's client to its own server."""
    merged: dict[str, str] = {}
    for api, server in served.items():
        merged |= server.environment(api)
    return merged


def _serve(context: Context, faults: Iterable[Fault], api: str, chunk_chars: int) -> Served:
    universe = names(300, context.seed)
    seed = context.seed * len(APIS) + APIS.index(api)
    return context.serve(universe, items_per_response=_ITEMS, chunk_chars=chunk_chars, faults=faults, seed=seed)
