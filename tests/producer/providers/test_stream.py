"""One call's way from request to last chunk: what counts as an end, and that a response is always closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from contract.errors import BadResponse, ConnectionFailed, ProviderError, StreamTruncated
from contract.messages import Usage
from producer.providers import stream
from producer.providers.base import Chunk
from producer.providers.decoding import AnswerDecoder
from producer.providers.openai import OpenAIEvents
from producer.providers.stream import Opened, stream_answer
from producer.providers.translate import Translator

TEXT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
SILENCE = b""
"""In a script of reads: wait for ever."""


class Response:
    """A response that plays a script of reads and knows how it was left."""

    def __init__(self, script: Sequence[bytes | Exception]) -> None:
        self.script = script
        self.closed = False
        self.at_end = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Opened]:
        """See `stream.Opened`."""
        try:
            yield Opened("text/event-stream", self._reads())
        finally:
            self.closed = True

    async def _reads(self) -> AsyncIterator[bytes]:
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if step == SILENCE:
                await asyncio.Event().wait()
            yield step
        self.at_end = True


async def read(response: Response) -> list[Chunk]:
    """The chunks of a response."""
    decoder = AnswerDecoder(OpenAIEvents())
    return [chunk async for chunk in stream_answer(response.open(), decoder, Translator("p", None))]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "TAIL_S", 0.01)
    monkeypatch.setattr(stream, "DRAIN_S", 0.01)


ENDS = [
    pytest.param([TEXT, FINISH, USAGE, DONE], Usage(1, 2), id="as documented"),
    pytest.param([TEXT, FINISH], None, id="no usage, no end mark"),
    pytest.param([TEXT, FINISH, SILENCE], None, id="silence after the finish reason"),
    pytest.param([TEXT, FINISH, USAGE, SILENCE], Usage(1, 2), id="silence after the usage"),
    pytest.param([TEXT, FINISH, USAGE, DONE, SILENCE], Usage(1, 2), id="a connection that is not closed"),
    pytest.param([TEXT, FINISH, ConnectionResetError()], None, id="cut after the finish reason"),
    pytest.param([TEXT, FINISH, USAGE, DONE, ConnectionResetError()], Usage(1, 2), id="cut after the end mark"),
    pytest.param([TEXT, FINISH, b"data: {]\n\n"], None, id="garbage after the finish reason"),
    pytest.param([TEXT, FINISH, USAGE, DONE, TEXT, b"more"], Usage(1, 2), id="more after the end mark"),
]


@pytest.mark.parametrize(("script", "usage"), ENDS)
def test_an_answer_with_a_finish_reason_is_whole(script: list[bytes | Exception], usage: Usage | None) -> None:
    """Once the model has said why it stopped, nothing that follows or fails to follow is an error."""
    response = Response(script)
    chunks = asyncio.run(read(response))
    assert "".join(chunk.text for chunk in chunks) == "a"
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    assert [chunk.usage for chunk in chunks if chunk.usage] == ([usage] if usage else [])
    assert response.closed


def test_the_transports_end_is_read_too() -> None:
    """After the end mark the body is read to its end, so that the connection can be used again."""
    response = Response([TEXT, FINISH, DONE])
    asyncio.run(read(response))
    assert response.at_end


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([], BadResponse),
        ([TEXT], StreamTruncated),
        ([TEXT, ConnectionResetError()], StreamTruncated),
        ([ConnectionResetError()], StreamTruncated),
        ([TEXT + b"data: {]\n\n", SILENCE], BadResponse),
    ],
)
def test_an_answer_without_one_is_not(script: list[bytes | Exception], expected: type[ProviderError]) -> None:
    """Without a finish reason every end is an error, at once, and the response is closed."""
    response = Response(script)
    with pytest.raises(expected):
        asyncio.run(read(response))
    assert response.closed


def test_text_before_a_failure_in_the_same_read_is_given() -> None:
    """Text and garbage in one read: first the text, then the error."""

    async def scenario() -> None:
        answer = stream_answer(
            Response([TEXT + b"data: {]\n\n"]).open(), AnswerDecoder(OpenAIEvents()), Translator("p", None)
        )
        assert (await anext(answer)).text == "a"
        with pytest.raises(BadResponse):
            await anext(answer)

    asyncio.run(scenario())


def test_failing_to_open_is_a_failed_connection() -> None:
    """What breaks before there is a response did not break in mid-stream."""

    @asynccontextmanager
    async def refused() -> AsyncIterator[Opened]:
        raise ConnectionRefusedError(111, "Connection refused")
        yield

    async def scenario() -> None:
        async for _ in stream_answer(refused(), AnswerDecoder(OpenAIEvents()), Translator("p", None)):
            pass

    with pytest.raises(ConnectionFailed, match="Connection refused"):
        asyncio.run(scenario())


def test_our_own_mistakes_come_through() -> None:
    """A programming error in opening is not dressed up as the provider's."""

    @asynccontextmanager
    async def wrong() -> AsyncIterator[Opened]:
        raise KeyError("a mistake")
        yield

    async def scenario() -> None:
        async for _ in stream_answer(wrong(), AnswerDecoder(OpenAIEvents()), Translator("p", None)):
            pass

    with pytest.raises(KeyError):
        asyncio.run(scenario())
