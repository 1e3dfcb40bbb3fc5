"""Anthropic's messages.

Options (`ProviderSetup.options`): `temperature`, `extra_body` (merged into the request).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import anthropic.resources.messages
import httpcore2  # noqa: F401 - the SDK imports this and the resource at the first call; here the fork server has them
import httpx2
import msgspec

from contract.messages import ProviderSetup, Usage
from contract.spans import GEN_AI_NAMES
from producer.providers.base import Attributes, Call, Chunk, sent_attributes
from producer.providers.decoding import AnswerDecoder, Piece
from producer.providers.endpoint import resolve, tls_context
from producer.providers.sse import Event
from producer.providers.status import from_stream
from producer.providers.stream import Opened, stream_answer
from producer.providers.translate import Translator

OFFICIAL_URL = "https://api.anthropic.com"

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class AnthropicProvider:
    """`base.Provider` over `anthropic.AsyncAnthropic`, its stream decoded here.

    Raises:
        RequestRefused: The base URL is not an address.
        AuthFailed: The key cannot be one.
    """

    def __init__(self, setup: ProviderSetup) -> None:
        self._setup = setup
        self._endpoint = resolve(setup, OFFICIAL_URL)
        self.target = self._endpoint.target(*GEN_AI_NAMES["anthropic"], "/v1/messages")
        self._translator = Translator(setup.name, self._endpoint.key)
        timeout = httpx2.Timeout(setup.read_timeout_s, connect=setup.connect_timeout_s)
        self._client = anthropic.AsyncAnthropic(
            api_key=self._endpoint.key,
            base_url=self._endpoint.base_url,
            timeout=timeout,
            max_retries=0,
            # Our spans tell of the call already; an option given here also overrides the SDK's environment variables.
            open_telemetry={"traces": False, "propagation": False},
            http_client=anthropic.DefaultAioHttpClient(
                timeout=timeout,
                follow_redirects=False,
                trust_env=not self._endpoint.loopback,
                verify=tls_context(self._endpoint),
            ),
        )

    def request_attributes(self, call: Call) -> Attributes:
        """See `base.Provider`. This API takes no seed."""
        request = request_of(call, self._setup)
        sent = {**request, **request.get("extra_body", {})}
        return sent_attributes(sent.get("temperature"))

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """See `base.Provider`."""
        return stream_answer(self._open(call), AnswerDecoder(AnthropicEvents(), self._endpoint.key), self._translator)

    @asynccontextmanager
    async def _open(self, call: Call) -> AsyncIterator[Opened]:
        request = request_of(call, self._setup)
        async with self._client.messages.with_streaming_response.create(**request) as response:
            yield Opened(response.headers.get("content-type", ""), response.iter_bytes())

    async def close(self) -> None:
        """See `base.Provider`."""
        await self._client.close()


def request_of(call: Call, setup: ProviderSetup) -> dict[str, Any]:
    """Arguments of the SDK's `create` for a call."""
    request: dict[str, Any] = {
        "model": setup.model,
        "max_tokens": call.max_output_tokens,
        "messages": [{"role": turn.role, "content": turn.text} for turn in call.turns],
        "stream": True,
    }
    if call.system:
        request["system"] = call.system
    if setup.options.get("temperature") is not None:
        request["temperature"] = setup.options["temperature"]
    if setup.options.get("extra_body"):
        request["extra_body"] = setup.options["extra_body"]
    return request


class _OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None
    id: msgspec.Raw = msgspec.Raw()
    model: msgspec.Raw = msgspec.Raw()


class _Delta(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    stop_reason: str | None = None


class _Document(msgspec.Struct):
    type: str = ""
    delta: _Delta | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: Any = None


_documents = msgspec.json.Decoder(_Document)


class AnthropicEvents:
    """Reads message events. Usage comes in two parts: input with the start, output with the end."""

    def __init__(self) -> None:
        self._start = _Usage()

    def decode(self, event: Event) -> Piece | None:
        """See `decoding.EventDecoder`."""
        document = _documents.decode(event.data)
        delta = document.delta
        match document.type:
            case "content_block_delta":
                return Piece(delta.text or "" if delta is not None and delta.type == "text_delta" else "")
            case "message_start":
                message = document.message
                if message is None:
                    return Piece()
                self._start = message.usage or self._start
                return Piece(response_id=message.id, response_model=message.model)
            case "message_delta":
                reason = delta.stop_reason if delta is not None else None
                usage = self._usage(document.usage) if document.usage is not None else None
                return Piece(finish_reason=_FINISH.get(reason, reason) if reason else None, usage=usage)
            case "message_stop":
                return Piece(done=True)
            case "error":
                raise from_stream(document.error)
            case "content_block_start" | "content_block_stop":
                return Piece()
        if document.error is not None:
            raise from_stream(document.error)
        return None

    def _usage(self, end: _Usage) -> Usage:
        """All input tokens: the vendor counts those read from and written to its cache apart from the others."""
        start = self._start

        def last(name: str) -> int:
            value = getattr(end, name)
            return (getattr(start, name) if value is None else value) or 0

        cached = last("cache_read_input_tokens")
        details = end.output_tokens_details
        return Usage(
            input_tokens=last("input_tokens") + cached + last("cache_creation_input_tokens"),
            output_tokens=last("output_tokens"),
            cached_input_tokens=cached,
            reasoning_tokens=(details.thinking_tokens if details else None) or 0,
        )
