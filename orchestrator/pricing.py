"""What a call costs. Prices come from `genai-prices` (kept by Pydantic from the vendors' pages) or from the user.

A price that is not known stays unknown: it is never guessed, and shown as unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from contract.errors import ConfigurationError
from contract.messages import Usage
from orchestrator.exploration import Traits
from orchestrator.providers import ProviderSpec

log = logging.getLogger(__name__)

_PER_MILLION = 1_000_000
_FREE = 0.05
_GENAI_IDS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google"}


class Price(Protocol):
    """The price of one model."""

    def cost_usd(self, usage: Usage) -> float:
        """US dollars of one call."""
        ...


class FlatPrice(msgspec.Struct, frozen=True):
    """US dollars for a million input and output tokens."""

    input_usd: float
    output_usd: float

    def cost_usd(self, usage: Usage) -> float:
        """See `Price`."""
        return (usage.input_tokens * self.input_usd + usage.output_tokens * self.output_usd) / _PER_MILLION


class _LibraryPrice:
    """A price of `genai-prices`, with its tiers and cache discounts."""

    def __init__(self, model: str, provider_id: str | None, api_url: str | None) -> None:
        self._model = model
        self._provider_id = provider_id
        self._api_url = api_url

    def cost_usd(self, usage: Usage) -> float:
        from genai_prices import Usage as LibraryUsage
        from genai_prices import calc_price

        tokens = LibraryUsage(
            input_tokens=usage.input_tokens,
            cache_read_tokens=min(usage.cached_input_tokens, usage.input_tokens),
            output_tokens=usage.output_tokens,
        )
        if self._api_url is None:
            price = calc_price(tokens, self._model, provider_id=self._provider_id)
        else:
            price = calc_price(tokens, self._model, provider_api_url=self._api_url)
        return float(price.total_price)


def traits_of(spec: ProviderSpec, prices: Mapping[str, Price | None]) -> Traits:
    """What the explorer must know of a provider: what its tokens cost, relative to those of the others.

    One that costs nothing counts with a twentieth of what the cheapest of the others costs: time is worth something,
    and what only the others know is wanted too.
    """
    traits = Traits(takes_list=spec.takes_avoid_list, takes_parts=spec.takes_parts)
    price = prices.get(spec.name)
    if price is None or any(one is None for one in prices.values()):
        return traits
    read, written = _per_million(price)
    if written <= 0:
        paid = [one for one in map(_per_million, filter(None, prices.values())) if one[1] > 0]
        cheapest = min(paid, key=lambda one: one[1], default=None)
        if cheapest is None:
            return traits
        read, written = _FREE * cheapest[0], _FREE * cheapest[1]
    return traits._replace(input_price=read, output_price=written)


def _per_million(price: Price) -> tuple[float, float]:
    """US dollars for a million tokens read, and written."""
    return price.cost_usd(Usage(input_tokens=_PER_MILLION)), price.cost_usd(Usage(output_tokens=_PER_MILLION))


def parse_prices(texts: Iterable[str]) -> dict[str, FlatPrice]:
    """`provider:model=INPUT,OUTPUT` entries (US dollars a million tokens) by provider name.

    Raises:
        ConfigurationError: An entry of another form.
    """
    prices: dict[str, FlatPrice] = {}
    for text in texts:
        name, equals, numbers = text.rpartition("=")
        parts = numbers.split(",")
        try:
            values = [float(part) for part in parts]
        except ValueError:
            values = []
        if not equals or len(values) != 2 or not all(0 <= value < float("inf") for value in values):
            raise ConfigurationError(f"{text[:80]!r} is not provider:model=INPUT,OUTPUT in US dollars a million tokens")
        prices[name] = FlatPrice(*values)
    return prices


def price_of(spec: ProviderSpec, given: dict[str, FlatPrice]) -> Price | None:
    """The price of a provider's model, or None where nobody knows it."""
    if spec.name in given:
        return given[spec.name]
    if spec.vendor in ("test", "local"):
        return FlatPrice(0.0, 0.0)
    if not spec.is_remote:
        return None  # the user's own server; and the library need not be loaded to find that out
    if spec.setup.base_url is None:
        price = _LibraryPrice(spec.setup.model, _GENAI_IDS[spec.vendor], None)
    else:
        price = _LibraryPrice(spec.setup.model, None, spec.setup.base_url)
    try:
        price.cost_usd(Usage(input_tokens=1, output_tokens=1))
    except LookupError:
        log.info("%s: the price is not known; --price %s=INPUT,OUTPUT sets it", spec.name, spec.name)
        return None
    return price
