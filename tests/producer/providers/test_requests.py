"""The requests that the adapters make of calls and options."""

from __future__ import annotations

from typing import Any

import pytest

from contract.messages import ProviderSetup
from producer.providers import anthropic, gemini, openai
from producer.providers.base import Call

CALL = Call(system="S", prompt="P", max_output_tokens=99, seed=5)
HOT = {"temperature": 1.0}


def openai_request(model: str, *, official: bool, call: Call = CALL, **options: Any) -> dict[str, Any]:
    """The arguments for OpenAI's SDK."""
    return openai.request_of(call, ProviderSetup("p", "openai", model, options=options), official=official)


@pytest.mark.parametrize(
    ("model", "official", "options", "present", "absent"),
    [
        ("gpt-4.1-mini", True, HOT, {"max_completion_tokens": 99, **HOT}, {"max_tokens", "reasoning_effort"}),
        ("gpt-5-mini", True, HOT, {"max_completion_tokens": 99, "reasoning_effort": "minimal"}, {"temperature"}),
        ("gpt-5-nano-2025-08-07", True, {}, {"reasoning_effort": "minimal"}, {"temperature"}),
        ("gpt-5.1", True, {}, {"reasoning_effort": "low"}, {"temperature"}),
        ("gpt-5-chat-latest", True, HOT, HOT, {"reasoning_effort"}),
        ("gpt-5-pro", True, {}, {}, {"reasoning_effort"}),
        ("o4-mini", True, {"reasoning_effort": "high"}, {"reasoning_effort": "high"}, set()),
        ("gpt-5-mini", True, {"reasoning_effort": ""}, {}, {"reasoning_effort"}),
        ("gpt-5-mini", False, HOT, {"max_tokens": 99, **HOT}, {"max_completion_tokens", "reasoning_effort"}),
        ("llama3", False, {}, {"seed": 5, "stream": True}, {"temperature"}),
    ],
)
def test_openai_parameters(
    model: str, official: bool, options: dict[str, Any], present: dict[str, Any], absent: set[str]
) -> None:
    """OpenAI's own models get their newer parameters, other servers the older; thinking is kept small."""
    request = openai_request(model, official=official, **options)
    assert {name: request[name] for name in present} == present
    assert not absent & request.keys()


def test_openai_messages_and_extra_body() -> None:
    """System and user message travel with the extra body; without a system instruction there is one message."""
    request = openai_request("m", official=False, extra_body={"top_k": 3})
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "P"}]
    assert request["extra_body"] == {"messages": messages, "top_k": 3}
    request = openai_request("m", official=False, call=Call("", "P", 9))
    assert request["extra_body"] == {"messages": messages[1:]}
    assert "seed" not in request


def test_anthropic_parameters() -> None:
    """Anthropic gets limit and system instruction, options only if they are set, and no seed."""
    assert anthropic.request_of(CALL, ProviderSetup("p", "anthropic", "c")) == {
        "model": "c",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "P"}],
        "stream": True,
        "system": "S",
    }
    options = {"temperature": 0.5, "extra_body": {"top_k": 3}}
    request = anthropic.request_of(Call("", "P", 9), ProviderSetup("p", "anthropic", "c", options=options))
    assert (request["temperature"], request["extra_body"]) == (0.5, {"top_k": 3})
    assert "system" not in request


@pytest.mark.parametrize(
    ("model", "options", "budget", "level"),
    [
        ("gemini-2.5-flash", {}, 0, None),
        ("gemini-2.5-flash-lite", {}, 0, None),
        ("gemini-2.5-flash", {"thinking_budget": 512}, 512, None),
        ("gemini-3.8-flash", {}, None, "MINIMAL"),
        ("gemini-2.5-pro", {}, None, None),
        ("gemini-2.0-flash", {}, None, None),
        ("gemini-2.5-flash-image", {}, None, None),
    ],
)
def test_gemini_thinking(model: str, options: dict[str, Any], budget: int | None, level: str | None) -> None:
    """Flash models that can do without thinking are told to; others are left alone."""
    config = gemini.config_of(CALL, ProviderSetup("p", "gemini", model, options=options))
    thinking = config.thinking_config
    assert (thinking.thinking_budget if thinking else None) == budget
    assert (thinking.thinking_level.value if thinking and thinking.thinking_level else None) == level
    assert config.max_output_tokens == 99
    assert config.system_instruction == "S"
