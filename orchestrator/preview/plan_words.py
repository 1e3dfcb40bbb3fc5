"""A plan in words and rows, for the terminal and for plain output."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from orchestrator.exploration.coverage import Interval
from orchestrator.preview.outlook import Outlook, Target
from orchestrator.settings import Settings
from orchestrator.words import count, money, plural, span

_BEYOND = 1e9
"""An estimate above that is none."""
_OPEN = 30.0
"""An upper end so many times the estimate is no end."""
COLUMNS = ("coverage", "calls", "tokens", "cost", "time", "items by then")


class Pilot(msgspec.Struct, frozen=True, kw_only=True):
    """What the pilot did.

    Attributes:
        wanted: Fresh answers that the figures are to stand on.
        before: How many of them were there already.
        asked: How many came now.
        calls: Calls made now, failed ones included.
        failed_calls: How many of them failed.
        tokens: In and out, of the calls made now.
        cost_usd: Of the calls made now; None where a price is not known.
        duration_s: How long it took.
        stopped: Why it ended, in a sentence; empty where nothing had to be asked.
    """

    wanted: int
    before: int
    asked: int = 0
    calls: int = 0
    failed_calls: int = 0
    tokens: int = 0
    cost_usd: float | None = 0.0
    duration_s: float = 0.0
    stopped: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What `orchestrator plan` says; `--json` prints it.

    Attributes:
        topic: As it was understood.
        folder: Where its items are.
        providers: Whom the run asks.
        pilot: What was asked for the plan.
        outlook: The figures.
        notes: What to know of them, a sentence each.
        command: What goes on from here.
    """

    topic: str
    folder: str
    providers: tuple[str, ...]
    pilot: Pilot
    outlook: Outlook
    notes: tuple[str, ...]
    command: str


class Cell(NamedTuple):
    """A figure and the range it lies in; the range may be empty."""

    figure: str
    range: str = ""


_Shown = Callable[[Interval, Callable[[float], str]], Cell]


def summary(plan: Plan) -> list[tuple[str, str]]:
    """(name, text) pairs for what stands above the table."""
    pilot, outlook = plan.pilot, plan.outlook
    asked = f"{plural(pilot.asked, 'fresh answer')}, {count(pilot.before)} of earlier runs"
    if pilot.calls:
        failed = f", {count(pilot.failed_calls)} failed" if pilot.failed_calls else ""
        asked += (
            f"; {plural(pilot.calls, 'call')}{failed}, {count(pilot.tokens)} tokens, {money(pilot.cost_usd)}, "
            f"{span(pilot.duration_s)}"
        )
    else:
        asked += "; nothing was asked"
    lines = [("pilot", asked)]
    items = plural(outlook.known, "item")
    if outlook.coverage is None or outlook.next_call is None:
        return [*lines, ("found", items)]
    if outlook.total_at_least is not None and outlook.distinct_at_most is not None:
        items += (
            f", {outlook.distinct_at_most:.0%} at most of the distinct ones (at least {_whole(outlook.total_at_least)})"
        )
    coverage = f"{outlook.coverage.estimate:.0%} ({outlook.coverage.low:.0%}–{outlook.coverage.high:.0%})"
    coming = _ranged(outlook.next_call, _whole)
    price = "" if outlook.call is None else f" for {money(outlook.call.cost_usd)}"
    if outlook.next_item_usd is not None and outlook.next_item_usd > 0:
        price += f", {_rough_money(1000 * outlook.next_item_usd)} a thousand"
    return [
        *lines,
        ("found", items),
        ("coverage", f"{coverage} of what a fresh answer names is known"),
        ("next call", f"brings {coming.figure} new items ({coming.range}){price}" if coming.range else coming.figure),
    ]


def rows(outlook: Outlook) -> Iterator[tuple[Target, list[Cell]]]:
    """A row for each coverage, in the order of `COLUMNS`."""
    for target in outlook.targets:
        name = Cell(f"{100 * target.coverage:g} %")
        if target.reached:
            yield target, [name, Cell("reached"), *[Cell("")] * (len(COLUMNS) - 2)]
            continue
        calls = target.calls
        if calls.estimate > _BEYOND:
            shown: _Shown = _bound
        elif calls.high > _OPEN * max(1.0, calls.estimate):
            shown = _open
        else:
            shown = _ranged
        unknown = Cell("unknown")
        yield (
            target,
            [
                name,
                shown(calls, _whole),
                unknown if target.tokens is None else shown(target.tokens, _short),
                unknown if target.cost_usd is None else shown(target.cost_usd, _rough_money),
                unknown if target.duration_s is None else shown(target.duration_s, _rough_span),
                shown(target.items, _whole),
            ],
        )


