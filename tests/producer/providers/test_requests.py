"""The requests that the adapters make of calls and options."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from contract import spans
from contract.messages import ProviderSetup
from producer.prompt import Turn
from producer.providers import anthropic, gemini, openai
from producer.providers.base import Call
from producer.providers.factory import make_provider

ASKED = (Turn("user", "P"),)
CALL = Call(system="S", turns=ASKED, max_output_tokens=99, seed=5)
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
    request = openai_request("m", official=False, call=Call("", ASKED, 9))
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
    request = anthropic.request_of(Call("", ASKED, 9), ProviderSetup("p", "anthropic", "c", options=options))
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


TEMPERATURE, LEVEL, SEED = spans.GEN_AI_TEMPERATURE, spans.GEN_AI_REASONING_LEVEL, spans.GEN_AI_SEED
API = Literal["openai", "anthropic", "gemini", "simulated"]
LOCAL = "http://127.0.0.1:9"


def generation(**fields: Any) -> dict[str, Any]:
    """An `extra_body` of Gemini's."""
    return {"extra_body": {"generationConfig": fields}}


@pytest.mark.parametrize(
    ("api", "model", "base_url", "options", "expected"),
    [
        ("openai", "gpt-4.1-mini", None, HOT, {TEMPERATURE: 1.0, SEED: 5}),
        ("openai", "gpt-5-mini", None, HOT, {LEVEL: "minimal", SEED: 5}),
        ("openai", "gpt-5-mini", LOCAL, HOT, {TEMPERATURE: 1.0, SEED: 5}),
        ("openai", "o4-mini", None, {"reasoning_effort": "high"}, {LEVEL: "high", SEED: 5}),
        ("openai", "m", LOCAL, {"temperature": 1, "extra_body": {"temperature": 0, "seed": 6}},
         {TEMPERATURE: 0.0, SEED: 6}),
        ("openai", "m", LOCAL, {"temperature": "hot", "reasoning_effort": 7}, {SEED: 5}),
        ("anthropic", "c", None, {}, {}),
        ("anthropic", "c", None, HOT, {TEMPERATURE: 1.0}),
        ("anthropic", "c", None, {"extra_body": {"temperature": 0.5}}, {TEMPERATURE: 0.5}),
        ("anthropic", "c", None, {"temperature": True}, {}),
        ("gemini", "gemini-2.5-flash", None, HOT, {TEMPERATURE: 1.0}),
        ("gemini", "gemini-3.8-flash", None, {}, {LEVEL: "minimal"}),
        ("gemini", "gemini-3.8-flash", None, {"thinking_budget": 512}, {}),
        ("gemini", "gemini-3.8-flash", None, generation(temperature=0.5, thinkingConfig={"thinkingLevel": "HIGH"}),
         {TEMPERATURE: 0.5, LEVEL: "high"}),
        ("gemini", "gemini-3.8-flash", None, generation(thinkingConfig=7), {}),
        ("gemini", "gemini-3.8-flash", None, {"extra_body": {"generationConfig": 7}}, {LEVEL: "minimal"}),
        ("simulated", "s", None, {}, {SEED: 5}),
    ],
)  # fmt: skip
def test_request_attributes(
    api: API, model: str, base_url: str | None, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Spans are told what is sent: not what was dropped for the model, nor what the user got wrong."""
    attributes = make_provider(ProviderSetup("p", api, model, base_url, options=options)).request_attributes(CALL)
    assert attributes == expected
    assert {name: type(value) for name, value in attributes.items()} == {n: type(v) for n, v in expected.items()}


@pytest.mark.parametrize("api", ["openai", "anthropic", "gemini", "simulated"])
def test_no_seed_is_none(api: API) -> None:
    """A call without a seed has none among its attributes."""
    provider = make_provider(ProviderSetup("p", api, "m", options={}))
    assert provider.request_attributes(Call("S", ASKED, 9)) == {}


@pytest.mark.parametrize(
    ("api", "model", "options", "expected"),
    [
        ("openai", "m", {}, ("chat", "openai", "https://api.openai.com/v1/chat/completions")),
        ("anthropic", "m", {}, ("chat", "anthropic", "https://api.anthropic.com/v1/messages")),
        ("gemini", "m", {},
         ("generate_content", "gcp.gemini", f"{gemini.OFFICIAL_URL}/v1/models/m:streamGenerateContent")),
        ("gemini", "tunedModels/m", {"api_version": "v9"},
         ("generate_content", "gcp.gemini", f"{gemini.OFFICIAL_URL}/v9/tunedModels/m:streamGenerateContent")),
        ("simulated", "m", {}, ("chat", "simulated", None)),
    ],
)  # fmt: skip
def test_targets_of_the_vendors(api: API, model: str, options: dict[str, Any], expected: tuple[str, ...]) -> None:
    """Each adapter tells its operation, its provider and the vendor's own address, the simulated one no address."""
    target = make_provider(ProviderSetup("p", api, model, options=options)).target
    assert (target.operation, target.provider, target.url) == expected
    assert (target.address is None, target.port) == ((True, None) if target.url is None else (False, 443))


TALK = Call("S", (Turn("user", "P"), Turn("assistant", "A\nB"), Turn("user", "Q")), 9)


def test_a_conversation_in_each_vendors_form() -> None:
    """The model's own words are the assistant's at OpenAI and Anthropic, and the model's at Gemini."""
    said = [
        {"role": "user", "content": "P"},
        {"role": "assistant", "content": "A\nB"},
        {"role": "user", "content": "Q"},
    ]
    messages = openai_request("m", official=True, call=TALK)["extra_body"]["messages"]
    assert messages == [{"role": "system", "content": "S"}, *said]
    assert anthropic.request_of(TALK, ProviderSetup("p", "anthropic", "c"))["messages"] == said
    contents = [one.model_dump(exclude_none=True) for one in gemini.contents_of(TALK)]
    assert contents == [
        {"role": role, "parts": [{"text": text}]} for role, text in (("user", "P"), ("model", "A\nB"), ("user", "Q"))
    ]
    assert TALK.chars == len("SPA\nBQ")
