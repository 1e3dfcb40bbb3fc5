"""The fake provider itself: a listening socket, a universe of items, faults and a ledger."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self

import msgspec

from tester.fake_provider import http
from tester.fake_provider.anthropic_dialect import AnthropicDialect
from tester.fake_provider.dialect import Asked, Dialect, to_json
from tester.fake_provider.exchange import Connection
from tester.fake_provider.faults import Fault, FaultKind, FaultPlan
from tester.fake_provider.gemini_dialect import PATH as GEMINI_PATH
from tester.fake_provider.gemini_dialect import GeminiDialect
from tester.fake_provider.ledger import Entry, Ledger, fingerprint
from tester.fake_provider.openai_dialect import OpenAIDialect
from tester.fake_provider.purpose import Purpose, purpose_of
from tester.fake_provider.script import Script, refusal, write_script

_HOST = "127.0.0.1"
_BACKLOG = 512
_DRIP_CHARS = 40
"""Characters in an event at least, where each byte is sent alone: the loop takes a millisecond for one."""
_THOUGHTS = "The user wants a list. I think of many."

_body: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


def unused_port() -> int:
    """A port of the loopback interface that nobody listens on: connecting to it is refused."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


class FakeProvider:
    """An HTTP server on loopback that answers like OpenAI, Anthropic and Gemini.

    Every answer is a random sample of the universe, one item a line, in an order that the seed and the request's
    ordinal number decide; parts of a topic, letters, languages and earlier answers are not obeyed. A request for a
    plan or a judgement (see `purpose`) gets its own answer, whose lines are no items of the ledger.

    Args:
        universe: The items there are.
        seed: Makes answers and fault draws repeatable.
        items_per_response: Items an answer; the whole universe if it is smaller.
        time_to_first_chunk_s: Seconds between a request and the first byte of its answer.
        duration_s: Seconds between a request and the last byte; the chunks between are evenly spaced. 0 and a
            `time_to_first_chunk_s` of 0 send an answer as fast as it can be written.
        chunk_chars: Characters of text in one server-sent event.
        faults: Faults of the first requests, in their order; None answers properly.
        fault_rates: Probability of each fault afterwards.
        valid_keys: Keys that are accepted; None accepts all, and none at all.
        thoughts: Whether answers begin with thinking that does not belong to the text.
        padding_chars: Characters of a comment behind each text event, which clients have to skip.
        port: Port to listen on; 0 takes a free one.
    """

    def __init__(
        self,
        universe: Sequence[str],
        *,
        seed: int = 0,
        items_per_response: int = 60,
        time_to_first_chunk_s: float = 0.0,
        duration_s: float = 0.0,
        chunk_chars: int = 4,
        faults: Iterable[Fault | None] = (),
        fault_rates: Mapping[Fault, float] | None = None,
        valid_keys: Collection[str] | None = None,
        thoughts: bool = False,
        padding_chars: int = 0,
        port: int = 0,
    ) -> None:
        if chunk_chars < 1 or items_per_response < 1 or not universe:
            raise ValueError("a fake provider needs a universe, at least 1 item a response and 1 character a chunk")
        self.universe = list(universe)
        self.time_to_first_chunk_s = time_to_first_chunk_s
        self.duration_s = duration_s
        self.ledger = Ledger()
        self.faults = FaultPlan(faults, fault_rates or {}, seed)
        self._seed = seed
        self._items_per_response = min(items_per_response, len(self.universe))
        self._chunk_chars = chunk_chars
        self._valid_keys = None if valid_keys is None else frozenset(valid_keys)
        self._thoughts = _THOUGHTS if thoughts else ""
        self._padding_chars = padding_chars
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._dialects: dict[str, Dialect] = {
            "/v1/chat/completions": OpenAIDialect(),
            "/v1/messages": AnthropicDialect(),
        }
        self._gemini = GeminiDialect()
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Listen. Called after `stop_listening`, listens again on the same port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), _HOST, self._port, backlog=_BACKLOG, reuse_address=True
        )
        self._port = self._server.sockets[0].getsockname()[1]

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def stop(self) -> None:
        """Refuse new connections and break the open ones."""
        self.stop_listening()
        while self._connections:
            for connection in self._connections:
                connection.abort()
            await self.wait_for(lambda: not self._connections)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port listened on; 0 before `start` if none was given."""
        return self._port

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{_HOST}:{self._port}"

    @property
    def openai_base_url(self) -> str:
        """What an OpenAI client takes for its base URL."""
        return self.url + "/v1"

    @property
    def anthropic_base_url(self) -> str:
        """What an Anthropic client takes for its base URL."""
        return self.url

    @property
    def gemini_base_url(self) -> str:
        """What a Gemini client takes for its base URL."""
        return self.url

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on this server holds; looked at whenever a connection or an exchange changes."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    # What a connection asks of its server; see `exchange.Service`.

    def connected(self, connection: Connection) -> None:
        """A client has come."""
        self._connections.add(connection)
        self.ledger.connections += 1
        self._changed.set()

    def left(self, connection: Connection) -> None:
        """A client has gone."""
        self._connections.discard(connection)
        self._changed.set()

    def closed(self, entry: Entry, *, disconnected: bool) -> None:
        """An exchange is over."""
        self.ledger.closed(entry, time.monotonic(), disconnected=disconnected)
        self._changed.set()

    def answer(self, request: http.Request) -> tuple[Entry, Script] | bytes:
        """An LLM request's entry and script; the response itself to `GET /ledger` and `GET /health`."""
        path = request.path.partition("?")[0]
        if request.method == "GET":
            documents = {"/ledger": self.ledger, "/health": {"status": "ok"}}
            known = path in documents
            return http.whole(200 if known else 404, to_json(documents.get(path, {"error": "not found"})))
        dialect = self._gemini if GEMINI_PATH.match(path) else self._dialects.get(path)
        if dialect is None or request.method != "POST":
            return http.whole(404, b'{"error":"not found"}')
        try:
            asked = dialect.read(request.path, request.headers, _body.decode(request.body))
            number = len(self.ledger.entries) + 1
            asked = msgspec.structs.replace(asked, response_id=f"{dialect.api}-{self._seed}-{number}")
        except (ValueError, TypeError, AttributeError) as error:
            asked = Asked("", "", (), None, "", wants_usage=False, body={})
            script = refusal(dialect, 400, None, str(error), {})
            return self._enter(dialect, asked, request.path, None), script
        return self._script(dialect, asked, request.path)

    def _script(self, dialect: Dialect, asked: Asked, path: str) -> tuple[Entry, Script]:
        if self._valid_keys is not None and asked.key not in self._valid_keys:
            script = refusal(dialect, 401, None, f"Incorrect API key provided: {asked.key[:8]}.", {})
            return self._enter(dialect, asked, path, None), script
        fault = self.faults.draw()
        entry = self._enter(dialect, asked, path, fault)
        purpose, lines = purpose_of(asked.prompt)
        entry.purpose = purpose.value
        draw = random.Random(f"{self._seed} {len(self.ledger.entries)}")
        script = write_script(
            dialect,
            asked,
            draw.sample(self.universe, self._items_per_response) if purpose is Purpose.LIST else lines,
            fault=fault,
            chunk_chars=max(self._chunk_chars, _DRIP_CHARS if fault and fault.kind is FaultKind.DRIP else 0),
            thoughts=self._thoughts,
            padding_chars=self._padding_chars,
            date=formatdate(time.time() + ((fault and fault.retry_after_s) or 0), usegmt=True),
        )
        if purpose is not Purpose.LIST:
            script.items = []  # sent like any text, but nothing that anybody has to find again
        return entry, script

    def _enter(self, dialect: Dialect, asked: Asked, path: str, fault: Fault | None) -> Entry:
        entry = Entry(
            api=dialect.api,
            model=asked.model,
            path=path.partition("?")[0],
            key=fingerprint(asked.key),
            system=asked.system,
            prompt=asked.prompt,
            earlier=list(asked.turns[:-1]),
            max_tokens=asked.max_tokens,
            body=asked.body,
            response_id=asked.response_id,
            started_at=time.monotonic(),
            fault=fault.kind.value if fault else "",
        )
        self.ledger.opened(entry)
        self._changed.set()
        return entry
