"""A client of web mode's API for tests: every request is noted, so that its span can be asked for afterwards.

::

    async with WebClient(address, trace_id=service.trace_id) as client:
        id = await client.start("Paris attractions", {"producers": 3})
        async with client.live() as live:
            await live.watch(id)
            await live.until("ten items", lambda: len(live.items) >= 10, timeout_s=30)
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from contract.service import TopicEvent, TopicView
from tester.live import Live
from tester.trace.requests import Asked

TOPICS = "/api/v1/topics"
_LIVE = "/api/v1/live"
_SWITCHED = 101
_TIMEOUT_S = 30.0
_SHOWN_CHARACTERS = 300
_T = TypeVar("_T")


class Answer(msgspec.Struct, frozen=True):
    """What came back.

    Attributes:
        status: Of HTTP.
        headers: By name in lower case.
        body: All of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class RefusedError(Exception):
    """A request that was not carried out; the message is the service's own line.

    Args:
        asked: The request.
        answer: What came back.
    """

    def __init__(self, asked: Asked, answer: Answer) -> None:
        try:
            told: dict[str, Any] = msgspec.json.decode(answer.body, type=dict[str, Any])
        except msgspec.MsgspecError:
            told = {"error": answer.body[:_SHOWN_CHARACTERS].decode(errors="replace")}
        self.status = answer.status
        self.error = str(told.get("error", ""))
        self.topic_id = str(told.get("id", ""))
        super().__init__(f"{asked.method} {asked.path}: {answer.status}: {self.error}")


class ListedItem(msgspec.Struct, frozen=True):
    """An item of a list; see the API's description."""

    id: int
    text: str
    description: str
    provider: str
    first_at: float
    count: int


class ItemPage(msgspec.Struct, frozen=True):
    """A part of a list of items.

    Attributes:
        total: Items that match the search.
        unique: All items.
        offset: Matching items before these.
        items: The part.
    """

    total: int
    unique: int
    offset: int
    items: tuple[ListedItem, ...]


class _TopicList(msgspec.Struct, frozen=True):
    topics: tuple[TopicView, ...]


class _EventList(msgspec.Struct, frozen=True):
    events: tuple[TopicEvent, ...]


