"""A producer's spans, from a session over an in-memory channel to a real collector."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from contract import spans
from contract.errors import ErrorKind, Overloaded
from contract.messages import (
    Cancel,
    Configure,
    ItemBatch,
    OrderFailed,
    ProviderSetup,
    Ready,
    Scope,
    Secret,
    Shutdown,
    TelemetrySetup,
    Usage,
)
from producer.providers.base import Chunk, Target
from producer.session import Session
from telemetry.logs import show_trace_ids
from tester.collector import Collector
from tester.trace.span import Span
from tester.trace.trace import Trace
from tests.producer.test_session import MemoryChannel, ScriptedProvider, _ended, _order

TRACE, PARENT, CAUSE = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
SETUP = ProviderSetup("test:x", "openai", "x")


def _played(
    provider: ScriptedProvider, act: Callable[[MemoryChannel], Awaitable[object]], **variables: str
) -> tuple[Trace, MemoryChannel]:
    """The spans of a session around `act`. The export delay is a minute: windows do not end by themselves."""
    provider.target = Target("chat", "openai", "http://h:1/v1/chat/completions", "h", 1)

    async def body(setup: TelemetrySetup) -> MemoryChannel:
        channel = MemoryChannel()
        session = Session(channel, lambda made: provider, log_to_channel=False)
        serving = asyncio.create_task(session.run())
        channel.incoming.put_nowait(Configure(3, (SETUP,), generation=1, telemetry=setup))
        await channel.until(lambda message: isinstance(message, Ready))
        await act(channel)
        channel.incoming.put_nowait(Shutdown())
        async with asyncio.timeout(10):
            await serving
        session.trace.shut_down()
        return channel

    with Collector() as collector:
        setup = TelemetrySetup(
            protocol="http/protobuf",
            traces=Secret(f"{collector.endpoint}/v1/traces"),
            variables={
                name: Secret(value) for name, value in {"OTEL_BSP_SCHEDULE_DELAY": "60000", **variables}.items()
            },
            carrier={"traceparent": f"00-{TRACE}-{PARENT}-01"},
        )
        channel = asyncio.run(body(setup))
        show_trace_ids(None)
        received = collector.store.spans()
    return Trace(received), channel


async def _one_order(channel: MemoryChannel) -> None:
    channel.incoming.put_nowait(_order(carrier={"traceparent": f"00-{TRACE}-{CAUSE}-01"}))
    await channel.until(_ended)


def _one(trace: Trace, name: str) -> Span:
    return trace.select(name=name).one()


def test_an_order_is_a_tree_of_spans() -> None:
    """The order stands under the producer's life and is linked to its sending; call and request stand under it."""
    usage = Usage(10, 20, 4, 2)
    provider = ScriptedProvider(
        Chunk("Apple\nBan", response_id="r-1", response_model="x-2026"),
        Chunk("ana\nCherry"),
        Chunk(finish_reason="stop", usage=usage),
    )
    trace, channel = _played(provider, _one_order)
    life, order, call = _one(trace, spans.PRODUCER_RUN), _one(trace, spans.ORDER), _one(trace, "chat x")
    assert (life.parent_id, life.trace_id, life.service) == (PARENT, TRACE, spans.PRODUCER)
    assert (life.number(spans.PRODUCER_INDEX), life.number(spans.PRODUCER_GENERATION)) == (3, 1)
    assert life.number(spans.SPANS_EMITTED) == len(trace) == 6
    assert order.parent_id == life.span_id
    assert [(link.trace_id, link.span_id) for link in order.links] == [(TRACE, CAUSE)]
    assert (order.number(spans.ITEMS_PARSED), order.number(spans.ITEMS_REFUSED)) == (3, 0)
    assert (call.kind, call.parent_id, call.status) == ("client", order.span_id, "unset")
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "x",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.response.id": "r-1",
        "gen_ai.response.model": "x-2026",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "server.address": "h",
        "server.port": 1,
    }
    assert {name: call.attributes.get(name) for name in wanted} == wanted
    post = _one(trace, spans.ATTEMPT)
    assert (post.kind, post.parent_id) == ("client", call.span_id)
    assert post.attributes["http.response.status_code"] == 200
    assert post.attributes["url.full"] == "http://h:1/v1/chat/completions"
    assert "http.request.resend_count" not in post.attributes
    send = _one(trace, spans.SEND_ITEMS)
    assert (send.kind, send.parent_id, send.number(spans.ITEMS_SENT)) == ("producer", order.span_id, 3)
    carriers = {message.carrier["traceparent"] for message in channel.sent if isinstance(message, ItemBatch)}
    assert carriers == {f"00-{TRACE}-{send.span_id}-01"}
    assert order.end_ns >= send.end_ns


