"""From bytes to chunks: the three vendors' events, usage and finish reasons, breaks and ends. No network."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BadResponse, Overloaded, ProviderError, QuotaExhausted, RateLimited, StreamTruncated
from contract.messages import Usage
from producer.providers.anthropic import AnthropicEvents
from producer.providers.base import Chunk
from producer.providers.decoding import MAX_NAME_CHARS, AnswerDecoder, EventDecoder
from producer.providers.gemini import GeminiEvents
from producer.providers.openai import OpenAIEvents


def sse(*documents: Any) -> bytes:
    """Documents as events; a string stands for itself."""
    texts = (document if isinstance(document, str) else json.dumps(document) for document in documents)
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def openai(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One event of OpenAI's."""
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}], **more}


def anthropic(text: str) -> dict[str, Any]:
    """One text event of Anthropic's."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def anthropic_end(reason: str, **usage: int) -> dict[str, Any]:
    """Anthropic's event with the end and its usage."""
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def gemini(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One event of Gemini's."""
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}], **more}


def read(events: EventDecoder, stream: bytes) -> tuple[list[Chunk], AnswerDecoder]:
    """Feed a whole stream and its end."""
    decoder = AnswerDecoder(events)
    chunks = [decoder.feed(stream), decoder.close("text/event-stream")]
    return [chunk for chunk in chunks if chunk is not None], decoder


def named_openai(response_id: Any, model: Any) -> dict[str, Any]:
    """An event of OpenAI's that tells id and model, and no text."""
    return {"id": response_id, "model": model, **openai()}


def named_anthropic(response_id: Any, model: Any) -> dict[str, Any]:
    """Anthropic's first event."""
    return {"type": "message_start", "message": {"id": response_id, "model": model}}


def named_gemini(response_id: Any, model: Any) -> dict[str, Any]:
    """An event of Gemini's that tells id and model, and no text."""
    return {"responseId": response_id, "modelVersion": model, **gemini()}


USAGE_OPENAI = {
    "prompt_tokens": 100,
    "completion_tokens": 40,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 8},
}
USAGE_GEMINI = {
    "promptTokenCount": 100,
    "candidatesTokenCount": 32,
    "thoughtsTokenCount": 8,
    "cachedContentTokenCount": 64,
}
ANTHROPIC_START = {
    "type": "message_start",
    "message": {"usage": {"input_tokens": 20, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 16}},
}

