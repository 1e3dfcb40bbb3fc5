"""What earlier runs asked and named is read again from the folder, of the present format or an older one."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from archive.format import SCHEMA_VERSION
from contract.messages import Mode, Scope, Usage
from orchestrator.exploration import Ask, Explorer, Traits
from orchestrator.store import Ending
from orchestrator.store.past_orders import FreshCall, PastOrder
from tests.orchestrator.store_cases import OLDER, batch, end, feed, issue, make_older, open_store

_BIRDS = Scope(facet="birds", prefix="S")


def test_what_was_asked_and_named_comes_back(tmp_path: Path) -> None:
    """Each ended order has its scope, its list's length and the items that it named; a plan has its parts."""
    store = open_store(tmp_path)
    feed(store, "Robin", "Wren")
    second = store.issue_order(
        provider="openai", model="m-1", mode="explore", size=60, producer=0, scope=_BIRDS, listed=2
    )
    store.ingest([batch(second, ["Wren", "Swift"])])
    end(store, second)
    plan = store.issue_order(provider="openai", model="m-1", mode="plan", size=9, producer=0)
    store.keep_parts(plan, ["birds", "fish\nand more"])
    end(store, plan)
    failed = store.issue_order(provider="openai", model="m-1", mode="audit", size=60, producer=0)
    end(store, failed, "failed")
    store.close()
    again = open_store(tmp_path)
    whole = Scope()
    assert list(again.past_orders()) == [
        PastOrder(1, "openai:m-1", "explore", whole, 0, 0, True, 2, (1, 2)),
        PastOrder(2, "openai:m-1", "explore", _BIRDS, 2, 2, True, 1, (2, 3)),
        PastOrder(3, "openai:m-1", "plan", whole, 0, 3, True, 0, (), ("birds", "fish and more")),
        PastOrder(4, "openai:m-1", "audit", whole, 0, 3, False, 0, ()),
    ]
    again.close()


def test_they_come_back_in_the_order_of_their_end(tmp_path: Path) -> None:
    """A run learnt from them in that order, whichever was asked first; what each named stays with it."""
    store = open_store(tmp_path, clock=map(float, itertools.count()).__next__)
    first, second, third, fourth = (issue(store) for _ in range(4))
    store.ingest([batch(second, ["Wren"]), batch(first, ["Robin", "Wren"]), batch(fourth, ["Swift"])])
    end(store, fourth)
    end(store, third)
    store.ingest([batch(first, ["Rook"])])
    end(store, second)
    end(store, first)
    store.flush()
    assert [(past.id, past.new, past.item_ids) for past in store.past_orders()] == [
        (fourth, 1, (3,)),
        (third, 0, ()),
        (second, 1, (1,)),
        (first, 2, (1, 2, 4)),
    ]
    store.close()


def test_what_fresh_answers_took_comes_back(tmp_path: Path) -> None:
    """Only complete ones that were asked with nothing named; with tokens where they are known."""
    store = open_store(tmp_path)
    asked: list[tuple[Mode, Scope, int, str]] = [
        ("audit", Scope(), 0, "done"),
        ("audit", Scope(), 0, "failed"),
        ("explore", Scope(), 0, "done"),
    ]
    for mode, scope, listed, state in asked:
        order = store.issue_order(
            provider="openai", model="m-1", mode=mode, size=60, producer=0, scope=scope, listed=listed
        )
        end(store, order, state)
    order = store.issue_order(provider="openai", model="m-2", mode="audit", size=40, producer=0)
    known: dict[str, Any] = {"usage": Usage(100, 400, cached_input_tokens=50), "cost_usd": None, "error": None}
    store.end_order(order, state="done", attempts=1, time_to_first_chunk_s=0.1, duration_s=2.0, **known)
    store.flush()
    assert list(store.fresh_calls()) == [
        FreshCall("openai:m-1", 60, None, 1.0),
        FreshCall("openai:m-2", 40, Usage(100, 400, cached_input_tokens=50), 2.0),
    ]
    store.close()


@pytest.mark.parametrize("version", OLDER)
def test_a_folder_of_a_format_before_is_brought_up(tmp_path: Path, version: int) -> None:
    """It is opened, keeps what it has, and takes orders with a scope and a conversation from then on."""
    store = open_store(tmp_path)
    feed(store, "Robin", "Wren")
    store.close()
    make_older(tmp_path, version)
    store = open_store(tmp_path)
    order = store.issue_order(provider="openai", model="m-1", mode="explore", size=60, producer=0, scope=_BIRDS, said=3)
    store.ingest([batch(order, ["Swift", "Robin"])])
    end(store, order)
    store.flush()
    assert [(past.scope, past.item_ids, past.said) for past in store.past_orders()] == [
        (Scope(), (1, 2), 0),
        (_BIRDS, (1, 3), 3),
    ]
    store.close()
    database = sqlite3.connect(tmp_path / "run.db")
    assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    database.close()


