"""A real web server in this process, with a service at the other end of its channel that tests play."""

from __future__ import annotations

import asyncio
import functools
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import aiohttp
from yarl import URL

from contract.framing import FrameReader, frame
from contract.messages import LogLine, Ready, Secret, Shutdown, encode
from contract.service import (
    Answer,
    Continue,
    FoundItem,
    FromWebServer,
    News,
    OptionView,
    ProviderView,
    Relay,
    Serve,
    Start,
    Steer,
    TopicEvent,
    TopicView,
    decode_from_child,
)
from tests.orchestrator.store_cases import feed, open_store
from webserver.main import serve_requests
from webserver.service_link import ServiceLink
from webserver.tracing import WebTrace

M = TypeVar("M")
P = ParamSpec("P")

WAIT_S = 20.0
OPTIONS = (
    OptionView("producers", "--producers", "integer", "producer processes", 5, (), 1, 256),
    OptionView("concurrency", "--concurrency", "integer", "requests in flight", 4, (), 1, 256),
    OptionView("request_size", "--request-size", "integer", "items asked for", 60, (), 1, 1000),
    OptionView("provider", "--provider", "text", "who is asked", "env"),
    OptionView("max_cost_usd", "--max-cost", "number", "never spend more", None, (), 0),
    OptionView("max_time_s", "--max-time", "duration", "stop after this long"),
    OptionView("identity", "--identity", "choice", "what counts as the same", "normalized", ("exact", "normalized")),
    OptionView("seed", "--seed", "integer", "repeatable"),
    OptionView("prices", "--price", "list", "prices", []),
    OptionView("fresh", "--fresh", "flag", "start anew", False),
)


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in a loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class FakeService:
    """The service's end of the channel.

    Attributes:
        heard: All messages of the web server.
        answers: Makes the answer to a request; None: no answer.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._changed = asyncio.Event()
        self.heard: list[FromWebServer] = []
        self.answers: Callable[[Start | Continue | Steer], Answer | None] = lambda message: Answer(
            message.request, id="paris-attractions"
        )

    async def run(self) -> None:
        """Hear the web server until it is gone."""
        frames = FrameReader()
        while data := await self._reader.read(1 << 16):
            for part in frames.feed(data):
                message = decode_from_child(part)
                assert isinstance(message, Ready | Start | Continue | Steer | LogLine)
                self.heard.append(message)
                if isinstance(message, Start | Continue | Steer) and (answer := self.answers(message)) is not None:
                    self.send(answer)
            self._changed.set()
        self._changed.set()

    def send(self, *messages: Serve | Relay | Answer | Shutdown) -> None:
        """Tell the web server something."""
        for message in messages:
            self._writer.write(frame(encode(message)))

    def show(self, view: TopicView) -> None:
        """Relay a topic's state."""
        self.send(Relay(view.id, view))

    def tell(self, id: str, *items: FoundItem, events: tuple[TopicEvent, ...] = ()) -> None:  # noqa: A002
        """Relay news."""
        self.send(Relay(id, News(items, events)))

    async def taken(self) -> None:
        """Wait until the web server has taken what was sent."""
        await self._writer.drain()

    async def hears(self, kind: type[M]) -> M:
        """Wait for a message of a kind; the first one that came."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for message in self.heard:
                    if isinstance(message, kind):
                        return message
                self._changed.clear()
                await self._changed.wait()

    def die(self) -> None:
        """Be gone at once."""
        self._writer.transport.abort()


class Serving:
    """A web server that is serving.

    Attributes:
        service: The other end of its channel.
        client: An HTTP client; its requests go to `url`.
        port: Where it listens.
        task: Its life.
        root: The topics' folders.
    """

    def __init__(
        self, service: FakeService, client: aiohttp.ClientSession, port: int, task: asyncio.Task[None], root: Path
    ) -> None:
        self.service = service
        self.client = client
        self.port = port
        self.task = task
        self.root = root

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def asked(self, path: str, method: str = "GET", **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response to a request; the path is sent as it is."""
        async with self.client.request(method, URL(self.url + path, encoded=True), **options) as response:
            yield response

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        """Status and JSON of a GET."""
        async with self.asked(path, **options) as response:
            return response.status, await response.json()

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Status and JSON of a request with a JSON body."""
        async with self.asked(path, method, json={} if body is None else body, **options) as got:
            return got.status, await got.json() if got.status != 204 else None

    async def shown(self, view: TopicView) -> None:
        """Relay a view and wait until the web server has it."""
        self.service.show(view)
        async with asyncio.timeout(WAIT_S):
            while (await self.get(f"/api/v1/topics/{view.id}"))[1].get("at") != view.at:
                pass

    @asynccontextmanager
    async def live(self, **options: Any) -> AsyncIterator[Live]:
        """A live connection that has been greeted."""
        address = f"ws://127.0.0.1:{self.port}/api/v1/live"
        async with self.client.ws_connect(address, max_msg_size=0, **options) as socket:
            live = Live(socket)
            hello = await live.next()
            assert hello["type"] == "hello"
            yield live


class Live:
    """A live connection as a client has it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(WAIT_S):
            message: dict[str, Any] = await self.socket.receive_json()
        self.seen.append(message)
        return message

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message of a kind."""
        while not wanted(message := await self.next()):
            pass
        return message

    async def news(self) -> dict[str, Any]:
        """The next news."""
        return await self.until(lambda message: message["type"] == "news")

    async def watch(self, id: str | None, items: int | None = None, events: int | None = None) -> None:  # noqa: A002
        """Ask for a topic's details."""
        await self.socket.send_json({"watch": id, "items_after": items, "events_after": events})

    async def closed(self) -> int | None:
        """Wait for the end; the close code."""
        async with asyncio.timeout(WAIT_S):
            while not self.socket.closed:
                await self.socket.receive()
        return self.socket.close_code


