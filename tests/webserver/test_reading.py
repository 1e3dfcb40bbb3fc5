from __future__ import annotations

import asyncio
import csv
import io
import sqlite3
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
import pytest

from archive.event_log import EVENTS_NAME
from archive.item_index import ItemIndex
from archive.spool import Spool
from contract.errors import StorageError
from tests.orchestrator.store_cases import TOPIC, feed, open_store
from tests.webserver.serving import WAIT_S, event, in_loop, make_topic, serving, view
from webserver import downloads
from webserver.catalog import Catalog
from webserver.downloads import MEDIA_TYPES

ID = "paris-attractions"
_PARTS = ("/items", "/history", "/events", "/export")


@in_loop
async def test_topics_of_both_kinds(tmp_path: Path) -> None:
    """Topics that run come from the service and stand first; the others come from their folders."""
    make_topic(tmp_path, "Louvre")
    make_topic(tmp_path, "Berlin", "Rome", name="capitals", topic="Capitals")
    async with serving(tmp_path) as web:
        await web.shown(view("running-topic", unique=7, started_at=20.0))
        await web.shown(view("capitals", unique=9, state="paused", started_at=10.0))
        status, body = await web.get("/api/v1/topics")
        assert status == 200
        assert [(one["id"], one["state"], one["unique"]) for one in body["topics"]] == [
            ("running-topic", "running", 7),
            ("capitals", "paused", 9),
            (ID, "finished", 1),
        ]
        assert (await web.get("/api/v1/topics/capitals"))[1]["unique"] == 9
        from_folder = (await web.get(f"/api/v1/topics/{ID}"))[1]
        assert (from_folder["state"], from_folder["stop_reason"], from_folder["unique"]) == ("finished", "exhausted", 1)
        assert from_folder["providers"][0]["name"] == "openai:m-1"


@in_loop
async def test_a_large_topic_keeps_no_other_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one topic's items are being indexed, another's are answered."""
    make_topic(tmp_path, "Louvre")
    make_topic(tmp_path, "Berlin", name="capitals", topic="Capitals")
    begun, may_end = threading.Event(), threading.Event()
    refresh = ItemIndex.refresh

    def slowly(index: ItemIndex) -> None:
        if index.folder.name == ID:
            begun.set()
            assert may_end.wait(WAIT_S)
        refresh(index)

    monkeypatch.setattr(ItemIndex, "refresh", slowly)
    async with serving(tmp_path) as web:
        slow = asyncio.create_task(web.get(f"/api/v1/topics/{ID}/items"))
        assert await asyncio.to_thread(begun.wait, WAIT_S)
        try:
            async with asyncio.timeout(WAIT_S / 2):
                assert (await web.get("/api/v1/topics/capitals/items"))[1]["total"] == 1
        finally:
            may_end.set()
        assert (await slow)[1]["total"] == 1


@in_loop
async def test_how_a_topic_ended(tmp_path: Path) -> None:
    """The service's word on a failed run stays, until another process has run the topic again."""
    folder = make_topic(tmp_path, "Louvre")
    async with serving(tmp_path) as web:
        await web.shown(view(ID, at=2e9, state="failed", error="no key fits", started_at=1_790_000_000.5))
        assert (await web.get(f"/api/v1/topics/{ID}"))[1]["error"] == "no key fits"
        with sqlite3.connect(folder / "run.db") as database:
            database.execute("UPDATE runs SET started_at = started_at + 1")
        assert (await web.get(f"/api/v1/topics/{ID}"))[1]["state"] == "finished"


@in_loop
async def test_another_process_works_on_it(tmp_path: Path) -> None:
    """A run of the command line is shown as what it is: running, in another process."""
    folder = tmp_path / ID
    folder.mkdir()
    store = open_store(folder)
    store.begin_run({"topic": TOPIC})
    feed(store, "Louvre")
    async with serving(tmp_path) as web:
        for shown in ((await web.get(f"/api/v1/topics/{ID}"))[1], (await web.get("/api/v1/topics"))[1]["topics"][0]):
            assert (shown["state"], shown["progress"], shown["unique"]) == ("running", "runs in another process", 1)
        store.end_run("interrupted")
        store.close()
        assert (await web.get(f"/api/v1/topics/{ID}"))[1]["state"] == "interrupted"


