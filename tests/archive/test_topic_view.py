"""A topic as it is shown while it does not run."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from archive import topic_view as topic_view_module
from archive.run_reader import RunReader
from archive.topic_view import topic_view
from contract.errors import ConfigurationError, ForeignDatabaseError
from contract.service import ProviderView, TopicView
from orchestrator.events import StopReason
from tests.archive.folder_cases import START, Folder
from tests.orchestrator.store_cases import feed, issue, open_store


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A topic's folder without a run."""
    return Folder(tmp_path / "paris-attractions")


def test_the_figures_of_the_last_run(folder: Folder) -> None:
    """Sums are those of the last run, by provider in the order of their first orders; `unique` is of the folder."""
    folder.run(START - 1000, START - 900, "iterations")
    folder.order("old", new=50, cost_usd=9.0, ended_at=START - 950)
    folder.run(START, START + 60, "max_attributes", {"max_attributes": 4, "provider": "b,a"})
    usage = {"input_tokens": 10, "output_tokens": 100, "cost_usd": 0.5}
    times = {"duration_s": 2.0, "time_to_first_chunk_s": 0.25}
    folder.order("b", run=2, new=3, duplicate=1, refused=2, **usage, **times)
    folder.order("a", run=2, new=1, attempts=3, cost_usd=0.25, duration_s=1.0)
    folder.order("b", run=2, new=0, duplicate=2, **{**usage, "usage_estimated": 1}, duration_s=4.0)
    folder.order("b", run=2, attempts=5, state="failed", error="timeout", cost_usd=0.0)
    folder.order("a", run=2, attempts=2, state="interrupted", error="cancelled", cost_usd=0.0)
    folder.items(["v", "w", "x", "y"])
    folder.insert("held", key=b"1", text="z", description="", order_id=1, at=0)
    assert topic_view(folder.path) == TopicView(
        id="paris-attractions",
        topic="Paris attractions",
        state="finished",
        at=START + 60,
        settings={"max_attributes": 4, "provider": "b,a"},
        unique=4,
        held=1,
        new=4,
        duplicates=3,
        refused=2,
        calls=12,
        failed_calls=8,
        cancelled_calls=1,
        input_tokens=20,
        output_tokens=200,
        tokens_estimated=110,
        cost_usd=1.25,
        elapsed_s=60.0,
        share_new=4 / 7,
        started_at=START,
        ended_at=START + 60,
        stop_reason="max_attributes",
        explanation="the wanted number of items is reached (--max-attributes 4)",
        providers=(
            ProviderView(
                "b:m-1",
                weight=0.6,
                calls=7,
                failures=5,
                errors={"timeout": 1},
                new=3,
                duplicate=3,
                input_tokens=20,
                output_tokens=200,
                cost_usd=1.0,
                first_chunk_p50_s=0.25,
                duration_p50_s=3.0,
                duration_p95_s=3.9,
            ),
            ProviderView(
                "a:m-1", weight=0.4, calls=5, failures=3, new=1, cost_usd=0.25, duration_p50_s=1.0, duration_p95_s=1.0
            ),
        ),
    )


@pytest.mark.parametrize(
    ("reason", "settings", "state", "explanation"),
    [
        ("iterations", {"iterations": 3}, "finished", "every producer has made its requests (--iterations 3)"),
        ("iterations", {}, "finished", "every producer has made its requests"),
        ("max_attributes", {"max_attributes": 1_000_000}, "finished", "… (--max-attributes 1000000)"),
        (
            "max_cost",
            {"max_cost_usd": 2.5},
            "finished",
            "the next request could exceed the money limit (--max-cost 2.5)",
        ),
        ("max_time", {"max_time_s": 90.0}, "finished", "the time is over (--max-time 90s)"),
        ("max_time", {"max_time_s": "soon"}, "finished", "the time is over"),
        ("exhausted", {}, "finished", "every way of asking brings next to nothing new"),
        ("interrupted", {}, "interrupted", "interrupted; everything found is kept"),
        ("closed", {}, "interrupted", "the caller stopped"),
        ("no_provider", {}, "failed", "no provider is left"),
        ("producers_cannot_start", {}, "failed", "the producer processes could not start"),
        ("storage", {}, "failed", "the run's files could not be written; everything counted is kept"),
        ("of\na newer version", {}, "finished", "it ended (of\ufffda newer version)"),
    ],
)
def test_how_a_run_ended(
    folder: Folder, reason: str, settings: dict[str, object], state: str, explanation: str
) -> None:
    """State and sentence follow from the stop reason and the run's settings."""
    folder.run(START, START + 1, reason, settings)
    view = topic_view(folder.path)
    assert (view.state, view.stop_reason) == (state, reason)
    assert view.explanation.endswith(explanation.removeprefix("…"))
    assert view.error == (view.explanation if state == "failed" else "")


