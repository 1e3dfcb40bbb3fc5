"""A fake provider and an adapter to it, kept over a module: three SDKs' clients are dear to make."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

import pytest

from contract.errors import ProviderError
from contract.messages import ProviderSetup, Secret, Usage
from producer.prompt import Turn
from producer.providers.base import Call, Chunk, Provider
from producer.providers.factory import make_provider
from tester.fake_provider import Entry, FakeProvider, Fault

T = TypeVar("T")

KEY = "a-key-that-nobody-must-see"
MODELS = {"openai": "gpt-4.1-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}
UNIVERSE = [f"Café № {number}" for number in range(1, 200)]
CALL = Call("You make lists.", (Turn("user", "List 6 cafés."),), max_output_tokens=1000)


def setup_for(api: Any, base_url: str, **changes: Any) -> ProviderSetup:
    """A setup with short time-outs."""
    fields: dict[str, Any] = {"connect_timeout_s": 5.0, "read_timeout_s": 5.0, "api_key": Secret(KEY), **changes}
    return ProviderSetup(name=f"{api}:test", api=api, model=MODELS[api], base_url=base_url, **fields)


def base_url_of(fake: FakeProvider, api: str) -> str:
    """The fake's base URL for one API."""
    urls = {"openai": fake.openai_base_url, "anthropic": fake.anthropic_base_url, "gemini": fake.gemini_base_url}
    return urls[api]


class Outcome:
    """What one call brought."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.error: ProviderError | None = None

    @property
    def text(self) -> str:
        return "".join(chunk.text for chunk in self.chunks)

    @property
    def whole_lines(self) -> list[str]:
        """Lines whose end has come; of a finished answer the last one too."""
        lines = self.text.split("\n")
        return lines if self.error is None else lines[:-1]

    @property
    def finish_reasons(self) -> list[str]:
        return [chunk.finish_reason for chunk in self.chunks if chunk.finish_reason is not None]

    @property
    def usages(self) -> list[Usage]:
        return [chunk.usage for chunk in self.chunks if chunk.usage is not None]


async def ask(provider: Provider, call: Call = CALL) -> Outcome:
    """Read one answer to its end or error."""
    outcome = Outcome()
    try:
        async with aclosing(provider.stream(call)) as stream:  # type: ignore[type-var]
            async for chunk in stream:
                outcome.chunks.append(chunk)
    except ProviderError as error:
        outcome.error = error
    return outcome


class World:
    """A fake provider and an adapter to it on one event loop."""

    def __init__(self, api: str) -> None:
        self.api = api
        self._runner = asyncio.Runner()
        self.fake = FakeProvider(UNIVERSE, items_per_response=6)
        self.run(self.fake.start())
        self.provider = make_provider(setup_for(api, base_url_of(self.fake, api)))
        self.impatient = make_provider(setup_for(api, base_url_of(self.fake, api), read_timeout_s=0.2))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def outcome(self, *faults: Fault | None, call: Call = CALL, provider: Provider | None = None) -> Outcome:
        """Ask once while the fake fails as told."""
        self.fake.faults.add(*faults)
        return self.run(ask(provider or self.provider, call))

    @property
    def last(self) -> Entry:
        """The ledger's entry of the latest request."""
        return self.fake.ledger.entries[-1]

    def close(self) -> None:
        for provider in (self.provider, self.impatient):
            self.run(provider.close())
        self.run(self.fake.stop())
        self._runner.close()


@pytest.fixture(scope="module", params=list(MODELS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world for each API in turn."""
    made = World(request.param)
    yield made
    made.close()
