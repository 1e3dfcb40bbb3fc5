"""Spans of runs that never were: for tests of what is asserted of real ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st

from contract import spans as names
from tester.fake_provider import Entry
from tester.trace import Link, Span, Trace
from tester.trace.span import Kind, Status, Value

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
OUTSIDE = "00f067aa0ba902b7"
"""The span of whoever started the run; nobody receives it."""
MILLISECOND_NS = 1_000_000
_EPOCH_NS = 1_700_000_000_000_000_000
_serials = itertools.count(1)


def span(
    name: str = "some",
    start_ms: float = 0,
    end_ms: float = 1,
    *,
    parent: Span | str = "",
    links: Iterable[Span] = (),
    attributes: Mapping[str, Value] | None = None,
    kind: Kind = "internal",
    status: Status = "unset",
    message: str = "",
    service: str = names.ORCHESTRATOR,
    pid: int = 100,
    span_id: str = "",
) -> Span:
    """A span with an id of its own; times in milliseconds after an arbitrary moment."""
    return Span(
        trace_id=TRACE_ID,
        span_id=span_id or f"{next(_serials) * 0x9E3779B97F4A7C15 % 2**64:016x}",
        parent_id=parent if isinstance(parent, str) else parent.span_id,
        name=name,
        kind=kind,
        start_ns=_EPOCH_NS + round(start_ms * MILLISECOND_NS),
        end_ns=_EPOCH_NS + round(end_ms * MILLISECOND_NS),
        status=status,
        message=message,
        attributes=dict(attributes or {}),
        links=tuple(Link(TRACE_ID, target.span_id) for target in links),
        service=service,
        instance=f"{service}-{pid}",
        pid=pid,
    )


def changed(one: Span, **attributes: Value) -> Span:
    """A span with other attributes; `__` stands for a dot."""
    others = {name.replace("__", "."): value for name, value in attributes.items()}
    return msgspec.structs.replace(one, attributes={**one.attributes, **others})


def served(response_id: str, input_tokens: int, output_tokens: int) -> Entry:
    """An answered request in the fake provider's ledger."""
    return Entry(
        api="openai",
        model="m",
        path="/",
        key="",
        system="",
        prompt="",
        max_tokens=None,
        body={},
        started_at=0.0,
        status=200,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        finish_reason="stop",
        response_id=response_id,
    )


INTERVALS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=12)
"""Starts and lengths, in milliseconds, close enough to touch and overlap."""


def intervals(drawn: Iterable[tuple[int, int]], name: str = "some") -> list[Span]:
    """Spans of these starts and lengths."""
    return [span(name, start, start + length) for start, length in drawn]


