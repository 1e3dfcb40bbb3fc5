"""Steering: what is asked of a run while it goes on, asked in any thread and applied in the run's loop."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from contract.errors import UsageError
from contract.service import Action, Change, Pause, Stop, Unpause
from orchestrator.events import Steered, StopReason
from orchestrator.limits import unknown_price
from orchestrator.providers import provider_list
from orchestrator.routing import ProviderState
from orchestrator.settings import Settings, checked

if TYPE_CHECKING:
    from orchestrator.run import Run
    from orchestrator.stats import ProviderFigures

Answer = Callable[[str], None]
"""Told what became of an action: nothing if it was done, else one line that says why not. Must not raise."""

ENDED = "the run has ended"
STOPPING = "the run is stopping"
_CHANGEABLE = ("producers", "concurrency", "request_size", "max_cost_usd", "max_time_s")
_NAMES = {
    "producers": "producers",
    "concurrency": "concurrency",
    "request_size": "request size",
    "max_cost_usd": "budget",
    "max_time_s": "time limit",
}


class Interrupt(msgspec.Struct, frozen=True):
    """Ctrl-C: ends the run as `Stop` does, a further one as `Stop(now=True)`."""


class Steering:
    """Takes actions from any thread and applies them between two rounds of the run's loop.

    Each is answered exactly once, in the loop's thread; one that comes after the end at once, where it came from.

    Args:
        run: The run.
        stop: Ends it, for a reason; `cancel`: open responses are not waited for.
        tell: Takes what its watchers are to hear.
    """

    def __init__(self, run: Run, stop: Callable[..., None], tell: Callable[[Steered], None]) -> None:
        self._run = run
        self._stop = stop
        self._tell = tell
        self._queue: deque[tuple[Action | Interrupt, Answer]] = deque()
        self._ended = False

    # --- from any thread -----------------------------------------------------------------------------------

    def ask(self, action: Action, answer: Answer) -> None:
        """Queue an action."""
        self._queue.append((action, answer))
        if self._ended:  # looked at after the queueing: either this finds it in the queue, or `end` does
            self._refuse_all()

    def signal(self, wish: Stop | Interrupt) -> None:
        """Queue what a signal asks for; nobody waits for an answer. Safe in a signal handler."""
        self._queue.append((wish, lambda refusal: None))

    @property
    def stop_asked(self) -> bool:
        """Whether the run's end has been asked for and not been begun."""
        return any(isinstance(wish, Stop | Interrupt) for wish, _ in tuple(self._queue))

    # --- in the loop's thread ------------------------------------------------------------------------------

    def apply(self) -> None:
        """Apply what is queued."""
        for _ in range(len(self._queue)):  # what is queued meanwhile has its turn in the next round
            wish, answer = self._queue.popleft()
            refusal = ENDED  # if applying it ends the run
            try:
                refusal = self._applied(wish)
            except UsageError as error:
                refusal = str(error)
            finally:
                answer(refusal)

    def end(self) -> None:
        """The run has ended: whatever is queued, now or later, is refused."""
        self._ended = True
        self._refuse_all()

    def _refuse_all(self) -> None:
        while self._queue:
            try:
                _, answer = self._queue.popleft()
            except IndexError:
                return  # another thread has taken the last one
            answer(ENDED)

    def _applied(self, wish: Action | Interrupt) -> str:
        """Apply one; why not, or nothing. Raises `UsageError` for a wrong value."""
        stopping = self._run.stop_reason is not None
        match wish:
            case Interrupt():
                self._stop(StopReason.INTERRUPTED, cancel=stopping)
            case Stop():
                self._stop(StopReason.INTERRUPTED, cancel=wish.now)
            case _ if stopping:
                return STOPPING
            case Pause():
                self._pause()
            case Unpause():
                self._unpause()
            case Change():
                self._change(wish)
        return ""

    def _pause(self) -> None:
        run = self._run
        if not run.paused:
            run.stats.pause()
            run.store.flush()
            count = len(run.desk.open)
            rest = f"; {count} open response{'' if count == 1 else 's'} will be finished" if count else ""
            self._tell(Steered("paused", f"paused: no new requests{rest}"))

    def _unpause(self) -> None:
        run = self._run
        if run.paused:
            run.stats.resume()
            run.router.resume()
            self._tell(Steered("resumed", "the run goes on"))

    def _change(self, change: Change) -> None:
        """All of it or nothing."""
        run = self._run
        settings = changed_settings(change, run.settings)
        weights = changed_weights(change, run.router.states)
        _check_prices(settings, weights, run.router.states, run.stats.providers, run.judge.names)
        text = _described(run.settings, settings, weights, run.router.states)
        if not text:
            return
        run.router.reweigh(weights)
        if weights:  # so that they are kept for the run's continuation
            after = {name: state.weight for name, state in run.router.states.items()}
            settings = msgspec.structs.replace(settings, provider=provider_list(after))
        run.adopt(settings)
        self._tell(Steered("changed", text))


def changed_settings(change: Change, settings: Settings) -> Settings:
    """The settings with what `change` gives of them. Raises `UsageError` for a value out of its bounds."""
    given = {name: value for name in _CHANGEABLE if (value := getattr(change, name)) is not UNSET}
    return msgspec.structs.replace(settings, **{**given, **checked(given)})


def changed_weights(change: Change, states: Mapping[str, ProviderState]) -> dict[str, float]:
    """The weights that `change` makes other than they are, by provider.

    Raises:
        UsageError: An unknown provider, a weight that is none, or none left above 0.
    """
    if change.weights is UNSET:
        return {}
    for name, weight in change.weights.items():
        if name not in states:
            raise UsageError(f"weights: this run has no provider {name[:60]!r}; it has {', '.join(states)}")
        if not math.isfinite(weight) or weight < 0:
            raise UsageError(f"weights: {weight} for {name} is not a number of 0 or more")
    after = {name: change.weights.get(name, state.weight) for name, state in states.items()}
    if not any(weight > 0 and states[name].disabled is None for name, weight in after.items()):
        raise UsageError("weights: a provider that is not disabled needs a weight above 0")
    return {name: weight for name, weight in after.items() if weight != states[name].weight}


def _check_prices(
    settings: Settings,
    weights: Mapping[str, float],
    states: Mapping[str, ProviderState],
    figures: Mapping[str, ProviderFigures],
    judges: Collection[str],
) -> None:
    """Refuse a limit on the money where what is spent cannot be known. Raises `UsageError`."""
    if settings.max_cost_usd is None:
        return
    for name, state in states.items():
        used = state.in_flight or figures[name].input_tokens or figures[name].output_tokens
        asked = state.disabled is None and (weights.get(name, state.weight) > 0 or name in judges)
        if figures[name].price is None and (used or asked):
            raise UsageError(unknown_price(name))


def _described(
    before: Settings, after: Settings, weights: Mapping[str, float], states: Mapping[str, ProviderState]
) -> str:
    """What changes, in words: `producers 3 → 5, budget $1.00 → $2.50`; nothing where nothing does."""
    parts = [
        f"{_NAMES[name]} {_shown(name, getattr(before, name))} → {_shown(name, getattr(after, name))}"
        for name in _CHANGEABLE
        if getattr(before, name) != getattr(after, name)
    ]
    parts += [f"weight of {name} {states[name].weight:g} → {weight:g}" for name, weight in weights.items()]
    return ", ".join(parts)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "none"
    if name == "max_cost_usd":
        return f"${value:,.2f}" if value == round(value, 2) else f"${value:,.10g}"
    return f"{value:,.10g} s" if name == "max_time_s" else str(value)
