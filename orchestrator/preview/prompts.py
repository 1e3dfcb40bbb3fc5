"""The prompts that a run would send: its next orders as they are, and an example of every other kind of order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from contract.messages import WHOLE, Scope
from orchestrator.composition import prompt_of
from orchestrator.curation.validation import BATCH_SIZE
from orchestrator.exploration import Ask
from orchestrator.exploration.arms import Arm, Way
from orchestrator.exploration.plans import PLAN_PARTS
from orchestrator.limits import worst_case_usd
from orchestrator.planner import MAX_AVOID, avoid_budget_tokens
from orchestrator.pricing import Price
from orchestrator.routing import ProviderState
from orchestrator.run import Run

Kind = Literal["fresh", "listed", "plan", "facet", "catch-all", "letter", "language", "continued", "validate"]

_KINDS: dict[str, tuple[Kind, ...]] = {
    "auto": ("fresh", "listed", "plan", "facet", "catch-all", "letter", "language"),
    "plain": ("fresh",),
    "listed": ("fresh", "listed"),
    "facets": ("fresh", "listed", "plan", "facet", "catch-all"),
    "letters": ("fresh", "listed", "letter"),
    "languages": ("fresh", "language"),
    "continued": ("fresh", "continued"),
}
"""What each strategy asks."""
_SOME_FACET = Scope(facet="[a part of the topic, as the plan names it]")
_SOME_REST = Scope(besides=("[part 1]", "[part 2]", "[part 3, and so on]"))
_SOME_LETTER = Scope(prefix="A")
_SOME_LANGUAGE = Scope(language="French")
_BYTES_PER_TOKEN = 4


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What one call would send.

    Attributes:
        kind: What it asks.
        real: Whether it is the run's next order; else an example, with [marks] where a run would put its own names.
        provider: `vendor:model`.
        system: The system instruction.
        prompt: The user's message. Untrusted where it holds items or parts.
        listed: Items on its avoid-list.
        input_tokens: Of both texts, about: 4 bytes a token.
        output_tokens_at_most: Hard limit of the answer.
        cost_usd_at_most: Of the call, with a list as long as it may be; None where the price is not known.
    """

    kind: Kind
    real: bool
    provider: str
    system: str
    prompt: str
    listed: int
    input_tokens: int
    output_tokens_at_most: int
    cost_usd_at_most: float | None


def active(run: Run) -> list[ProviderState]:
    """The providers that get orders at all."""
    return [state for state in run.router.states.values() if state.usable]


def prompts_of(run: Run) -> list[Prompt]:
    """The next order of a run, or of each of its providers, then examples of the kinds that are not among them.

    Args:
        run: From `unstarted_run`; its explorer and router are used up.
    """
    asks = list(_next_asks(run))
    prompts = [_prompt(run, state, ask, real=True) for state, ask in asks]
    shown = {(prompt.kind, prompt.provider) for prompt in prompts}
    kinds = _KINDS[run.settings.strategy]
    for kind in (*kinds, "validate") if run.judge.wanted else kinds:
        for state in active(run) if kind != "validate" else run.judge.judges:
            if (kind, state.spec.name) not in shown and _takes(run, state, kind):
                prompts.append(_prompt(run, state, _example(run, kind, state.spec.name), real=False))
    return prompts


def _takes(run: Run, state: ProviderState, kind: Kind) -> bool:
    """Whether a provider would ever be asked so."""
    if kind == "listed":
        return state.spec.takes_avoid_list
    return kind in ("fresh", "continued", "validate") or run.settings.strategy != "auto" or state.spec.takes_parts


def most_usd(run: Run, state: ProviderState, ask: Ask) -> float | None:
    """What an order can cost at most; None where the price is not known."""
    price: Price | None = run.stats.providers[state.spec.name].price
    return None if price is None else worst_case_usd(run.desk.preview(state, ask), price)


def _next_asks(run: Run) -> Iterator[tuple[ProviderState, Ask]]:
    """As the order desk would choose them one after the other, until each provider had a turn."""
    settings, seen = run.settings, set[str]()
    left = None if settings.iterations is None else settings.iterations * settings.producers
    for number in range(len(active(run))):
        state = run.router.choose(run.router.available())
        if state is None:
            return
        ask = run.explorer.ask(state.spec.name, left and max(1, left - number))
        if ask is None:  # it would wait for these first
            return
        run.explorer.issued(-1 - number, ask, state.spec.name)
        if state.spec.name not in seen:
            yield state, ask
        seen.add(state.spec.name)


