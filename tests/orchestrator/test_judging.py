"""A run that judges: when it asks, whom, what it does with the answers, and what it leaves for a later run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest

from archive.filesystem import MemoryFileSystem
from contract.errors import ErrorKind
from contract.messages import Order, Refusal
from contract.service import Pause, Stop, Unpause
from orchestrator import run as run_module
from orchestrator.curation.validation import BATCH_SIZE
from orchestrator.events import Judging, StopReason
from orchestrator.judging import SHARE
from orchestrator.pricing import FlatPrice
from orchestrator.reporting.base import items_found, summary_lines
from orchestrator.store.judgements import MAX_TRIES, JudgedTotals
from orchestrator.view import view_of
from orchestrator.words import in_words
from tests.orchestrator.puppets import Puppet, Stage, spec
from tests.orchestrator.test_run import FOLDER

JUDGE = spec("judge", weight=0.0)
Verdicts = Callable[[Order], tuple[str, ...]]


def nothing(order: Order) -> tuple[str, ...]:
    """All belong."""
    return ("none",)


def noise(order: Order) -> tuple[str, ...]:
    """What is called noise does not belong."""
    return tuple(text for text in order.candidates if text.startswith("Noise")) or ("none",)


class Played:
    """A stage whose puppets answer by themselves, until the run has ended.

    Args:
        stage: Begun by this.
        says: What a validating order is answered.
        size: New items of an exploring answer; the last of them is noise.
    """

    def __init__(self, stage: Stage, says: Verdicts = noise, size: int = 20) -> None:
        self.stage = stage
        self.says = says
        self.orders: list[Order] = []
        self._size = size
        self._numbers = itertools.count(1)
        stage.puppets.on_order = lambda puppet, order: self.orders.append(order)

    @property
    def judging(self) -> list[Order]:
        """The validating orders so far."""
        return [order for order in self.orders if order.mode == "validate"]

    def answer(self, puppet: Puppet, order_id: int) -> None:
        """Answer one order."""
        order = puppet.orders[order_id]
        if order.mode == "validate":
            puppet.answer(order_id, *self.says(order))
            return
        numbers = [next(self._numbers) for _ in range(self._size)]
        puppet.answer(order_id, *(f"{'Noise' if number == numbers[-1] else 'Fruit'} {number}" for number in numbers))

    def to_the_end(self) -> Played:
        """Until the run has ended."""
        for _ in range(2000):
            if self.stage.over:
                return self
            self.stage.puppets.make_ready()
            for order_id, puppet in self.stage.puppets.open_orders.items():
                self.answer(puppet, order_id)
            self.stage.round()
        raise AssertionError("the run does not end")


def judged(stage: Stage) -> JudgedTotals:
    """How far the items are judged."""
    totals: JudgedTotals = stage.run.store.totals().judged
    return totals


def texts(stage: Stage, name: str) -> list[str]:
    """The lines of a file of the run."""
    with stage.filesystem.open_read(FOLDER / name) as file:
        return file.read().decode().splitlines()


def test_a_run_that_ends_by_itself_is_judged_whole() -> None:
    """Every item is judged when the producers have made their requests; those do not count the judging ones."""
    stage = Stage(iterations=6, judges=None)
    played = Played(stage).to_the_end()
    result = stage.run.result()
    assert (result.stop_reason, result.unjudged, result.invalid) == (StopReason.ITERATIONS, 0, 6)
    assert [order.mode != "validate" for order in played.orders].count(True) == 6
    lines = texts(stage, "attributes.txt")
    assert texts(stage, "valid.txt") == [line for line in lines if line.startswith("Fruit")]
    assert sum(line.startswith("Noise") for line in lines) == 6
    assert [event for event in stage.events if isinstance(event, Judging)]


def test_nobody_is_asked_without_being_wanted() -> None:
    """Without --validate there is no such order, and nothing is said of judging."""
    stage = Stage(iterations=6)
    played = Played(stage).to_the_end()
    assert not played.judging
    assert stage.run.result().unjudged is None
    assert not stage.filesystem.exists(FOLDER / "valid.txt")


def test_judging_takes_a_bounded_share_while_the_run_explores() -> None:
    """At most a quarter of the orders so far judge, and each of them has a full batch, until nothing is asked for."""
    stage = Stage(iterations=40, judges=None)
    played = Played(stage).to_the_end()
    exploring = 40
    for number, order in enumerate(played.orders, 1):
        if exploring and order.mode == "validate":
            before = [one.mode == "validate" for one in played.orders[:number]].count(True)
            assert before <= SHARE * number
            assert len(order.candidates) >= BATCH_SIZE
        exploring -= order.mode != "validate"
    assert played.judging[0] in played.orders[: 3 * BATCH_SIZE // 20]


def test_where_the_coverage_is_perhaps_reached_judging_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its share: full batches go out before anything else is asked."""
    monkeypatch.setattr(run_module, "perhaps_covered", lambda *_: True)
    stage = Stage(iterations=40, judges=None)
    played = Played(stage).to_the_end()
    known = open_items = 0
    for order in played.orders:
        if order.mode == "validate":
            open_items -= len(order.candidates)
        else:
            assert open_items < 4 * BATCH_SIZE
            known += 20
            open_items += 20
    assert known == 40 * 20


