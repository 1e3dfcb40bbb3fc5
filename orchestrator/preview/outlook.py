"""What a topic has brought so far, and what more of it would take. Pure: counts in, figures out.

All of it speaks of fresh answers of the models that were asked, to these prompts.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from orchestrator.exploration import Explorer
from orchestrator.exploration.coverage import Interval
from orchestrator.exploration.forecast import Needed, calls_to_coverage, items_to_coverage, needed, new_items
from orchestrator.pricing import Price
from orchestrator.store.past_orders import FreshCall

LADDER = (0.5, 0.8, 0.9, 0.95)
"""Coverages that are shown beside the one that is wanted, so that the price of more is seen."""
_FAR = 10.0
"""An upper end so many times the estimate is worth a warning."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a coverage takes on top of what was spent. In JSON an end that is null is infinite.

    Attributes:
        coverage: The share, 0 to 1.
        reached: Whether the estimate is there already.
        calls: Fresh calls.
        items: Items known by then.
        tokens: In and out; None where no call's tokens are known.
        cost_usd: None where a price is not known.
        duration_s: With all requests in flight that the run may have; None as `tokens`.
    """

    coverage: float
    reached: bool
    calls: Interval
    items: Interval
    tokens: Interval | None
    cost_usd: Interval | None
    duration_s: Interval | None

    @property
    def hopeless(self) -> bool:
        """Whether the figures are more a guess than a plan."""
        return math.isinf(self.calls.estimate) or self.calls.high > _FAR * max(1.0, self.calls.estimate)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a fresh call took, the mean.

    Attributes:
        tokens: In and out.
        cost_usd: None where a price is not known.
        duration_s: In seconds.
    """

    tokens: float
    cost_usd: float | None
    duration_s: float


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """See the module. Shares are 0 to 1; None: too little is known to say.

    Attributes:
        known: Distinct items known.
        fresh_responses: Complete fresh answers that the estimates stand on.
        coverage: Share of a fresh answer's items that is known, with its 90 % interval.
        without_noise: The same if what came only once more often than repeats let expect is noise.
        total_at_least: Lower bound on the distinct items in all.
        distinct_at_most: `known` ÷ `total_at_least`.
        next_call: New items of the next fresh call.
        next_item_usd: What one of them costs; None where a price is not known, or none is expected.
        call: What a call takes.
        in_flight: Requests that the run may have open at a time.
        identical: Whether all fresh answers named the same items.
        unasked: Providers of the run that no fresh answer came from.
        sizes: Numbers of items that the measured calls were asked for.
        sizes_wanted: Numbers of items that the run's calls will be asked for.
        targets: The ladder, and the wanted coverage, from the lowest to the highest.
        target: The wanted coverage.
    """

    known: int
    fresh_responses: int
    coverage: Interval | None = None
    without_noise: float | None = None
    total_at_least: float | None = None
    distinct_at_most: float | None = None
    next_call: Interval | None = None
    next_item_usd: float | None = None
    call: Call | None
    in_flight: int
    identical: bool = False
    unasked: tuple[str, ...]
    sizes: tuple[int, ...]
    sizes_wanted: tuple[int, ...]
    targets: tuple[Target, ...] = ()
    target: float

    @property
    def wanted(self) -> Target | None:
        """The row of the wanted coverage."""
        return next((one for one in self.targets if one.coverage == self.target), None)


def outlook_of(
    explorer: Explorer,
    calls: Sequence[FreshCall],
    prices: Mapping[str, Price | None],
    sizes: Iterable[int],
    in_flight: int,
    target: float,
) -> Outlook:
    """The outlook of a topic.

    Args:
        explorer: With all that was asked so far.
        calls: Complete fresh calls of all providers.
        prices: Of the providers that the run asks, by name.
        sizes: Items that the run asks for in a call, of each provider.
        in_flight: Requests at a time.
        target: The wanted coverage, above 0 and below 1.
    """
    incidence, known = explorer.incidence, explorer.known
    covered = explorer.coverage()
    measured = [(call, call.usage) for call in calls if call.provider in prices and call.usage is not None]
    tokens = [float(usage.input_tokens + usage.output_tokens) for _, usage in measured]
    seconds = [call.duration_s for call, _ in measured]
    priced = [(prices[call.provider], usage) for call, usage in measured]
    costs = [price.cost_usd(usage) for price, usage in priced if price is not None]
    money = costs if len(costs) == len(measured) and None not in prices.values() else None
    call = None
    if measured:
        call = Call(
            tokens=statistics.fmean(tokens),
            cost_usd=None if money is None else statistics.fmean(money),
            duration_s=statistics.fmean(seconds),
        )
    outlook = Outlook(
        known=known,
        fresh_responses=incidence.responses,
        call=call,
        in_flight=in_flight,
        unasked=tuple(name for name in prices if all(call.provider != name for call in calls)),
        sizes=tuple(sorted({call.size for call, _ in measured})),
        sizes_wanted=tuple(sorted(set(sizes))),
        target=target,
    )
    if covered is None:
        return outlook
    targets: list[Target] = []
    for share in sorted({*LADDER, target}):
        wanted = calls_to_coverage(incidence, share)
        uses = _needed(wanted, tokens, money, seconds, in_flight)
        items = items_to_coverage(incidence, share)
        targets.append(
            Target(
                coverage=share,
                reached=covered.estimate >= share,
                calls=wanted,
                items=Interval(*(end + known for end in (items.estimate, items.low, items.high))),
                tokens=None if uses is None else uses.tokens,
                cost_usd=None if uses is None else uses.cost_usd,
                duration_s=None if uses is None else uses.duration_s,
            )
        )
    coming = new_items(incidence, 1)
    return msgspec.structs.replace(
        outlook,
        coverage=Interval(covered.estimate, covered.low, covered.high),
        without_noise=covered.without_noise,
        total_at_least=covered.total_at_least,
        distinct_at_most=covered.share_of_distinct_at_most,
        next_call=coming,
        next_item_usd=_price_of_item(call, coming),
        identical=int(incidence.frequencies()[:-1].sum()) == 0,
        targets=tuple(targets),
    )


def _needed(
    calls: Interval, tokens: Sequence[float], cost_usd: Sequence[float] | None, seconds: Sequence[float], in_flight: int
) -> Needed | None:
    if not tokens:
        return None
    return needed(calls, tokens=tokens, cost_usd=cost_usd, duration_s=seconds, in_flight=in_flight)


def _price_of_item(call: Call | None, coming: Interval) -> float | None:
    if call is None or call.cost_usd is None or coming.estimate <= 0:
        return None
    return call.cost_usd / coming.estimate
