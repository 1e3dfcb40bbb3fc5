"""Running figures of a run: what the display shows and the result reports."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable

from contract.errors import ErrorKind
from contract.messages import OrderDone, OrderFailed, Usage
from orchestrator.events import ProviderTotals
from orchestrator.pricing import Price

RATE_WINDOW_S = 60.0
RECENT_RESPONSES = 10
RECENT_CALLS = 200
"""So many of a provider's last calls are the base of its percentiles."""
_RATE_STEP_S = 0.25
"""Items that come so close together are one entry of the rate's window: it stays short however fast they come."""


class Timings:
    """Durations in seconds of the last `RECENT_CALLS` calls."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT_CALLS)

    def add(self, seconds: float) -> None:
        """Take one in; the oldest one is forgotten."""
        self._recent.append(seconds)

    def percentiles(self, *shares: float) -> tuple[float | None, ...]:
        """For each share, 0 to 1, the duration that this share of the calls did not exceed (nearest rank).

        None before the first call.
        """
        ranked = sorted(self._recent)
        if not ranked:
            return (None,) * len(shares)
        return tuple(ranked[max(0, math.ceil(share * len(ranked)) - 1)] for share in shares)


class ProviderFigures:
    """Counts of one provider. `cost_usd` is None while its price is unknown.

    Attributes:
        errors: Failed calls by reason; calls that the run's own end cut off are none.
        durations: Of the last calls; those that were cut off, or whose producer died, have none.
        first_chunks: Times to the first chunk of the last answers.
    """

    def __init__(self, name: str, price: Price | None) -> None:
        self.name = name
        self.price = price
        self.calls = 0
        self.failures = 0
        self.errors: Counter[ErrorKind] = Counter()
        self.durations = Timings()
        self.first_chunks = Timings()
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

    def ended(self, message: OrderDone | OrderFailed) -> None:
        """Count a call's end."""
        self.calls += 1
        kind = message.kind if isinstance(message, OrderFailed) else None
        if kind is ErrorKind.CANCELLED:
            return
        if isinstance(message, OrderFailed):
            self.failures += 1
            self.errors[message.kind] += 1
            self.last_error = message.message
        if kind is not ErrorKind.PROCESS_CRASH:
            self.durations.add(message.duration_s)
        if message.time_to_first_chunk_s is not None:
            self.first_chunks.add(message.time_to_first_chunk_s)

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
        wall_clock: Unix seconds.

    Attributes:
        started: When the run began, by `clock`.
        started_at: When the run began, by `wall_clock`.
        ended_at: When it ended, by `wall_clock`; None while it goes on.
        paused_at: When it was paused, by `clock`; None while it is not.
    """

    def __init__(
        self,
        prices: dict[str, Price | None],
        producers: int,
        clock: Callable[[], float],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self._wall_clock = wall_clock
        self.started = clock()
        self.started_at = wall_clock()
        self.ended_at: float | None = None
        self.paused_at: float | None = None
        self._paused_s = 0.0
        self._ended: float | None = None
        self.providers = {name: ProviderFigures(name, price) for name, price in prices.items()}
        self.producers: list[ProducerFigures] = []
        self.new = 0
        self.duplicate = 0
        self.refused = 0
        self.cancelled = 0
        self.latest: deque[str] = deque(maxlen=12)
        self._arrivals: deque[tuple[float, int]] = deque()
        self._recent: deque[tuple[int, int]] = deque(maxlen=RECENT_RESPONSES)
        self.dry_responses = 0
        self.cut_short = 0
        self.resize(producers)

    # --- the run's course ----------------------------------------------------------------------------------

    def pause(self) -> None:
        """Time does not count from now on; a second call does nothing."""
        if self.paused_at is None:
            self.paused_at = self._now()

    def resume(self) -> None:
        """Time counts again; does nothing where the run is not paused."""
        if self.paused_at is None:
            return
        began, self.paused_at = self.paused_at, None
        lasted = self._now() - began
        self._paused_s += lasted
        # The rate goes on where it was: the pause, with the last items of responses that were open, is cut out of it.
        self._arrivals = deque((at + lasted, count) for at, count in self._arrivals if at <= began)

    def end(self) -> None:
        """The run has ended: its time stands still. A second call does nothing."""
        if self._ended is None:
            self._ended = self.clock()
            self.ended_at = self._wall_clock()

    def resize(self, producers: int) -> None:
        """There are so many producers now; figures of those that have left stay."""
        self.producers += [ProducerFigures() for _ in range(producers - len(self.producers))]

    def _now(self) -> float:
        return self.clock() if self._ended is None else self._ended

    # --- counting ------------------------------------------------------------------------------------------

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
            self._arrived(len(new))

    def _arrived(self, items: int) -> None:
        now = self._now()
        if self._arrivals and now - self._arrivals[-1][0] < _RATE_STEP_S:
            at, before = self._arrivals.pop()
            self._arrivals.append((at, before + items))
        else:
            self._arrivals.append((now, items))
        if self.paused_at is None:
            while self._arrivals[0][0] < now - RATE_WINDOW_S:
                self._arrivals.popleft()

    def ended(self, provider: str, producer: int, message: OrderDone | OrderFailed) -> float | None:
        """Count one call; its cost in US dollars, or None where that is unknown."""
        figures = self.providers[provider]
        figures.ended(message)
        self.producers[producer].calls += 1
        if isinstance(message, OrderFailed) and message.kind is ErrorKind.CANCELLED:
            self.cancelled += 1
        return figures.charge(message.usage)

    def answered(self, new: int, duplicate: int, *, cut_short: bool = False) -> None:
        """Count one response for the share of new items lately; one that we `cut_short` is no dry one: who knows."""
        self._recent.append((new, duplicate))
        self.cut_short += cut_short
        if new or not cut_short:
            self.dry_responses = 0 if new else self.dry_responses + 1

    # --- what is shown -------------------------------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        """Seconds from the start to now or to the run's end, pauses not counted."""
        now = self._now() if self.paused_at is None else self.paused_at
        return now - self.started - self._paused_s

    @property
    def items_per_minute(self) -> float:
        """New items a minute over the last `RATE_WINDOW_S` (or since the start, where that is shorter).

        In a pause it falls to 0; after one it goes on with what it was before.
        """
        now = self._now()
        window = min(RATE_WINDOW_S, max(1.0, now - self.started - self._paused_s))
        return sum(count for at, count in self._arrivals if at >= now - RATE_WINDOW_S) * 60.0 / window

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
