"""A topic that is steered while it runs: producers, request size, weights, a pause, the budget."""

from __future__ import annotations

import asyncio

from contract import spans as names
from contract.service import TopicView
from tester.checks import check, check_equal
from tester.live import Live
from tester.scenario import TOPIC, Context
from tester.scenarios.webserver.session import Session
from tester.served import names as item_names
from tester.trace import Span, Trace
from tester.trace.causality import assert_max_concurrency, happens_before
from tester.trace.lifecycle import exited, producers_started
from tester.trace.requests import Asked, span_of
from tester.trace.select import Spans
from tester.web_client import RefusedError, WebClient

_KEPT, _AWAY = "openai:model", "anthropic:model"
_FEW, _MANY, _FEWER = 3, 5, 2
"""Producers, one number after the other."""
_CONCURRENCY = 2
_SIZE, _SMALLER = 10, 7
_DOLLARS = 1000
"""For a million tokens, so that a few answers cost a dollar."""
_NAMES = 40_000
"""So many that the topic is not used up before its budget, however slow the machine is."""
_BUDGET = 12.0
"""US dollars that the topic may still spend, at its end: more than what its open responses may cost."""


class Steering:
    """What is done to one topic, and which spans must be there afterwards.

    Args:
        context: The scenario's.
        key: The API key that the service has in its environment.

    Attributes:
        topic_id: The topic's.
        served: The provider that it asks.
        environment: Leads the service there.
        started: Set when the topic has all its producers.
    """

    def __init__(self, context: Context, *, key: str) -> None:
        self.topic_id = "river-towns"
        self.served = context.serve(
            item_names(_NAMES, context.seed), items_per_response=_SIZE, duration_s=0.3, valid_keys=[key]
        )
        self.environment = self.served.environment("openai", "anthropic", key=key)
        self.started = asyncio.Event()
        self._timeout_s = context.timeout_s
        self._asked: dict[str, Asked] = {}

    async def play(self, session: Session, other_has_ended: asyncio.Event) -> None:
        """Do it; the topic goes on at least until the other one has ended."""
        async with session.client() as client, client.live() as live:
            await self._start(client, live)
            self.started.set()
            await self._resize(client, live)
            await self._change_orders(client, live)
            await self._pause(client, live)
            await other_has_ended.wait()
            await self._more_calls(live, 3)
            await self._spend_the_rest(client, live)

    def _note(self, what: str, client: WebClient) -> None:
        self._asked[what] = client.asked[-1]

    async def _start(self, client: WebClient, live: Live) -> None:
        await live.watch(self.topic_id)
        options = {
            "provider": f"{_KEPT},{_AWAY}",
            "producers": _FEW,
            "concurrency": _CONCURRENCY,
            "request_size": _SIZE,
            "prices": [f"{name}={_DOLLARS},{_DOLLARS}" for name in (_KEPT, _AWAY)],
        }
        check_equal("id of the topic", await client.start(TOPIC, options), self.topic_id)
        await live.until("its items", lambda: len(live.items) >= 3 * _SIZE, self._timeout_s)
        await live.until("its producers", lambda: view_of(live).producers_alive == _FEW, self._timeout_s)
        check_equal("state", view_of(live).state, "running")
        try:
            await client.start(TOPIC)
            check(False, "a second start of a topic that runs should be refused")
        except RefusedError as refused:
            check_equal("a second start", (refused.status, refused.topic_id), (409, self.topic_id))

    async def _resize(self, client: WebClient, live: Live) -> None:
        await client.change(self.topic_id, producers=_MANY)
        self._note("more producers", client)
        await live.until("more producers", lambda: view_of(live).producers_alive == _MANY, self._timeout_s)
        await client.change(self.topic_id, producers=_FEWER)
        self._note("fewer producers", client)
        await live.until("fewer producers", lambda: len(view_of(live).producers) == _FEWER, self._timeout_s)
        check_equal("producers that are left", [one.index for one in view_of(live).producers], list(range(_FEWER)))

    async def _change_orders(self, client: WebClient, live: Live) -> None:
        await client.change(self.topic_id, request_size=_SMALLER, weights={_AWAY: 0})
        self._note("other orders", client)
        await self._more_calls(live, 2 * _FEWER * _CONCURRENCY)
        view = view_of(live)
        check_equal("request size that is shown", view.settings["request_size"], _SMALLER)
        check_equal("weights that are shown", {one.name: one.weight for one in view.providers}, {_KEPT: 1, _AWAY: 0})

    async def _pause(self, client: WebClient, live: Live) -> None:
        await client.pause(self.topic_id)
        self._note("pause", client)
        await live.until(
            "a pause in which every open response has been finished",
            lambda: view_of(live).state == "paused" and not view_of(live).open_orders,
            self._timeout_s,
        )
        await client.unpause(self.topic_id)
        self._note("unpause", client)
        await self._more_calls(live, 3)
        check_equal("state after the pause", view_of(live).state, "running")

    async def _spend_the_rest(self, client: WebClient, live: Live) -> None:
        budget = (view_of(live).cost_usd or 0.0) + _BUDGET
        await client.change(self.topic_id, max_cost_usd=budget)
        self._note("budget", client)
        await live.until("an end because of the budget", lambda: view_of(live).ended_at is not None, self._timeout_s)
        view = view_of(live)
        check_equal("how it ended", (view.state, view.stop_reason), ("finished", "max_cost"))
        check((view.cost_usd or 0.0) <= budget, f"{view.cost_usd} US dollars were spent of {budget}")
        await live.until("its last event", lambda: live.events[-1].kind == "ended", self._timeout_s)
        told = {event.kind for event in live.events}
        check(told >= {"started", "changed", "paused", "resumed", "ended"}, f"the event log tells of {told} only")
        live.check_whole()

    async def _more_calls(self, live: Live, number: int) -> None:
        wanted = view_of(live).calls + number
        await live.until(f"{number} more calls", lambda: view_of(live).calls >= wanted, self._timeout_s)

    # --- what the spans must tell --------------------------------------------------------------------------

    def check_spans(self, whole: Trace, trace: Trace) -> None:
        """Assert that everything that was done shows in the spans of the topic's run.

        Args:
            whole: The service's.
            trace: The topic's run's.
        """
        spans = {what: span_of(whole, asked) for what, asked in self._asked.items()}
        self._check_producers(trace, spans)
        self._check_orders(trace, spans)
        root = trace.root
        check_equal("stop reason", root.attributes[names.STOP_REASON], "max_cost")

    def _check_producers(self, trace: Trace, spans: dict[str, Span]) -> None:
        spawned = producers_started(trace, _MANY).count(_MANY)
        first, more = (
            Spans(trace, (span for span in spawned if (span.number(names.PRODUCER_INDEX) < _FEW) is early), words)
            for early, words in ((True, "the first producers"), (False, "producers that were added"))
        )
        asked_for_more = Spans(trace, [spans["more producers"]], "the request for more producers")
        happens_before(first, asked_for_more)
        check(
            all(span.start_ns >= spans["more producers"].start_ns for span in more),
            "producers were added before more were asked for",
        )
        ended = exited(trace, 0).count(_MANY).every({names.EXIT_EXPECTED: True})
        fewer, root = spans["fewer producers"], trace.root
        left = ended.where(_is_too_many)
        check(
            all(fewer.start_ns < span.start_ns < spans["other orders"].start_ns for span in left.count(_MANY - _FEWER)),
            "the producers that were too many did not end when they were not wanted any more",
        )
        _sent_after(trace, fewer).where(_is_too_many).none()
        check(root.end_ns > fewer.end_ns, "the run ended with its producers")
        for place in trace.select(name=names.ORDER).group_by(names.PRODUCER_INDEX).values():
            assert_max_concurrency(place, _CONCURRENCY)

    def _check_orders(self, trace: Trace, spans: dict[str, Span]) -> None:
        other = spans["other orders"]
        # A plan asks for parts of the topic, and for as many as it thinks fit.
        sent = trace.select(name=names.SEND_ORDERS, where=_asks_for_items)
        before = sent.where(lambda span: span.end_ns < other.start_ns)
        before.at_least(1).every({names.ORDER_SIZE: _SIZE})
        for provider in (_KEPT, _AWAY):
            before.where({names.PROVIDER: provider}).at_least(1)
        after = _sent_after(trace, other).at_least(2 * _FEWER * _CONCURRENCY)
        after.every({names.ORDER_SIZE: _SMALLER, names.PROVIDER: _KEPT})
        sent.where(
            lambda span: spans["pause"].end_ns < span.start_ns < spans["unpause"].start_ns  # the answer: it is paused
        ).none()
        _sent_after(trace, spans["unpause"]).at_least(1)


def view_of(live: Live) -> TopicView:
    """The newest view; one that nothing is known in where none has come yet."""
    return live.view or TopicView("", "", "starting", 0.0)


def _is_too_many(span: Span) -> bool:
    return span.number(names.PRODUCER_INDEX) >= _FEWER


def _sent_after(trace: Trace, request: Span) -> Spans:
    """Orders that were given after a request had been answered."""
    return trace.select(
        name=names.SEND_ORDERS, where=lambda span: span.start_ns > request.end_ns and _asks_for_items(span)
    )


def _asks_for_items(span: Span) -> bool:
    return span.attributes[names.ORDER_MODE] != "plan"