def test_no_item_is_asked_about_twice() -> None:
    """Where answers are believed, an item is a candidate once; but for controls, which are known to belong."""
    stage = Stage(iterations=12, producers=2, concurrency=2, judges=None)
    played = Played(stage, nothing).to_the_end()
    asked = [text for order in played.judging for text in order.candidates]
    extra = len(asked) - len(set(asked))
    assert len(set(asked)) == stage.run.result().unique
    assert extra <= 12  # one last, small batch was filled up


def test_a_killed_run_is_continued_without_asking_again() -> None:
    """What was judged before is not bought twice, even if the run before did not end."""
    filesystem = MemoryFileSystem()
    first = Stage(iterations=20, judges=None, filesystem=filesystem)
    played = Played(first)
    for _ in range(60):
        first.puppets.make_ready()
        for order_id, puppet in first.puppets.open_orders.items():
            played.answer(puppet, order_id)
        first.round()
        if judged(first).valid >= BATCH_SIZE - 4:
            break
    before = judged(first)
    assert before.unjudged
    first.run.store._lock.release()  # the process is gone, nothing was closed
    second = Stage(iterations=1, judges=None, filesystem=filesystem)
    assert judged(second).valid == before.valid
    again = Played(second)
    again._numbers = itertools.count(1000)
    again.to_the_end()
    assert second.run.result().unjudged == 0
    sure = {text for order in played.judging[:-1] for text in order.candidates}
    controls = {text for order in again.judging for text in order.candidates} & sure
    assert len(controls) <= 12


def test_an_interrupted_run_leaves_the_rest() -> None:
    """Ctrl-C in the middle of judging ends the run once open answers have come; it is said that some are not judged."""
    stage = Stage(iterations=4, judges=None)
    played = Played(stage)
    while not played.judging:
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            played.answer(puppet, order_id)
        stage.round()
    stage.steer(Stop())
    played.to_the_end()
    result = stage.run.result()
    assert result.stop_reason is StopReason.INTERRUPTED
    assert result.unjudged
    assert texts(stage, "attributes.txt")


def test_an_answer_that_is_not_believed_is_asked_for_a_bounded_number_of_times() -> None:
    """A model that names everything is asked about each item three times, and then the run ends with them unjudged."""
    stage = Stage(iterations=4, judges=None)
    played = Played(stage, lambda order: order.candidates).to_the_end()
    result = stage.run.result()
    assert (result.stop_reason, result.unjudged, result.invalid) == (StopReason.ITERATIONS, 80, 0)
    assert judged(stage).unsure == 80
    for text in texts(stage, "attributes.txt"):
        assert sum(text in order.candidates for order in played.judging) == MAX_TRIES
    assert texts(stage, "valid.txt") == texts(stage, "attributes.txt")


def test_another_model_is_asked_about_what_one_could_not_tell() -> None:
    """The next answer about items of which nothing was believed is another provider's, where there is one."""
    stage = Stage(spec("x"), spec("y"), iterations=4, judges=None)
    played = Played(stage, lambda order: order.candidates if order.provider == "test:x" else noise(order)).to_the_end()
    assert stage.run.result().unjudged == 0
    assert {order.provider for order in played.judging} == {"test:x", "test:y"}


