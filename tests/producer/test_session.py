"""A producer's session over an in-memory channel, with providers that tests script."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from contract.errors import ErrorKind, Overloaded
from contract.identity import Identity, key_of
from contract.messages import (
    KNOWN_KEY_BYTES,
    Cancel,
    Configure,
    FromProducer,
    ItemBatch,
    KnownKeys,
    LogLine,
    Order,
    OrderDone,
    OrderFailed,
    ProviderSetup,
    Ready,
    Shutdown,
    ToProducer,
    Usage,
)
from producer.call import describe
from producer.providers.base import Attributes, Call, Chunk, Target
from producer.session import Session
from tester.served import NAME_CHARACTERS, names

_SETUP = ProviderSetup("test:x", "simulated", "x")


class MemoryChannel:
    """A channel whose incoming messages the test puts, and whose outgoing ones it reads."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[ToProducer | None] = asyncio.Queue()
        self.sent: list[FromProducer] = []
        self.changed = asyncio.Event()
        self.open_valve = asyncio.Event()
        self.open_valve.set()
        self.closed = False

    async def receive(self) -> ToProducer | None:
        return await self.incoming.get()

    async def send(self, *messages: FromProducer) -> None:
        await self.open_valve.wait()
        self.sent += messages
        self.changed.set()

    async def close(self) -> None:
        self.closed = True

    async def until(self, wanted: Callable[[FromProducer], bool]) -> FromProducer:
        async with asyncio.timeout(10):
            while True:
                for message in self.sent:
                    if wanted(message):
                        return message
                self.changed.clear()
                await self.changed.wait()

    def items(self) -> list[str]:
        return [item.text for message in self.sent if isinstance(message, ItemBatch) for item in message.items]


class ScriptedProvider:
    """Yields what its script says; an exception in the script is raised, an event is waited for."""

    def __init__(self, *script: Chunk | Exception | asyncio.Event) -> None:
        self.target = Target("chat", "test")
        self.script = script
        self.calls: list[Call] = []
        self.stopped_early = 0

    def request_attributes(self, call: Call) -> Attributes:
        return {}

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        self.calls.append(call)
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        except (asyncio.CancelledError, GeneratorExit):
            self.stopped_early += 1
            raise

    async def close(self) -> None:
        self.script = ()


def _order(order_id: int = 1, **fields: object) -> Order:
    return Order(order_id, 0, "test:x", "Fruit", 3, 100, **fields)  # type: ignore[arg-type]


def _ended(message: FromProducer) -> bool:
    return isinstance(message, OrderDone | OrderFailed)


def _play(
    provider: ScriptedProvider,
    act: Callable[[MemoryChannel], object],
    configure: Configure = Configure(0, (_SETUP,)),  # noqa: B008 - a frozen message
) -> MemoryChannel:
    """Run a session around `act`, then shut it down."""

    async def body() -> MemoryChannel:
        channel = MemoryChannel()
        session = asyncio.create_task(Session(channel, lambda setup: provider, log_to_channel=False).run())
        channel.incoming.put_nowait(configure)
        await channel.until(lambda message: isinstance(message, Ready))
        acting = act(channel)
        if asyncio.iscoroutine(acting):
            await acting
        channel.incoming.put_nowait(Shutdown())
        async with asyncio.timeout(10):
            await session
        assert channel.closed
        return channel

    return asyncio.run(body())


def test_items_are_sent_and_then_the_end() -> None:
    """An order's items come before its end; the end carries usage, finish reason and counts."""
    usage = Usage(10, 20)
    provider = ScriptedProvider(Chunk("Apple\nBan"), Chunk("ana\nCherry"), Chunk(finish_reason="stop", usage=usage))

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(_ended)

    channel = _play(provider, act)
    assert channel.items() == ["Apple", "Banana", "Cherry"]
    done = channel.sent[-1]
    assert isinstance(done, OrderDone)
    assert (done.finish_reason, done.items, done.usage) == ("stop", 3, usage)
    assert provider.calls[0].topic == "Fruit"


def test_items_leave_before_the_answer_ends() -> None:
    """A complete line is sent while the model is still writing."""
    gate = asyncio.Event()
    provider = ScriptedProvider(Chunk("Apple\nBan"), gate, Chunk("ana\n", finish_reason="stop"))

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(lambda message: isinstance(message, ItemBatch))
        assert channel.items() == ["Apple"]
        gate.set()
        await channel.until(_ended)

    assert _play(provider, act).items() == ["Apple", "Banana"]


