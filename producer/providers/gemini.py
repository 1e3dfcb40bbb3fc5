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
from contract.spans import GEN_AI_NAMES
from producer.providers.base import Attributes, Call, Chunk, sent_attributes
from producer.providers.decoding import AnswerDecoder, Piece
from producer.providers.endpoint import resolve
from producer.providers.sse import Event
from producer.providers.status import from_status, from_stream
from producer.providers.stream import Opened, stream_answer
from producer.providers.translate import Translator

OFFICIAL_URL = "https://generativelanguage.googleapis.com"
OFFICIAL_API_VERSION = "v1"
"""The SDK's own default, told to it all the same, so that no environment variable of its own sets another."""
CUSTOM_API_VERSION = "v1beta"
"""What servers other than Google's know."""

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
        default_version = OFFICIAL_API_VERSION if self._endpoint.official else CUSTOM_API_VERSION
        self._api_version = setup.options.get("api_version") or default_version
        path = f"/{self._api_version}/{_resource(setup.model)}:streamGenerateContent"
        self.target = self._endpoint.target(*GEN_AI_NAMES["gemini"], path)
        self._translator = Translator(setup.name, self._endpoint.key)
        self._session: aiohttp.ClientSession | None = None
        self._client: genai.Client | None = None

    def request_attributes(self, call: Call) -> Attributes:
        """See `base.Provider`. No seed is sent, and a thinking budget is no level."""
        return attributes_of(self._setup)

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """See `base.Provider`."""
        return stream_answer(self._open(call), AnswerDecoder(GeminiEvents(), self._endpoint.key), self._translator)

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
            self._client = genai.Client(
                vertexai=False,
                api_key=endpoint.key,
                http_options=types.HttpOptions(
                    base_url=endpoint.base_url,
                    api_version=self._api_version,
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
                model=self._setup.model, contents=contents_of(call), config=config_of(call, self._setup)
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


def contents_of(call: Call) -> list[types.ContentUnion]:
    """The conversation in the SDK's form. What others call the assistant is the model here."""
    roles = {"user": "user", "assistant": "model"}
    return [types.Content(role=roles[turn.role], parts=[types.Part(text=turn.text)]) for turn in call.turns]


def config_of(call: Call, setup: ProviderSetup) -> types.GenerateContentConfig:
    """The SDK's configuration for a call."""
    return types.GenerateContentConfig(
        system_instruction=call.system or None,
        max_output_tokens=call.max_output_tokens,
        temperature=setup.options.get("temperature"),
        thinking_config=_thinking(setup),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
    )


def _thinking(setup: ProviderSetup) -> types.ThinkingConfig | None:
    """Flash models are told not to think, as listing needs none and it is paid, unless `thinking_budget` is set."""
    budget = setup.options.get("thinking_budget")
    if budget is not None:
        return types.ThinkingConfig(thinking_budget=budget)
    if _NO_BUDGET.match(setup.model):
        return types.ThinkingConfig(thinking_budget=0)
    if _MINIMAL_LEVEL.match(setup.model):
        return types.ThinkingConfig(thinking_level=types.ThinkingLevel.MINIMAL)
    return None


def attributes_of(setup: ProviderSetup) -> Attributes:
    """Temperature and reasoning level of the requests, `extra_body` included, which has the last word."""
    thinking = _thinking(setup)
    level = thinking.thinking_level if thinking is not None else None
    sent: dict[str, Any] = {
        "temperature": setup.options.get("temperature"),
        "thinkingConfig": {"thinkingLevel": level.value if level is not None else None},
    }
    extra = (setup.options.get("extra_body") or {}).get("generationConfig")
    if isinstance(extra, dict):
        sent |= extra
    told = sent["thinkingConfig"]
    word = told.get("thinkingLevel") if isinstance(told, dict) else None
    return sent_attributes(sent["temperature"], word.lower() if isinstance(word, str) else None)


def _resource(model: str) -> str:
    """A model's name as the SDK puts it into the address."""
    return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"


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
    response_id: msgspec.Raw = msgspec.Raw()
    model_version: msgspec.Raw = msgspec.Raw()


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
            finish = _FINISH.get(reason, reason.lower()) if reason else None
            return Piece(text, finish, usage, False, document.response_id, document.model_version)
        blocked = document.prompt_feedback is not None and document.prompt_feedback.block_reason
        if not blocked and usage is None:
            return None
        finish = "content_filter" if blocked else None
        return Piece("", finish, usage, False, document.response_id, document.model_version)
