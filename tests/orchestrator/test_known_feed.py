"""Producers hear of what is known, each key once, and only where answers may be ended early."""

from __future__ import annotations

import pytest

from archive.filesystem import MemoryFileSystem
from contract.identity import Identity, key_of
from contract.messages import KNOWN_KEY_BYTES, Order
from orchestrator import known_feed
from orchestrator.events import StopReason
from orchestrator.known_feed import KnownFeed
from orchestrator.limits import DRY_RESPONSES
from tests.orchestrator.puppets import Stage


def keys(*texts: str) -> set[bytes]:
    """The keys as they travel."""
    return {key_of(text, Identity.NORMALIZED)[:KNOWN_KEY_BYTES] for text in texts}


def heard(data: bytes) -> list[bytes]:
    """The keys that a producer was told."""
    return [data[start : start + KNOWN_KEY_BYTES] for start in range(0, len(data), KNOWN_KEY_BYTES)]


def test_every_producer_hears_of_every_item_once() -> None:
    """Whoever found it, before its next order."""
    stage = Stage(producers=2, patience=5).begin()
    told: list[tuple[int, int]] = []
    stage.puppets.on_order = lambda puppet, order: told.append((len(puppet.known), order.id))
    first, second = stage.puppets.living
    first.answer(next(iter(first.orders)), "Apple", "Pear")
    stage.round()
    stage.round()
    second.answer(next(iter(second.orders)), "Plum", "Apple")
    stage.round()
    stage.round()
    for puppet in (first, second):
        assert sorted(heard(puppet.known)) == sorted(keys("Apple", "Pear", "Plum"))
    assert told[0][0] == 2 * KNOWN_KEY_BYTES, "the order went out before the news"
    stage.end()


def test_without_patience_nobody_is_told() -> None:
    """It costs nothing where it is not wanted."""
    stage = Stage().begin()
    (puppet,) = stage.puppets.living
    puppet.answer(next(iter(puppet.orders)), "Apple", "Pear")
    stage.round()
    stage.round()
    assert puppet.known == b""
    stage.end()


def test_a_new_process_hears_of_everything() -> None:
    """One that takes the place of a dead one knows as much as the others."""
    stage = Stage(patience=5).begin()
    (puppet,) = stage.puppets.living
    puppet.answer(next(iter(puppet.orders)), "Apple", "Pear")
    stage.round()
    stage.round()
    puppet.end(-9)
    stage.round()
    stage.round()
    stage.puppets.make_ready()
    stage.round()
    stage.round()
    (other,) = stage.puppets.living
    assert other is not puppet
    assert sorted(heard(other.known)) == sorted(keys("Apple", "Pear"))
    stage.end()


def test_a_continued_run_tells_what_earlier_ones_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """In portions, of which each round sends a few."""
    monkeypatch.setattr(known_feed, "KEYS_A_MESSAGE", 3)
    monkeypatch.setattr(known_feed, "_MESSAGES_A_ROUND", 2)
    filesystem = MemoryFileSystem()
    first = Stage(filesystem=filesystem).begin()
    (puppet,) = first.puppets.living
    fruits = [f"Fruit {number}" for number in range(20)]
    puppet.answer(next(iter(puppet.orders)), *fruits)
    first.end()
    second = Stage(filesystem=filesystem, patience=5).begin()
    for _ in range(6):
        second.round()
    (puppet,) = second.puppets.living
    assert set(heard(puppet.known)) >= keys(*fruits)
    assert len(heard(puppet.known)) == len(set(heard(puppet.known)))
    second.end()


def test_a_producer_that_takes_nothing_is_sent_nothing_more() -> None:
    """A stopped process must not cost memory."""
    stage = Stage(patience=5).begin()
    (puppet,) = stage.puppets.living
    puppet.full = True
    puppet.answer(next(iter(puppet.orders)), "Apple", "Pear")
    for _ in range(5):
        stage.round()
    assert puppet.known == b""
    puppet.full = False
    stage.round()
    assert sorted(heard(puppet.known)) == sorted(keys("Apple", "Pear"))
    stage.end()


def test_nothing_is_due_where_nothing_is_new() -> None:
    """The feed does not keep the run's loop awake."""
    stage = Stage(patience=5).begin()
    (puppet,) = stage.puppets.living
    puppet.answer(next(iter(puppet.orders)), "Apple")
    stage.round()
    stage.round()
    feed = KnownFeed(stage.run.store, stage.run.supervisor)
    assert not feed.tell()
    known = puppet.known
    assert not feed.tell()
    assert puppet.known == known
    stage.end()


def test_only_exploring_orders_may_be_ended_early() -> None:
    """Audits and plans are read to their end, for the estimates stand on them; so are judgements."""
    stage = Stage(patience=7, judges=None)
    orders: list[Order] = []
    stage.puppets.on_order = lambda puppet, order: orders.append(order)
    stage.begin()
    number = 0
    for _ in range(400):
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            if puppet.orders[order_id].mode == "validate":
                puppet.answer(order_id, "none")
            else:
                texts = [f"Fruit {number + place}" for place in range(30)]
                number += 30
                puppet.answer(order_id, *texts)
        stage.round()
        if {"explore", "audit", "plan", "validate"} <= {order.mode for order in orders}:
            break
    assert {(order.mode, order.patience) for order in orders} == {
        ("explore", 7),
        ("audit", 0),
        ("plan", 0),
        ("validate", 0),
    }
    stage.end()


def test_whole_answers_have_the_last_word() -> None:
    """Where answers that were ended early bring nothing, they are read to the end again before the run ends."""
    stage = Stage(patience=1)
    orders: list[Order] = []
    stage.puppets.on_order = lambda puppet, order: orders.append(order)
    stage.begin()
    for _ in range(400):
        if stage.over:
            break
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            ended = "repeating" if puppet.orders[order_id].patience else "stop"
            puppet.answer(order_id, "Apple", finish_reason=ended)
        stage.round()
    result = stage.run.result()
    assert result.stop_reason is StopReason.EXHAUSTED
    assert result.shortened_calls == sum(order.patience > 0 for order in orders) > 0
    last_cut = max(place for place, order in enumerate(orders) if order.patience)
    # The rule of dry answers counts whole ones too, so that the run may end before the explorer has seen its 16.
    assert len(orders) - last_cut > 6
    assert sum(not order.patience for order in orders) >= DRY_RESPONSES
