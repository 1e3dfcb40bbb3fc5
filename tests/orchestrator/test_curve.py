from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contract.discovery import DiscoveryPoint, DiscoveryView, ForecastPoint
from orchestrator.reporting.curve import curve_lines, curve_words

CURVE = tuple(DiscoveryPoint(responses, 100 * responses) for responses in range(11))
AHEAD = tuple(ForecastPoint(10 + more, 1000 + 50 * more, 1000, 1000 + 100 * more, 1000) for more in range(1, 11))


def drawn(view: DiscoveryView, width: int, height: int) -> list[str]:
    """The picture's lines."""
    return [line.plain for line in curve_lines(view, width, height)]


def test_a_curve_and_its_forecast() -> None:
    """Blocks up to now, a band beyond, both on one scale whose ends are named."""
    lines = drawn(DiscoveryView(CURVE, AHEAD), 46, 4)
    assert [len(line) for line in lines] == [46] * 4
    assert (lines[0][:5], lines[-1][:5]) == ("2,000", "    0")
    assert lines[-1][6:26].strip(" ▁▂▃▄▅▆▇█") == ""
    assert lines[-1][25] == "█"
    assert set(lines[0][6:26]) == {" "}
    assert "░" in lines[0]
    assert lines[0].endswith("╌")
    assert all("╌" in "".join(column) for column in zip(*(line[26:] for line in lines), strict=True))


def test_a_curve_alone_has_the_whole_width() -> None:
    """While nothing is forecast yet."""
    lines = drawn(DiscoveryView(CURVE), 46, 3)
    assert {line[-1] for line in lines} == {"█"}
    assert not any("░" in line or "╌" in line for line in lines)


def test_nothing_to_draw_or_no_room() -> None:
    """No lines: nothing breaks in a small terminal, or before anything was found."""
    view = DiscoveryView(CURVE, AHEAD)
    assert drawn(DiscoveryView(), 80, 5) == drawn(view, 10, 5) == drawn(view, 80, 0) == []
    assert drawn(DiscoveryView((DiscoveryPoint(0, 0), DiscoveryPoint(1, 0))), 80, 5) == []


def test_a_line_says_the_same() -> None:
    """With the band's ends; without a forecast, what was found."""
    words = "1,000 items after 10 responses"
    assert curve_words(DiscoveryView(CURVE, AHEAD)) == f"{words}; after 10 more about 1,500 (1,000–2,000)"
    assert curve_words(DiscoveryView(CURVE)) == words


@given(
    yields=st.lists(st.integers(0, 10**6), min_size=1, max_size=80),
    ahead=st.lists(st.integers(0, 10**6), max_size=24),
    width=st.integers(20, 200),
    height=st.integers(1, 8),
)
def test_every_picture_has_its_size(yields: list[int], ahead: list[int], width: int, height: int) -> None:
    """Whatever was found and is expected: as many lines and columns as were asked for, or none."""
    curve = [DiscoveryPoint(0, 0)]
    for new in yields:
        curve.append(DiscoveryPoint(curve[-1].responses + 1, curve[-1].items + new))
    points = []
    items = curve[-1].items
    for more, new in enumerate(ahead, 1):
        items += new
        points.append(ForecastPoint(curve[-1].responses + more, items, curve[-1].items, items + new, items))
    lines = drawn(DiscoveryView(tuple(curve), tuple(points)), width, height)
    assert not lines or (len(lines) == height and {len(line) for line in lines} == {width})
