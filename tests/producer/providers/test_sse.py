"""The event-stream decoder: what the standard says, and that no split of the bytes matters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BadResponse
from producer.providers.sse import MAX_EVENT_BYTES, Event, SseDecoder

EXAMPLES = [
    (b"data: a\n\n", [("", b"a")]),
    (b"data:a\n\n", [("", b"a")]),
    (b"data:  a \n\n", [("", b" a ")]),
    (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [("", b"a"), ("", b"b"), ("", b"c")]),
    (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
    (b"data: a\n", []),
    (b"data:\n\n", [("", b"")]),
    (b"event: ping\ndata: {}\n\ndata: x\n\n", [("ping", b"{}"), ("", b"x")]),
    (b"event: lost\n\ndata: x\n\n", [("", b"x")]),
    (b": comment\nid: 7\nretry: 10\n\ndata: x\n\n", [("", b"x")]),
    (b"\xef\xbb\xbfdata: x\n\n", [("", b"x")]),
    (b"data: \xff\xfe\n\n", [("", b"\xff\xfe")]),
    ("data: a\u2028b\u0085c\n\n".encode(), [("", "a\u2028b\u0085c".encode())]),
    (b"<!doctype html>\n<p>\n\n", []),
    (b'{"ok":true}\n\n', []),
    (b"", []),
]


@pytest.mark.parametrize(("stream", "events"), EXAMPLES)
def test_events_of_a_stream(stream: bytes, events: list[tuple[str, bytes]]) -> None:
    """Each stream gives the events that the standard says."""
    assert [tuple(event) for event in SseDecoder().feed(stream)] == events


@given(st.data())
def test_any_split_gives_the_same_events(data: st.DataObject) -> None:
    """Where the network cuts the bytes changes nothing, inside CR LF and inside a character neither."""
    lines = st.sampled_from([b"data: x", b"data:\xc3\xa9", b"event: e", b": c", b"", b"", b"data"])
    ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
    stream = b"".join(data.draw(st.lists(st.tuples(lines, ends).map(b"".join), max_size=12)))
    whole = list(SseDecoder().feed(stream))
    decoder = SseDecoder()
    events: list[Event] = []
    rest = stream
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        events += decoder.feed(rest[:size])
        rest = rest[size:]
    # A lone CR at the end may be the half of a CR LF: it ends the line in either case.
    assert events == whole


def test_endless_line_is_refused_after_the_events_before_it() -> None:
    """A line beyond the bound is an error, and what came before is given first."""
    decoder = SseDecoder()
    events = decoder.feed(b"data: x\n\ndata: " + b"y" * (MAX_EVENT_BYTES + 1))
    assert next(events) == Event("", b"x")
    with pytest.raises(BadResponse):
        next(events)


def test_endless_event_of_short_lines_is_refused() -> None:
    """An event whose lines are short but never end is bounded too."""
    with pytest.raises(BadResponse):
        list(SseDecoder().feed(b"data: 0123456789\n" * (MAX_EVENT_BYTES // 8)))


def test_line_at_the_bound_is_taken() -> None:
    """The bound itself is allowed."""
    value = b"y" * (MAX_EVENT_BYTES - 1)
    assert list(SseDecoder().feed(b"data: " + value + b"\n\n")) == [Event("", value)]
