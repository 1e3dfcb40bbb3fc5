"""OpenAI's chat completions, and every server that speaks them: Ollama, vLLM, llama.cpp, gateways.

Options (`ProviderSetup.options`): `temperature`, `reasoning_effort`, `extra_body` (merged into the request).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpcore2  # noqa: F401 - the SDK imports this and the resource at the first call; here the fork server has them
import httpx2
import msgspec
import openai
import openai.resources.chat.chat
import openai.resources.chat.completions.completions

from contract.messages import ProviderSetup, Usage
from contract.spans import GEN_AI_NAMES
from producer.providers.base import Attributes, Call, Chunk, sent_attributes
from producer.providers.decoding import AnswerDecoder, Piece
from producer.providers.endpoint import resolve, tls_context
from producer.providers.sse import Event
from producer.providers.status import from_stream
from producer.providers.stream import Opened, stream_answer
from producer.providers.translate import Translator

OFFICIAL_URL = "https://api.openai.com/v1"

_REASONING = re.compile(r"^(o\d|gpt-[5-9])(?!.*chat)")
"""OpenAI's models that think: they refuse `temperature`."""

_EFFORTS = (
    (re.compile(r"^gpt-5(-mini|-nano)?(-\d{4}-\d\d-\d\d)?$"), "minimal"),
    (re.compile(r"^gpt-5\.\d+(-mini|-nano)?(-\d{4}-\d\d-\d\d)?$"), "low"),
    (re.compile(r"^(o1|o3|o3-mini|o4-mini)(-\d{4}-\d\d-\d\d)?$"), "low"),
)
"""The least effort that each family is known to take: listing needs no thinking, and thinking is paid as output."""


class OpenAIProvider:
    """`base.Provider` over `openai.AsyncOpenAI`, its stream decoded here.

    Raises:
        RequestRefused: The base URL is not an address.
        AuthFailed: The key cannot be one.
    """

    def __init__(self, setup: ProviderSetup) -> None:
        self._setup = setup
        self._endpoint = resolve(setup, OFFICIAL_URL)
        self.target = self._endpoint.target(*GEN_AI_NAMES["openai"], "/chat/completions")
        self._translator = Translator(setup.name, self._endpoint.key)
        timeout = httpx2.Timeout(setup.read_timeout_s, connect=setup.connect_timeout_s)
        self._client = openai.AsyncOpenAI(
            api_key=self._endpoint.key,
            base_url=self._endpoint.base_url,
            timeout=timeout,
            max_retries=0,
            http_client=openai.DefaultAioHttpClient(
                timeout=timeout,
                follow_redirects=False,
                trust_env=not self._endpoint.loopback,
                verify=tls_context(self._endpoint),
            ),
        )

    def request_attributes(self, call: Call) -> Attributes:
        """See `base.Provider`."""
        request = request_of(call, self._setup, official=self._endpoint.official)
        sent = {**request, **request["extra_body"]}
        return sent_attributes(sent.get("temperature"), sent.get("reasoning_effort"), sent.get("seed"))

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """See `base.Provider`."""
        return stream_answer(self._open(call), AnswerDecoder(OpenAIEvents(), self._endpoint.key), self._translator)

    @asynccontextmanager
    async def _open(self, call: Call) -> AsyncIterator[Opened]:
        request = request_of(call, self._setup, official=self._endpoint.official)
        async with self._client.chat.completions.with_streaming_response.create(**request) as response:
            yield Opened(response.headers.get("content-type", ""), response.iter_bytes())

    async def close(self) -> None:
        """See `base.Provider`."""
        await self._client.close()


def request_of(call: Call, setup: ProviderSetup, *, official: bool) -> dict[str, Any]:
    """Arguments of the SDK's `create` for a call.

    Args:
        call: What to ask.
        setup: Model and options.
        official: Whether OpenAI itself is asked; other servers know the older parameters only.
    """
    options = setup.options
    messages = [{"role": turn.role, "content": turn.text} for turn in call.turns]
    if call.system:
        messages.insert(0, {"role": "system", "content": call.system})
    request: dict[str, Any] = {
        "model": setup.model,
        # The SDK looks for the shape of each message among all there are: 0.4 ms CPU of 2.6 ms a request.
        "messages": (),
        "extra_body": {"messages": messages, **(options.get("extra_body") or {})},
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens" if official else "max_tokens": call.max_output_tokens,
    }
    if call.seed is not None:
        request["seed"] = call.seed
    if options.get("temperature") is not None and not (official and _REASONING.match(setup.model)):
        request["temperature"] = options["temperature"]
    default_effort = next((effort for models, effort in _EFFORTS if official and models.match(setup.model)), None)
    if effort := options.get("reasoning_effort", default_effort):
        request["reasoning_effort"] = effort
    return request


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None

    def ours(self) -> Usage:
        read, written = self.prompt_tokens_details, self.completion_tokens_details
        return Usage(
            input_tokens=self.prompt_tokens or 0,
            output_tokens=self.completion_tokens or 0,
            cached_input_tokens=(read.cached_tokens if read else None) or 0,
            reasoning_tokens=(written.reasoning_tokens if written else None) or 0,
        )


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Document(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    id: msgspec.Raw = msgspec.Raw()
    model: msgspec.Raw = msgspec.Raw()


_documents = msgspec.json.Decoder(_Document)


class OpenAIEvents:
    """Reads `chat.completion.chunk` events."""

    def decode(self, event: Event) -> Piece | None:
        """See `decoding.EventDecoder`."""
        if event.data == b"[DONE]":
            return Piece(done=True)
        document = _documents.decode(event.data)
        if document.error is not None:
            raise from_stream(document.error)
        if event.name == "error":
            raise from_stream(msgspec.json.decode(event.data))
        usage = document.usage.ours() if document.usage is not None else None
        if document.choices:
            choice = document.choices[0]
            text = choice.delta.content if choice.delta is not None else None
            return Piece(text or "", choice.finish_reason or None, usage, False, document.id, document.model)
        if document.choices is None:
            return None
        return Piece(usage=usage, response_id=document.id, response_model=document.model)
