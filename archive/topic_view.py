"""A topic as it is shown while it does not run, made from its folder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from archive.exploration import kept_exploration
from archive.failures import DATABASE_NAME
from archive.run_reader import PORTION, RunReader, moment, reading
from contract.discovery import KeptExploration
from contract.errors import ErrorKind
from contract.service import ProviderView, TopicState, TopicView
from contract.text import printable

_LATEST_ORDERS = 5_000
_LATEST_CALLS = 200
_LATEST_ANSWERS = 10
_MAX_PROVIDERS = 256

_FACTS = """
SELECT (SELECT substr(value, 1, 1000) FROM meta WHERE name = 'topic'),
    (SELECT CAST(coalesce(max(id), 0) AS INTEGER) FROM items), (SELECT first_at FROM items ORDER BY id DESC LIMIT 1)
"""
_RUN = """
SELECT CAST(id AS INTEGER), substr(settings, 1, 100000), started_at, ended_at,
    CAST(substr(coalesce(stop_reason, ''), 1, 100) AS TEXT)
FROM runs ORDER BY id DESC LIMIT 1
"""
_JUDGES = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'judgements'"
_JUDGED = "SELECT total(verdict = 'invalid'), total(verdict = 'valid') FROM judgements"
_HELD = "SELECT count(*), CAST(max(id) AS INTEGER) FROM (SELECT id FROM held WHERE id > ? ORDER BY id LIMIT ?)"
_ORDERS = "(SELECT * FROM orders WHERE id < ? ORDER BY id DESC LIMIT ?)"
_NAME = "substr(provider, 1, 200) || ':' || substr(model, 1, 200)"
_PORTION = f"SELECT CAST(min(id) AS INTEGER), CAST(min(run_id) AS INTEGER) FROM {_ORDERS}"  # noqa: S608
_CALLS = "CAST(attempts AS INTEGER)"
_SUMS = f"""
SELECT coalesce({_NAME}, ''), min(id), count(*), sum(state = 'interrupted' AND {_CALLS} > 0),
    sum({_CALLS}), sum({_CALLS} - (state <> 'failed' AND {_CALLS} > 0)),
    sum(CAST(new AS INTEGER)), sum(CAST(duplicate AS INTEGER)), sum(CAST(refused AS INTEGER)),
    sum(CAST(input_tokens AS INTEGER)), sum(CAST(output_tokens AS INTEGER)),
    sum(CASE WHEN usage_estimated THEN CAST(input_tokens AS INTEGER) + CAST(output_tokens AS INTEGER) END),
    sum(attempts IS NOT NULL AND cost_usd IS NULL), total(cost_usd)
FROM {_ORDERS} WHERE run_id = ? GROUP BY 1
"""  # noqa: S608
_ERRORS = f"""
SELECT coalesce({_NAME}, ''), error, count(*) FROM {_ORDERS}
WHERE run_id = ? AND state = 'failed' AND error IS NOT NULL GROUP BY 1, 2
"""  # noqa: S608
_LATEST = f"""
SELECT coalesce({_NAME}, ''), state, issued_at, CASE WHEN attempts IS NOT NULL THEN ended_at END,
    CAST(new AS INTEGER), CAST(duplicate AS INTEGER), duration_s, time_to_first_chunk_s
FROM {_ORDERS} WHERE run_id = ? ORDER BY id DESC
"""  # noqa: S608
_BEHIND_ALL = 2**63 - 1
_ERROR_KINDS = frozenset(kind.value for kind in ErrorKind)

_FAILED = frozenset({"no_provider", "producers_cannot_start", "storage"})
_UNFINISHED = frozenset({"killed", "interrupted", "closed"})
_NOT_BEGUN = "no run has begun here yet"
_SENTENCES = {
    "iterations": "every producer has made its requests",
    "max_attributes": "the wanted number of items is reached",
    "max_cost": "the next request could exceed the money limit",
    "max_time": "the time is over",
    "exhausted": "every way of asking brings next to nothing new",
    "coverage": "the wanted coverage is reached",
    "min_yield": "the next request is expected to bring too few new items",
    "max_price_per_item": "the next new item is expected to cost too much",
    "no_provider": "no provider is left",
    "interrupted": "interrupted; everything found is kept",
    "producers_cannot_start": "the producer processes could not start",
    "storage": "the run's files could not be written; everything counted is kept",
    "closed": "the caller stopped",
    "killed": "its process ended before the run was done; everything found is kept",
}
_LIMITS = {
    "iterations": ("iterations", "--iterations {}"),
    "max_attributes": ("max_attributes", "--max-attributes {}"),
    "max_cost": ("max_cost_usd", "--max-cost {}"),
    "max_time": ("max_time_s", "--max-time {}s"),
    "coverage": ("until_coverage", "--until-coverage {}"),
    "min_yield": ("min_yield", "--min-yield {}"),
    "max_price_per_item": ("max_price_per_item_usd", "--max-price-per-item {}"),
}


class _Sums(msgspec.Struct):
    """Sums over one provider's orders in the run; in the order of `_SUMS`."""

    first_order: int
    orders: int = 0
    cancelled: int = 0
    calls: int = 0
    failures: int = 0
    new: int = 0
    duplicate: int = 0
    refused: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated_tokens: int = 0
    without_cost: int = 0
    cost: float = 0.0
    errors: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def cost_usd(self) -> float | None:
        """What its calls cost; None where a price is unknown."""
        return self.cost if not self.without_cost and math.isfinite(self.cost) else None


