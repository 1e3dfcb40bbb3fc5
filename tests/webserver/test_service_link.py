from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from contract.errors import ChannelError
from contract.messages import LogLine, Shutdown
from contract.service import Answer, News, Start, Steer, Stop, TopicView
from tests.webserver.serving import WAIT_S, FakeService, in_loop, item, view
from webserver import service_link
from webserver.service_link import ServiceLink


@asynccontextmanager
async def _linked() -> AsyncIterator[tuple[ServiceLink, FakeService]]:
    ours, theirs = socket.socketpair()
    service = FakeService(*await asyncio.open_connection(sock=ours))
    hearing = asyncio.create_task(service.run())
    _, link = await asyncio.get_running_loop().create_connection(ServiceLink, sock=theirs)
    try:
        yield link, service
    finally:
        link.close()
        await asyncio.wait_for(hearing, WAIT_S)


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.views: list[tuple[TopicView, TopicView | None]] = []
        self.told: list[tuple[str, News]] = []
        self.changed = asyncio.Event()

    def viewed(self, view: TopicView, before: TopicView | None) -> None:
        self.views.append((view, before))
        self.changed.set()

    def news(self, id: str, news: News) -> None:  # noqa: A002 - the message's word
        self.told.append((id, news))
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while len(self.views) + len(self.told) < count:
                self.changed.clear()
                await self.changed.wait()


@in_loop
async def test_answers_find_their_requests() -> None:
    """Requests that are open at the same time get their own answers, in whatever order these come."""
    async with _linked() as (link, service):
        waiting: list[Start | Steer] = []

        def answer_both_backwards(message: object) -> None:
            assert isinstance(message, Start | Steer)
            waiting.append(message)
            if len(waiting) == 2:
                service.send(*(Answer(one.request, id=str(type(one).__name__)) for one in reversed(waiting)))

        service.answers = answer_both_backwards
        start, steer = await asyncio.gather(
            link.ask(lambda number: Start(number, "Fruit")), link.ask(lambda number: Steer(number, "x", Stop()))
        )
        assert (start.id, steer.id) == ("Start", "Steer")


@in_loop
async def test_a_service_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller hears so after a while; an answer that comes too late harms nobody."""
    monkeypatch.setattr(service_link, "ANSWER_S", 0.01)
    async with _linked() as (link, service):
        service.answers = lambda message: None
        late = await link.ask(lambda number: Start(number, "Fruit"))
        assert (late.status, "did not answer" in late.error) == (503, True)
        service.send(Answer(late.request))
        service.answers = lambda message: Answer(message.request, id="fruit")
        monkeypatch.setattr(service_link, "ANSWER_S", WAIT_S)
        assert (await link.ask(lambda number: Start(number, "Fruit"))).id == "fruit"


@in_loop
async def test_only_so_many_requests_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """More are refused at once."""
    monkeypatch.setattr(service_link, "MAX_OPEN_REQUESTS", 1)
    async with _linked() as (link, service):
        service.answers = lambda message: None
        first = asyncio.create_task(link.ask(lambda number: Start(number, "Fruit")))
        await service.hears(Start)
        refused = await link.ask(lambda number: Start(number, "Fruit"))
        assert refused.status == 503
        service.send(Answer(refused.request - 1, id="fruit"))
        assert (await first).id == "fruit"


@in_loop
async def test_the_services_death_answers_everything() -> None:
    """Open requests and later ones end with the news that the service is gone."""
    async with _linked() as (link, service):
        service.answers = lambda message: None
        asking = asyncio.create_task(link.ask(lambda number: Start(number, "Fruit")))
        await service.hears(Start)
        service.die()
        answer = await asking
        assert (answer.status, "has ended" in answer.error) == (503, True)
        assert await link.ended is None
        assert (await link.ask(lambda number: Start(number, "Fruit"))).status == 503
        link.send(LogLine(20, "x", "nobody hears it"))


@in_loop
async def test_no_first_message() -> None:
    """A service that ends before it has said anything ends the web server as well."""
    async with _linked() as (link, service):
        service.send(Shutdown())
        assert await link.serve is None
        assert await link.ended is None


@in_loop
async def test_garbage_ends_the_link() -> None:
    """Bytes that are no message of ours are an error that is told, not one that is ignored."""
    async with _linked() as (link, service):
        service._writer.write(b"\0\0\0\3abc")
        assert isinstance(await link.ended, ChannelError)


@in_loop
async def test_views_and_news_reach_listeners_in_order() -> None:
    """Every listener hears of each state with the one before; the newest is kept."""
    async with _linked() as (link, service):
        heard = Heard()
        link.listeners.append(heard)
        first, second = view(at=1.0), view(at=2.0, state="finished")
        service.show(first)
        service.tell("paris-attractions", item(1))
        service.show(second)
        await heard.until(3)
        assert heard.views == [(first, None), (second, first)]
        assert heard.told == [("paris-attractions", News((item(1),)))]
        assert link.views == {"paris-attractions": second}
        assert link.live == {}


@in_loop
async def test_ended_topics_are_forgotten_one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; topics that run are never forgotten."""
    monkeypatch.setattr(service_link, "MAX_ENDED_VIEWS", 2)
    async with _linked() as (link, service):
        heard = Heard()
        link.listeners.append(heard)
        states = {"a": "running", "b": "finished", "c": "finished", "d": "running"}
        for id, state in states.items():  # noqa: A001 - the field's word
            service.show(view(id, state=state))
        await heard.until(4)
        assert list(link.views) == ["a", "d"]


@in_loop
async def test_log_lines_are_left_out_when_nobody_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not read costs no memory without end."""
    monkeypatch.setattr(service_link, "_LOG_BACKLOG_BYTES", 1000)
    ours, theirs = socket.socketpair()
    _, link = await asyncio.get_running_loop().create_connection(ServiceLink, sock=theirs)
    for _ in range(2000):
        link.log(LogLine(20, "x", "y" * 1000))
    assert link._transport is not None
    assert link._transport.get_write_buffer_size() < 3000
    link._transport.abort()
    ours.close()


@in_loop
async def test_what_is_no_text_is_not_sent() -> None:
    """A message that cannot be encoded is the caller's error; the link lives on."""
    async with _linked() as (link, _):
        with pytest.raises(ChannelError):
            await link.ask(lambda number: Start(number, "\ud800"))
        assert not (await link.ask(lambda number: Start(number, "Fruit"))).error
