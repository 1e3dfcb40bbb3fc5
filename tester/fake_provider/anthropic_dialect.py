"""Anthropic's messages, streamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tester.fake_provider.dialect import Asked, bearer, conversation, event, text_of, to_json
from tester.fake_provider.faults import Fault, FaultKind

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}
_TEXT = "\x00"


def _named(document: dict[str, Any]) -> bytes:
    return event(document, document["type"])


class AnthropicDialect:
    """`POST /v1/messages` with `stream: true`."""

    api = "anthropic"

    def read(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Asked:
        """Understand a request; see `Dialect`."""
        if not body.get("stream"):
            raise ValueError("this server only streams: set stream to true")
        if not isinstance(body.get("max_tokens"), int):
            raise ValueError("max_tokens: Field required")
        messages = [m for m in body.get("messages") or [] if isinstance(m, dict)]
        return Asked(
            model=str(body.get("model", "")),
            system=text_of(body.get("system")),
            turns=conversation((m.get("role"), text_of(m.get("content"))) for m in messages),
            max_tokens=body["max_tokens"],
            key=headers.get("x-api-key") or bearer(headers),
            wants_usage=True,
            body=body,
        )

    def opening(self, asked: Asked, thoughts: str) -> bytes:
        """`message_start` with the input's usage, a thinking block if there is one, the text block's start, `ping`."""
        message: dict[str, Any] = {
            "id": asked.response_id,
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": asked.input_tokens,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 1,
            },
        }
        events = [_named({"type": "message_start", "message": message})]
        if thoughts:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            delta = {"type": "thinking_delta", "thinking": thoughts}
            events += [
                _named({"type": "content_block_start", "index": 0, "content_block": block}),
                _named({"type": "content_block_delta", "index": 0, "delta": delta}),
                _named({"type": "content_block_stop", "index": 0}),
            ]
        block = {"type": "text", "text": ""}
        events.append(_named({"type": "content_block_start", "index": int(bool(thoughts)), "content_block": block}))
        events.append(_named({"type": "ping"}))
        return b"".join(events)

    def around_text(self, asked: Asked, thoughts: str) -> tuple[bytes, bytes]:
        """See `Dialect`."""
        delta = {"type": "text_delta", "text": _TEXT}
        text_event = _named({"type": "content_block_delta", "index": int(bool(thoughts)), "delta": delta})
        before, _, after = text_event.partition(to_json(_TEXT))
        return before, after

    def closing(self, asked: Asked, finish: str, output_tokens: int, thought_tokens: int) -> list[bytes]:
        """The block's end, `message_delta` with stop reason and usage, `message_stop`."""
        delta = {"stop_reason": _STOP_REASONS[finish], "stop_sequence": None}
        usage = {"output_tokens": output_tokens + thought_tokens}
        return [
            _named({"type": "content_block_stop", "index": int(bool(thought_tokens))}),
            _named({"type": "message_delta", "delta": delta, "usage": usage}),
            _named({"type": "message_stop"}),
        ]

    def error(self, status: int, fault: Fault | None, message: str) -> tuple[int, bytes]:
        """See `Dialect`. Anthropic's empty account answers 400."""
        kind = fault.kind if fault else None
        if kind is FaultKind.QUOTA:
            status = 400
            message = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
        elif kind in (FaultKind.CONTEXT_OVERFLOW, FaultKind.CONTEXT_OVERFLOW_LLAMA):
            message = "prompt is too long: 250000 tokens > 200000 maximum"
        error = {"type": _TYPES.get(status, "api_error"), "message": message}
        return status, to_json({"type": "error", "error": error, "request_id": "req_fake"})

    def error_event(self, fault: Fault) -> bytes:
        """An `error` event."""
        return _named({"type": "error", "error": {"type": fault.event, "message": "Overloaded"}})
