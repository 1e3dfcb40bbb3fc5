from __future__ import annotations

from orchestrator.exploration.conversations import Conversations


def test_a_conversation_goes_on_until_its_last_turn() -> None:
    """Each answer is shown with the next order, up to the most turns; then another conversation begins."""
    talks = Conversations(turns=3)
    first = talks.next()
    assert first == ()
    talks.answered(first, (1, 2))
    second = talks.next()
    assert second == ((1, 2),)
    talks.answered(second, (3,))
    third = talks.next()
    assert third == ((1, 2), (3,))
    talks.answered(third, (4,))
    assert talks.next() == ()


def test_two_orders_never_continue_the_same_conversation() -> None:
    """While an answer is on its way, another order begins a conversation of its own."""
    talks = Conversations(turns=4)
    talks.answered(talks.next(), (1,))
    assert talks.next() == ((1,),)
    assert talks.next() == ()


def test_an_answer_without_items_ends_its_conversation() -> None:
    """A model that has nothing more to say is not asked again in the same words."""
    talks = Conversations(turns=4)
    talks.answered(talks.next(), (1,))
    talks.answered(talks.next(), ())
    assert talks.next() == ()


def test_what_waits_is_bounded() -> None:
    """A long run of beginnings keeps the last ones only."""
    talks = Conversations(turns=4)
    for number in range(100):
        talks.answered((), (number,))
    waiting = []
    while conversation := talks.next():
        waiting.append(conversation)
    assert len(waiting) < 50
    assert waiting[-1] == ((99,),)
