"""Compressed bodies, with a limit on what they may become."""

from __future__ import annotations

import zlib

from tester.collector.decode import MalformedError

ENCODINGS = ("", "identity", "gzip", "deflate")
"""Values of Content-Encoding that `decompressed` knows."""

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class TooLargeError(ValueError):
    """A body is larger than the limit; the message is one line."""


def decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    """A body as it was before its compression. No more than `limit` bytes are ever held.

    Args:
        body: As received.
        encoding: One of `ENCODINGS`.
        limit: Bytes that the result may have.

    Raises:
        MalformedError: The body is not compressed in this way, or not to its end.
        TooLargeError: The result would be larger than the limit.
    """
    if encoding in ("", "identity"):
        data = body
    else:
        stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            data = stream.decompress(body, limit + 1)
        except zlib.error as error:
            raise MalformedError(f"the body is not {encoding}: {error}") from None
        if len(data) <= limit and (not stream.eof or stream.unused_data):
            raise MalformedError(f"the {encoding} body {'goes on after its end' if stream.eof else 'is cut off'}")
    if len(data) > limit:
        raise TooLargeError(f"the body has more than {limit} bytes")
    return data