def test_how_an_answer_ended_comes_back(tmp_path: Path) -> None:
    """In pieces, ended early, taken over, or a plan without parts; what came in pieces is no sample."""
    store = open_store(tmp_path)
    endings = (Ending(), Ending(whole=False), Ending(cut=True), Ending(replaced=True), Ending(in_vain=True))
    for ending in endings:
        order = store.issue_order(provider="test", model="x", mode="audit", size=60, producer=0)
        store.end_order(
            order, state="done", attempts=1, usage=None, cost_usd=0.0, error=None,
            time_to_first_chunk_s=0.1, duration_s=0.2, ending=ending,
        )  # fmt: skip
    store.close()
    store = open_store(tmp_path)
    past = list(store.past_orders())
    assert [Ending(whole=one.complete, cut=one.cut, replaced=one.replaced, in_vain=one.in_vain) for one in past] == [
        *endings
    ]
    assert len(list(store.fresh_calls())) == 4
    store.close()


def test_a_fresh_answer_that_another_provider_had_begun_is_no_sample_of_an_older_folder(tmp_path: Path) -> None:
    """Its list says so: nothing else was marked then."""
    store = open_store(tmp_path)
    for listed in (0, 7):
        end(store, store.issue_order(provider="test", model="x", mode="audit", size=60, producer=0, listed=listed))
    store.close()
    make_older(tmp_path, 3)
    store = open_store(tmp_path)
    assert [past.complete for past in store.past_orders()] == [True, False]
    store.close()


def test_what_the_end_of_a_run_broke_off_is_told(tmp_path: Path) -> None:
    """From what failed for good."""
    store = open_store(tmp_path)
    for state in ("done", "failed", "interrupted"):
        end(store, issue(store), state)
    issue(store)
    store.close()
    store = open_store(tmp_path)
    assert [past.stopped for past in store.past_orders()] == [False, False, True, True]
    store.close()


def test_a_plan_s_parts_and_its_end_are_written_together(tmp_path: Path) -> None:
    """A kill behind it leaves both."""
    store = open_store(tmp_path)
    order = store.issue_order(provider="test", model="x", mode="plan", size=40, producer=0)
    store.flush()
    end(store, order)
    store.keep_parts(order, ["water birds", "garden birds"])
    database = sqlite3.connect(tmp_path / "run.db")
    assert database.execute("SELECT state, count(*) FROM orders JOIN parts ON order_id = id").fetchone() == ("done", 2)
    database.close()
    store.close()


def test_a_scope_that_somebody_edited_is_none(tmp_path: Path) -> None:
    """What cannot be read as a scope is taken for the whole topic."""
    store = open_store(tmp_path)
    feed(store, "Robin")
    store.close()
    database = sqlite3.connect(tmp_path / "run.db")
    database.execute("UPDATE orders SET scope = '{\"facet\": 7'")
    database.commit()
    database.close()
    store = open_store(tmp_path)
    assert [past.scope for past in store.past_orders()] == [Scope()]
    store.close()


def asked(explorer: Explorer) -> Ask:
    """What it asks next; with nothing on its way there always is something."""
    ask = explorer.ask("test:x")
    assert ask is not None
    return ask


def test_an_explorer_goes_on_where_it_was() -> None:
    """What is relived leaves the same estimates as what was lived; a plan and a split are not asked for again."""
    lived, relived = (Explorer("Birds", 10, {"test:x": Traits()}, seed=1) for _ in range(2))
    known = 0
    for order in range(1, 8):
        ask = asked(lived)
        lived.issued(order, ask, "test:x")
        parts = ["garden birds", "water birds", "birds of prey"] if ask.mode == "plan" else []
        before, new = known, [(known + number, f"Bird {known + number}") for number in (1, 2, 3)] if not parts else []
        known += len(new)
        lived.took(order, (), new)
        kept = lived.planned(order, parts) if parts else ()
        lived.ended(order, complete=True)
        ids = tuple(item for item, _ in new)
        listed = len(ask.avoid)
        relived.relive(
            PastOrder(order, "test:x", ask.mode, ask.scope, listed, before, True, len(new), ids, tuple(kept))
        )
    relived.settle(known)
    assert relived.coverage() == lived.coverage()
    assert relived.known == lived.known
    assert {(arm.way, arm.scope, arm.calls) for arm in relived.arms} == {
        (arm.way, arm.scope, arm.calls) for arm in lived.arms
    }
    assert asked(relived).mode != "plan"