def test_every_stop_reason_has_its_sentence(folder: Folder) -> None:
    """None of the reasons that a run may write is unknown here."""
    for reason in StopReason:
        folder.run(START, START + 1, reason.value)
        assert not topic_view(folder.path).explanation.startswith("it ended")


def test_why_no_provider_is_left(folder: Folder) -> None:
    """The errors of the failed orders are named with their providers; unknown ones are not repeated."""
    folder.run(START, START + 1, "no_provider")
    for provider, error in (("a", "auth"), ("a", "auth"), ("a", "timeout"), ("b", "<script>"), ("c", None)):
        folder.order(provider, state="failed", error=error)
    folder.order("d")
    view = topic_view(folder.path)
    assert view.explanation == view.error == "no provider is left: a:m-1 (auth), b:m-1 (_OTHER)"
    assert view.providers[0].errors == {"auth": 2, "timeout": 1}


@pytest.mark.parametrize("written", [None, "killed"])
def test_a_killed_run(folder: Folder, written: str | None) -> None:
    """A run without an end was killed, whether a later start noted it or not; it lasted to its last sign of life."""
    folder.run(START, None, written)
    folder.order(ended_at=START + 20)
    folder.order(issued_at=START + 30, ended_at=START + 9000, state="interrupted", attempts=None)
    folder.order(issued_at=START + 25, ended_at=None, state="open", attempts=None)
    view = topic_view(folder.path)
    assert (view.state, view.stop_reason, view.ended_at) == ("interrupted", "killed", None)
    assert (view.at, view.elapsed_s, view.calls, view.cancelled_calls) == (START + 30, 30.0, 1, 0)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    """A folder that was made, and perhaps rebuilt from attributes.txt, but in which no run began, can be continued."""
    (tmp_path / "attributes.txt").write_text("a\nb\n", encoding="utf-8")
    open_store(tmp_path).close()
    view = topic_view(tmp_path)
    assert (view.state, view.unique, view.started_at, view.at) == ("interrupted", 2, None, 1_790_000_000.0)
    assert view.explanation == "no run has begun here yet"
    assert topic_view(Folder(tmp_path / "x").path).at > 0


def test_a_price_that_is_unknown(folder: Folder) -> None:
    """Cost is None for a provider without a price, and then in all; an order that was never charged says nothing."""
    folder.run(START, START + 1, "iterations")
    folder.order("a", cost_usd=0.5)
    folder.order("a", state="interrupted", attempts=None, cost_usd=None)
    assert topic_view(folder.path).cost_usd == 0.5
    folder.order("b", cost_usd=None)
    view = topic_view(folder.path)
    assert view.cost_usd is None
    assert [provider.cost_usd for provider in view.providers] == [0.5, None]


def test_a_run_that_goes_on(tmp_path: Path) -> None:
    """A folder is read while its run goes on, as its database stands."""
    store = open_store(tmp_path / "x")
    store.begin_run({"producers": 5})
    feed(store, "a", "b")
    issue(store)
    view = topic_view(tmp_path / "x")
    assert (view.unique, view.new, view.calls, view.settings) == (2, 2, 1, {"producers": 5})
    store.end_run("closed")
    store.close()
    assert topic_view(tmp_path / "x").state == "interrupted"