def test_an_answer_that_was_cut_short_is_not_believed() -> None:
    """What would have come behind the cut may have been more that does not belong."""
    stage = Stage(iterations=1, judges=None)
    played = Played(stage)
    for _ in range(300):
        if stage.over:
            break
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            if puppet.orders[order_id].mode == "validate" and len(played.judging) == 1:
                puppet.answer(order_id, *noise(puppet.orders[order_id]), finish_reason="length")
            else:
                played.answer(puppet, order_id)
        stage.round()
    assert len(played.judging) == 2
    assert (stage.run.result().invalid, stage.run.result().unjudged) == (1, 0)


def test_an_apology_is_no_judgement() -> None:
    """Lines that the parser refused count: an answer of prose does not say that all belong."""
    stage = Stage(iterations=1, judges=None)
    played = Played(stage)
    for _ in range(300):
        if stage.over:
            break
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            if puppet.orders[order_id].mode == "validate":
                puppet.answer(order_id, refused=[Refusal("I'm sorry, I cannot help with that.", "prose")])
            else:
                played.answer(puppet, order_id)
        stage.round()
    assert judged(stage) == JudgedTotals(unjudged=20, unsure=20)


def test_a_named_judge_judges_alone_and_explores_nothing() -> None:
    """A provider of weight 0 that --validate names gets the judging orders, and no other."""
    stage = Stage(spec("x"), JUDGE, iterations=6, judges=["test:judge"])
    played = Played(stage).to_the_end()
    assert {(order.provider, order.mode == "validate") for order in played.orders} == {
        ("test:x", False),
        ("test:judge", True),
    }
    assert stage.run.result().unjudged == 0


def test_a_call_that_fails_is_tried_again() -> None:
    """The same order, for all of its candidates: half of a judgement says nothing of the rest."""
    stage = Stage(iterations=1, judges=None)
    played = Played(stage)
    failed = False
    for _ in range(2000):
        if stage.over:
            break
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            if puppet.orders[order_id].mode == "validate" and not failed:
                failed = True
                puppet.fail(order_id, ErrorKind.CONNECTION)
            else:
                played.answer(puppet, order_id)
        stage.round()
    first, second = played.judging
    assert (first.id, first.attempt, second.id, second.attempt) == (first.id, 0, first.id, 1)
    assert first.candidates == second.candidates
    assert stage.run.result().unjudged == 0


def test_a_judge_that_refuses_for_good_ends_nothing() -> None:
    """The run explores to its end, and says that its items are not judged."""
    stage = Stage(spec("x"), JUDGE, iterations=8, judges=["test:judge"])
    played = Played(stage)
    for _ in range(2000):
        if stage.over:
            break
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            if puppet.orders[order_id].mode == "validate":
                puppet.fail(order_id, ErrorKind.AUTH)
            else:
                played.answer(puppet, order_id)
        stage.round()
    result = stage.run.result()
    assert (result.stop_reason, result.unique, result.unjudged) == (StopReason.ITERATIONS, 160, 160)
    assert len(played.judging) == 1


def test_a_list_that_is_too_long_for_the_model_is_asked_in_shorter_ones() -> None:
    """A context overflow halves the batches, and costs no item its judgement."""
    stage = Stage(iterations=3, judges=None)
    played = Played(stage)
    for _ in range(2000):
        if stage.over:
            break
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            order = puppet.orders[order_id]
            if order.mode == "validate" and len(order.candidates) > 15:
                puppet.fail(order_id, ErrorKind.CONTEXT_OVERFLOW)
            else:
                played.answer(puppet, order_id)
        stage.round()
    assert stage.run.result().unjudged == 0


def test_a_dead_producer_costs_no_judgement() -> None:
    """The order goes on with another process."""
    stage = Stage(iterations=2, producers=2, judges=None)
    played = Played(stage)
    killed = False
    for _ in range(2000):
        if stage.over:
            break
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            if puppet.orders.get(order_id) is None:
                continue
            if puppet.orders[order_id].mode == "validate" and not killed:
                killed = True
                puppet.end(-9)
            else:
                played.answer(puppet, order_id)
        stage.round()
    assert killed
    assert stage.run.result().unjudged == 0