class _Latest(msgspec.Struct):
    """One of the last orders; in the order of `_LATEST`."""

    provider: str
    state: object
    issued_at: object
    ended_at: object
    new: int | None
    duplicate: int | None
    duration_s: object
    first_chunk_s: object


def topic_view(folder: Path) -> TopicView:
    """A topic from its folder. For one that runs now, this is what its database says of the run so far.

    Figures are those of the last run; `unique` and `held` are of the folder. `at` is the run's end, or its last sign of
    life. What a folder does not tell is left at its default: what went on at the end, the producers. How far the topic
    is explored is what a run last wrote of it, at its end or some seconds ago; earlier versions wrote nothing. A
    provider's `weight` is its share of the run's orders.

    A folder holds orders, not calls: an order's attempts are its calls. Those of a failed order have all failed, those
    of any other one but for the last. So a call is missing among the failures that broke when everything asked for had
    come. An interrupted order's last call counts as cancelled. `errors` has the last error of each failed order. Times
    are those of the last 200 orders of a provider among the last 5,000: of each order's last call.

    Raises:
        ConfigurationError: There is no run in the folder, or none yet.
        ForeignDatabaseError: `run.db` is damaged, something else, or from a newer version.
        StorageError: It cannot be read.
    """
    with reading(folder) as reader:
        topic, unique, last_item_at = reader.row(_FACTS)
        if not isinstance(topic, str):
            raise reader.damaged("it names no topic")
        held = _held(reader)
        runs = reader.rows(_RUN)
        if not runs:
            at = moment(last_item_at) or (folder / DATABASE_NAME).stat().st_mtime
            return TopicView(folder.name, topic, "interrupted", at, unique=unique, held=held, explanation=_NOT_BEGUN)
        number, settings, started_at, ended_at, stop_reason = runs[0]
        sums = _sums(reader, number)
        kept = kept_exploration(reader) or KeptExploration(number)
        invalid, valid = map(int, reader.row(_JUDGED)) if reader.row(_JUDGES)[0] else (0, 0)
        latest = [_Latest(*row) for row in reader.rows(_LATEST, (_BEHIND_ALL, _LATEST_ORDERS, number))]
    started, ended = moment(started_at), moment(ended_at)
    reason = stop_reason if ended is not None and stop_reason else "killed"
    chosen = _decoded(settings)
    ended_so = kept.run == number and reason != "killed"
    explanation = kept.explanation if ended_so and kept.explanation else _explanation(reason, chosen, sums)
    state = _state(reason)
    at = ended if ended is not None else _last_sign(latest, started or 0.0)
    total = _total(sums.values())
    return TopicView(
        id=folder.name,
        topic=topic,
        state=state,
        at=at,
        settings=chosen,
        unique=unique,
        held=held,
        new=total.new,
        duplicates=total.duplicate,
        refused=total.refused,
        calls=total.calls,
        failed_calls=total.failures,
        cancelled_calls=total.cancelled,
        input_tokens=total.input_tokens,
        output_tokens=total.output_tokens,
        tokens_estimated=total.estimated_tokens,
        invalid=invalid,
        unjudged=None if chosen.get("validate", "off") == "off" else max(0, unique - invalid - valid),
        cost_usd=total.cost_usd,
        elapsed_s=max(0.0, at - (at if started is None else started)),
        share_new=_share_new(latest),
        coverage=kept.coverage,
        exploration=kept.exploration,
        discovery=kept.discovery,
        started_at=started,
        ended_at=ended,
        stop_reason=reason,
        explanation=explanation,
        error=explanation if state == "failed" else "",
        providers=tuple(_providers(sums, latest)),
    )


