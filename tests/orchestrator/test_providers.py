"""From `--provider`, keys and addresses to the providers of a run."""

import pytest

from contract.errors import ConfigurationError, NoProviderError
from orchestrator.api_keys import EnvironmentKeys, MemoryKeys
from orchestrator.providers import (
    ProviderSpec,
    Wanted,
    build_specs,
    parse_provider_list,
    parse_provider_options,
    provider_list,
    wanted_judge,
    wanted_providers,
    with_judge,
)
from orchestrator.settings import Settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test", [Wanted("test", "", 1.0)]),
        ("openai:gpt-5-mini", [Wanted("openai", "gpt-5-mini", 1.0)]),
        ("anthropic:claude-haiku-4-5:2", [Wanted("anthropic", "claude-haiku-4-5", 2.0)]),
        ("openai:llama3.2:3b", [Wanted("openai", "llama3.2:3b", 1.0)]),
        ("openai:llama3.2:3b:0.5", [Wanted("openai", "llama3.2:3b", 0.5)]),
        (" gemini:x , test ", [Wanted("gemini", "x", 1.0), Wanted("test", "", 1.0)]),
    ],
)
def test_provider_lists(text: str, expected: list[Wanted]) -> None:
    """`provider[:model[:weight]],…`; a model's own name may hold colons."""
    assert parse_provider_list(text) == expected


def test_a_provider_list_from_weights() -> None:
    """It is read as what it was made from: models with colons, fine weights, none at all."""
    weights = {"openai:llama3.2:3b": 2.0, "gemini:x": 0.1, "test:simulated": 1e-05, "anthropic:m": 0}
    text = provider_list(weights)
    assert text == "openai:llama3.2:3b:2,gemini:x:0.1,test:simulated:1e-05,anthropic:m:0"
    assert {f"{one.vendor}:{one.model}": one.weight for one in parse_provider_list(text)} == weights


@pytest.mark.parametrize("text", ["", ",", "mistral:x", "openai:m:0", "openai:m:-1", "openai:m:nan", "openai:m:inf"])
def test_bad_provider_lists_are_refused(text: str) -> None:
    """An unknown provider, a weight of nothing, an empty list: a configuration error."""
    with pytest.raises(ConfigurationError):
        parse_provider_list(text)


def test_options_are_typed_by_json() -> None:
    """Numbers and objects are taken as such, the rest as text."""
    parsed = parse_provider_options(["test.universe_size=500", "openai.temperature=0.5", "test.world=elements"])
    assert parsed == {"test": {"universe_size": 500, "world": "elements"}, "openai": {"temperature": 0.5}}


@pytest.mark.parametrize("text", ["x", "universe_size=5", "nobody.a=1", "test.=1"])
def test_bad_options_are_refused(text: str) -> None:
    """Anything but PROVIDER.NAME=VALUE is a configuration error."""
    with pytest.raises(ConfigurationError):
        parse_provider_options([text])


def test_env_takes_every_vendor_with_a_key_or_an_address() -> None:
    """Keys and base URLs of the environment decide; blank ones count as not set."""
    environment = {"OPENAI_API_KEY": "k", "GEMINI_API_KEY": "  ", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}
    wanted = wanted_providers(Settings(topic="t"), EnvironmentKeys(environment), environment)
    assert [entry.vendor for entry in wanted] == ["openai", "anthropic"]


def test_without_a_key_the_way_out_is_named() -> None:
    """No key at all: the message offers the local and the simulated model."""
    with pytest.raises(NoProviderError, match=r"--provider local.*--provider test"):
        wanted_providers(Settings(topic="t"), MemoryKeys({}), {})


def _specs(provider: str, environment: dict[str, str], **settings: object) -> list[ProviderSpec]:
    made = Settings(topic="t", provider=provider, **settings)  # type: ignore[arg-type]
    keys = EnvironmentKeys(environment)
    local = ("http://127.0.0.1:9/v1", "smollm2", 2048, 4)
    return build_specs(parse_provider_list(provider), made, keys, environment, lambda: local)


def test_specs_hold_key_address_and_options() -> None:
    """What the adapter needs is in its setup; what the orchestrator needs is taken out of the options."""
    environment = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:8000/v1", "OPENAI_MODEL": "mine"}
    options = ("openai.temperature=0.5", "openai.context_tokens=4096", "openai.max_in_flight=2")
    (spec,) = _specs("openai", environment, provider_options=options)
    assert spec.name == "openai:mine"
    assert spec.setup.base_url == "http://127.0.0.1:8000/v1"
    assert spec.setup.api_key is not None
    assert spec.setup.options == {"temperature": 0.5}
    assert (spec.context_tokens, spec.max_in_flight, spec.is_remote) == (4096, 2, False)


