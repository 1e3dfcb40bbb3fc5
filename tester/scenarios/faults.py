"""Every way in which a stream can fail for a while, each alone and with each vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from contract import spans as names_of
from tester.checks import (
    check,
    check_consistent,
    check_equal,
    check_every_order_done,
    check_exit,
    check_none_lost,
    check_same_items,
)
from tester.fake_provider import Fault, FaultKind
from tester.run_files import OrderRow
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.served import NAME_CHARACTERS, Served, delivered, names
from tester.trace import Trace

APIS = ("openai", "anthropic", "gemini")
_ITEMS = 12

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
    "byte by byte": Fault(FaultKind.DRIP, interval_s=0.0002),
    "wrong content type": Fault(FaultKind.CONTENT_TYPE),
}
"""Each fault that must cost nothing but another attempt, or not even that."""

_KINDS = {"rate_limited", "overloaded", "connection", "stream_truncated", "timeout", "bad_response"}
"""Kinds of errors (`error.type`) that these faults are told as."""
_BREAKS = (FaultKind.CUT, FaultKind.CUT_RESET, FaultKind.CUT_CLEAN, FaultKind.STALL, FaultKind.ERROR_EVENT)


class Faults:
    """Each fault, at all vendors."""

    name = "faults"
    description = "each fault of a provider, at each vendor: the run completes, no item is lost, none is counted twice"

    def run(self, context: Context) -> None:
        """Play it."""
        alone = [partial(_one_after_another, context, api) for api in APIS]
        context.together(*alone, *(partial(part, context) for part in (_doubled_events, _counts)))


def _one_after_another(context: Context, api: str) -> None:
    """Every second request of a vendor is hit, each by another fault; everything that was sent must be kept."""
    plan = [fault for hit in FAULTS.values() for fault in (hit, None)]
    server = _serve(context, plan, api, chunk_chars=5)
    place = context.place(f"one-after-another-{api}")
    ended = context.run(
        *arguments(len(plan), "--concurrency", "2", "--max-attempts", "20", "--strategy", "listed"),
        *("--producers", "1", "--provider", f"{api}:model"),
        place=place,
        environment=environment_of({api: server}),
    )
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    orders, lines, entries = files.orders(), files.lines(), server.entries()
    check_every_order_done(orders, len(plan))
    for title, entry in zip(FAULTS, (entry for entry in entries if entry.fault), strict=True):
        check_equal(f"the fault that {api} played for {title!r}", entry.fault, FAULTS[title].kind.value)
        check_none_lost(f"items that {api} sent before or in spite of {title!r}", lines, entry.items)
    check_none_lost(f"items that {api} sent", lines, delivered(entries))
    check_none_lost("lines beside what was sent", delivered(entries), lines)
    check_equal("attempts of all orders beside the requests made", sum(o.attempts for o in orders), len(entries))
    _check_tokens(orders, {api: server}, exact=False)
    trace = proven(context, ended, files, served=entries)
    check_equal("requests in the trace", len(trace.select(name=names_of.ATTEMPT)), len(entries))
    check_equal("attempts in the trace", len(trace.select(name=names_of.SEND_ORDERS)), sum(o.attempts for o in orders))
    retried = trace.select(name=names_of.SEND_ORDERS, where=lambda span: span.number(names_of.ORDER_ATTEMPT) > 0)
    check_equal("tries beyond the first in the trace", len(retried), sum(order.attempts - 1 for order in orders))
    failed = {str(span.attributes[names_of.ERROR_TYPE]) for span in trace.select(name=names_of.ORDER, status="error")}
    _check_retries(trace)
    _check_pause(trace)
    check(
        any(item in entries[-1].prompt + entries[-2].prompt for entry in entries[:-2] for item in entry.items),
        "the prompts of the last requests should name items that earlier answers had brought",
    )
    check_equal("kinds of errors in the trace", failed, _KINDS)


def _check_retries(trace: Trace) -> None:
    """A further try of an order asks for as many items less as an earlier one had brought.

    Where two earlier ones had brought some, those may have been the same: the trace does not tell.
    """
    for order_id, tries in trace.select(name=names_of.ORDER).group_by(names_of.ORDER_ID).items():
        brought: list[float] = []
        for span in sorted(tries, key=lambda one: one.start_ns):
            if len(brought) < 2:
                asked = span.number(names_of.ORDER_SIZE)
                check_equal(f"items asked for in a further try of order {order_id}", asked, _ITEMS - sum(brought))
            if parsed := span.number(names_of.ITEMS_PARSED):
                brought.append(parsed)


def _check_pause(trace: Trace) -> None:
    """After the first 429, which asks for a pause of a second, nothing goes out until the pause is over."""
    limited = trace.select(name=names_of.ORDER, attributes={names_of.ERROR_TYPE: "rate_limited"}).first
    early_ns, late_ns = limited.end_ns + 300_000_000, limited.end_ns + 950_000_000
    too_soon = trace.select(name=names_of.SEND_ORDERS, where=lambda span: early_ns < span.start_ns < late_ns)
    check(not too_soon, f"{len(too_soon)} orders were sent within the pause that a Retry-After asked for")


def _doubled_events(context: Context) -> None:
    """Every event of a stream's end comes twice, and a line in the middle: neither counts twice, nor do tokens."""
    # One event a line, so that a doubled event is a doubled item and not a garbled one.
    hit = [Fault(FaultKind.DUPLICATE, after_items=5)]
    served = {api: _serve(context, hit, api, chunk_chars=NAME_CHARACTERS + 1) for api in APIS}
    place = context.place("doubled-events")
    ended = context.run(*arguments(2), place=place, environment=environment_of(served))
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    check_equal("attempts of the orders", [order.attempts for order in files.orders()], [1] * (2 * len(APIS)))
    check_same_items("attributes.txt", files.lines(), set().union(*map(_delivered, served.values())))
    _check_tokens(files.orders(), served, exact=True)
    proven(context, ended, files, served=[entry for server in served.values() for entry in server.entries()])


def _delivered(server: Served) -> set[str]:
    return delivered(server.entries())


def _counts(context: Context) -> None:
    """Every answer names the same items: each item's count is the number of orders, whatever broke in between."""
    place = context.place("counts")
    plan = [fault for kind in _BREAKS for fault in (Fault(kind, after_items=4), None)]
    served = context.serve(names(_ITEMS, context.seed), items_per_response=_ITEMS, chunk_chars=5, faults=plan)
    ended = context.run(
        *("--topic", TOPIC, "--producers", "1", "--concurrency", "1", "--iterations", str(len(_BREAKS))),
        *("--request-size", str(_ITEMS), "--provider", "openai:model", "--read-timeout", "1", "--strategy", "listed"),
        place=place,
        environment=served.environment("openai"),
    )
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    check_same_items("attributes.txt", files.lines(), served.provider.universe)
    wanted = dict.fromkeys(served.provider.universe, len(_BREAKS))
    check_equal("counts of the items", {item.text: item.count for item in files.items()}, wanted)
    proven(context, ended, files, served=served.entries())


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


def _serve(context: Context, faults: Iterable[Fault | None], api: str, chunk_chars: int) -> Served:
    universe = names(300, context.seed)
    seed = context.seed * len(APIS) + APIS.index(api)
    return context.serve(universe, items_per_response=_ITEMS, chunk_chars=chunk_chars, faults=faults, seed=seed)