def test_a_failure_keeps_what_had_come_and_drops_the_cut_line() -> None:
    """Whole lines before the fault are items, the torn one is not; the error's facts are reported, tokens estimated."""
    provider = ScriptedProvider(Chunk("Apple\nBanana\nChe"), Overloaded("529", status=529, retry_after_s=4.0))

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(_ended)

    channel = _play(provider, act)
    assert channel.items() == ["Apple", "Banana"]
    failed = channel.sent[-1]
    assert isinstance(failed, OrderFailed)
    assert (failed.kind, failed.status, failed.retry_after_s, failed.items) == (ErrorKind.OVERLOADED, 529, 4.0, 2)
    assert failed.usage is not None
    assert failed.usage.estimated


def test_a_failure_before_anything_came_costs_nothing() -> None:
    """Without a first chunk no tokens are counted."""

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(_ended)

    failed = _play(ScriptedProvider(Overloaded("503")), act).sent[-1]
    assert isinstance(failed, OrderFailed)
    assert failed.usage is None


def test_an_answer_cut_by_length_loses_its_last_line_only() -> None:
    """`length` means that the last line is torn."""
    provider = ScriptedProvider(Chunk("Apple\nBanana\nChe", finish_reason="length"))

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(_ended)

    channel = _play(provider, act)
    assert channel.items() == ["Apple", "Banana"]
    assert isinstance(channel.sent[-1], OrderDone)


def _known(*texts: str, identity: Identity = Identity.NORMALIZED) -> KnownKeys:
    return KnownKeys(b"".join(key_of(text, identity)[:KNOWN_KEY_BYTES] for text in texts))


def _end_of(provider: ScriptedProvider, *messages: ToProducer, identity: Identity = Identity.NORMALIZED) -> OrderDone:
    """Send messages, the last of them an order, and return the order's end."""

    async def act(channel: MemoryChannel) -> None:
        for message in messages:
            channel.incoming.put_nowait(message)
        await channel.until(_ended)

    done = _play(provider, act, Configure(0, (_SETUP,), identity=identity)).sent[-1]
    assert isinstance(done, OrderDone)
    return done


def _fruits() -> ScriptedProvider:
    chunks = [Chunk("Cherry\n"), Chunk("Apple\nBan"), Chunk("ana\nPl"), Chunk("um\nQuince\n")]
    return ScriptedProvider(*chunks, Chunk(finish_reason="stop", usage=Usage(10, 20)))


def test_an_answer_that_only_repeats_what_is_known_is_ended() -> None:
    """After as many known items in a row as the order allows, the stream is closed; the torn line is not taken."""
    provider = _fruits()
    done = _end_of(provider, _known("apple"), _known("BANANA", "Plum"), _order(patience=2))
    assert (done.finish_reason, done.items, done.refused) == ("repeating", 3, 1)
    assert done.usage is not None
    assert done.usage.estimated
    assert provider.stopped_early == 1


@pytest.mark.parametrize(
    ("known", "order"),
    [
        (("Apple", "Banana"), {"patience": 3}),
        (("Apple", "Plum"), {"patience": 2}),
        (("Apple", "Banana"), {}),
        (("Apple", "Banana"), {"patience": 2, "mode": "audit"}),
        (("Apple", "Banana"), {"patience": 2, "mode": "plan"}),
        (("Apple", "Banana"), {"patience": 2, "mode": "validate", "candidates": ("Apple",)}),
        ((), {"patience": 2}),
    ],
)
def test_every_other_answer_is_read_to_its_end(known: tuple[str, ...], order: dict[str, Any]) -> None:
    """A shorter row, no patience, an audit, a plan, a validation: nothing is cut."""
    provider = _fruits()
    done = _end_of(provider, _known(*known), _order(**order))
    assert (done.finish_reason, done.items, done.usage) == ("stop", 5, Usage(10, 20))
    assert provider.stopped_early == 0


def test_known_is_what_the_runs_identity_says() -> None:
    """Advice about repeats follows `Configure.identity`."""
    known = _known("apple", "banana", identity=Identity.EXACT)
    assert _end_of(_fruits(), known, _order(patience=2), identity=Identity.EXACT).finish_reason == "stop"
    known = _known("Apple", "Banana", identity=Identity.EXACT)
    assert _end_of(_fruits(), known, _order(patience=2), identity=Identity.EXACT).finish_reason == "repeating"


def test_an_answer_that_repeats_itself_in_other_spellings_is_ended_too() -> None:
    """What this same answer brought counts as known, without any word from the orchestrator."""
    provider = ScriptedProvider(Chunk("Apple\n"), Chunk("The Apple\n"), Chunk("Apple (fruit)\n"), asyncio.Event())
    assert _end_of(provider, _order(patience=2)).finish_reason == "repeating"