WHOLE = [
    pytest.param(
        OpenAIEvents,
        sse(
            openai(),
            openai("Ca"),
            openai("fé"),
            openai(finish="stop"),
            {"choices": [], "usage": USAGE_OPENAI},
            "[DONE]",
        ),
        Chunk("Café", "stop", Usage(100, 40, 64, 8)),
        id="openai",
    ),
    pytest.param(
        OpenAIEvents,
        sse({"choices": []}, openai("a"), openai("b", "length")),
        Chunk("ab", "length", None),
        id="openai without usage and end mark",
    ),
    pytest.param(
        OpenAIEvents,
        sse(openai("a", usage={"prompt_tokens": 1, "completion_tokens": 1}))
        + sse(openai("b", "stop", usage={"prompt_tokens": 1, "completion_tokens": 2}), "[DONE]"),
        Chunk("ab", "stop", Usage(1, 2)),
        id="openai with usage in every event",
    ),
    pytest.param(
        OpenAIEvents,
        sse({"choices": [{"delta": None, "finish_reason": "content_filter"}], "usage": None}),
        Chunk("", "content_filter", None),
        id="openai refuses",
    ),
    pytest.param(
        AnthropicEvents,
        sse(
            ANTHROPIC_START,
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}},
            anthropic("Ca"),
            anthropic("fé"),
            {"type": "content_block_stop", "index": 0},
            anthropic_end("end_turn", output_tokens=40),
            {"type": "message_stop"},
        ),
        Chunk("Café", "stop", Usage(100, 40, 64)),
        id="anthropic counts its cache among the input",
    ),
    pytest.param(
        AnthropicEvents,
        sse(ANTHROPIC_START, anthropic("a"), anthropic_end("max_tokens", input_tokens=30, output_tokens=9)),
        Chunk("a", "length", Usage(110, 9, 64)),
        id="anthropic corrects its input at the end",
    ),
    pytest.param(
        AnthropicEvents,
        sse({"type": "from_the_future"}, anthropic("a"), anthropic_end("pause_turn", output_tokens=1)),
        Chunk("a", "pause_turn", Usage(0, 1)),
        id="anthropic with words not known yet",
    ),
    pytest.param(
        GeminiEvents,
        sse(
            gemini({"text": "hm", "thought": True}, usageMetadata={"promptTokenCount": 100}),
            gemini({"text": "Ca"}, {"text": "fé"}),
            gemini({"text": "!"}, finish="STOP", usageMetadata=USAGE_GEMINI),
        ),
        Chunk("Café!", "stop", Usage(100, 40, 64, 8)),
        id="gemini counts thoughts among the output",
    ),
    pytest.param(
        GeminiEvents,
        sse({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}),
        Chunk("", "content_filter", Usage(3, 0)),
        id="gemini blocks the prompt",
    ),
    pytest.param(
        GeminiEvents,
        sse({"candidates": [{"finishReason": "RECITATION"}]}),
        Chunk("", "content_filter", None),
        id="gemini without content",
    ),
    pytest.param(
        GeminiEvents,
        sse(gemini({"text": "a"}, finish="LANGUAGE")),
        Chunk("a", "language", None),
        id="gemini's own word",
    ),
    pytest.param(
        OpenAIEvents,
        sse(
            {"id": "", "model": "", "choices": []},
            named_openai("chatcmpl-1", "gpt-x-2026"),
            openai("a", id="chatcmpl-1", model="gpt-x-2026"),
            openai("b", "stop", id="another", model="another"),
        ),
        Chunk("ab", "stop", None, "chatcmpl-1", "gpt-x-2026"),
        id="openai names answer and model",
    ),
    pytest.param(
        AnthropicEvents,
        sse(named_anthropic("msg_1", "claude-x-2026"), anthropic("a"), anthropic_end("end_turn", output_tokens=1)),
        Chunk("a", "stop", Usage(0, 1), "msg_1", "claude-x-2026"),
        id="anthropic names answer and model",
    ),
    pytest.param(
        GeminiEvents,
        sse(
            gemini({"text": "a"}, responseId="r1"),
            gemini({"text": "b"}, finish="STOP", responseId="r1", modelVersion="gemini-x-001"),
        ),
        Chunk("ab", "stop", None, "r1", "gemini-x-001"),
        id="gemini names answer and model, one after the other",
    ),
    pytest.param(
        GeminiEvents,
        sse({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r1", "modelVersion": "gemini-x-001"}),
        Chunk("", "content_filter", None, "r1", "gemini-x-001"),
        id="gemini names what it blocks",
    ),
]


@pytest.mark.parametrize(("events", "stream", "chunk"), WHOLE)
def test_whole_answers(events: Callable[[], EventDecoder], stream: bytes, chunk: Chunk) -> None:
    """One read with a whole answer is one chunk with its text, finish reason and usage."""
    chunks, decoder = read(events(), stream)
    assert chunks == [chunk]
    assert decoder.failure is None
    assert decoder.finished


@given(st.data())
def test_no_split_changes_the_answer(data: st.DataObject) -> None:
    """Whole answers, cut anywhere, give the same text, one finish reason and one usage."""
    case: Any = data.draw(st.sampled_from(WHOLE))
    events, stream, expected = case.values
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder = AnswerDecoder(events())
    chunks = [decoder.feed(stream[a:b]) for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    chunks.append(decoder.close(""))
    assert "".join(chunk.text for chunk in chunks if chunk) == expected.text
    assert [chunk.finish_reason for chunk in chunks if chunk and chunk.finish_reason] == [expected.finish_reason]
    usages = [chunk.usage for chunk in chunks if chunk and chunk.usage]
    assert usages[-1:] == ([expected.usage] if expected.usage else [])
    assert len(usages) <= 1
    for name in ("response_id", "response_model"):
        told = [getattr(chunk, name) for chunk in chunks if chunk and getattr(chunk, name) is not None]
        assert told == ([getattr(expected, name)] if getattr(expected, name) is not None else [])


@pytest.mark.parametrize(("events", "stream", "chunk"), WHOLE)
def test_missing_blank_line_at_the_end(events: Callable[[], EventDecoder], stream: bytes, chunk: Chunk) -> None:
    """A server that forgets the last blank line is understood all the same."""
    decoder = AnswerDecoder(events())
    decoder.feed(stream.rstrip(b"\n"))
    decoder.close("")
    assert decoder.finished
    assert decoder.failure is None


BROKEN = [
    (OpenAIEvents, b"", BadResponse, ""),
    (OpenAIEvents, b"<html></html>", BadResponse, ""),
    (OpenAIEvents, sse({"ok": True}), BadResponse, ""),
    (OpenAIEvents, sse(openai("a")), StreamTruncated, "a"),
    (OpenAIEvents, sse(openai("a")) + b'data: {"choi', StreamTruncated, "a"),
    (OpenAIEvents, sse(openai("a"), "[DONE]"), StreamTruncated, "a"),
    (OpenAIEvents, sse(openai("a"), "{]"), BadResponse, "a"),
    (OpenAIEvents, sse(openai("a"), {"choices": 7}), BadResponse, "a"),
    (OpenAIEvents, sse(openai("a")) + b'data: {"choices":[{"delta":{"content":"\xe9"}}]}\n\n', BadResponse, "a"),
    (OpenAIEvents, sse({"error": {"code": 429, "message": "slow"}}), RateLimited, ""),
    (OpenAIEvents, sse({"error": {"code": "insufficient_quota"}}), QuotaExhausted, ""),
    (OpenAIEvents, sse({"error": "Model is overloaded", "error_type": "overloaded"}), BadResponse, ""),
    (OpenAIEvents, b'event: error\ndata: {"type":"server_error","message":"x"}\n\n', Overloaded, ""),
    (AnthropicEvents, sse(anthropic("a"), {"type": "ping"}), StreamTruncated, "a"),
    (AnthropicEvents, sse({"type": "error", "error": {"type": "overloaded_error"}}), Overloaded, ""),
    (AnthropicEvents, sse({"type": "error", "error": {"type": "rate_limit_error"}}), RateLimited, ""),
    (AnthropicEvents, sse({"type": "error", "error": {"type": "api_error"}}), Overloaded, ""),
    (AnthropicEvents, sse({"type": "error", "error": {"type": "invalid_request_error"}}), BadResponse, ""),
    (AnthropicEvents, sse({"error": {"type": "overloaded_error"}}), Overloaded, ""),
    (GeminiEvents, sse(gemini({"text": "a"})), StreamTruncated, "a"),
    (GeminiEvents, sse({"error": {"code": 503, "status": "UNAVAILABLE"}}), Overloaded, ""),
    (GeminiEvents, sse({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}), RateLimited, ""),
]


@pytest.mark.parametrize(("events", "stream", "expected", "text"), BROKEN)
def test_broken_answers(
    events: Callable[[], EventDecoder], stream: bytes, expected: type[ProviderError], text: str
) -> None:
    """A stream that is none, ends early or reports an error is told by its error, after the text before it."""
    chunks, decoder = read(events(), stream)
    assert type(decoder.failure) is expected
    assert "".join(chunk.text for chunk in chunks) == text
    assert not decoder.finished


NAMING = [
    pytest.param(OpenAIEvents, named_openai, sse(openai("a", "stop")), id="openai"),
    pytest.param(
        AnthropicEvents,
        named_anthropic,
        sse(anthropic("a"), anthropic_end("end_turn")),
        id="anthropic",
    ),
    pytest.param(GeminiEvents, named_gemini, sse(gemini({"text": "a"}, finish="STOP")), id="gemini"),
]
Named = Callable[[Any, Any], dict[str, Any]]


@pytest.mark.parametrize(("events", "named", "rest"), NAMING)
def test_names_come_before_the_text(events: Callable[[], EventDecoder], named: Named, rest: bytes) -> None:
    """Id and model are given when they are told, so that an answer that never comes has them, and not again."""
    decoder = AnswerDecoder(events())
    assert decoder.feed(sse(named("r", "m"))) == Chunk(response_id="r", response_model="m")
    assert decoder.feed(sse(named("r", "m"))) is None
    chunk = decoder.feed(rest)
    assert chunk is not None
    assert (chunk.text, chunk.response_id, chunk.response_model) == ("a", None, None)


NAMES = [
    ("r-1", "r-1"),
    ("é" * MAX_NAME_CHARS, "é" * MAX_NAME_CHARS),
    ("r" * 1_000_000, "r" * (MAX_NAME_CHARS - 1) + "…"),
    ("r\x00\x1b[2J\n1", "r[2J 1"),
    ("r the-secret-key", "r [key]"),
    ("\x00", None),
    ("", None),
    (None, None),
    (7, None),
    (True, None),
    (["r"], None),
    ({"r": {"r": 1}}, None),
]


@pytest.mark.parametrize(("events", "named", "rest"), NAMING)
@pytest.mark.parametrize(("told", "expected"), NAMES, ids=[repr(told)[:20] for told, _ in NAMES])
def test_names_are_not_trusted(
    events: Callable[[], EventDecoder], named: Named, rest: bytes, told: Any, expected: str | None
) -> None:
    """Names are cut, made printable and freed of the key; what is no text is none, and does no harm to the answer."""
    for response_id, model in [(told, "m"), ("r", told)]:
        decoder = AnswerDecoder(events(), "the-secret-key")
        chunk = decoder.feed(sse(named(response_id, model)) + rest)
        assert chunk is not None
        names = ("r" if model is told else expected, expected if model is told else "m")
        assert (chunk.text, chunk.finish_reason, chunk.response_id, chunk.response_model) == ("a", "stop", *names)


@pytest.mark.parametrize(("events", "named", "rest"), NAMING)
@pytest.mark.parametrize("told", [b"1e999", b'"\xff"', b"1" * 6000])
def test_names_that_no_decoder_takes(
    events: Callable[[], EventDecoder], named: Named, rest: bytes, told: bytes
) -> None:
    """A number out of range or bytes that are not UTF-8 in the place of a name do not break the answer."""
    decoder = AnswerDecoder(events())
    chunk = decoder.feed(sse(named("r", "m")).replace(b'"r"', told) + rest)
    assert decoder.failure is None
    assert chunk is not None
    assert (chunk.text, chunk.response_id, chunk.response_model) == ("a", None, "m")