def test_portions_do_not_show(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders read in portions have the same sums, and no statement keeps the write-ahead log from being folded in."""
    for run in (1, 2):
        folder.run(START, START + 1, "iterations")
        for number in range(17):
            folder.order("ab"[number % 2], run=run, new=number, cost_usd=0.5, duration_s=1.0)
    for number in range(12):
        folder.insert("held", key=bytes([number]), text="z", description="", order_id=1, at=0)
    folder.database.execute("DELETE FROM held WHERE id = 5")
    whole = topic_view(folder.path)
    assert (whole.new, whole.held, whole.cost_usd) == (136, 11, 8.5)
    monkeypatch.setattr(topic_view_module, "PORTION", 5)
    rows = RunReader.rows

    def watched(reader: RunReader, statement: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        found = rows(reader, statement, values)
        assert folder.checkpoint_is_free()
        return found

    monkeypatch.setattr(RunReader, "rows", watched)
    assert topic_view(folder.path) == whole


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET settings = '[1]'",
        "UPDATE runs SET settings = '" + "[" * 5000 + "'",
        "UPDATE runs SET settings = x'ff', stop_reason = x'ff'",
        "UPDATE runs SET started_at = 'x', ended_at = 1e300",
        "UPDATE orders SET attempts = 'x', new = -5, cost_usd = 1e308, duration_s = 'x', time_to_first_chunk_s = -1",
        "UPDATE orders SET cost_usd = 9e999, duration_s = 9e999",
        "UPDATE orders SET provider = x'ff', model = x'00', error = x'ff', state = 'failed'",
        "UPDATE orders SET id = 9223372036854775807 - id",
        "UPDATE orders SET run_id = 'x'",
        "CREATE TABLE o AS SELECT * FROM orders; DROP TABLE orders; ALTER TABLE o RENAME TO orders; "
        "UPDATE orders SET id = 'x'",
        "CREATE TABLE o AS SELECT * FROM orders; DROP TABLE orders; ALTER TABLE o RENAME TO orders; "
        "UPDATE orders SET id = -1.5",
    ],
)
def test_values_that_make_no_sense(folder: Folder, statement: str) -> None:
    """Whatever stands in the columns, there is a view that can be sent as JSON."""
    folder.run(START, START + 1, "iterations")
    folder.order(new=1, cost_usd=1.0)
    folder.order(new=1, cost_usd=1.0)
    folder.database.executescript(statement)
    view = topic_view(folder.path)
    assert "NaN" not in json.dumps(json.loads(msgspec.json.encode(view)), allow_nan=False)


def test_sums_that_are_too_large(folder: Folder) -> None:
    """Numbers whose sum is none are damage."""
    folder.run()
    folder.order(new=2**62)
    folder.order(new=2**62)
    with pytest.raises(ForeignDatabaseError, match="integer overflow"):
        topic_view(folder.path)


def test_what_is_no_topic(tmp_path: Path, folder: Folder) -> None:
    """A folder without a run and a database without a topic are errors."""
    with pytest.raises(ConfigurationError, match="holds no run"):
        topic_view(tmp_path)
    folder.database.execute("DELETE FROM meta")
    with pytest.raises(ForeignDatabaseError, match="names no topic"):
        topic_view(folder.path)


def test_what_was_judged(folder: Folder) -> None:
    """How many items do not belong; how many nobody has judged is told of a run that was to judge."""
    folder.run(START, START + 60, "iterations", {"validate": "on"})
    folder.order("b", new=4, ended_at=START + 50)
    folder.items(["v", "w", "x", "y"])
    for item_id, verdict in ((1, "valid"), (2, "invalid"), (3, "unsure")):
        folder.insert("judgements", item_id=item_id, order_id=1, verdict=verdict, tries=0, at=0)
    view = topic_view(folder.path)
    assert (view.unique, view.invalid, view.unjudged) == (4, 1, 2)
    folder.run(START + 100, START + 160, "iterations", {})
    view = topic_view(folder.path)
    assert (view.invalid, view.unjudged) == (1, None)


def test_a_folder_without_judgements_is_shown(folder: Folder) -> None:
    """Earlier formats have none."""
    folder.run(START, START + 60, "iterations", {})
    folder.items(["v"])
    folder.database.execute("DROP TABLE judgements")
    assert (topic_view(folder.path).unique, topic_view(folder.path).invalid) == (1, 0)