@pytest.mark.parametrize(
    ("step", "kind", "status"),
    [
        (Overloaded("busy", status=529), ErrorKind.OVERLOADED, 529),
        (ValueError("a fault of ours"), ErrorKind.OTHER, None),
    ],
)
def test_a_failed_call_is_an_error_of_its_spans_only(step: Exception, kind: ErrorKind, status: int | None) -> None:
    """Order, call and request get the error's kind and status; the producer's own life does not."""
    trace, _ = _played(ScriptedProvider(step), _one_order)
    for name in (spans.ORDER, "chat x"):
        span = _one(trace, name)
        assert (span.status, span.attributes["error.type"]) == ("error", kind.value)
    post = _one(trace, spans.ATTEMPT)
    assert (post.status, post.attributes["error.type"]) == ("error", kind.value if status is None else str(status))
    assert post.attributes.get("http.response.status_code") == status
    assert _one(trace, spans.PRODUCER_RUN).status == "unset"
    trace.select(name=spans.SEND_ITEMS).none()


def test_a_cancelled_call_keeps_what_it_sent() -> None:
    """A call cut off by the orchestrator ends as cancelled, with the items that had come."""
    provider = ScriptedProvider(Chunk("Apple\nBanana\n"), asyncio.Event())

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(lambda message: isinstance(message, ItemBatch))
        channel.incoming.put_nowait(Cancel(1))
        await channel.until(lambda message: isinstance(message, OrderFailed))

    trace, channel = _played(provider, act)
    order = _one(trace, spans.ORDER)
    assert order.attributes["error.type"] == "cancelled"
    assert order.number(spans.ITEMS_PARSED) == trace.select(name=spans.SEND_ITEMS).sum(spans.ITEMS_SENT)
    assert trace.select(name=spans.SEND_ITEMS).sum(spans.ITEMS_SENT) == len(channel.items()) == 2


def test_an_order_whose_end_cannot_be_told_ends_in_the_trace() -> None:
    """When the orchestrator is gone before it hears of an order's end, the order's spans end all the same."""
    provider = ScriptedProvider(Chunk("Apple\n"), asyncio.Event())

    class BrokenChannel(MemoryChannel):
        async def send(self, *messages: object) -> None:
            if any(isinstance(message, ItemBatch) for message in messages):
                raise ConnectionResetError
            await super().send(*messages)  # type: ignore[arg-type]

    async def body(setup: TelemetrySetup) -> None:
        channel = BrokenChannel()
        session = Session(channel, lambda made: provider, log_to_channel=False)
        channel.incoming.put_nowait(Configure(0, (SETUP,), telemetry=setup))
        channel.incoming.put_nowait(_order())
        async with asyncio.timeout(10):
            await session.run()
        session.trace.shut_down()

    with Collector() as collector:
        setup = TelemetrySetup(protocol="http/protobuf", traces=Secret(f"{collector.endpoint}/v1/traces"))
        asyncio.run(body(setup))
        show_trace_ids(None)
        trace = Trace(collector.store.spans())
    assert _one(trace, spans.ORDER).status == "error"
    assert _one(trace, spans.PRODUCER_RUN).number(spans.SPANS_EMITTED) == len(trace)


