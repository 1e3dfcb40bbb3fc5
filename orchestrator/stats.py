"""Running figures of a run: what the display shows and the result reports."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from contract.errors import ErrorKind
from contract.messages import OrderDone, OrderFailed, Usage
from orchestrator.events import ProviderTotals
from orchestrator.pricing import Price

RATE_WINDOW_S = 60.0
RECENT_RESPONSES = 10


class ProviderFigures:
    """Counts of one provider. `cost_usd` is None while its price is unknown."""

    def __init__(self, name: str, price: Price | None) -> None:
        self.name = name
        self.price = price
        self.calls = 0
        self.failures = 0
        self.new = 0
        self.duplicate = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.estimated_tokens = 0
        self.cost_usd: float | None = None if price is None else 0.0
        self.last_error = ""

    def charge(self, usage: Usage | None) -> float | None:
        """Add a call's tokens; its cost, or None where the price (or the use) is unknown."""
        if usage is None:
            return 0.0 if self.price is not None else None
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        if usage.estimated:
            self.estimated_tokens += usage.input_tokens + usage.output_tokens
        if self.price is None:
            return None
        cost = self.price.cost_usd(usage)
        self.cost_usd = (self.cost_usd or 0.0) + cost
        return cost

    def totals(self) -> ProviderTotals:
        """A frozen copy for the result."""
        return ProviderTotals(
            name=self.name,
            calls=self.calls,
            failures=self.failures,
            new=self.new,
            duplicate=self.duplicate,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=self.cost_usd,
        )


class ProducerFigures:
    """Counts of one producer."""

    def __init__(self) -> None:
        self.calls = 0
        self.new = 0
        self.duplicate = 0


class RunStats:
    """All figures of one run.

    Args:
        prices: Price by provider name.
        producers: How many producers there are.
        clock: Monotonic seconds.
    """

    def __init__(self, prices: dict[str, Price | None], producers: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.started = clock()
        self.providers = {name: ProviderFigures(name, price) for name, price in prices.items()}
        self.producers = [ProducerFigures() for _ in range(producers)]
        self.new = 0
        self.duplicate = 0
        self.refused = 0
        self.cancelled = 0
        self.latest: deque[str] = deque(maxlen=12)
        self._arrivals: deque[tuple[float, int]] = deque()
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT_RESPONSES)
        self.dry_responses = 0

    def arrived(self, provider: str, producer: int, new: list[str], duplicate: int, refused: int) -> None:
        """Count one ingested batch."""
        figures = self.providers[provider]
        figures.new += len(new)
        figures.duplicate += duplicate
        worker = self.producers[producer]
        worker.new += len(new)
        worker.duplicate += duplicate
        self.new += len(new)
        self.duplicate += duplicate
        self.refused += refused
        self.latest.extend(new)
        if new:
            self.dry_responses = 0
            self._arrivals.append((self._clock(), len(new)))

    def ended(self, provider: str, producer: int, message: OrderDone | OrderFailed) -> float | None:
        """Count one call; its cost in US dollars, or None where that is unknown."""
        figures = self.providers[provider]
        figures.calls += 1
        self.producers[producer].calls += 1
        if isinstance(message, OrderFailed) and message.kind is ErrorKind.CANCELLED:
            self.cancelled += 1
        elif isinstance(message, OrderFailed):
            figures.failures += 1
            figures.last_error = message.message
        return figures.charge(message.usage)

    def answered(self, new: int, duplicate: int) -> None:
        """Count one complete response for the share of new items lately."""
        self._recent.append((new, duplicate))
        self.dry_responses = 0 if new else self.dry_responses + 1

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self.started

    @property
    def items_per_minute(self) -> float:
        """New items a minute over the last `RATE_WINDOW_S` (or since the start, where that is shorter)."""
        now = self._clock()
        while self._arrivals and self._arrivals[0][0] < now - RATE_WINDOW_S:
            self._arrivals.popleft()
        window = min(RATE_WINDOW_S, max(1.0, now - self.started))
        return sum(count for _, count in self._arrivals) * 60.0 / window

    @property
    def share_new(self) -> float | None:
        """Share of new items in the last `RECENT_RESPONSES` complete responses; None before the first."""
        new = sum(count for count, _ in self._recent)
        total = new + sum(duplicate for _, duplicate in self._recent)
        return None if total == 0 else new / total

    @property
    def calls(self) -> int:
        """Calls that have ended."""
        return sum(figures.calls for figures in self.providers.values())

    @property
    def failures(self) -> int:
        """Calls that have failed."""
        return sum(figures.failures for figures in self.providers.values())

    @property
    def input_tokens(self) -> int:
        """Tokens sent."""
        return sum(figures.input_tokens for figures in self.providers.values())

    @property
    def output_tokens(self) -> int:
        """Tokens received."""
        return sum(figures.output_tokens for figures in self.providers.values())

    @property
    def estimated_tokens(self) -> int:
        """Tokens that we had to count ourselves."""
        return sum(figures.estimated_tokens for figures in self.providers.values())

    @property
    def cost_usd(self) -> float | None:
        """Spent so far; None where a provider that was called has no known price."""
        total = 0.0
        for figures in self.providers.values():
            if figures.cost_usd is None:
                if figures.calls:
                    return None
                continue
            total += figures.cost_usd
        return total
