"""From a setup to its adapter. A vendor's SDK is imported here, when it is first needed, and nowhere else."""

from __future__ import annotations

from typing import assert_never

from contract.messages import ProviderSetup
from producer.providers.base import Provider


def make_provider(setup: ProviderSetup) -> Provider:
    """Make the adapter that a setup asks for.

    Raises:
        RequestRefused: The setup's base URL is not an address.
        AuthFailed: The setup's key cannot be one.
    """
    match setup.api:
        case "openai":
            from producer.providers.openai import OpenAIProvider

            return OpenAIProvider(setup)
        case "anthropic":
            from producer.providers.anthropic import AnthropicProvider

            return AnthropicProvider(setup)
        case "gemini":
            from producer.providers.gemini import GeminiProvider

            return GeminiProvider(setup)
        case "simulated":
            from producer.providers.simulated import SimulatedProvider

            return SimulatedProvider(setup)
    assert_never(setup.api)
