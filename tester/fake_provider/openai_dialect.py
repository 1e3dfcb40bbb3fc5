"""OpenAI's chat completions, streamed; also the errors of llama.cpp's server, which speaks the same protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tester.fake_provider.dialect import Asked, bearer, conversation, event, text_of, to_json
from tester.fake_provider.faults import Fault, FaultKind

_TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 403: "invalid_request_error",
          404: "invalid_request_error", 429: "rate_limit_error"}  # fmt: skip
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_ERROR_EVENTS = {"rate_limit_error": "rate_limit_exceeded"}
_CREATED = 1_700_000_000
_TEXT = "\x00"


class OpenAIDialect:
    """`POST /v1/chat/completions` with `stream: true`."""

    api = "openai"

    def read(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Asked:
        """Understand a request; see `Dialect`."""
        if not body.get("stream"):
            raise ValueError("this server only streams: set stream to true")
        messages = [m for m in body.get("messages") or [] if isinstance(m, dict)]
        if not messages:
            raise ValueError("messages must not be empty")
        instruction = ("system", "developer")
        return Asked(
            model=str(body.get("model", "")),
            system="".join(text_of(m.get("content")) for m in messages if m.get("role") in instruction),
            turns=conversation(
                (m.get("role"), text_of(m.get("content"))) for m in messages if m.get("role") not in instruction
            ),
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            key=bearer(headers),
            wants_usage=bool((body.get("stream_options") or {}).get("include_usage")),
            body=body,
        )

    def _chunk(self, asked: Asked, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        document: dict[str, Any] = {
            "id": asked.response_id,
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": asked.model,
            "choices": choices,
        }
        if asked.wants_usage:
            document["usage"] = usage
        return event(document)

    def _delta(self, asked: Asked, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._chunk(asked, [{"index": 0, "delta": delta, "finish_reason": finish}])

    def opening(self, asked: Asked, thoughts: str) -> bytes:
        """The role with `content: null`, then thinking as `reasoning_content`, as vLLM and llama.cpp send it."""
        role = self._delta(asked, {"role": "assistant", "content": None})
        return role + (self._delta(asked, {"reasoning_content": thoughts}) if thoughts else b"")

    def around_text(self, asked: Asked, thoughts: str) -> tuple[bytes, bytes]:
        """See `Dialect`."""
        before, _, after = self._delta(asked, {"content": _TEXT}).partition(to_json(_TEXT))
        return before, after

    def closing(self, asked: Asked, finish: str, output_tokens: int, thought_tokens: int) -> list[bytes]:
        """Finish reason, usage without choices if it was asked for, `[DONE]`."""
        events = [self._delta(asked, {}, finish)]
        if asked.wants_usage:
            usage = {
                "prompt_tokens": asked.input_tokens,
                "completion_tokens": output_tokens + thought_tokens,
                "total_tokens": asked.input_tokens + output_tokens + thought_tokens,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": thought_tokens},
            }
            events.append(self._chunk(asked, [], usage))
        events.append(b"data: [DONE]\n\n")
        return events

    def error(self, status: int, fault: Fault | None, message: str) -> tuple[int, bytes]:
        """See `Dialect`."""
        kind = fault.kind if fault else None
        body: dict[str, Any] = {
            "message": message,
            "type": _TYPES.get(status, "server_error"),
            "param": None,
            "code": _CODES.get(status),
        }
        if kind is FaultKind.QUOTA:
            body |= {"type": "insufficient_quota", "code": "insufficient_quota"}
            body["message"] = "You exceeded your current quota, please check your plan and billing details."
        elif kind is FaultKind.CONTEXT_OVERFLOW:
            body |= {"param": "messages", "code": "context_length_exceeded"}
            body["message"] = "This model's maximum context length is 8192 tokens. Please reduce the length."
        elif kind is FaultKind.CONTEXT_OVERFLOW_LLAMA:
            body = {
                "code": 400,
                "message": "the request exceeds the available context size. try increasing the context size",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 8192,
            }
        return status, to_json({"error": body})

    def error_event(self, fault: Fault) -> bytes:
        """An `error` object in the place of a chunk."""
        code = _ERROR_EVENTS.get(fault.event)
        return event(
            {"error": {"message": "The server had an error.", "type": fault.event, "param": None, "code": code}}
        )