def test_batches_of_a_window_share_a_span_and_a_carrier() -> None:
    """However many messages an order's items need, one window is one `send items` span that counts them."""
    gates = [asyncio.Event() for _ in range(3)]
    steps: list[Chunk | Exception | asyncio.Event] = []
    for number, gate in enumerate(gates):
        steps += [Chunk(f"Fruit {'abc'[number]}\n"), gate]
    provider = ScriptedProvider(*steps, Chunk(finish_reason="stop"))

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        for number, gate in enumerate(gates):
            wanted = number + 1
            await channel.until(lambda message, wanted=wanted: len(channel.items()) >= wanted)  # type: ignore[misc]
            gate.set()
        await channel.until(_ended)

    trace, channel = _played(provider, act)
    batches = [message for message in channel.sent if isinstance(message, ItemBatch)]
    assert len(batches) == 3
    assert len({batch.carrier["traceparent"] for batch in batches}) == 1
    send = _one(trace, spans.SEND_ITEMS)
    assert (send.number(spans.MESSAGING_COUNT), send.number(spans.ITEMS_SENT)) == (3, 3)


def test_a_window_ends_with_its_time() -> None:
    """With windows shorter than the time between two batches each batch has a span of its own."""
    gate = asyncio.Event()
    provider = ScriptedProvider(Chunk("Apple\n"), gate, Chunk("Banana\n"), Chunk(finish_reason="stop"))

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(lambda message: isinstance(message, ItemBatch))
        gate.set()
        await channel.until(_ended)

    trace, channel = _played(provider, act, OTEL_BSP_SCHEDULE_DELAY="0.0001")
    batches = [message for message in channel.sent if isinstance(message, ItemBatch)]
    assert len(trace.select(name=spans.SEND_ITEMS)) == len(batches) == 2


@pytest.mark.parametrize("wanted", [True, False])
def test_prompts_and_answers_are_in_spans_only_where_asked_for(wanted: bool) -> None:
    """Texts stand in the spans with the convention's opt-in, and nowhere without it."""
    provider = ScriptedProvider(Chunk("Zanzibar\nQuixote\n"), Chunk(finish_reason="stop"))
    variables = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"} if wanted else {}
    trace, _ = _played(provider, _one_order, **variables)
    call = _one(trace, "chat x")
    texts = str([(span.attributes, span.resource, span.events) for span in trace])
    assert ("Zanzibar" in texts, "Fruit" in texts) == (wanted, wanted)
    if wanted:
        (answer,) = json.loads(str(call.attributes["gen_ai.output.messages"]))
        assert answer["parts"] == [{"type": "text", "content": "Zanzibar\nQuixote\n"}]
        (asked,) = json.loads(str(call.attributes["gen_ai.input.messages"]))
        assert "Fruit" in asked["parts"][0]["content"]


def test_a_conversation_stands_in_the_spans_as_one() -> None:
    """Who said what is kept apart, and the order tells how many earlier answers it was shown."""
    provider = ScriptedProvider(Chunk("Zanzibar\n"), Chunk(finish_reason="stop"))

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order(said=(("Apple", "Banana"),)))
        await channel.until(_ended)

    trace, _ = _played(provider, act, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true")
    asked = json.loads(str(_one(trace, "chat x").attributes["gen_ai.input.messages"]))
    assert [message["role"] for message in asked] == ["user", "assistant", "user"]
    assert asked[1]["parts"] == [{"type": "text", "content": "Apple\nBanana"}]
    assert _one(trace, spans.ORDER).attributes[spans.ORDER_SAID] == 1


def test_an_order_tells_the_kind_of_part_that_it_asks_about() -> None:
    """The kind stands in the span; the part's name is a model's words, and does not."""
    provider = ScriptedProvider(Chunk("Zanzibar\n"), Chunk(finish_reason="stop"))

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order(scope=Scope(facet="Secret castles")))
        await channel.until(_ended)

    trace, _ = _played(provider, act)
    assert _one(trace, spans.ORDER).attributes[spans.ORDER_SCOPE] == "facet"
    assert "Secret castles" not in str([span.attributes for span in trace])
