"""What is shown of a run at one moment: everything that a page needs, taken together in one message."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from contract.service import ProducerView, ProviderView, TopicState, TopicView
from contract.text import printable
from orchestrator.events import StopReason
from orchestrator.settings import shown_settings
from orchestrator.words import plural

if TYPE_CHECKING:
    from orchestrator.producers import Producer
    from orchestrator.run import Run
    from orchestrator.stats import ProviderFigures

_NAMED_ORDERS = 16
"""A producer that reads more answers than this is shown with their number alone: nobody reads such a list."""

_BROKEN_OFF = (StopReason.INTERRUPTED, StopReason.CLOSED)
_FAULTS = (StopReason.NO_PROVIDER, StopReason.PRODUCERS_CANNOT_START, StopReason.STORAGE)


def view_of(run: Run, topic_id: str, clock: Callable[[], float] = time.time) -> TopicView:
    """A run as it is now. Cheap enough to be made several times a second.

    Args:
        run: Before, within or after its rounds.
        topic_id: Name of the topic's folder.
        clock: Unix seconds.
    """
    stats, totals, state, now = run.stats, run.store.totals(), _state(run), run.stats.clock()
    producers = [one for one in run.supervisor.producers if one.wanted or one.handle is not None]
    coverage, exploration = run.explored.exploration()
    why = printable(run.explanation)
    shares = run.router.shares(run.explorer.worth.shares)
    return TopicView(
        id=topic_id,
        topic=run.settings.topic,
        state=state,
        at=clock(),
        settings=shown_settings(run.settings),
        unique=totals.unique,
        held=totals.held,
        new=stats.new,
        duplicates=stats.duplicate,
        refused=stats.refused,
        calls=stats.calls,
        failed_calls=stats.failures,
        cancelled_calls=stats.cancelled,
        open_orders=len(run.desk.open),
        waiting_orders=run.desk.waiting,
        input_tokens=stats.input_tokens,
        output_tokens=stats.output_tokens,
        tokens_estimated=stats.estimated_tokens,
        invalid=totals.judged.invalid,
        unjudged=run.unjudged,
        cost_usd=stats.cost_usd,
        elapsed_s=stats.elapsed_s,
        items_per_minute=stats.items_per_minute,
        share_new=stats.share_new,
        coverage=coverage,
        exploration=exploration,
        discovery=run.explored.discovery(),
        producers_alive=0 if stats.ended_at is not None else sum(one.ready for one in producers),
        started_at=stats.started_at,
        ended_at=stats.ended_at,
        stop_reason=run.stop_reason or "",
        explanation=why,
        error=why if state == "failed" else "",
        providers=tuple(_provider(run, one, now, shares) for one in stats.providers.values()),
        producers=tuple(_producer(run, one) for one in producers),
    )


def _state(run: Run) -> TopicState:
    if run.stats.ended_at is not None:
        if run.failure is not None or run.stop_reason in _FAULTS:
            return "failed"
        return "interrupted" if run.stop_reason in _BROKEN_OFF else "finished"
    if run.stop_reason is not None:
        return "stopping"
    if run.paused:
        return "paused"
    return "running" if run.supervisor.begun else "starting"


def _provider(run: Run, figures: ProviderFigures, now: float, shares: Mapping[str, float]) -> ProviderView:
    state = run.router.states[figures.name]
    first_chunk_p50_s, duration_p50_s, duration_p95_s = (
        *figures.first_chunks.percentiles(0.5),
        *figures.durations.percentiles(0.5, 0.95),
    )
    return ProviderView(
        name=figures.name,
        weight=state.weight,
        calls=figures.calls,
        failures=figures.failures,
        errors={kind.value: number for kind, number in figures.errors.items()},
        new=figures.new,
        duplicate=figures.duplicate,
        input_tokens=figures.input_tokens,
        output_tokens=figures.output_tokens,
        cost_usd=figures.cost_usd,
        in_flight=state.in_flight,
        paused_s=0.0 if state.disabled is not None else max(0.0, state.paused_until - now),
        disabled=printable(state.disabled or ""),
        first_chunk_p50_s=first_chunk_p50_s,
        duration_p50_s=duration_p50_s,
        duration_p95_s=duration_p95_s,
        share=shares.get(figures.name, 0.0),
        fresh_yield=run.explorer.incidence.yield_of(figures.name),
        compliance=run.explorer.lists.compliance(figures.name),
    )


def _producer(run: Run, producer: Producer) -> ProducerView:
    state, doing = _doing(run, producer)
    figures = run.stats.producers[producer.index]
    return ProducerView(
        index=producer.index,
        pid=None if state == "dead" else producer.pid,
        state=state,
        doing=doing,
        open_orders=len(producer.open_orders),
        calls=figures.calls,
        new=figures.new,
        duplicate=figures.duplicate,
        restarts=producer.restarts,
    )


def _doing(run: Run, producer: Producer) -> tuple[Literal["starting", "ready", "leaving", "dead"], str]:
    if run.stats.ended_at is not None:
        return "dead", "ended"
    if producer.handle is None:
        if run.stop_reason is not None:
            return "dead", "ended, is not needed any more"
        wait_s = 0.0 if producer.restart_at is None else producer.restart_at - run.stats.clock()
        return ("dead", f"starts again in {math.ceil(wait_s)} s") if wait_s > 0 else ("starting", "starting")
    answers = plural(len(producer.open_orders), "answer")
    if producer.leaving:
        return "leaving", f"finishing {answers}, then leaves" if producer.open_orders else "leaves"
    if not producer.ready:
        return "starting", "starting"
    if not producer.open_orders:
        return "ready", "idle"
    return "ready", f"reading {answers}{_from_whom(run, producer)}"


def _from_whom(run: Run, producer: Producer) -> str:
    if len(producer.open_orders) > _NAMED_ORDERS:
        return ""
    orders = (run.desk.open.get(order_id) for order_id in producer.open_orders)
    providers = Counter(order.provider.spec.name for order in orders if order is not None)
    if len(providers) <= 1:
        return "".join(f" ({name})" for name in providers)
    return f" ({', '.join(f'{name} {number}' for name, number in providers.items())})"
