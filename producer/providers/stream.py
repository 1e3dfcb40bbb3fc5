"""One call from its request to its last chunk, the same for every vendor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager

import msgspec

from producer.providers.base import Chunk
from producer.providers.decoding import AnswerDecoder
from producer.providers.translate import Translator

TAIL_S = 2.0
"""Seconds that usage and end mark may take after the finish reason. Without them the answer is still whole."""

DRAIN_S = 0.25
"""Seconds for the transport's own end after the end mark; a connection that has it can be used again."""


class Opened(msgspec.Struct, frozen=True):
    """A response whose status is 200: its bytes, decompressed, as they arrive."""

    content_type: str
    reads: AsyncIterator[bytes]


async def stream_answer(
    opening: AbstractAsyncContextManager[Opened], decoder: AnswerDecoder, translator: Translator
) -> AsyncGenerator[Chunk]:
    """Send the request and yield the answer; see `base.Provider.stream`.

    Args:
        opening: Sends the request when entered, closes the response when left.
        decoder: Fresh decoder of the vendor's events.
        translator: Makes this provider's errors.

    Raises:
        ProviderError: As in `base.Provider.stream`.
    """
    began = False
    try:
        async with opening as opened:
            began = True
            while not (decoder.done or decoder.failure):
                # No time-out of ours while text flows: the transport has one for each read.
                data = await (_within(TAIL_S, opened.reads) if decoder.finished else anext(opened.reads, None))
                chunk = decoder.close(opened.content_type) if data is None else decoder.feed(data)
                if chunk is not None:
                    yield chunk
                if data is None:
                    break
            if decoder.done:
                await _drain(opened.reads)
        if decoder.failure is not None and not decoder.finished:
            raise decoder.failure
    except Exception as error:
        if decoder.finished:
            return
        translated = translator.translate(error, began=began)
        if translated is None:
            raise
        # Without its cause: a vendor's text may hold the key, and a logged traceback would show it.
        raise translated from None


async def _within(limit_s: float, reads: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(limit_s):
            return await anext(reads, None)
    except TimeoutError:
        return None


async def _drain(reads: AsyncIterator[bytes]) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(DRAIN_S):
            async for _ in reads:
                pass
