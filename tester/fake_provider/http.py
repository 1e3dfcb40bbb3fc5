"""As much of HTTP/1.1 as a server on loopback needs: requests with a length, chunked and sized responses."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
LAST_CHUNK = b"0\r\n\r\n"


class Request(msgspec.Struct, frozen=True):
    """One whole request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class RequestReader:
    """Collects bytes in any split and gives back whole requests."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Request]:
        """Add received bytes; return the requests that are complete now.

        Raises:
            ValueError: Not a request that this server reads.
        """
        self._buffer += data
        requests = []
        while (request := self._take()) is not None:
            requests.append(request)
        return requests

    def _take(self) -> Request | None:
        if self._buffer and not self._buffer[:1].isupper():
            raise ValueError("this is not HTTP")  # A TLS handshake would be waited for until it ends: never.
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise ValueError("the request's head is too long")
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        pairs = (line.partition(":") for line in lines[1:])
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if "transfer-encoding" in headers:
            raise ValueError("a request needs a Content-Length here")
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MAX_BODY_BYTES:
            raise ValueError("the request's body is too long")
        start = end + 4
        if len(self._buffer) < start + length:
            return None
        body = bytes(self._buffer[start : start + length])
        del self._buffer[: start + length]
        return Request(method, path, headers, body)


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked response."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def head(status: int, headers: dict[str, str]) -> bytes:
    """Status line and headers."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Overloaded"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def whole(
    status: int, body: bytes, content_type: str = "application/json", headers: dict[str, str] | None = None
) -> bytes:
    """A response of known length."""
    fields = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
    return head(status, fields) + body


def stream_head(content_type: str = "text/event-stream; charset=utf-8") -> bytes:
    """Head of a chunked response that keeps the connection."""
    return head(200, {"Content-Type": content_type, "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"})
