from __future__ import annotations

from collections.abc import Iterable

import pytest

from webserver import backlog as module
from webserver.backlog import MAX_NEWS, Backlog, Summaries


def _made(ids: Iterable[str]) -> str:
    return "made:" + ",".join(sorted(ids))


def _all(backlog: Backlog) -> list[str]:
    taken = []
    while (text := backlog.take()) is not None:
        taken.append(text)
    return taken


def test_states_come_before_news() -> None:
    """News without end cannot keep a state from being shown; nothing overtakes the greeting."""
    backlog = Backlog(_made)
    for number in range(3):
        backlog.put_news(f"news {number}")
    backlog.put_view("view")
    backlog.put_summaries(Summaries(frozenset("a"), "summaries"))
    backlog.put_ping("ping")
    backlog.put_first("hello")
    assert _all(backlog) == ["hello", "summaries", "view", "news 0", "news 1", "news 2", "ping"]
    assert _all(backlog) == []


def test_a_discovery_is_sent_once_the_newest() -> None:
    """It comes behind the state and before the news; of a topic that is not watched any more it is not sent."""
    backlog = Backlog(_made)
    backlog.put_news("news")
    backlog.put_discovery("older")
    backlog.put_view("view")
    backlog.put_discovery("newer")
    assert _all(backlog) == ["view", "newer", "news"]
    backlog.put_discovery("of another topic")
    backlog.forget_topic()
    assert _all(backlog) == []


def test_the_last_state_comes_behind_what_led_to_it() -> None:
    """Whoever sees that a run has ended has its last news; the first state of the next run waits for no news."""
    backlog = Backlog(_made)
    backlog.put_news("ended")
    backlog.put_view("view", last=True)
    assert _all(backlog) == ["ended", "view"]
    backlog.put_news("ended")
    backlog.put_view("view", last=True)
    backlog.put_view("another run's view")
    assert _all(backlog) == ["another run's view", "ended"]


def test_of_states_only_the_newest_waits() -> None:
    """A client that is slow skips states."""
    backlog = Backlog(_made)
    for number in range(100):
        backlog.put_view(f"view {number}")
        backlog.put_ping("ping")
    assert _all(backlog) == ["view 99", "ping"]


def test_no_changed_topic_is_lost() -> None:
    """Summaries of different topics that wait become one message with all of them, made when it is sent."""
    backlog = Backlog(_made)
    for id in ("a", "b", "a", "c"):  # noqa: A001 - the field's word
        backlog.put_summaries(Summaries(frozenset(id), f"only {id}"))
    assert _all(backlog) == ["made:a,b,c"]
    backlog.put_summaries(Summaries(frozenset("d"), "only d"))
    assert _all(backlog) == ["only d"]


def test_too_many_news_overflow() -> None:
    """The number of messages is bounded; what waited is let go of, and nothing more is taken."""
    backlog = Backlog(_made)
    for number in range(MAX_NEWS):
        backlog.put_news(str(number))
    assert not backlog.overflown
    for text in ("one more", "and more"):
        backlog.put_news(text)
        assert backlog.overflown
    assert _all(backlog) == []


def test_too_long_news_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their length is bounded as well; what was taken does not count."""
    monkeypatch.setattr(module, "MAX_NEWS_CHARACTERS", 10)
    backlog = Backlog(_made)
    backlog.put_news("1234567890")
    assert backlog.take() == "1234567890"
    backlog.put_news("1234567890")
    assert not backlog.overflown
    backlog.put_news("1")
    assert backlog.overflown


def test_a_topic_that_is_not_watched_any_more() -> None:
    """Its news and its state are not sent; what concerns all topics is."""
    backlog = Backlog(_made)
    backlog.put_news("news")
    backlog.put_view("view")
    backlog.put_summaries(Summaries(frozenset("a"), "summaries"))
    backlog.forget_topic()
    assert _all(backlog) == ["summaries"]