class WebClient:
    """Calls a service. An async context manager.

    Args:
        address: As the service printed it, `http://localhost:8080`.
        trace_id: Of the trace that its requests belong to, such as the service's own; empty: each begins without one.
        token: Sent with each request; empty: none.
        timeout_s: Seconds that an answer may take.

    Attributes:
        asked: Requests so far, in the order of their answers; those of live connections stand there when they begin.
    """

    def __init__(self, address: str, trace_id: str = "", *, token: str = "", timeout_s: float = _TIMEOUT_S) -> None:
        self.address = address.rstrip("/")
        self.asked: list[Asked] = []
        self._trace_id = trace_id
        self._token = token
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        self._session = aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(self._timeout_s),
            auto_decompress=True,
            trust_env=False,  # a proxy of the user's has nothing to do with loopback
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    # --- one request ---------------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        data: bytes | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request; whatever is answered is returned.

        Args:
            method: Of HTTP.
            path: From the root.
            body: Sent as JSON.
            data: Sent as it is, instead.
            params: The query.
            headers: Besides the client's own, which they replace.
        """
        span_id = secrets.token_hex(8)
        sent = {**self._traced(span_id), **(headers or {})}
        if body is not None:
            data = msgspec.json.encode(body)
            sent.setdefault("content-type", "application/json")
        async with self._open_session().request(method, self._url(path), data=data, params=params, headers=sent) as got:
            answer = Answer(got.status, {name.lower(): value for name, value in got.headers.items()}, await got.read())
        self._note(method, path, answer.status, span_id)
        return answer

    async def _asked(self, method: str, path: str, kind: type[_T], **request: Any) -> _T:
        answer = await self.request(method, path, **request)
        if answer.status >= 400:
            raise RefusedError(self.asked[-1], answer)
        return msgspec.json.decode(answer.body, type=kind)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("a WebClient is used with `async with`")
        return self._session

    def _url(self, path: str) -> URL:
        return URL(self.address + path, encoded=True)

    def _traced(self, span_id: str) -> dict[str, str]:
        return {"traceparent": f"00-{self._trace_id}-{span_id}-01"} if self._trace_id else {}

    def _note(self, method: str, path: str, status: int, span_id: str) -> None:
        self.asked.append(Asked(method, path, status, self._trace_id, span_id))

    # --- the service ---------------------------------------------------------------------------------------

    async def health(self) -> dict[str, Any]:
        """Whether it works, and how many topics run. Like all of these, raises `RefusedError`."""
        return await self._asked("GET", "/health", dict[str, Any])

    async def service(self) -> dict[str, Any]:
        """Version, options, providers, export formats."""
        return await self._asked("GET", "/api/v1/service", dict[str, Any])

    async def topics(self) -> tuple[TopicView, ...]:
        """All topics, the one with the newest activity first."""
        return (await self._asked("GET", TOPICS, _TopicList)).topics

    # --- one topic -----------------------------------------------------------------------------------------

    async def start(self, topic: str, options: Mapping[str, Any] | None = None) -> str:
        """Start a run.

        Args:
            topic: What to explore.
            options: Settings by their names, such as `producers`, `provider`, `request_size`.

        Returns:
            The topic's id.
        """
        body = {"topic": topic, "options": dict(options or {})}
        return str((await self._asked("POST", TOPICS, dict[str, Any], body=body))["id"])

    async def continue_(self, topic_id: str, options: Mapping[str, Any] | None = None) -> None:
        """Continue a topic that does not run, with its last settings and these."""
        await self._steer(topic_id, "continue", {"options": dict(options or {})})

    async def pause(self, topic_id: str) -> None:
        """Give no new orders."""
        await self._steer(topic_id, "pause", {})

    async def unpause(self, topic_id: str) -> None:
        """Go on."""
        await self._steer(topic_id, "unpause", {})

    async def stop(self, topic_id: str, *, now: bool = False) -> None:
        """End the run; `now`: open responses are cancelled."""
        await self._steer(topic_id, "stop", {"now": now})

    async def change(self, topic_id: str, **changes: Any) -> None:
        """Change producers, concurrency, request_size, max_cost_usd, max_time_s, weights; None takes a limit away."""
        await self._asked("PATCH", _path(topic_id), dict[str, Any], body=changes)

    async def _steer(self, topic_id: str, action: str, body: dict[str, Any]) -> None:
        await self._asked("POST", _path(topic_id, action), dict[str, Any], body=body)

    async def view(self, topic_id: str) -> TopicView:
        """Its state, live or from its folder."""
        return await self._asked("GET", _path(topic_id), TopicView)

    async def items(
        self,
        topic_id: str,
        *,
        offset: int = 0,
        limit: int = 100,
        search: str = "",
        sort: Literal["time", "count", "provider"] = "time",
        order: Literal["asc", "desc"] = "desc",
    ) -> ItemPage:
        """A part of its items."""
        params = {"offset": offset, "limit": limit, "search": search, "sort": sort, "order": order}
        return await self._asked("GET", _path(topic_id, "items"), ItemPage, params=params)

    async def events(self, topic_id: str, *, limit: int = 200) -> tuple[TopicEvent, ...]:
        """The newest lines of its event log, the newest last."""
        return (await self._asked("GET", _path(topic_id, "events"), _EventList, params={"limit": limit})).events

    async def history(self, topic_id: str, *, points: int = 600) -> dict[str, Any]:
        """Its discovery curve."""
        return await self._asked("GET", _path(topic_id, "history"), dict[str, Any], params={"points": points})

    async def export(self, topic_id: str, form: str) -> bytes:
        """All items as `txt`, `jsonl`, `csv` or `parquet`."""
        path = _path(topic_id, "export")
        answer = await self.request("GET", path, params={"format": form})
        if answer.status >= 400:
            raise RefusedError(self.asked[-1], answer)
        return answer.body

    # --- live ----------------------------------------------------------------------------------------------

    def live(self) -> Live:
        """What a page hears; an async context manager."""
        return Live(self._connect)

    async def live_status(self, headers: Mapping[str, str]) -> int:
        """Try to open a live connection with these headers; the status of the answer, 101 where it opened."""
        try:
            await (await self._connect(headers)).close()
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        return _SWITCHED

    async def _connect(self, headers: Mapping[str, str] | None = None) -> aiohttp.ClientWebSocketResponse:
        span_id, status = secrets.token_hex(8), _SWITCHED
        sent = {**self._traced(span_id), **(headers or {})}
        try:
            return await self._open_session().ws_connect(self._url(_LIVE), headers=sent)
        except aiohttp.WSServerHandshakeError as error:
            status = error.status
            raise
        finally:
            self._note("GET", _LIVE, status, span_id)


def _path(topic_id: str, what: str = "") -> str:
    path = f"{TOPICS}/{quote(topic_id, safe='')}"
    return f"{path}/{what}" if what else path