@in_loop
async def test_items_are_paged_searched_and_sorted(tmp_path: Path) -> None:
    """Every parameter does what its name says; the newest come first unless told otherwise."""
    folder = make_topic(tmp_path, "Louvre", "Eiffel tower", "Tower bridge")
    store = open_store(folder)
    feed(store, "louvre", "Pantheon")
    store.close()
    async with serving(tmp_path) as web:

        async def texts(query: str) -> list[str]:
            status, page = await web.get(f"/api/v1/topics/{ID}/items?{query}")
            assert status == 200
            assert page["unique"] == 4
            return [one["text"] for one in page["items"]]

        assert await texts("") == ["Pantheon", "Tower bridge", "Eiffel tower", "Louvre"]
        assert await texts("order=asc&limit=2") == ["Louvre", "Eiffel tower"]
        assert await texts("order=asc&offset=3") == ["Pantheon"]
        assert await texts("offset=4") == []
        assert await texts("search=TOWER&order=asc") == ["Eiffel tower", "Tower bridge"]
        assert await texts("search=" + quote("% <script>")) == []
        assert (await texts("sort=count"))[0] == "Louvre"
        assert await texts("sort=provider&order=asc&limit=1") == ["Louvre"]
        page = (await web.get(f"/api/v1/topics/{ID}/items?search=louvre"))[1]
        assert (page["total"], page["offset"]) == (1, 0)
        assert page["items"][0] == {
            "id": 1,
            "text": "Louvre",
            "description": "",
            "provider": "openai:m-1",
            "first_at": 1_790_000_000.0,
            "count": 2,
        }


@in_loop
async def test_values_out_of_their_bounds(tmp_path: Path) -> None:
    """They are refused in words that name the parameter."""
    make_topic(tmp_path, "Louvre")
    refused = (
        "items?limit=0",
        "items?limit=501",
        "items?limit=x",
        "items?limit=1e3",
        "items?offset=-1",
        "items?offset=99999999999999999999",
        "items?sort=size",
        "items?order=up",
        f"items?search={'x' * 201}",
        "history?points=0",
        "history?points=1000000",
        "events?before=0",
        "events?limit=1001",
        "export?format=exe",
    )
    async with serving(tmp_path) as web:
        for query in refused:
            status, body = await web.get(f"/api/v1/topics/{ID}/{query}")
            assert status == 400, query
            assert body["error"].startswith(query.partition("?")[2].partition("=")[0] + ": it should")


@in_loop
async def test_untrusted_texts_are_data(tmp_path: Path) -> None:
    """Items with markup, terminal codes and every script come out as they went in, inside JSON."""
    texts = [
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "\U0001f600 \u0e01",
        '"; DROP',
    ]
    make_topic(tmp_path, *texts)
    async with serving(tmp_path) as web:
        page = (await web.get(f"/api/v1/topics/{ID}/items?order=asc"))[1]
        assert [one["text"] for one in page["items"]] == texts


@in_loop
async def test_history_and_events(tmp_path: Path) -> None:
    """The curve covers all runs; the event log is read from its end, and backwards from there."""
    folder = make_topic(tmp_path, "Louvre", "Eiffel tower")
    lines = b"".join(msgspec.json.encode(event(number)) + b"\n" for number in range(1, 31))
    (folder / EVENTS_NAME).write_bytes(lines + b"torn {")
    async with serving(tmp_path) as web:
        curve = (await web.get(f"/api/v1/topics/{ID}/history?points=10"))[1]
        assert (curve["bucket_s"], curve["buckets"][-1]["unique"], curve["buckets"][-1]["new"]) == (1.0, 2, 2)
        events = (await web.get(f"/api/v1/topics/{ID}/events?limit=3"))[1]["events"]
        assert [one["seq"] for one in events] == [28, 29, 30]
        events = (await web.get(f"/api/v1/topics/{ID}/events?limit=2&before=28"))[1]["events"]
        assert [one["seq"] for one in events] == [26, 27]


@in_loop
async def test_a_topic_that_has_only_just_begun(tmp_path: Path) -> None:
    """It has no items, no history and no events yet, which is no error; an export needs a run."""
    async with serving(tmp_path) as web:
        await web.shown(view(ID, state="starting"))
        assert (await web.get(f"/api/v1/topics/{ID}/items"))[1]["items"] == []
        assert (await web.get(f"/api/v1/topics/{ID}/history"))[1]["buckets"] == []
        assert (await web.get(f"/api/v1/topics/{ID}/events"))[1]["events"] == []
        status, body = await web.get(f"/api/v1/topics/{ID}/export")
        assert (status, body["id"]) == (409, ID)


@in_loop
async def test_ids_of_no_topic(tmp_path: Path) -> None:
    """Whatever somebody puts in place of an id: there is no such topic, and nothing outside of the root is read."""
    make_topic(tmp_path, "hidden", name="secret")
    root = tmp_path / "root"
    make_topic(root, "Louvre")
    (root / "link").symlink_to(tmp_path / "secret")
    ids = ("nope", "link", "..", "%2e%2e", "%2e%2e%2fsecret", "a%00b", "a.b", "a%5cb", "x" * 201, "x" * 10_000, "%ff")
    async with serving(root) as web:
        for path in (f"/api/v1/topics/{id}{rest}" for id in ids for rest in ("", *_PARTS)):  # noqa: A001
            async with web.asked(path) as response:
                assert response.status == 404, path
                assert "error" in await response.json()
                assert "hidden" not in await response.text()


