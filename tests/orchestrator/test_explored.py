from __future__ import annotations

import msgspec

from contract.discovery import MAX_PARTS, DiscoveryPoint
from contract.messages import WHOLE, Scope
from orchestrator.exploration import Ask, Explorer, Traits
from orchestrator.exploration.arms import Arm, Way
from orchestrator.explored import Explored, discovery_of
from orchestrator.stats import RunStats
from tests.orchestrator.run_cases import Clock


class Search:
    """An explorer that is answered, and what is shown of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.explorer = Explorer("Fruit", 20, {"a": Traits()}, seed=1)
        self.explored = Explored(self.explorer, RunStats({"a": None}, 1, self.clock), self.clock)
        self.orders = 0
        self.items = 0

    def answer(self, arm: Arm, new: int, sighted: tuple[int, ...] = ()) -> None:
        """A response of this arm."""
        self.orders += 1
        first, self.items = self.items + 1, self.items + new
        ask = Ask("audit" if arm.way is Way.PLAIN else "explore", arm)
        self.explorer.issued(self.orders, ask, "a")
        self.explorer.took(self.orders, sighted, [(one, f"Item {one}") for one in range(first, self.items + 1)])
        self.explorer.ended(self.orders, complete=True)

    def part(self, scope: Scope, way: Way = Way.FACET, parent: Arm | None = None) -> Arm:
        """A further arm."""
        arm = Arm(way, scope, parent)
        self.explorer.arms.append(arm)
        return arm


def test_nothing_is_shown_before_the_first_response() -> None:
    """Neither estimates nor a curve."""
    search = Search()
    assert search.explored.exploration() == (None, None)
    assert search.explored.discovery() is None


def test_the_curve_grows_with_responses_not_with_views() -> None:
    """It is made anew when a response has come, and not before half a second has gone by."""
    search = Search()
    search.answer(search.explorer.plain, 5)
    first = search.explored.discovery()
    assert first is not None
    assert first.curve == (DiscoveryPoint(0, 0), DiscoveryPoint(1, 5))
    search.clock.now += 5
    assert search.explored.discovery() is first
    search.answer(search.explorer.plain, 3)
    second = search.explored.discovery()
    assert second is not None
    assert second.curve[-1] == DiscoveryPoint(2, 8)
    search.answer(search.explorer.plain, 2)
    assert search.explored.discovery() is second
    search.clock.now += 0.5
    third = search.explored.discovery()
    assert third is not None
    assert third.curve[-1] == DiscoveryPoint(3, 10)


def test_what_is_kept_is_of_now() -> None:
    """Whenever the last view was made; what steers a terminal is taken out of the reason."""
    search = Search()
    search.answer(search.explorer.plain, 5)
    search.explored.discovery()
    search.answer(search.explorer.plain, 3, (1, 2))
    kept = search.explored.kept(7, "it broke\x1b[0m")
    assert (kept.run, kept.explanation) == (7, "it broke\ufffd[0m")
    assert kept.discovery is not None
    assert kept.discovery.curve[-1] == DiscoveryPoint(2, 8)
    assert kept.exploration is not None
    assert kept.exploration.ways == {"plain": (2, 8)}
    assert kept.coverage is not None


def test_a_forecast_goes_as_far_as_the_search_went() -> None:
    """From ten responses on, with everything a JSON number can hold."""
    search = Search()
    for _ in range(12):
        search.answer(search.explorer.plain, 4, tuple(range(1, min(search.items, 9))))
    shown = discovery_of(search.explorer)
    assert shown.forecast[-1].responses == 24
    assert all(point.low <= point.items <= point.high for point in shown.forecast)
    assert msgspec.json.decode(msgspec.json.encode(shown), type=type(shown)) == shown


def test_each_part_has_its_own_figures() -> None:
    """Those with most left come first, then those that nobody has asked about yet; closed ones last."""
    search = Search()
    museums = search.part(Scope(facet="Museums"))
    parks = search.part(Scope(facet="Parks\x1b[2J"))
    rest = search.part(Scope(besides=("Museums",)))
    small = search.part(Scope(facet="Small museums"), parent=museums)
    letter = search.part(Scope(facet="Museums", prefix="Sc"), Way.LETTER, museums)
    search.answer(museums, 10)
    search.answer(parks, 2, (1, 2))
    search.answer(rest, 1)
    museums.split = True
    rest.closed = "used up"
    shown = discovery_of(search.explorer).parts
    assert [(part.name, part.kind, part.state, part.within) for part in shown] == [
        ("Museums", "facet", "split", ""),
        ("Parks\ufffd[2J", "facet", "open", ""),
        (small.scope.facet, "facet", "new", "Museums"),
        (letter.scope.prefix, "letter", "new", "Museums"),
        ("", "rest", "closed", ""),
    ]
    assert (shown[0].responses, shown[0].items, shown[0].new, shown[0].lately, shown[0].coverage) == (1, 10, 10, 10, 0)
    assert (shown[1].coverage, shown[1].overlap, shown[0].overlap) == (0.5, 0.5, 0.2)
    assert shown[4].reason == "used up"
    assert (shown[2].lately, shown[2].coverage, shown[2].overlap) == (None, None, None)


def test_parts_without_end_are_bounded() -> None:
    """Those with most left are shown, and how many others there are."""
    search = Search()
    for number in range(MAX_PARTS + 5):
        search.part(Scope(facet=f"Part {number}"))
    closed = search.part(Scope(facet="Closed"))
    closed.closed = "used up"
    shown = discovery_of(search.explorer)
    assert (len(shown.parts), shown.parts_left_out) == (MAX_PARTS, 6)
    assert "Closed" not in {part.name for part in shown.parts}


def test_what_is_asked_of_all_of_the_topic_is_no_part() -> None:
    """The plain and the listed arm stand in `ways`."""
    search = Search()
    search.answer(search.explorer.plain, 3)
    search.answer(search.explorer.plain, 3, (1,))
    assert search.explorer.arms[1].scope == WHOLE
    assert discovery_of(search.explorer).parts == ()
