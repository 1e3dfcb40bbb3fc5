"""Topic folders as ended runs leave them, written by the store itself, for a service to find."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.orchestrator.store_cases import batch, end, open_store

_AT_ONCE = 5_000

MANY = 100_000
MANY_TOPIC = "Numbers"

MIXED_TOPIC = "Towns"
MIXED = 120
NAMED_THRICE = 5
"""Of the mixed topic's items, so many of the first ones are named three times, all others once."""


def write_topic(
    output: Path,
    topic: str,
    *orders: tuple[str, Iterable[str]],
    ended: str = "exhausted",
) -> str:
    """Write a topic with one run; returns its id.

    Args:
        output: The service's folder of topics; the topic's own is named as the command line would.
        topic: A plain one, of letters and single blanks.
        *orders: Of each, the model and the texts that it answered.
        ended: Why the run stopped.
    """
    folder = output / topic.lower().replace(" ", "-")
    folder.mkdir(parents=True)
    store = open_store(folder, topic=topic)
    store.begin_run({"topic": topic, "producers": 3, "provider": "test", "request_size": 60})
    for model, texts in orders:
        order = store.issue_order(provider="test", model=model, mode="explore", size=60, producer=0)
        store.ingest([batch(order, texts)])
        end(store, order)
    store.end_run(ended)
    store.close()
    return folder.name


def many_text(number: int) -> str:
    """Text of item `number`, from 1, of the topic with many."""
    return f"Number {number:06}"


def write_many(output: Path) -> str:
    """Write a topic with 100,000 items."""
    starts = range(1, MANY + 1, _AT_ONCE)
    orders = (("simulated", map(many_text, range(start, start + _AT_ONCE))) for start in starts)
    return write_topic(output, MANY_TOPIC, *orders)


def write_mixed(output: Path) -> str:
    """Write a topic with 120 items, by turns of two models, some of them named more than once."""
    texts = [f"{'North' if number % 3 else 'South'} Town {number}" for number in range(1, MIXED + 1)]
    again = texts[:NAMED_THRICE]
    models = [("deep", texts[0::2]), ("fast", texts[1::2]), ("deep", again), ("fast", again)]
    return write_topic(output, MIXED_TOPIC, *models)
