"""The fake's HTTP: requests in any split, and refusals of what it does not read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.fake_provider.http import Request, RequestReader, chunk

TWO = b"POST /a?x=1 HTTP/1.1\r\nContent-Length: 4\r\nX-Key:  k \r\n\r\nbodyGET /ledger HTTP/1.1\r\nHost: h\r\n\r\n"
EXPECTED = [
    Request("POST", "/a?x=1", {"content-length": "4", "x-key": "k"}, b"body"),
    Request("GET", "/ledger", {"host": "h"}, b""),
]


@given(st.lists(st.integers(0, len(TWO)), max_size=6))
def test_requests_in_any_split(cuts: list[int]) -> None:
    """Where the bytes are cut changes nothing; a connection carries several requests."""
    reader = RequestReader()
    ends = [0, *sorted(cuts), len(TWO)]
    found = [request for a, b in pairwise(ends) for request in reader.feed(TWO[a:b])]
    assert found == EXPECTED


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST\r\n\r\n",
        b"GET /" + b"a" * 70_000,
    ],
)
def test_what_it_does_not_read_is_refused(data: bytes) -> None:
    """Anything else than a plain request of bounded size is an error at once, never a wait."""
    with pytest.raises(ValueError, match=r".+"):
        RequestReader().feed(data)


def test_chunks_carry_their_length() -> None:
    """A chunk is its length in hexadecimal, its bytes and a line end."""
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