@in_loop
async def test_a_damaged_folder_is_no_server_error(tmp_path: Path) -> None:
    """It is told what is wrong with it; all other topics are shown."""
    make_topic(tmp_path, "Louvre")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.db").write_bytes(b"not a database" * 100)
    async with serving(tmp_path) as web:
        assert [one["id"] for one in (await web.get("/api/v1/topics"))[1]["topics"]] == [ID]
        for rest in ("", "/items", "/history", "/export?format=jsonl"):
            status, body = await web.get(f"/api/v1/topics/broken{rest}")
            assert status == 409, rest
            assert "damaged" in body["error"]


@in_loop
async def test_exports_in_every_format(tmp_path: Path) -> None:
    """A file with the fitting type and name, which is not shown in the browser but kept."""
    make_topic(tmp_path, "Louvre", "Eiffel tower")
    async with serving(tmp_path) as web:
        for wanted, media_type in MEDIA_TYPES.items():
            async with web.client.get(f"{web.url}/api/v1/topics/{ID}/export?format={wanted}") as response:
                assert response.status == 200
                assert response.headers["content-type"] == media_type
                assert response.headers["content-disposition"] == f'attachment; filename="{ID}.{wanted}"'
                content = await response.read()
            match wanted:
                case "txt":
                    assert content == b"Louvre\nEiffel tower\n"
                    assert response.headers["content-length"] == str(len(content))
                case "jsonl":
                    assert [msgspec.json.decode(line)["text"] for line in content.splitlines()] == [
                        "Louvre",
                        "Eiffel tower",
                    ]
                case "csv":
                    assert [row["text"] for row in csv.DictReader(io.StringIO(content.decode()))] == [
                        "Louvre",
                        "Eiffel tower",
                    ]
                case "parquet":
                    assert content.startswith(b"PAR1")


@in_loop
async def test_names_of_exports_in_any_script(tmp_path: Path) -> None:
    """A header is ASCII; a name that is not is encoded as browsers understand it."""
    make_topic(tmp_path, "Louvre", name='st"ädte-\u6771\u4eac')
    path = "/api/v1/topics/st%22%C3%A4dte-%E6%9D%B1%E4%BA%AC/export"
    async with serving(tmp_path) as web, web.asked(path) as response:
        assert response.status == 200
        assert response.headers["content-disposition"] == (
            "attachment; filename*=UTF-8''st%22%C3%A4dte-%E6%9D%B1%E4%BA%AC.txt"
        )


@in_loop
async def test_only_so_many_exports_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may need much room on the disk; one that is complete, or whose reader has left, makes room."""
    monkeypatch.setattr(downloads, "MAX_DOWNLOADS", 1)
    make_topic(tmp_path, *(f"item {number} {'x' * 200}" for number in range(60_000)))
    async with serving(tmp_path) as web:
        address = f"{web.url}/api/v1/topics/{ID}/export?format=jsonl"
        async with web.client.get(address) as slow:
            assert slow.status == 200
            async with web.client.get(address) as refused:
                assert refused.status == 429
                assert int(refused.headers["retry-after"]) > 0
            slow.close()
        async with asyncio.timeout(20):
            while True:
                async with web.client.get(address) as again:
                    if again.status == 200:
                        assert (await again.read()).count(b"\n") == 60_000
                        break


@in_loop
async def test_an_export_that_breaks_off_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response ends without its end, so that the client sees that something is missing."""
    make_topic(tmp_path, "Louvre")

    def chunks(self: Spool) -> Any:
        yield b"a part"
        raise StorageError("the disk failed")

    monkeypatch.setattr(Spool, "chunks", chunks)
    async with serving(tmp_path) as web:
        async with web.client.get(f"{web.url}/api/v1/topics/{ID}/export?format=csv") as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        assert (await web.get("/health"))[0] == 200


@in_loop
async def test_nobody_works_for_a_client_that_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request whose client disconnects does not wait for its turn any longer."""
    make_topic(tmp_path, "Louvre")
    waiting, cancelled = asyncio.Event(), asyncio.Event()

    async def page(self: Catalog, *arguments: object, **options: object) -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    monkeypatch.setattr(Catalog, "page", page)
    async with serving(tmp_path) as web:
        asking = asyncio.create_task(web.get(f"/api/v1/topics/{ID}/items"))
        await waiting.wait()
        asking.cancel()
        async with asyncio.timeout(20):
            await cancelled.wait()