class Run:
    """A run of `orchestrator`: its spans, and what else must agree with them.

    Args:
        producers: How many it has.
        orders: How many each producer answers.
        killed: Whether the first producer is killed by SIGKILL, loses its last spans, and is replaced.
    """

    def __init__(self, producers: int = 2, orders: int = 2, *, killed: bool = False) -> None:
        self.spans: list[Span] = []
        self.served: list[Entry] = []
        self.new = 0
        self._root_id = "b7ad6b7169203331"
        self._add(names.PROCESS_STARTED, 0, 0, parent=self._root_id)
        for index in range(producers):
            generations = 2 if killed and index == 0 else 1
            for generation in range(generations):
                self._producer(index, generation, orders, dies=generation + 1 < generations)
        self._add(
            names.RUN,
            0,
            2000,
            parent=OUTSIDE,
            span_id=self._root_id,
            attributes={
                names.TOPIC: "river towns",
                names.PRODUCERS: producers,
                names.ITEMS_NEW: self.new,
                names.ITEMS_DUPLICATE: self._sum(names.PROCESS_ITEMS, names.ITEMS_DUPLICATE),
                names.ORDERS: sum(one.name == names.ORDER for one in self.spans),
                names.INPUT_TOKENS: self._sum("chat m", names.GEN_AI_INPUT_TOKENS),
                names.OUTPUT_TOKENS: self._sum("chat m", names.GEN_AI_OUTPUT_TOKENS),
                names.PROCESS_EXIT_CODE: 0,
                names.SPANS_EMITTED: 1 + sum(one.service == names.ORCHESTRATOR for one in self.spans),
            },
        )
        self.killed_pids = {1000} if killed else set()

    @property
    def trace(self) -> Trace:
        """All its spans."""
        return Trace(self.spans)

    def expected(self) -> dict[str, Any]:
        """What `assert_conserved` is to be told."""
        return {"lines": self.new, "rows": self.new, "served": self.served}

    def without(self, lost: Span) -> Trace:
        """Its trace, had this span not been received."""
        return Trace(one for one in self.spans if one is not lost)

    def with_other(self, old: Span, new: Span) -> Trace:
        """Its trace, had this span been another."""
        return Trace(new if one is old else one for one in self.spans)

    def _sum(self, name: str, attribute: str) -> int:
        return int(sum(one.number(attribute) for one in self.spans if one.name == name))

    def _add(self, name: str, start_ms: float, end_ms: float, **others: Any) -> Span:
        self.spans.append(span(name, start_ms, end_ms, **others))
        return self.spans[-1]

    def _producer(self, index: int, generation: int, orders: int, *, dies: bool) -> None:
        pid = 1000 + 10 * index + generation
        begin = 10 + 700 * generation + 3 * index
        place = {names.PRODUCER_INDEX: index, names.PRODUCER_GENERATION: generation, names.CHILD_PID: pid}
        spawn = self._add(names.SPAWN, begin, begin + 20, parent=self._root_id, attributes=place)
        own: dict[str, Any] = {"service": names.PRODUCER, "pid": pid}
        role = {names.PROCESS_ROLE: names.PRODUCER}
        self._add(names.PROCESS_STARTED, begin + 5, begin + 5, parent=spawn, attributes=role, **own)
        life_id = f"{0xABC0000000000000 + pid:016x}"
        for number in range(orders):
            self._order(own, life_id, place, begin + 50 + 100 * number, lost=dies and number == orders - 1)
        if not dies:
            emitted = 1 + sum(one.pid == pid for one in self.spans)
            attributes = {names.PRODUCER_INDEX: index, names.ORDERS: orders, names.SPANS_EMITTED: emitted}
            end = begin + 600
            self._add(names.PRODUCER_RUN, begin + 5, end, parent=spawn, span_id=life_id, attributes=attributes, **own)
        how: dict[str, Value] = {names.EXIT_SIGNAL: "SIGKILL"} if dies else {names.PROCESS_EXIT_CODE: 0}
        died = begin + 620
        self._add(names.PRODUCER_EXITED, died, died, parent=self._root_id, links=[spawn], attributes={**place, **how})

    def _order(self, own: dict[str, Any], life_id: str, place: dict[str, int], begin: float, *, lost: bool) -> None:
        """An order of 20 items in two windows of the sender, which two windows of the receiver share.

        Of a `lost` one only its first window has been received: the order was open when the process was killed.
        """
        tokens = (100 + len(self.served), 60)
        response_id = f"response-{len(self.served)}"
        sent_orders = self._add(
            names.SEND_ORDERS,
            begin,
            begin + 1,
            parent=self._root_id,
            kind="producer",
            attributes={names.MESSAGING_COUNT: 1},
        )
        order = span(
            names.ORDER,
            begin + 1,
            begin + 80,
            parent=life_id,
            links=[sent_orders],
            attributes={names.ORDER_ID: len(self.served), names.ORDER_ATTEMPT: 0, names.ITEMS_PARSED: 20},
            **own,
        )
        call: dict[str, Value] = {
            names.GEN_AI_OPERATION: "chat",
            names.GEN_AI_MODEL: "m",
            names.GEN_AI_RESPONSE_ID: response_id,
            names.GEN_AI_INPUT_TOKENS: tokens[0],
            names.GEN_AI_OUTPUT_TOKENS: tokens[1],
        }
        call_name = names.inference_name("chat", "m")
        inference = span(call_name, begin + 1, begin + 70, parent=order, kind="client", attributes=call, **own)
        status = {names.HTTP_STATUS: 200}
        post = span(names.ATTEMPT, begin + 2, begin + 69, parent=inference, kind="client", attributes=status, **own)
        windows = {10: 12, 45: 8}
        sends = [
            span(
                names.SEND_ITEMS,
                begin + at,
                begin + at + 30,
                parent=order,
                kind="producer",
                attributes={names.ITEMS_SENT: count},
                **own,
            )
            for at, count in windows.items()
        ]
        self.spans += sends[:1] if lost else [*sends, post, inference, order]
        self.served.append(served(response_id, *tokens))
        # Received, new, duplicate, held, blank, late, parts, judgements.
        fates = ((9, 6, 2, 0, 1, 0, 0, 0), (10, 7, 2, 1, 0, 1, 0, 0))
        for at, sources, counts in ((12, sends[:1], fates[0]), (42, sends, fates[1])):
            counted = dict(zip(_FATES, counts, strict=True))
            processed = self._add(
                names.PROCESS_ITEMS,
                begin + at,
                begin + at + 32,
                parent=self._root_id,
                kind="consumer",
                links=sources,
                attributes={**place, **counted},
            )
            new = counted[names.ITEMS_NEW]
            self.new += new
            written = {names.FILE_PATH: "attributes.txt", names.ITEMS_WRITTEN: new}
            when = (begin + at + 1, begin + at + 33)
            self._add(names.WRITE, *when, parent=self._root_id, links=[processed], attributes=written)