def test_the_money_limit_holds_for_judging_too() -> None:
    """What is left when no further judgement can be paid stays unjudged; no cent more is spent."""
    # Judging 40 items may cost twice what listing 5 may: the limit is between the two.
    stage = Stage(iterations=3, judges=None, prices={"x": FlatPrice(1.0, 1.0)}, max_cost_usd=0.001, request_size=5)
    played = Played(stage).to_the_end()
    result = stage.run.result()
    assert (result.stop_reason, result.unjudged) == (StopReason.ITERATIONS, 60)
    assert not played.judging


def test_the_wanted_number_of_items_is_judged() -> None:
    """--max-attributes ends the exploring answers, not the judging."""
    stage = Stage(max_attributes=50, judges=None)
    Played(stage).to_the_end()
    result = stage.run.result()
    assert (result.stop_reason, result.unique, result.unjudged) == (StopReason.MAX_ATTRIBUTES, 50, 0)


def test_what_does_not_belong_counts_as_unknown() -> None:
    """The explorer neither counts it as known nor offers it for an avoid-list, in this run and in the next."""
    filesystem = MemoryFileSystem()
    stage = Stage(iterations=6, judges=None, filesystem=filesystem)
    Played(stage).to_the_end()
    assert stage.run.explorer.known == 114
    second = Stage(iterations=3, filesystem=filesystem)
    assert second.run.explorer.known == 114
    played = Played(second)
    played._numbers = itertools.count(1000)
    played.to_the_end()
    listed = {text for order in played.orders for text in order.avoid}
    assert not {text for text in listed if text.startswith("Noise") and int(text.split()[1]) < 1000}


def test_the_orders_are_kept_with_their_cost() -> None:
    """A validating order stands in run.db as such, done, with its tokens; it has no items."""
    stage = Stage(iterations=1, judges=None)
    Played(stage).to_the_end()
    database = stage.filesystem.connect_database(FOLDER / "run.db", read_only=True)
    rows = database.execute(
        "SELECT state, size, input_tokens, items, new FROM orders WHERE mode = 'validate'"
    ).fetchall()
    database.close()
    assert rows == [("done", 20, 10, 0, 0)]
    manifest = json.loads("".join(texts(stage, "run.json")))
    assert manifest["totals"]["judged"]["invalid"] == 1


@pytest.mark.parametrize("paused", [False, True])
def test_a_pause_holds_for_judging(paused: bool) -> None:
    """While the run is paused nothing is judged; it goes on where it was."""
    stage = Stage(iterations=3, judges=None)
    played = Played(stage)
    while not any(isinstance(event, Judging) for event in stage.events):
        stage.puppets.make_ready()
        for order_id, puppet in stage.puppets.open_orders.items():
            played.answer(puppet, order_id)
        stage.round()
    if paused:
        assert stage.steered(Pause()) == ""
        for order_id, puppet in stage.puppets.open_orders.items():
            played.answer(puppet, order_id)
        given = len(played.judging)
        for _ in range(20):
            stage.round()
        assert len(played.judging) == given
        assert stage.steered(Unpause()) == ""
    played.to_the_end()
    assert stage.run.result().unjudged == 0


def test_the_figures_say_how_many_do_not_belong() -> None:
    """In the terminal's line, in the summary, and in what the page is sent."""
    stage = Stage(iterations=6, judges=None)
    Played(stage).to_the_end()
    assert items_found(stage.run) == "120 (6 rejected)"
    assert dict(summary_lines(stage.run.result(), "again"))["judged"] == "114 in valid.txt, 6 not of the topic"
    view = view_of(stage.run, "fruit")
    assert (view.unique, view.invalid, view.unjudged) == (120, 6, 0)
    without = Stage(iterations=1)
    assert items_found(without.run) == "0"
    Played(without).to_the_end()
    assert "judged" not in dict(summary_lines(without.run.result(), "again"))


def test_the_rest_that_is_not_judged_is_told() -> None:
    """Nobody has to look for it."""
    stage = Stage(iterations=2, judges=None)
    Played(stage, lambda order: order.candidates).to_the_end()
    told = dict(summary_lines(stage.run.result(), "again"))["judged"]
    assert told == "40 in valid.txt, 0 not of the topic, 40 not judged"
    lines = [text for event in stage.events if (words := in_words(event)) is not None for text in [words.text]]
    assert "every producer has made its requests; judging the last 40 items before the end" in lines
