"""Adapters are made by name, and nothing is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from contract.errors import RequestRefused
from contract.messages import ProviderSetup
from producer.providers.factory import make_provider

_PROBE = """
import sys, producer.providers.factory
print([name for name in ("openai", "anthropic", "google.genai", "httpx2", "aiohttp") if name in sys.modules])
"""


def test_no_sdk_is_imported_before_an_adapter_is_made() -> None:
    """The factory itself imports no vendor's SDK and no HTTP client."""
    result = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("api", "name"), [("openai", "OpenAIProvider"), ("anthropic", "AnthropicProvider"), ("gemini", "GeminiProvider")]
)
def test_each_api_has_its_adapter(api: str, name: str) -> None:
    """Each API's name gives its adapter."""
    setup = ProviderSetup("p", api, "m", "http://127.0.0.1:9")  # type: ignore[arg-type]
    assert type(make_provider(setup)).__name__ == name


def test_unusable_address_is_an_error_of_ours() -> None:
    """A base URL that is none is told when the adapter is made."""
    with pytest.raises(RequestRefused):
        make_provider(ProviderSetup("p", "openai", "m", "not an address"))
