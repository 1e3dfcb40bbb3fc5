"""Google's Gemini, by `streamGenerateContent`.

The SDK has no raw stream. But it takes an aiohttp session of ours, and so one of its middlewares is where we stand: the
SDK makes the request (address, key, headers, document) and judges every status but 200; a 200 we keep and read
ourselves, while the SDK's own generator is told to stop.

Options (`ProviderSetup.options`): `temperature`, `thinking_budget`, `api_version`, `extra_body` (merged into the
request).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
from google import genai
from google.genai import types

from contract.errors import BadResponse, RequestRefused
from contract.messages import ProviderSetup, Usage
from producer.providers.base import Call, Chunk
from producer.providers.decoding import AnswerDecoder, Piece
from producer.providers.endpoint import resolve
from producer.providers.sse import Event
from producer.providers.status import from_status, from_stream
from producer.providers.stream import Opened, stream_answer
from producer.providers.translate import Translator

OFFICIAL_URL = "https://generativelanguage.googleapis.com"
CUSTOM_API_VERSION = "v1beta"
"""What servers other than Google's know; the SDK's own default is `v1`."""

_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
}
_NO_BUDGET = re.compile(r"^gemini-2\.5-flash(-lite)?(-preview)?(-\d\d-\d\d(\d\d)?|-\d{3})?$")
_MINIMAL_LEVEL = re.compile(r"^gemini-[3-9](\.\d+)?-flash(-lite)?(-preview)?(-\d\d-\d\d(\d\d)?|-\d{3})?$")
_READ_BYTES = 64 * 1024


class _Taken(Exception):  # noqa: N818 - a signal, not an error
    """Stops the SDK after a response that we read ourselves."""


class _Exchange:
    """One request under way: its deadline and, once it has come, its response."""

    def __init__(self, connect_timeout_s: float, read_timeout_s: float) -> None:
        self.deadline = asyncio.timeout(connect_timeout_s)
        self.read_timeout_s = read_timeout_s
        self.response: aiohttp.ClientResponse | None = None

    def connected(self) -> None:
        """From here on the answer is waited for."""
        self.deadline.reschedule(asyncio.get_running_loop().time() + self.read_timeout_s)


_exchange: ContextVar[_Exchange] = ContextVar("_exchange")


class GeminiProvider:
    """`base.Provider` over `google.genai.Client`, its stream decoded here.

    Raises:
        RequestRefused: The base URL is not an address.
        AuthFailed: The key cannot be one.
    """

    def __init__(self, setup: ProviderSetup) -> None:
        self._setup = setup
        self._endpoint = resolve(setup, OFFICIAL_URL)
        self._translator = Translator(setup.name, self._endpoint.key)
        self._session: aiohttp.ClientSession | None = None
        self._client: genai.Client | None = None

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """See `base.Provider`."""
        return stream_answer(self._open(call), AnswerDecoder(GeminiEvents()), self._translator)

    def _connected(self) -> genai.Client:
        """The client; made at the first call, because an aiohttp session belongs to a running loop."""
        if self._client is None:
            endpoint = self._endpoint
            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(_on_connected)
            trace.on_connection_reuseconn.append(_on_connected)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                trust_env=not endpoint.loopback,
                read_bufsize=_READ_BYTES,
                trace_configs=[trace],
                middlewares=(_take,),
            )
            api_version = self._setup.options.get("api_version") or (None if endpoint.official else CUSTOM_API_VERSION)
            self._client = genai.Client(
                vertexai=False,
                api_key=endpoint.key,
                http_options=types.HttpOptions(
                    base_url=endpoint.base_url,
                    api_version=api_version,
                    aiohttp_client=self._session,
                    # Without options of ours the SDK sleeps up to 10 s and tries again when it cannot connect.
                    retry_options=types.HttpRetryOptions(attempts=1),
                    extra_body=self._setup.options.get("extra_body"),
                ),
            )
        return self._client

    @asynccontextmanager
    async def _open(self, call: Call) -> AsyncIterator[Opened]:
        client = self._connected()
        exchange = _Exchange(self._setup.connect_timeout_s, self._setup.read_timeout_s)
        token = _exchange.set(exchange)
        try:
            async with exchange.deadline:
                await self._send(client, call, exchange)
        finally:
            _exchange.reset(token)
        response = exchange.response
        if response is None:
            raise BadResponse("the vendor's SDK gave no response")
        async with response:
            reads = _reads(response, self._setup.read_timeout_s)
            yield Opened(response.headers.get("content-type", ""), reads)

    async def _send(self, client: genai.Client, call: Call, exchange: _Exchange) -> None:
        """Let the SDK send the request; leaves the response in the exchange or raises what the SDK makes of it."""
        try:
            answer = await client.aio.models.generate_content_stream(
                model=self._setup.model, contents=call.prompt, config=config_of(call, self._setup)
            )
            async with aclosing(answer) as chunks:  # type: ignore[type-var] # an async generator, declared as iterator
                await anext(chunks)
        except Exception as error:
            if exchange.response is not None:
                return
            if type(error) in (ValueError, TypeError):
                raise RequestRefused(f"the vendor's SDK refuses the request: {error}") from None
            raise

    async def close(self) -> None:
        """See `base.Provider`."""
        if self._client is not None and self._session is not None:
            await self._client.aio.aclose()
            await self._session.close()


async def _take(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    response = await handler(request)
    if 300 <= response.status < 400:
        # aiohttp would follow, and take the key with it.
        response.close()
        raise from_status(response.status, None, {})
    if response.status != 200:
        return response
    _exchange.get().response = response
    raise _Taken


async def _on_connected(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
    _exchange.get().connected()


async def _reads(response: aiohttp.ClientResponse, read_timeout_s: float) -> AsyncIterator[bytes]:
    """The body as it arrives. The SDK sets no time-out for a read, so this one does."""
    while True:
        async with asyncio.timeout(read_timeout_s):
            data = await response.content.readany()
        if not data:
            return
        yield data


def config_of(call: Call, setup: ProviderSetup) -> types.GenerateContentConfig:
    """The SDK's configuration for a call.

    Flash models are told not to think unless `thinking_budget` says otherwise: listing needs none, and it is paid.
    """
    options = setup.options
    thinking = None
    if options.get("thinking_budget") is not None:
        thinking = types.ThinkingConfig(thinking_budget=options["thinking_budget"])
    elif _NO_BUDGET.match(setup.model):
        thinking = types.ThinkingConfig(thinking_budget=0)
    elif _MINIMAL_LEVEL.match(setup.model):
        thinking = types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL)
    return types.GenerateContentConfig(
        system_instruction=call.system or None,
        max_output_tokens=call.max_output_tokens,
        temperature=options.get("temperature"),
        thinking_config=thinking,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
    )


class _Usage(msgspec.Struct, rename="camel", gc=False):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None

    def ours(self) -> Usage:
        """Thinking is paid as output, but counted apart from it."""
        thoughts = self.thoughts_token_count or 0
        return Usage(
            input_tokens=self.prompt_token_count or 0,
            output_tokens=(self.candidates_token_count or 0) + thoughts,
            cached_input_tokens=self.cached_content_token_count or 0,
            reasoning_tokens=thoughts,
        )


class _Part(msgspec.Struct, gc=False):
    text: str | None = None
    thought: bool | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(msgspec.Struct, rename="camel", gc=False):
    block_reason: str | None = None


class _Document(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Usage | None = None
    prompt_feedback: _Feedback | None = None
    error: Any = None


_documents = msgspec.json.Decoder(_Document)


class GeminiEvents:
    """Reads `GenerateContentResponse` events. They have no end mark: the last is the one with a finish reason."""

    def decode(self, event: Event) -> Piece | None:
        """See `decoding.EventDecoder`."""
        document = _documents.decode(event.data)
        if document.error is not None:
            raise from_stream(document.error)
        usage = document.usage_metadata.ours() if document.usage_metadata is not None else None
        if document.candidates:
            candidate = document.candidates[0]
            parts = (candidate.content.parts if candidate.content is not None else None) or ()
            text = "".join(part.text for part in parts if part.text and not part.thought)
            reason = candidate.finish_reason
            return Piece(text, _FINISH.get(reason, reason.lower()) if reason else None, usage)
        if document.prompt_feedback is not None and document.prompt_feedback.block_reason:
            return Piece(finish_reason="content_filter", usage=usage)
        return Piece(usage=usage) if usage is not None else None
