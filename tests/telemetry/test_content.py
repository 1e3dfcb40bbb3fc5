from __future__ import annotations

import json

import pytest

from contract.messages import Secret, TelemetrySetup
from telemetry.content import VARIABLE, captures_content, input_messages, output_messages, system_instructions


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(value, True) for value in ("true", "True", "1", "SPAN_ONLY", "span_and_event")]
    + [(value, False) for value in ("false", "no_content", "event_only", "")],
)
def test_content_is_captured_only_where_the_user_asks(value: str, wanted: bool) -> None:
    """Prompts and answers enter spans for the convention's opt-in values and no others."""
    setup = TelemetrySetup(protocol="grpc", variables={VARIABLE: Secret(value)} if value else {})
    assert captures_content(setup) is wanted


def test_content_has_the_form_of_the_convention() -> None:
    """Messages are JSON lists of roles and parts."""
    assert json.loads(system_instructions("List.")) == [{"type": "text", "content": "List."}]
    turns = [("user", 'a "b"'), ("assistant", "c"), ("user", "d")]
    assert json.loads(input_messages(turns)) == [
        {"role": role, "parts": [{"type": "text", "content": text}]} for role, text in turns
    ]
    assert json.loads(output_messages("1. é", "stop")) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "1. é"}], "finish_reason": "stop"}
    ]