def test_an_order_in_the_log_is_without_its_lists() -> None:
    """What is known and what is to be judged would fill the log."""
    shown = describe(_order(avoid=("Apple", "Banana"), candidates=("Cherry",), said=(("Damson", "Elder"), ("Fig",))))
    assert "2 items" in shown
    assert "1 items" in shown
    assert "2 answers" in shown
    assert not any(name in shown for name in ("Apple", "Banana", "Cherry", "Damson", "Elder", "Fig"))


def test_cancel_stops_one_stream_and_reports_it() -> None:
    """The cancelled order ends as `cancelled` with its items; the provider's stream is closed; others go on."""
    provider = ScriptedProvider(Chunk("Apple\n"), asyncio.Event())

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order(1))
        channel.incoming.put_nowait(_order(2))
        await channel.until(lambda message: isinstance(message, ItemBatch) and message.order_id == 2)
        channel.incoming.put_nowait(Cancel(1))
        failed = await channel.until(_ended)
        assert isinstance(failed, OrderFailed)
        assert (failed.order_id, failed.kind) == (1, ErrorKind.CANCELLED)

    channel = _play(provider, act)
    assert provider.stopped_early == 2  # the second one by the shutdown
    ends = [message for message in channel.sent if isinstance(message, OrderFailed)]
    assert [end.order_id for end in ends] == [1, 2]


def test_an_unexpected_fault_of_an_adapter_is_a_failed_order_not_a_dead_process() -> None:
    """A bug in one call ends that call alone."""

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(_ended)

    failed = _play(ScriptedProvider(Chunk("Apple\n"), ZeroDivisionError("x")), act).sent[-1]
    assert isinstance(failed, OrderFailed)
    assert failed.kind is ErrorKind.OTHER
    assert "ZeroDivisionError" in failed.message


def test_a_slow_orchestrator_slows_the_stream() -> None:
    """While nothing is taken, no more than a bounded part of an endless answer is read from the model."""
    lines = names(20_000, seed=1)
    provider = ScriptedProvider(*(Chunk(f"{line}\n") for line in lines), Chunk(finish_reason="stop"))

    async def act(channel: MemoryChannel) -> None:
        channel.open_valve.clear()
        channel.incoming.put_nowait(_order())
        for _ in range(len(lines) * 3):  # the event loop turns; nothing else can happen
            await asyncio.sleep(0)
        channel.open_valve.set()
        await channel.until(_ended)

    channel = _play(provider, act)
    biggest = max(
        len(message.items) + len(message.refused) for message in channel.sent if isinstance(message, ItemBatch)
    )
    assert 2_000 < biggest < 2_100 + 64 * 1024 // (NAME_CHARACTERS + 1)
    assert channel.items() == lines


def test_what_has_come_is_kept_though_the_orchestrator_takes_nothing_when_the_connection_breaks() -> None:
    """An answer of usual length is read as it comes: what waits in a connection is lost with it."""
    lines, broken = names(4_000, seed=1), asyncio.Event()

    class Breaking(ScriptedProvider):
        async def stream(self, call: Call) -> AsyncIterator[Chunk]:
            for line in lines:
                yield Chunk(f"{line}\n")
            broken.set()
            raise Overloaded("the connection broke")

    async def act(channel: MemoryChannel) -> None:
        channel.open_valve.clear()
        channel.incoming.put_nowait(_order())
        async with asyncio.timeout(10):
            await broken.wait()
        channel.open_valve.set()
        await channel.until(_ended)

    channel = _play(Breaking(), act)
    assert channel.items() == lines


def test_the_orchestrators_end_ends_the_session() -> None:
    """When the channel ends, open calls are cancelled and the session returns."""
    provider = ScriptedProvider(Chunk("Apple\n"), asyncio.Event())

    async def act(channel: MemoryChannel) -> None:
        channel.incoming.put_nowait(_order())
        await channel.until(lambda message: isinstance(message, ItemBatch))
        channel.incoming.put_nowait(None)

    _play(provider, act)
    assert provider.stopped_early == 1


@pytest.mark.parametrize("log_to_channel", [True])
def test_log_records_travel_to_the_orchestrator(log_to_channel: bool) -> None:
    """A child's warnings arrive as messages."""
    import logging

    async def body() -> MemoryChannel:
        channel = MemoryChannel()
        session = Session(channel, lambda setup: ScriptedProvider(), log_to_channel=log_to_channel)
        running = asyncio.create_task(session.run())
        channel.incoming.put_nowait(Configure(0, (_SETUP,), log_level="warn"))
        await channel.until(lambda message: isinstance(message, Ready))
        logging.getLogger("anything").warning("look here")
        logging.getLogger("anything").info("not here")
        channel.incoming.put_nowait(Shutdown())
        await running
        return channel

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        channel = asyncio.run(body())
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert [message.text for message in channel.sent if isinstance(message, LogLine)] == ["look here"]
