from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
import pytest

from contract.discovery import DiscoveryPoint, DiscoveryView
from contract.service import News, TopicView
from tests.webserver.serving import event, in_loop, item, view
from webserver import hub as module
from webserver.catalog import Catalog, Newest
from webserver.hub import Client, Hub
from webserver.problems import Problem


class FewTopics:
    """A catalog of topics that run, without folders."""

    def __init__(self, *views: TopicView) -> None:
        self.told = {view.id: view for view in views}
        self.reads = 0
        self.reading = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def all(self) -> list[TopicView]:
        return list(self.told.values())

    async def one(self, id: str) -> TopicView:  # noqa: A002 - the field's word
        if id not in self.told:
            raise Problem(404, "nope")
        return self.told[id]

    async def newest(self, id: str) -> Newest:  # noqa: A002 - the field's word
        self.reads += 1
        self.reading.set()
        await self.may_read.wait()
        return Newest()


def _taken(client: Client) -> list[dict[str, Any]]:
    found = []
    while (text := client.backlog.take()) is not None:
        found.append(msgspec.json.decode(text))
    return found


async def _joined(catalog: FewTopics) -> tuple[Hub, Client]:
    hub = Hub(cast(Catalog, catalog))
    client = await hub.join()
    _taken(client)
    return hub, client


@in_loop
async def test_what_waits_of_a_topic_that_is_not_watched_any_more() -> None:
    """It is not sent: the page shows another topic by now."""
    hub, client = await _joined(FewTopics(view("a"), view("b")))
    await hub.watch(client, "a", 0, 0)
    hub.news("a", News((item(1),)))
    await hub.watch(client, "b", 0, 0)
    hub.news("a", News((item(2),)))
    assert [message["topic"]["id"] if "topic" in message else message["id"] for message in _taken(client)] == ["b", "b"]


@in_loop
async def test_what_comes_while_the_folder_is_read() -> None:
    """It is neither lost nor sent twice."""
    catalog = FewTopics(view("a"))
    hub, client = await _joined(catalog)
    catalog.may_read.clear()
    watching = asyncio.create_task(hub.watch(client, "a", 0, 0))
    await catalog.reading.wait()
    hub.news("a", News((item(1), item(2))))
    catalog.may_read.set()
    await watching
    hub.news("a", News((item(3),)))
    news = [message for message in _taken(client) if message["type"] == "news"]
    assert [[one["id"] for one in message["items"]] for message in news] == [[1, 2], [3]]
    assert not any(message["gap"] for message in news)


@in_loop
async def test_memory_is_enough_where_nothing_is_missing() -> None:
    """A page that comes back to a running topic costs no look into its folder."""
    catalog = FewTopics(view("a"))
    hub, client = await _joined(catalog)
    await hub.watch(client, "a", 0, 0)
    hub.news("a", News((item(1),), (event(1),)))
    reads = catalog.reads
    await hub.watch(client, "a", 1, 1)
    await hub.watch(client, "a", 0, 0)
    assert catalog.reads == reads == 1


@in_loop
async def test_a_message_is_made_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty pages get one and the same text."""
    monkeypatch.setattr(module, "SUMMARIES_EVERY_S", 0.0)
    hub, first = await _joined(FewTopics(view("a")))
    clients = [first, *[await hub.join() for _ in range(19)]]
    for client in clients:
        await hub.watch(client, "a", 0, 0)
        _taken(client)
    hub.viewed(view("a", at=2000.0), view("a"))
    hub.news("a", News((item(1),)))
    texts: list[list[str]] = []
    for client in clients:
        texts.append([])
        while (text := client.backlog.take()) is not None:
            texts[-1].append(text)
    assert len(texts[0]) == 3
    for others in texts[1:]:
        assert all(one is other for one, other in zip(texts[0], others, strict=True))


@in_loop
async def test_nothing_is_kept_of_topics_that_nobody_needs() -> None:
    """Ended topics that nobody watches take no memory, nor do clients that have gone."""
    catalog = FewTopics(view("a"))
    hub, client = await _joined(catalog)
    await hub.watch(client, "a", 0, 0)
    hub.news("a", News((item(1),)))
    hub.leave(client)
    assert hub.connections == 0
    assert set(hub._recent) == {"a"}
    catalog.told = {}
    hub.viewed(view("a", state="finished"), view("a"))
    hub.news("unknown", News((item(1),)))
    assert hub._recent == {}
    assert hub._watched == {}


def _found(items: int) -> DiscoveryView:
    return DiscoveryView((DiscoveryPoint(0, 0), DiscoveryPoint(1, items)))


def _discoveries(client: Client) -> list[int]:
    return [message["discovery"]["curve"][-1]["items"] for message in _taken(client) if message["type"] == "discovery"]


@in_loop
async def test_a_discovery_comes_when_it_has_changed() -> None:
    """In a message of its own, not with each view: it is long, and views come all the time."""
    first = view("a", discovery=_found(3))
    hub, client = await _joined(FewTopics(first))
    await hub.watch(client, "a", 0, 0)
    messages = _taken(client)
    assert [message["type"] for message in messages] == ["view", "discovery", "news"]
    assert messages[0]["topic"]["discovery"] is None
    assert messages[1]["id"] == "a"
    hub.viewed(view("a", at=first.at + 1, discovery=_found(3)), first)
    hub.send_view("a")
    assert [message["type"] for message in _taken(client)].count("discovery") == 0
    hub.viewed(view("a", at=first.at + 2, discovery=_found(4)), first)
    hub.send_view("a")
    assert _discoveries(client) == [4]


@in_loop
async def test_whoever_comes_later_gets_the_discovery() -> None:
    """The newest, though the view that told it is gone."""
    first = view("a", discovery=_found(3))
    catalog = FewTopics(first)
    hub, client = await _joined(catalog)
    await hub.watch(client, "a", 0, 0)
    hub.viewed(view("a", at=first.at + 1, discovery=_found(5)), first)
    hub.send_view("a")
    catalog.told["a"] = view("a", at=first.at + 2)
    later = await hub.join()
    await hub.watch(later, "a", 0, 0)
    assert _discoveries(later) == [5]


@in_loop
async def test_a_topic_that_begins_anew_has_no_discovery_yet() -> None:
    """That of the run before is not shown as the new one's."""
    ended = view("a", state="finished", discovery=_found(3))
    catalog = FewTopics(ended)
    hub, client = await _joined(catalog)
    await hub.watch(client, "a", 0, 0)
    anew = view("a", at=ended.at + 1)
    catalog.told["a"] = anew
    hub.viewed(anew, ended)
    later = await hub.join()
    await hub.watch(later, "a", 0, 0)
    assert _discoveries(later) == []
