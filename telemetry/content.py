"""Prompts and answers in spans: only where the user has asked for them, in the form of the GenAI convention."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from contract.messages import TelemetrySetup

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_WANTED = frozenset({"true", "1", "span_only", "span_and_event"})


def captures_content(setup: TelemetrySetup) -> bool:
    """Whether the user wants prompts and answers in the spans (the convention's opt-in)."""
    value = setup.variables.get(VARIABLE)
    return value is not None and value.reveal().lower() in _WANTED


def system_instructions(text: str) -> str:
    """`gen_ai.system_instructions` as JSON."""
    return _json([_text(text)])


def input_messages(turns: Iterable[tuple[str, str]]) -> str:
    """`gen_ai.input.messages` as JSON.

    Args:
        turns: Role (`user`, `assistant`) and text of each message, in their order.
    """
    return _json([{"role": role, "parts": [_text(text)]} for role, text in turns])


def output_messages(answer: str, finish_reason: str) -> str:
    """`gen_ai.output.messages` as JSON."""
    return _json([{"role": "assistant", "parts": [_text(answer)], "finish_reason": finish_reason}])


def _text(content: str) -> dict[str, str]:
    return {"type": "text", "content": content}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