@asynccontextmanager
async def serving(root: Path, *, trace: WebTrace | None = None, **fields: Any) -> AsyncIterator[Serving]:
    """A web server for the topics below `root`; `fields` are those of `Serve`."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    ours, theirs = socket.socketpair()
    service = FakeService(*await asyncio.open_connection(sock=ours))
    hearing = asyncio.create_task(service.run())
    _, link = await asyncio.get_running_loop().create_connection(ServiceLink, sock=theirs)
    token = fields.pop("token", None)
    serve = Serve(
        str(root),
        fields.pop("hosts", ("localhost", "127.0.0.1")),
        port,
        None if token is None else Secret(token),
        fields.pop("options", OPTIONS),
        (("test", "the simulated model"),),
        **fields,
    )
    task = asyncio.create_task(serve_requests(serve, link, listener, trace or WebTrace(), time.monotonic()))
    try:
        await service.hears(Ready)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(WAIT_S)) as client:
            yield Serving(service, client, port, task, root)
    finally:
        service.send(Shutdown())
        await asyncio.wait_for(task, WAIT_S)
        await asyncio.wait_for(hearing, WAIT_S)


def make_topic(root: Path, *texts: str, name: str = "paris-attractions", topic: str = "Paris attractions") -> Path:
    """A topic's folder with these items, as a finished run leaves it."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(folder, topic=topic)
    store.begin_run({"topic": topic, "producers": 3})
    feed(store, *texts)
    store.end_run("exhausted")
    store.close()
    return folder


def view(id: str = "paris-attractions", at: float = 1000.0, state: str = "running", **fields: Any) -> TopicView:  # noqa: A002
    """A running topic's state."""
    provider = ProviderView("test:simulated", 1.0, calls=3, new=7, duplicate=2, input_tokens=50, cost_usd=0.25)
    return TopicView(id, "Paris attractions", state, at, **{"providers": (provider,), **fields})  # type: ignore[arg-type]


def item(number: int, text: str = "") -> FoundItem:
    """An item with this id."""
    return FoundItem(number, text or f"item {number}", "", "test:simulated", 1000.0 + number)


def event(number: int) -> TopicEvent:
    """An event with this number."""
    return TopicEvent(number, 1000.0 + number, "info", "retry", f"event {number}")
