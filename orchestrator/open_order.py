"""An order from its first attempt to its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from contract.errors import ErrorKind
from contract.messages import Usage
from orchestrator.exploration import Ask
from orchestrator.routing import ProviderState

if TYPE_CHECKING:
    from orchestrator.judging import Batch


class OpenOrder:
    """What is known of one order: its provider, its attempts, what they brought and cost.

    Args:
        provider: Who is asked.
        size: How many items, parts or candidates.
        ask: What is asked.
        batch: What a validating order asks about; None for all others.
    """

    def __init__(self, provider: ProviderState, size: int, ask: Ask, batch: Batch | None = None) -> None:
        self.id = 0
        self.provider = provider
        self.size = size
        self.ask = ask
        self._batch = batch
        self.attempt = 0
        self.calls = 0
        self.broken = False
        self.new = 0
        self.duplicate = 0
        self.received: dict[str, None] = {}
        self.had: Iterable[str] = ()
        self.last_error: ErrorKind | None = None
        self.prompt_share = 1.0
        self.usage: Usage | None = None
        self.cost_usd: float | None = 0.0
        self.replaces: int | None = None
        self.replaced = False
        self.torn = False
        self.cut = False

    @property
    def judges(self) -> bool:
        """Whether it asks which items belong, and brings none."""
        return self._batch is not None

    @property
    def batch(self) -> Batch:
        """What a validating order asks about."""
        assert self._batch is not None  # noqa: S101 - asked of those that judge alone
        return self._batch

    @property
    def whole(self) -> bool:
        """Whether its answer came in one piece: one that was taken up again is no sample of what the model says."""
        return not self.broken and not self.had

    @property
    def missing(self) -> int:
        """Items that the next attempt has to ask for: what was paid for once is not asked for again."""
        return max(0, self.size - len(self.received))

    def add_usage(self, usage: Usage | None, cost_usd: float | None) -> None:
        """Sum up over the attempts."""
        if usage is not None:
            old = self.usage or Usage()
            self.usage = Usage(
                input_tokens=old.input_tokens + usage.input_tokens,
                output_tokens=old.output_tokens + usage.output_tokens,
                cached_input_tokens=old.cached_input_tokens + usage.cached_input_tokens,
                reasoning_tokens=old.reasoning_tokens + usage.reasoning_tokens,
                estimated=old.estimated or usage.estimated,
            )
        self.cost_usd = None if self.cost_usd is None or cost_usd is None else self.cost_usd + cost_usd
