"""`/api/v1/live`: the WebSocket over which pages hear what happens.

The client says `{"watch": id, "items_after": id, "events_after": seq}`; it hears `hello`, `topics`, `view`, `news` and
`ping`. A client that does not take what it is sent is cut off: it resumes by connecting again.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Annotated

import msgspec
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from webserver.access import Session
from webserver.hub import Client, Hub
from webserver.rates import TokenBuckets

PATH = "/api/v1/live"
MAX_MESSAGE_BYTES = 4096
MESSAGES_PER_S, MESSAGES_BURST = 5.0, 30
_CLOSE_S = 1.0
"""Seconds that a client may take to hear why it is cut off."""
_POLICY_VIOLATION = 1008
_ID = re.compile(r"[^/\\.\x00][^/\\.\x00]{0,199}")

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Watch(msgspec.Struct, frozen=True):
    """What a client says.

    Attributes:
        watch: The topic whose details it wants from now on; None: of none.
        items_after: The last item that it has; None: none.
        events_after: The last event that it has; None: none.
    """

    watch: str | None
    items_after: _Number | None = None
    events_after: _Number | None = None


_decode = msgspec.json.Decoder(Watch).decode


async def serve_live(hub: Hub, socket: WebSocket, session: Session | None) -> None:
    """Serve one connection to its end, which is also the end of the session that it was opened in."""
    client = await hub.join()
    try:
        await socket.accept()
        reading = asyncio.create_task(_read(hub, client, socket))
        writing = asyncio.create_task(_write(client, socket))
        ending = asyncio.create_task(client.ended.wait())
        logged_out = asyncio.create_task(_end_with(session, client))
        tasks = (reading, writing, ending, logged_out)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hub.leave(client)
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        if client.ended.is_set():
            await _close(client, socket)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome  # nobody foresaw it: the log says more
    finally:
        hub.leave(client)


async def _read(hub: Hub, client: Client, socket: WebSocket) -> None:
    rate = TokenBuckets(MESSAGES_PER_S, MESSAGES_BURST)
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        try:
            watch = _decode(message.get("text") or b"")
        except (msgspec.DecodeError, UnicodeError):
            client.end(_POLICY_VIOLATION, "not a message of this protocol")
            return
        if rate.take(""):
            client.end(_POLICY_VIOLATION, "too many messages")
            return
        if watch.watch is not None and not _ID.fullmatch(watch.watch):
            client.end(_POLICY_VIOLATION, "no topic can have that id")
            return
        await hub.watch(client, watch.watch, watch.items_after or 0, watch.events_after or 0)


async def _end_with(session: Session | None, client: Client) -> None:
    await (session.ended if session is not None else asyncio.Event()).wait()
    client.end(_POLICY_VIOLATION, "logged out")


async def _write(client: Client, socket: WebSocket) -> None:
    try:
        while True:
            await client.filled.wait()
            client.filled.clear()
            while (text := client.backlog.take()) is not None:
                await socket.send_text(text)
    except WebSocketDisconnect:
        return


async def _close(client: Client, socket: WebSocket) -> None:
    """Say why, unless the client takes nothing any more: then the connection is ended as one that does not close."""
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(_CLOSE_S):
            await socket.close(client.close_code, client.close_reason)