_FATES = (
    names.ITEMS_RECEIVED,
    names.ITEMS_NEW,
    names.ITEMS_DUPLICATE,
    names.ITEMS_HELD,
    names.ITEMS_BLANK,
    names.ITEMS_LATE,
    names.ITEMS_PARTS,
    names.ITEMS_JUDGEMENTS,
)


class Service:
    """A service of web mode with its web server, and a run on each of some topics.

    Args:
        runs: What its topic processes did, in this order.
        killed: Whether the first topic process is killed by SIGKILL, whose last spans are lost with those of a producer
            of it.
    """

    def __init__(self, *runs: Run, killed: bool = False) -> None:
        self.spans: list[Span] = []
        self._life_id, self._web_id = "5e5e5e5e5e5e5e5e", "3b3b3b3b3b3b3b3b"
        self.topic_pids: list[int] = []
        self._add(names.PROCESS_STARTED, 0, 0, parent=self._life_id)
        spawn_web = self._add(names.SPAWN_WEB_SERVER, 1, 30, parent=self._life_id, attributes={names.CHILD_PID: 51})
        web: dict[str, Any] = {"service": names.WEBSERVER, "pid": 51}
        self._add(names.PROCESS_STARTED, 5, 5, parent=self._web_id, **web)
        for number, run in enumerate(runs):
            self._topic(number, run, web, dies=killed and number == 0)
        self._add("GET /health", 40, 41, parent=self._web_id, kind="server", **web)
        emitted = 1 + sum(one.pid == 51 for one in self.spans)
        told = {names.SPANS_EMITTED: emitted}
        self._add(names.WEBSERVER_RUN, 4, 5000, parent=spawn_web, span_id=self._web_id, attributes=told, **web)
        ended: dict[str, Value] = {names.CHILD_PID: 51, names.PROCESS_EXIT_CODE: 0}
        self._add(names.WEB_SERVER_EXITED, 5001, 5001, parent=spawn_web, links=[spawn_web], attributes=ended)
        told = {names.SPANS_EMITTED: 1 + sum(one.pid == 50 for one in self.spans)}
        self._add(names.SERVICE, 0, 5002, parent=OUTSIDE, span_id=self._life_id, attributes=told)

    @property
    def trace(self) -> Trace:
        """All its spans."""
        return Trace(self.spans)

    def without(self, lost: Span) -> Trace:
        """Its trace, had this span not been received."""
        return Trace(one for one in self.spans if one is not lost)

    def with_other(self, old: Span, new: Span) -> Trace:
        """Its trace, had this span been another."""
        return Trace(new if one is old else one for one in self.spans)

    def _add(self, name: str, start_ms: float, end_ms: float, **others: Any) -> Span:
        self.spans.append(span(name, start_ms, end_ms, **{"pid": 50, **others}))
        return self.spans[-1]

    def _topic(self, number: int, run: Run, web: dict[str, Any], *, dies: bool) -> None:
        """A request, which a caller of its own makes, the topic's process, and its run with other ids."""
        request = self._add("POST /api/v1/topics", 100, 140, parent=OUTSIDE, kind="server", **web)
        pid, topic_id = 10_000 * (number + 1), f"topic-{number}"
        self.topic_pids.append(pid)
        place = {names.TOPIC_ID: topic_id, names.CHILD_PID: pid}
        spawn = self._add(names.SPAWN_TOPIC, 101, 130, parent=request, attributes=place)
        lost = (names.RUN, names.PRODUCER_EXITED) if dies else ()
        orphan = max(one.pid for one in run.spans) if dies else 0
        for one in run.spans:
            if one.name not in lost and not (one.pid == orphan and one.name == names.PRODUCER_RUN):
                self.spans.append(_moved(one, number, pid, spawn.span_id))
        how: dict[str, Value] = {names.EXIT_SIGNAL: "SIGKILL"} if dies else {names.PROCESS_EXIT_CODE: 0}
        self._add(names.TOPIC_EXITED, 4000, 4000, parent=spawn, links=[spawn], attributes={**place, **how})


def _moved(one: Span, number: int, pid: int, spawn_id: str) -> Span:
    """A span of a run of the command line as one of a topic process with this id."""

    def renamed(span_id: str) -> str:
        return f"{number + 1:x}{span_id[1:]}" if span_id != OUTSIDE else spawn_id

    own = pid if one.pid == 100 else pid + one.pid
    attributes = dict(one.attributes)
    if isinstance(child := attributes.get(names.CHILD_PID), int):
        attributes[names.CHILD_PID] = pid + child
    if isinstance(response := attributes.get(names.GEN_AI_RESPONSE_ID), str):
        attributes[names.GEN_AI_RESPONSE_ID] = f"{number} {response}"
    return msgspec.structs.replace(
        one,
        span_id=renamed(one.span_id),
        parent_id=renamed(one.parent_id),
        links=tuple(msgspec.structs.replace(link, span_id=renamed(link.span_id)) for link in one.links),
        pid=own,
        instance=f"{one.service}-{own}",
        attributes=attributes,
    )