def test_the_local_model_is_limited_to_its_slots() -> None:
    """More requests than the server has slots would only queue there."""
    (spec,) = _specs("local", {})
    assert (spec.vendor, spec.name, spec.max_in_flight, spec.context_tokens) == ("local", "local:smollm2", 4, 2048)


def test_only_the_local_model_gets_no_avoid_list_unless_told_otherwise() -> None:
    """A small model behind one's own address can be spared lists, and the local one can be given them."""
    environment = {"OPENAI_API_KEY": "k"}
    assert _specs("openai", environment)[0].takes_avoid_list
    assert not _specs("local", {})[0].takes_avoid_list
    assert not _specs("openai", environment, provider_options=("openai.takes_avoid_list=false",))[0].takes_avoid_list
    (spec,) = _specs("local", {}, provider_options=("local.takes_avoid_list=true",))
    assert spec.takes_avoid_list
    assert "takes_avoid_list" not in spec.setup.options


def test_only_the_local_model_is_asked_about_no_parts_unless_told_otherwise() -> None:
    """The option is the orchestrator's own, too."""
    environment = {"OPENAI_API_KEY": "k"}
    assert _specs("openai", environment)[0].takes_parts
    assert not _specs("local", {})[0].takes_parts
    (spec,) = _specs("local", {}, provider_options=("local.takes_parts=true",))
    assert (spec.takes_parts, spec.takes_avoid_list) == (True, False)
    assert "takes_parts" not in spec.setup.options


@pytest.mark.parametrize("option", ["takes_avoid_list=1", "takes_parts=no", "max_in_flight=true"])
def test_an_option_of_another_type_is_refused(option: str) -> None:
    """A number is no yes, and a yes is no number."""
    with pytest.raises(ConfigurationError, match=option.partition("=")[0]):
        _specs("openai", {"OPENAI_API_KEY": "k"}, provider_options=(f"openai.{option}",))


def test_a_named_vendor_without_a_key_is_no_provider() -> None:
    """The message says which variable to set."""
    with pytest.raises(NoProviderError, match="OPENAI_API_KEY"):
        _specs("openai", {})


@pytest.mark.parametrize(
    ("provider", "environment"),
    [
        ("openai", {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "ftp://x"}),
        ("openai::2", {"OPENAI_API_KEY": "k"}),
        ("openai", {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://:99999"}),
        ("openai", {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://user:password@127.0.0.1:1/v1"}),
        ("gemini", {"GEMINI_API_KEY": "k", "GEMINI_BASE_URL": "http://127.0.0.1:1/?key=k"}),
        ("test,test", {}),
        ("local:llama", {}),
    ],
)
def test_what_cannot_be_used_is_refused(provider: str, environment: dict[str, str]) -> None:
    """A bad address, no model, a provider named twice, an unknown local model: one clear configuration error."""
    with pytest.raises(ConfigurationError):
        _specs(provider, environment)


@pytest.mark.parametrize(
    ("validate", "expected"),
    [
        ("off", None),
        ("on", None),
        ("openai:gpt-5", Wanted("openai", "gpt-5", 0.0)),
        ("gemini", Wanted("gemini", "", 0.0)),
        ("local", Wanted("local", "", 1.0)),
    ],
)
def test_a_judge_is_asked_for_no_items(validate: str, expected: Wanted | None) -> None:
    """A provider that --validate names has weight 0; the local model is one, however often it is named."""
    settings = Settings(topic="t", validate=validate)
    assert wanted_judge(settings, [Wanted("local", "", 1.0)]) == expected


def test_an_unknown_judge_is_refused() -> None:
    """The message says which option is wrong, and what it may be."""
    with pytest.raises(ConfigurationError, match="--validate: unknown provider 'mistral'"):
        wanted_judge(Settings(topic="t", validate="mistral:x"), [])


def test_a_judge_of_the_run_is_not_added_again() -> None:
    """One that explores too keeps its weight."""
    settings = Settings(topic="t", provider="test")
    keys = EnvironmentKeys({})
    specs = build_specs([Wanted("test", "", 1.0)], settings, keys, {}, lambda: ("", "", 0, 0))
    (same,) = build_specs([Wanted("test", "simulated", 0.0)], settings, keys, {}, lambda: ("", "", 0, 0))
    (other,) = build_specs([Wanted("test", "other", 0.0)], settings, keys, {}, lambda: ("", "", 0, 0))
    assert [(spec.name, spec.weight) for spec in with_judge(specs, same)] == [("test:simulated", 1.0)]
    assert [spec.name for spec in with_judge(specs, other)] == ["test:simulated", "test:other"]


def test_a_judge_needs_its_key() -> None:
    """It is a provider like any other."""
    with pytest.raises(NoProviderError, match="no key for anthropic"):
        build_specs([Wanted("anthropic", "", 0.0)], Settings(topic="t"), MemoryKeys({}), {}, lambda: ("", "", 0, 0))
