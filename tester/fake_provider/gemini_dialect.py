"""Gemini's `streamGenerateContent` as server-sent events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tester.fake_provider.dialect import Asked, conversation, event, text_of, to_json
from tester.fake_provider.faults import Fault, FaultKind

PATH = re.compile(r"^/v1(?:beta)?/(?:models|tunedModels)/([^/:]+):streamGenerateContent$")

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_ERROR_EVENTS = {"overloaded_error": (503, "UNAVAILABLE"), "rate_limit_error": (429, "RESOURCE_EXHAUSTED")}
_FINISH = {"stop": "STOP", "length": "MAX_TOKENS"}
_NEWLINE = b"\r\n"
_TEXT = "\x00"
_TYPE_URL = "type.googleapis.com/google.rpc."


class GeminiDialect:
    """`POST /v1beta/models/{model}:streamGenerateContent?alt=sse`, also under `/v1`."""

    api = "gemini"

    def read(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Asked:
        """Understand a request; see `Dialect`."""
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        match = PATH.match(parts.path)
        if match is None or query.get("alt") != ["sse"]:
            raise ValueError("this server only streams events: use streamGenerateContent?alt=sse")
        contents = [c for c in body.get("contents") or [] if isinstance(c, dict)]
        config = body.get("generationConfig") or {}
        system = body.get("systemInstruction") or body.get("system_instruction") or {}
        return Asked(
            model=match.group(1),
            system=text_of(system.get("parts")),
            turns=conversation(((c.get("role", "user"), text_of(c.get("parts"))) for c in contents), "model"),
            max_tokens=config.get("maxOutputTokens"),
            key=headers.get("x-goog-api-key") or (query.get("key") or [""])[0],
            wants_usage=True,
            body=body,
        )

    def _chunk(
        self, asked: Asked, part: dict[str, Any], finish: str | None = None, usage: dict[str, Any] | None = None
    ) -> bytes:
        candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        base = {"promptTokenCount": asked.input_tokens, "totalTokenCount": asked.input_tokens}
        document = {
            "candidates": [candidate],
            "usageMetadata": usage or base,
            "modelVersion": asked.model,
            "responseId": asked.response_id,
        }
        return event(document, newline=_NEWLINE)

    def opening(self, asked: Asked, thoughts: str) -> bytes:
        """A thought part, if there is one."""
        return self._chunk(asked, {"text": thoughts, "thought": True}) if thoughts else b""

    def around_text(self, asked: Asked, thoughts: str) -> tuple[bytes, bytes]:
        """See `Dialect`."""
        before, _, after = self._chunk(asked, {"text": _TEXT}).partition(to_json(_TEXT))
        return before, after

    def closing(self, asked: Asked, finish: str, output_tokens: int, thought_tokens: int) -> list[bytes]:
        """One last chunk with finish reason and usage; Gemini has no end mark."""
        usage = {
            "promptTokenCount": asked.input_tokens,
            "candidatesTokenCount": output_tokens,
            "thoughtsTokenCount": thought_tokens,
            "totalTokenCount": asked.input_tokens + output_tokens + thought_tokens,
        }
        return [self._chunk(asked, {"text": ""}, _FINISH[finish], usage)]

    def error(self, status: int, fault: Fault | None, message: str) -> tuple[int, bytes]:
        """See `Dialect`. Gemini's wrong key answers 400 and its overload 503."""
        kind = fault.kind if fault else None
        details: list[dict[str, Any]] = []
        if status == 401:
            status, message = 400, "API key not valid. Please pass a valid API key."
            details.append({"@type": _TYPE_URL + "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"})
        elif status == 529:
            status = 503
        elif kind is FaultKind.QUOTA:
            message = "You exceeded your current quota, please check your plan and billing details."
            quota_id = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
            details.append({"@type": _TYPE_URL + "QuotaFailure", "violations": [{"quotaId": quota_id}]})
        elif kind is FaultKind.RATE_LIMITED and fault is not None and fault.retry_after_s is not None:
            details.append({"@type": _TYPE_URL + "RetryInfo", "retryDelay": f"{fault.retry_after_s:g}s"})
        elif kind in (FaultKind.CONTEXT_OVERFLOW, FaultKind.CONTEXT_OVERFLOW_LLAMA):
            message = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
        error = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN"), "details": details}
        return status, to_json({"error": error})

    def error_event(self, fault: Fault) -> bytes:
        """An `error` document in the place of a chunk."""
        code, status = _ERROR_EVENTS.get(fault.event, (500, "INTERNAL"))
        return event({"error": {"code": code, "message": "An error occurred.", "status": status}}, newline=_NEWLINE)