def _state(reason: str) -> TopicState:
    if reason in _FAILED:
        return "failed"
    return "interrupted" if reason in _UNFINISHED else "finished"


def _explanation(reason: str, settings: Mapping[str, object], sums: Mapping[str, _Sums]) -> str:
    """Why the run ended, in the words that the run itself used; the numbers are its settings."""
    sentence = _SENTENCES.get(reason, f"it ended ({printable(reason)})")
    if reason in _LIMITS:
        name, option = _LIMITS[reason]
        limit = settings.get(name)
        if isinstance(limit, int | float):
            sentence += f" ({option.format(limit if isinstance(limit, int) else f'{limit:g}')})"
    if reason == "no_provider":
        failed = [f"{name} ({max(one.errors, key=one.errors.__getitem__)})" for name, one in sums.items() if one.errors]
        sentence += ": " + ", ".join(failed) if failed else ""
    return sentence


def _decoded(settings: object) -> dict[str, Any]:
    """The settings as they were written; nothing of them if that was somebody else."""
    try:
        return msgspec.json.decode(str(settings), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}


def _held(reader: RunReader) -> int:
    held, last = 0, -1
    while True:
        count, to = reader.row(_HELD, (last, PORTION))
        if not count or to <= last:
            return held
        held, last = held + count, to


def _sums(reader: RunReader, run: int) -> dict[str, _Sums]:
    """The sums by provider, in the order of their first orders."""
    sums: dict[str, _Sums] = {}
    before = _BEHIND_ALL
    while True:
        first, oldest_run = reader.row(_PORTION, (before, PORTION))
        if first is None or first >= before:
            break
        values = (before, PORTION, run)
        for name, first_order, *figures in reader.rows(_SUMS, values):
            one = sums.setdefault(name, _Sums(first_order))
            one.first_order = first_order
            for field, value in zip(_Sums.__struct_fields__[1:], figures, strict=False):
                setattr(one, field, getattr(one, field) + (value or 0))
        for name, error, count in reader.rows(_ERRORS, values):
            kind = error if error in _ERROR_KINDS else ErrorKind.OTHER.value
            sums[name].errors[kind] = sums[name].errors.get(kind, 0) + count
        if oldest_run is None or oldest_run < run:
            break
        before = first
    ordered = sorted(sums.items(), key=lambda entry: entry[1].first_order)
    return dict(ordered[:_MAX_PROVIDERS])


def _total(sums: Iterable[_Sums]) -> _Sums:
    total = _Sums(0)
    for one in sums:
        for field in _Sums.__struct_fields__[1:-1]:
            setattr(total, field, getattr(total, field) + getattr(one, field))
    return total


def _providers(sums: Mapping[str, _Sums], latest: Sequence[_Latest]) -> Iterator[ProviderView]:
    orders = sum(one.orders for one in sums.values())
    for name, one in sums.items():
        calls = [order for order in latest if order.provider == name and _positive(order.duration_s) is not None]
        durations = [_positive(order.duration_s) for order in calls[:_LATEST_CALLS]]
        first_chunks = [_positive(order.first_chunk_s) for order in calls[:_LATEST_CALLS]]
        yield ProviderView(
            name=name,
            weight=one.orders / orders,
            calls=one.calls,
            failures=one.failures,
            errors=one.errors,
            new=one.new,
            duplicate=one.duplicate,
            input_tokens=one.input_tokens,
            output_tokens=one.output_tokens,
            cost_usd=one.cost_usd,
            first_chunk_p50_s=_percentile(first_chunks, 50),
            duration_p50_s=_percentile(durations, 50),
            duration_p95_s=_percentile(durations, 95),
        )


def _positive(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value >= 0 else None


def _percentile(values: Iterable[float | None], percent: int) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.percentile(known, percent)) if known else None


def _last_sign(latest: Sequence[_Latest], started_at: float) -> float:
    signs = [moment(at) or 0.0 for order in latest for at in (order.issued_at, order.ended_at)]
    return max([started_at, *signs])


def _share_new(latest: Sequence[_Latest]) -> float | None:
    answers = [order for order in latest if order.state == "done"][:_LATEST_ANSWERS]
    new = sum(order.new or 0 for order in answers)
    total = new + sum(order.duplicate or 0 for order in answers)
    return new / total if total > 0 else None
