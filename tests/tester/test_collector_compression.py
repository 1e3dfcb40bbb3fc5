"""Compressed bodies are unpacked to their end and no further than the limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.collector.compression import TooLargeError, decompressed
from tester.collector.decode import MalformedError

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
}
PACKED = ("gzip", "deflate")
LIMIT = 1000


@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=LIMIT))
def test_a_body_comes_back(encoding: str, body: bytes) -> None:
    """What was packed is unpacked, up to the limit."""
    assert decompressed(PACKERS[encoding](body), encoding, LIMIT) == body


@pytest.mark.parametrize("encoding", PACKERS)
def test_the_limit_is_exact(encoding: str) -> None:
    """A body as long as the limit is taken, one byte more is too much."""
    assert len(decompressed(PACKERS[encoding](bytes(LIMIT)), encoding, LIMIT)) == LIMIT
    with pytest.raises(TooLargeError, match="more than 1000 bytes"):
        decompressed(PACKERS[encoding](bytes(LIMIT + 1)), encoding, LIMIT)


@pytest.mark.parametrize("encoding", PACKED)
def test_a_bomb_is_not_unpacked(encoding: str) -> None:
    """A small body that would become large takes no more memory than the limit."""
    bomb = PACKERS[encoding](bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            decompressed(bomb, encoding, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize(
    "broken", [lambda body: b"x" + body, lambda body: body[:-5], lambda body: body + b"x", lambda _: b""]
)
def test_broken_bodies(encoding: str, broken: Callable[[bytes], bytes]) -> None:
    """What is not packed in this way, is cut off or goes on after its end is malformed, said in one line."""
    with pytest.raises(MalformedError, match=rf"^the .*{encoding}[^\n]*$"):
        decompressed(broken(PACKERS[encoding](b"body" * 20)), encoding, LIMIT)