def _example(run: Run, kind: Kind, provider: str) -> Ask:
    """An order of this kind: about a part that the topic has, or with a mark where none is known yet."""
    plain, listed = run.explorer.arms[:2]
    match kind:
        case "fresh":
            return Ask("audit", plain)
        case "listed":
            return run.explorer.about(listed, provider)
        case "plan":
            return Ask("plan", plain, parts=PLAN_PARTS)
        case "facet":
            arm = _arm(run, lambda arm: arm.way is Way.FACET and bool(arm.scope.facet), Arm(Way.FACET, _SOME_FACET))
        case "catch-all":
            arm = _arm(run, lambda arm: bool(arm.scope.besides), Arm(Way.FACET, _SOME_REST))
        case "letter":
            arm = _arm(run, lambda arm: arm.way is Way.LETTER, Arm(Way.LETTER, _SOME_LETTER))
        case "validate":
            return Ask("validate", plain)
        case "language":
            arm = _arm(run, lambda arm: arm.way is Way.LANGUAGE, Arm(Way.LANGUAGE, _SOME_LANGUAGE))
        case _:
            answer = tuple(range(1, min(run.explorer.known, run.explorer.size) + 1))
            return Ask("explore", Arm(Way.CONTINUED, WHOLE), continues=(answer,) if answer else ())
    return run.explorer.about(arm, provider)


def _arm(run: Run, wanted: Callable[[Arm], bool], else_: Arm) -> Arm:
    return next((arm for arm in run.explorer.arms if not arm.closed and wanted(arm)), else_)


def _kind(ask: Ask) -> Kind:
    if ask.mode in ("plan", "validate"):
        return "plan" if ask.mode == "plan" else "validate"
    if ask.mode == "audit" or ask.arm.way is Way.PLAIN:
        return "fresh"
    if ask.arm.way is Way.FACET:
        return "catch-all" if ask.scope.besides else "facet"
    if ask.arm.way is Way.LISTED:
        return "listed"
    if ask.arm.way is Way.CONTINUED:
        return "continued"
    return "letter" if ask.arm.way is Way.LETTER else "language"


def _prompt(run: Run, state: ProviderState, ask: Ask, *, real: bool) -> Prompt:
    order = run.desk.preview(state, ask)
    kind = _kind(ask)
    if kind == "validate":
        some = tuple(f"[found item {number}]" for number in range(1, BATCH_SIZE + 1))
        order = msgspec.structs.replace(order, candidates=some)
    full = order
    if not real and kind not in ("fresh", "plan", "validate") and state.spec.takes_avoid_list:
        # Nothing may be known yet: the list is as long as it may become.
        tokens = avoid_budget_tokens(run.settings.avoid_share, state.spec)
        full = msgspec.structs.replace(order, avoid=("x" * tokens * _BYTES_PER_TOKEN,))
        if not order.avoid and kind == "listed":
            known = tuple(f"[known item {number}]" for number in range(1, MAX_AVOID + 1))
            order = msgspec.structs.replace(order, avoid=known)
    price: Price | None = run.stats.providers[state.spec.name].price
    system, prompt = prompt_of(order, state.spec.setup)
    return Prompt(
        kind=kind,
        real=real,
        provider=state.spec.name,
        system=system,
        prompt=prompt,
        listed=len(order.avoid),
        input_tokens=-(-len(f"{system}{prompt}".encode(errors="replace")) // _BYTES_PER_TOKEN),
        output_tokens_at_most=order.max_output_tokens,
        cost_usd_at_most=None if price is None else worst_case_usd(full, price),
    )


def grouped(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    """Prompts with the same words stand together, in their order."""
    groups: dict[tuple[bool, str, str, str], list[Prompt]] = {}
    for prompt in prompts:
        groups.setdefault((prompt.real, prompt.kind, prompt.system, prompt.prompt), []).append(prompt)
    return list(groups.values())
