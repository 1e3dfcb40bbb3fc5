"""One order carried out: prompt, model stream, item parser, outbox; and an end message, whatever happens."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing

import msgspec

from contract.errors import ErrorKind, ProviderError, ProviderTimeout
from contract.messages import Order, OrderDone, OrderFailed, ProviderSetup, Usage
from producer.outbox import Outbox
from producer.parser import ItemParser
from producer.prompt import build_prompt
from producer.providers.base import Call, Provider
from producer.repeats import KnownItems, Repeats, repeats_of
from producer.tracing import CallTrace

log = logging.getLogger(__name__)

_CHARS_PER_TOKEN = 4
_TORN = ("length", "looping", "repeating")
"""Finish reasons of answers whose last line is not whole: the model's limit, or our own end of the stream."""
_AHEAD_CHARS = 64 * 1024
"""So much of an answer is read while the orchestrator takes nothing: all of it, unless it is endless.

What is not read is lost if the connection breaks: aiohttp drops what it holds. It has been paid for.
"""


class _Progress:
    """What is known of a call while it runs; the end message is made from it."""

    def __init__(self, call: Call, repeats: Repeats | None) -> None:
        self.parser = ItemParser()
        self.repeats = repeats
        self.started = time.monotonic()
        self.first_chunk: float | None = None
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.chars = 0
        self._prompt_chars = call.chars

    def usage_or_estimate(self) -> Usage | None:
        """The provider's figures; for a stream that did not reach them, characters ÷ 4; None if nothing was bought."""
        if self.usage is not None or self.first_chunk is None:
            return self.usage
        return Usage(
            input_tokens=-(-self._prompt_chars // _CHARS_PER_TOKEN),
            output_tokens=-(-self.chars // _CHARS_PER_TOKEN),
            estimated=True,
        )


async def carry_out(
    order: Order, setup: ProviderSetup, provider: Provider, outbox: Outbox, trace: CallTrace, known: KnownItems
) -> None:
    """Stream one answer into the outbox, then its `OrderDone` or `OrderFailed`.

    A cancelled call reports `cancelled` with what had come. Nothing is raised, except cancellation itself.
    """
    with trace.active():
        await _carry_out(order, setup, provider, outbox, trace, known)


async def _carry_out(
    order: Order, setup: ProviderSetup, provider: Provider, outbox: Outbox, trace: CallTrace, known: KnownItems
) -> None:
    style = str(setup.options.get("prompt_style", "standard"))
    prompt = build_prompt(order, style)
    call = Call(
        system=prompt.system,
        turns=prompt.turns,
        max_output_tokens=order.max_output_tokens,
        seed=order.seed,
        topic=order.topic,
        size=order.size,
        avoid=order.avoid,
        said=order.said,
        mode=order.mode,
        scope=order.scope,
        candidates=order.candidates,
    )
    progress = _Progress(call, repeats_of(order, known))

    def end(message: OrderDone | OrderFailed) -> None:
        trace.ended(message)
        outbox.put(message, trace.sent)

    try:
        try:
            trace.requested(call, provider)
            async with asyncio.timeout(setup.total_timeout_s):
                await _stream(order, call, provider, progress, outbox, trace)
        except TimeoutError:
            raise ProviderTimeout(f"{setup.name}: no end of the answer within {setup.total_timeout_s:g} s") from None
    except ProviderError as error:
        _finish(order, progress, outbox, trace, complete=False)
        failed = _failed(order, progress, error.kind, error.message)
        said = {"status": error.status, "retry_after_s": error.retry_after_s, "unsent": error.unsent}
        end(msgspec.structs.replace(failed, **said))
    except asyncio.CancelledError:
        _finish(order, progress, outbox, trace, complete=False)
        end(_failed(order, progress, ErrorKind.CANCELLED, "cancelled"))
        raise
    except Exception as error:
        log.exception("order %d: unexpected error in the call", order.id)
        _finish(order, progress, outbox, trace, complete=False)
        end(_failed(order, progress, ErrorKind.OTHER, f"unexpected {type(error).__name__} in the producer"))
    else:
        _finish(order, progress, outbox, trace, complete=progress.finish_reason not in _TORN)
        end(_done(order, progress))


async def _stream(
    order: Order, call: Call, provider: Provider, progress: _Progress, outbox: Outbox, trace: CallTrace
) -> None:
    parser, repeats = progress.parser, progress.repeats
    ahead = 0
    async with aclosing(provider.stream(call)) as stream:  # type: ignore[type-var] # adapters are async generators
        async for chunk in stream:
            trace.answered(chunk)
            if chunk.usage is not None:
                progress.usage = chunk.usage
            if chunk.finish_reason is not None:
                progress.finish_reason = chunk.finish_reason
            if not chunk.text:
                continue
            if progress.first_chunk is None:
                progress.first_chunk = time.monotonic()
            progress.chars += len(chunk.text)
            parsed = parser.feed(chunk.text)
            if parsed.items or parsed.refused:
                if repeats is not None:
                    repeats.take(parsed)  # before anything can make them known
                outbox.put_items(order.id, order.attempt, parsed.items, parsed.refused, trace)
                ahead = 0 if outbox.has_room else ahead + len(chunk.text)
                if ahead > _AHEAD_CHARS:
                    await outbox.room()
                    ahead = 0
            if progress.finish_reason is not None:
                continue
            # The model repeats itself, or what is known: every further token would be paid for nothing.
            if parser.looping and order.mode != "audit":
                progress.finish_reason = "looping"
                return
            if repeats is not None and repeats.enough:
                progress.finish_reason = "repeating"
                return


def _finish(order: Order, progress: _Progress, outbox: Outbox, trace: CallTrace, *, complete: bool) -> None:
    parsed = progress.parser.finish(complete=complete)
    if parsed.items or parsed.refused:
        outbox.put_items(order.id, order.attempt, parsed.items, parsed.refused, trace)


def _done(order: Order, progress: _Progress) -> OrderDone:
    now = time.monotonic()
    return OrderDone(
        order_id=order.id,
        attempt=order.attempt,
        usage=progress.usage_or_estimate(),
        finish_reason=progress.finish_reason or "stop",
        items=progress.parser.items,
        refused=progress.parser.refused,
        time_to_first_chunk_s=(progress.first_chunk or now) - progress.started,
        duration_s=now - progress.started,
    )


def _failed(order: Order, progress: _Progress, kind: ErrorKind, message: str) -> OrderFailed:
    first = progress.first_chunk
    return OrderFailed(
        order_id=order.id,
        attempt=order.attempt,
        kind=kind,
        message=message,
        items=progress.parser.items,
        refused=progress.parser.refused,
        usage=progress.usage_or_estimate(),
        time_to_first_chunk_s=None if first is None else first - progress.started,
        duration_s=time.monotonic() - progress.started,
    )


def describe(order: Order) -> str:
    """One line for the log: the order without its lists of items."""
    lists = {
        name: (f"{len(items)} items",)
        for name, items in (("avoid", order.avoid), ("candidates", order.candidates))
        if items
    }
    if order.said:
        lists["said"] = (f"{len(order.said)} answers",)
    return repr(msgspec.structs.replace(order, **lists))
