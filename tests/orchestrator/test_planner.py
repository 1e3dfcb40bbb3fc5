"""What an order contains."""

from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Mode, Order, ProviderSetup, Scope
from orchestrator.planner import (
    MAX_SAID,
    avoid_list,
    build_order,
    conversation,
    estimated_input_tokens,
    list_tokens,
    max_output_tokens,
    order_seed,
)
from orchestrator.providers import ProviderSpec
from producer.prompt import STYLES, build_prompt

_SPEC = ProviderSpec("test", 1.0, 2048, None, ProviderSetup("test:x", "simulated", "x"))


def test_the_list_keeps_its_order_and_names_nothing_twice() -> None:
    """What stands first is what matters most; an item that comes again takes no second line."""
    assert avoid_list(["own", "often", "own", "rare"], 1000) == ("own", "often", "rare")


@given(st.lists(st.text(min_size=1, max_size=30)), st.integers(0, 200))
def test_the_list_keeps_its_budget(known: list[str], budget: int) -> None:
    """However many items are known, the list never costs more than its share of the context."""
    chosen = avoid_list(known, budget)
    assert sum(len(text) // 4 + 2 for text in chosen) <= budget
    assert len(set(chosen)) == len(chosen)


def test_no_budget_no_list() -> None:
    """A share of 0 switches the list off."""
    assert avoid_list(["a", "b"], 0) == ()


def test_the_answer_fits_the_context() -> None:
    """At most half of the context is asked for, whatever the size."""
    assert max_output_tokens(60, _SPEC) == 1024
    assert max_output_tokens(20, _SPEC) == 720


def test_seeds_are_repeatable_and_differ() -> None:
    """The same run seed gives the same call seeds, a different one for each order and attempt; none without."""
    seeds = {order_seed(1, order, attempt) for order in range(200) for attempt in range(3)}
    assert len(seeds) == 600
    assert order_seed(1, 5, 0) == order_seed(1, 5, 0)
    assert order_seed(None, 5, 0) is None
    assert order_seed(-7, 5, 0) in range(2**31)


def test_an_order_carries_all_that_a_call_needs() -> None:
    """Topic, size, provider and list are in the order."""
    order = build_order(order_id=3, attempt=1, topic="T", size=9, spec=_SPEC, avoid=("a",), seed=1)
    assert (order.id, order.attempt, order.topic, order.size, order.provider) == (3, 1, "T", 9, "test:x")
    assert order.avoid == ("a",)


answers = st.lists(st.lists(st.text(min_size=1, max_size=20), max_size=6), max_size=MAX_SAID + 4)


@given(answers, st.integers(0, 800))
def test_a_conversation_keeps_its_budget_and_its_newest_answers(said: list[list[str]], budget: int) -> None:
    """It costs no more than it may, ends with the newest answer, and all but a lone last one are whole."""
    kept = conversation(said, budget)
    full = [tuple(answer) for answer in said if answer]
    assert sum(40 + list_tokens(answer) for answer in kept) <= budget
    assert len(kept) <= MAX_SAID
    if len(kept) == 1:
        assert full[-1][-len(kept[0]) :] == kept[0]
    elif kept:
        assert list(kept) == full[-len(kept) :]


def test_a_conversation_loses_the_oldest_answers_first() -> None:
    """Answers are dropped whole from the beginning; of the last one its end is kept."""
    said = [["aaaa", "bbbb"], [], ["cccc"], ["dddd", "eeee"]]
    whole = 3 * 40 + 5 * 3
    assert conversation(said, whole) == (("aaaa", "bbbb"), ("cccc",), ("dddd", "eeee"))
    assert conversation(said, whole - 1) == (("cccc",), ("dddd", "eeee"))
    assert conversation(said, 46) == (("dddd", "eeee"),)
    assert conversation(said, 45) == (("eeee",),)
    assert conversation(said, 42) == conversation([], 1000) == ()


def test_a_conversation_does_not_grow_for_ever() -> None:
    """However much room there is, so many answers are enough."""
    said = [[f"item {number}"] for number in range(50)]
    assert conversation(said, 10**6) == tuple((f"item {number}",) for number in range(50 - MAX_SAID, 50))


words = st.text(max_size=15)
texts = st.lists(words, max_size=4).map(tuple)
modes: list[Mode] = ["explore", "audit", "plan", "validate"]


@given(
    words,
    st.sampled_from(modes),
    st.builds(Scope, words, texts, words, words),
    texts,
    st.lists(texts, max_size=4).map(tuple),
    texts,
    st.sampled_from(STYLES),
)
def test_no_prompt_is_longer_than_it_was_guessed(
    topic: str,
    mode: Mode,
    scope: Scope,
    avoid: tuple[str, ...],
    said: tuple[tuple[str, ...], ...],
    candidates: tuple[str, ...],
    style: str,
) -> None:
    """Whatever an order says, its prompt has at most three bytes a guessed token: the money limit relies on it."""
    order = Order(1, 0, "test:x", topic, 60, 100, mode=mode, scope=scope, avoid=avoid, said=said, candidates=candidates)
    prompt = build_prompt(order, style)
    size = len(prompt.system.encode()) + sum(len(turn.text.encode()) for turn in prompt.turns)
    assert size <= 3 * (estimated_input_tokens(order) + 1)


def test_a_conversation_is_reckoned_with() -> None:
    """An order that continues one is guessed longer, by what was said."""
    plain = Order(1, 0, "test:x", "Fruit", 60, 100)
    longer = Order(1, 0, "test:x", "Fruit", 60, 100, said=(("x" * 300,) * 10,))
    assert estimated_input_tokens(longer) - estimated_input_tokens(plain) >= 1000
