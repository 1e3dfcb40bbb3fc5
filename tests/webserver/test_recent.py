from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contract.service import FoundItem, News, TopicEvent
from tests.webserver.serving import event, item
from webserver.recent import KEPT, Recent


def _news(*numbers: int) -> News:
    return News(tuple(item(number) for number in numbers), tuple(event(number) for number in numbers))


def _ids(news: News) -> list[int]:
    assert [one.seq for one in news.events] == [one.id for one in news.items]
    return [one.id for one in news.items]


@given(st.integers(0, 600), st.integers(0, 600), st.lists(st.integers(1, 90), max_size=8))
def test_a_client_gets_what_it_missed(known: int, total: int, sizes: list[int]) -> None:
    """Whatever came in whatever portions: the newest that it has not, in order, and the truth about a gap."""
    recent = Recent()
    number = 0
    for size in [*sizes, total]:
        portion = range(number + 1, min(total, number + size) + 1)
        assert not recent.add(_news(*portion))
        number = max(number, portion.stop - 1)
    news, gap = recent.missed(known, known)
    if known > total > 0:  # it belongs to a run that was moved aside
        known, expected_gap = 0, True
    else:
        expected_gap = total - known > KEPT
    assert _ids(news) == list(range(max(known, total - KEPT) + 1, total + 1))
    assert gap is expected_gap


def test_what_is_left_out_is_a_gap() -> None:
    """The service may leave items out; the ids tell."""
    recent = Recent()
    assert not recent.add(_news(1, 2))
    assert recent.add(_news(5))
    assert recent.add(_news(6, 8))
    assert not recent.add(_news(9))
    assert recent.missed(2, 2)[1]
    assert not recent.missed(8, 8)[1]
    assert not recent.covers(1, 1)


def test_the_folder_fills_gaps() -> None:
    """What was left out is read from the folder, in whatever order, and known items are not doubled."""
    recent = Recent()
    recent.add(_news(5, 7))
    recent.merge([item(number) for number in (9, 6, 5, 4)], [event(number) for number in (8, 6)])
    items, events = recent.missed(0, 0)[0].items, recent.missed(0, 0)[0].events
    assert [one.id for one in items] == [4, 5, 6, 7, 9]
    assert [one.seq for one in events] == [5, 6, 7, 8]
    assert (recent.last_item, recent.last_event) == (9, 8)


def test_a_run_that_was_started_anew_counts_from_one() -> None:
    """Items of the run that was moved aside are forgotten."""
    recent = Recent()
    recent.add(_news(41, 42))
    assert not recent.add(_news(1))
    assert _ids(recent.missed(0, 0)[0]) == [1]


def test_memory_is_enough_only_where_nothing_is_missing() -> None:
    """The folder is looked at for a client that misses more than is in memory, and only then."""
    recent = Recent()
    assert not recent.covers(0, 0)
    recent.add(_news(*range(11, 21)))
    assert recent.covers(10, 10)
    assert recent.covers(15, 10)
    assert not recent.covers(9, 10)
    assert not recent.covers(10, 9)
    assert not recent.covers(21, 20)
    recent.add(_news(*range(21, 21 + KEPT)))
    assert recent.covers(0, 0)


def test_what_is_known_already_is_not_news() -> None:
    """What was read from the folder before the service told of it is told once; a run started anew is all news."""
    recent = Recent()
    old, new = FoundItem(1, "Seine", "", "p", 7.0), FoundItem(2, "Loire", "", "p", 8.5)
    began = TopicEvent(1, 5.5, "info", "started", "run 1 begins")
    recent.merge([old], [began])
    assert recent.without_known(News((FoundItem(1, "Seine", "", "p", 7.25), new), (began,))) == News((new,), ())
    anew = News((FoundItem(1, "Rhône", "", "p", 9.0),), (TopicEvent(1, 9.0, "info", "started", "run 1 begins"),))
    assert recent.without_known(anew) == anew
