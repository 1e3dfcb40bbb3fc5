"""A topic's items as a file, streamed at the speed of the one who takes it."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from archive.spool import Spool
from contract.errors import OrchestratorError
from webserver.problems import Problem, too_many
from webserver.waiting import while_connected

log = logging.getLogger(__name__)

MEDIA_TYPES = {
    "txt": "text/plain; charset=utf-8",
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
MAX_DOWNLOADS = 16
"""At a time: each may hold a temporary file as large as the whole list."""
_BUSY_S = 5.0
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


class Downloads:
    """All exports that are being taken."""

    def __init__(self) -> None:
        self._open = 0

    async def begin(
        self,
        opened: Callable[[], Awaitable[Spool]],
        id: str,  # noqa: A002 - the API's word
        wanted: str,
    ) -> Response:
        """Begin an export.

        Args:
            opened: Begins it.
            id: The topic.
            wanted: The format.

        Raises:
            Problem: Too many are being taken already, or what `opened` raises.
        """
        if self._open >= MAX_DOWNLOADS:
            raise too_many(_BUSY_S, f"{MAX_DOWNLOADS} exports are being taken already; wait until one is complete")
        self._open += 1
        try:
            spool = await opened()
        except BaseException:
            self._open -= 1
            raise
        return _Download(spool, id, wanted, self._ended)

    def _ended(self) -> None:
        self._open -= 1


class _Download(Response):
    """The response to one export."""

    def __init__(self, spool: Spool, id: str, wanted: str, ended: Callable[[], None]) -> None:  # noqa: A002
        self._spool = spool
        self._id = id
        self._ended = ended
        headers = {"content-type": MEDIA_TYPES[wanted], "content-disposition": _disposition(f"{id}.{wanted}")}
        if spool.size is not None:
            headers["content-length"] = str(spool.size)
        super().__init__(headers=headers)
        if spool.size is None:
            del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            await while_connected(Request(scope, receive), self._stream(send))
        except Problem:  # the client has gone
            pass
        finally:
            self._spool.close()
            self._ended()

    async def _stream(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for chunk in iterate_in_threadpool(self._spool.chunks()):
                await send(_part(chunk, more=True))
        except OrchestratorError as error:
            # The response is left without its end, so that nobody takes the part for the whole.
            log.warning("the export of %s broke off: %s", self._id, error)
            return
        await send(_part(b"", more=False))


def _part(chunk: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def _disposition(name: str) -> str:
    stem = name.partition(".")[0]
    if _PLAIN.fullmatch(stem):
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