def notes(outlook: Outlook, pilot: Pilot, settings: Settings, unpriced: tuple[str, ...]) -> list[str]:
    """What to know of the figures, a sentence each; what is wrong comes first.

    Args:
        outlook: The figures.
        pilot: What they stand on.
        settings: Of the run that would follow.
        unpriced: Providers whose price nobody knows.
    """
    found: list[str] = []
    came = outlook.fresh_responses
    if came < pilot.wanted and pilot.stopped:
        found.append(f"{count(came)} of {plural(pilot.wanted, 'fresh answer')} came: {pilot.stopped}.")
    if outlook.coverage is None:
        found.append("That is too little to say anything: two answers with items are needed at least.")
        return found
    if outlook.identical:
        found.append(
            f"All {count(came)} fresh answers name the same items: the topic is listed, or the model is set to answer "
            "the same every time, and then the coverage says nothing (a higher temperature, or a second model, would)."
        )
    wanted = outlook.wanted
    if wanted is not None and not wanted.reached and wanted.hopeless:
        found.append(_hopeless(wanted, came))
    if wanted is not None and wanted.reached:
        found.append(
            f"{100 * wanted.coverage:g} % is reached, as far as {plural(came, 'fresh answer')} can tell; a run to it "
            "ends as soon as its interval is narrow enough."
        )
    found += _limits(wanted, settings)
    found += _rules(outlook, settings)
    found += [
        f"The price of {name} is not known, and so is the cost: --price {name}=IN,OUT sets it." for name in unpriced
    ]
    if outlook.unasked:
        found.append(f"{' and '.join(outlook.unasked)}: not asked afresh yet; the figures do not speak of it.")
    if outlook.sizes and outlook.sizes != outlook.sizes_wanted:
        sizes, wanted_sizes = (" and ".join(map(count, some)) for some in (outlook.sizes, outlook.sizes_wanted))
        found.append(
            f"The calls behind these figures asked for {sizes} items, where the run asks for {wanted_sizes}: calls, "
            "tokens and time are those of the former."
        )
    found.append(
        "Ranges are 90 % intervals. They speak of what these models say to these prompts, not of the world; time is "
        f"with {plural(outlook.in_flight, 'request')} in flight, without pauses that a provider asks for."
    )
    if settings.strategy != "plain":
        found.append(
            "They suppose that every call asks afresh, an upper bound but for small topics: the run names what is "
            "known and asks part by part. On simulated topics of hundreds of items it needed about as many calls to "
            "90 %, on those of thousands a third to two thirds."
        )
    return found


def _hopeless(wanted: Target, came: int) -> str:
    calls = wanted.calls
    if calls.estimate > _BEYOND:
        between = "any number of calls"
    elif calls.high > _OPEN * max(1.0, calls.estimate):
        between = f"{_whole(calls.low)} calls or more than {_whole(_OPEN * calls.estimate)}"
    else:
        between = f"{_whole(calls.low)} calls or {_whole(calls.high)}"
    return (
        f"{100 * wanted.coverage:g} % may take {between}: {plural(came, 'answer')} cannot "
        f"tell how slowly the rest will come. What helps: more fresh answers (--pilot {max(10, 2 * came)}), a lower "
        "target, a narrower topic."
    )


def _limits(wanted: Target | None, settings: Settings) -> Iterator[str]:
    """Limits that would end the run before the target."""
    if wanted is None or wanted.reached:
        return
    requests = None if settings.iterations is None else settings.iterations * settings.producers
    for name, limit, uses in (
        ("--max-cost", settings.max_cost_usd, wanted.cost_usd),
        ("--max-time", settings.max_time_s, wanted.duration_s),
        ("--max-attributes", settings.max_attributes, wanted.items),
        ("--iterations", requests, wanted.calls),
    ):
        if limit is not None and uses is not None and uses.high > limit:
            yield _sooner(name, wanted, probably=uses.estimate > limit)


def _rules(outlook: Outlook, settings: Settings) -> Iterator[str]:
    """Stop rules that end the run before the target: what a fresh call brings falls as the share that is missing."""
    wanted, now = outlook.wanted, outlook.coverage
    if wanted is None or wanted.reached or outlook.next_call is None or now is None or now.estimate >= 1:
        return
    left = (1 - wanted.coverage) / (1 - now.estimate)
    brings, price = outlook.next_call.estimate, outlook.next_item_usd
    least, dearest = settings.min_yield, settings.max_price_per_item_usd
    rules: list[tuple[str, bool, bool]] = []
    if least is not None:
        rules.append(("--min-yield", brings * left < least, brings < least))
    if dearest is not None and price is not None:
        rules.append(("--max-price-per-item", price / left > dearest, price > dearest))
    for name, then, already in rules:
        if then:
            yield _sooner(name, wanted, probably=already)


def _sooner(name: str, wanted: Target, *, probably: bool) -> str:
    return f"{name} {'will probably' if probably else 'may'} end the run before {100 * wanted.coverage:g} %."


def _ranged(interval: Interval, shown: Callable[[float], str]) -> Cell:
    if math.isinf(interval.high):
        return _open(interval, shown)
    low, high = shown(interval.low), shown(interval.high)
    return Cell(shown(interval.estimate), "" if low == high else f"{low}–{high}")


def _open(interval: Interval, shown: Callable[[float], str]) -> Cell:
    """Without an upper end."""
    estimate, low = shown(interval.estimate), shown(interval.low)
    return Cell(estimate, "" if low == estimate else f"at least {low}")


def _bound(interval: Interval, shown: Callable[[float], str]) -> Cell:
    """Without an estimate."""
    return Cell("?", f"at least {shown(interval.low)}")


def _whole(number: float) -> str:
    """Two digits matter of an estimate."""
    if number >= 1000:
        number = round(number, 2 - len(str(int(number))))
    return count(math.ceil(number - 1e-9) if number < 10 else round(number))


def _short(number: float) -> str:
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.0f} {name}" if number >= 10 * size else f"{number / size:.1f} {name}"
    return f"{number:.0f}"


def _rough_money(usd: float) -> str:
    return money(usd) if usd == 0 or usd >= 1 else f"${usd:.2g}" if usd >= 0.0001 else "<$0.0001"


def _rough_span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86400 else f"{count(round(seconds / 86400))} d"
