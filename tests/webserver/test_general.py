from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract.service import Start
from contract.version import __version__
from tests.webserver.serving import OPTIONS, Serving, in_loop, make_topic, serving, view

TOKEN = "t0ken-of-the-tests"  # noqa: S105 - nobody's


@in_loop
async def test_health(tmp_path: Path) -> None:
    """It tells the version and how many topics run."""
    async with serving(tmp_path) as web:
        assert await web.get("/health") == (200, {"status": "ok", "version": __version__, "topics_running": 0})
        await web.shown(view("a", state="paused"))
        await web.shown(view("b", state="finished"))
        assert (await web.get("/health"))[1]["topics_running"] == 1


@in_loop
async def test_what_the_service_offers(tmp_path: Path) -> None:
    """Everything that a form needs."""
    async with serving(tmp_path) as web:
        status, body = await web.get("/api/v1/service")
        assert status == 200
        assert (body["version"], body["output"], body["token_needed"]) == (__version__, str(tmp_path), False)
        assert [one["name"] for one in body["options"]] == [one.name for one in OPTIONS]
        assert body["providers"] == [{"value": "test", "description": "the simulated model"}]
        assert [one["name"] for one in body["export_formats"]] == ["txt", "jsonl", "csv", "parquet"]


@in_loop
async def test_metrics(tmp_path: Path) -> None:
    """Topics, requests (those before the first look, too) and open pages, in Prometheus' format."""
    async with serving(tmp_path) as web:
        await web.shown(view("a", unique=7, open_orders=2, producers_alive=3))
        await web.get("/api/v1/topics/nope")
        async with web.live():
            for _ in range(2):
                async with web.asked("/metrics") as response:
                    assert response.status == 200
                    assert response.headers["content-type"].startswith("text/plain")
                    text = await response.text()
        samples = {
            (
                sample.name,
                *(sample.labels.get(name, "") for name in ("app_topic", "app_provider", "http_route")),
            ): sample
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert samples["app_items_unique", "a", "", ""].value == 7
        assert samples["app_orders_open", "a", "", ""].value == 2
        assert samples["app_producers_ready", "a", "", ""].value == 3
        assert samples["app_items_new_total", "a", "test:simulated", ""].value == 7
        assert samples["app_items_duplicate_total", "a", "test:simulated", ""].value == 2
        assert samples["app_tokens_input_total", "a", "test:simulated", ""].value == 50
        assert samples["app_cost_USD_total", "a", "test:simulated", ""].value == 0.25
        assert samples["app_live_connections", "", "", ""].value == 1
        count = samples["http_server_request_duration_seconds_count", "", "", "/metrics"]
        assert (count.value, count.labels["http_request_method"], count.labels["http_response_status_code"]) == (
            1,
            "GET",
            "200",
        )
        assert samples["http_server_request_duration_seconds_count", "", "", "/api/v1/topics/{id}"].value >= 1


@in_loop
async def test_the_page(tmp_path: Path) -> None:
    """The same page at every address of the page; its files beside it."""
    async with serving(tmp_path) as web:
        for path in ("/", "/topics/paris-attractions"):
            async with web.asked(path) as response:
                assert response.status == 200
                assert response.headers["content-type"] == "text/html; charset=utf-8"
                assert "<!doctype html>" in (await response.text()).lower()
        async with web.asked("/static/nope.js") as response:
            assert response.status == 404
        async with web.asked("/", "HEAD") as response:
            assert response.status == 200
            assert int(response.headers["content-length"]) > 0
            assert await response.read() == b""


async def _status(web: Serving, path: str, method: str = "GET", **headers: str) -> int:
    async with web.asked(
        path, method, headers={name.replace("_", "-"): value for name, value in headers.items()}
    ) as got:
        return got.status


@in_loop
async def test_everything_that_is_somebodys_needs_the_token(tmp_path: Path) -> None:
    """Without it: only health, the page's own files and the way to log in."""
    make_topic(tmp_path, "Louvre")
    async with serving(tmp_path, token=TOKEN) as web:
        for path in ("/health", "/", "/topics/paris-attractions"):
            assert await _status(web, path) == 200, path
        for path in (
            "/metrics",
            "/nope",
            "/api/v1/service",
            "/api/v1/topics",
            "/api/v1/openapi.json",
            "/api/v1/topics/paris-attractions/export",
            "/api/v1/live",
            "/api/v1/nope",
        ):
            assert await _status(web, path) == 401, path
        for method, path in (("POST", "/api/v1/topics"), ("PATCH", "/api/v1/topics/x"), ("PUT", "/api/v1/topics")):
            assert await _status(web, path, method, content_type="application/json") == 401, path
        assert await _status(web, "/api/v1/topics", authorization=f"Bearer {TOKEN}") == 200
        assert await _status(web, "/metrics", authorization=f"Bearer {TOKEN}") == 200
        assert await _status(web, "/api/v1/topics", authorization="Bearer wrong") == 401
        async with web.asked("/api/v1/service", headers={"authorization": f"Bearer {TOKEN}"}) as response:
            assert (await response.json())["token_needed"] is True
            assert TOKEN not in await response.text()
        async with web.asked("/api/v1/topics") as response:
            assert response.headers["www-authenticate"] == "Bearer"


@in_loop
async def test_a_session_in_the_browser(tmp_path: Path) -> None:
    """The cookie is out of scripts' reach, goes to no other site, and does not hold the token; it can be ended."""
    async with serving(tmp_path, token=TOKEN) as web:
        assert (await web.send("POST", "/api/v1/session", {"token": "wrong"}))[0] == 401
        async with web.asked("/api/v1/session", "POST", json={"token": TOKEN}) as response:
            assert response.status == 204
            cookie = response.headers["set-cookie"]
        assert TOKEN not in cookie
        assert cookie.startswith(f"orchestrator-session-{web.port}=")
        for part in ("HttpOnly", "SameSite=strict", "Path=/"):
            assert part in cookie
        session = cookie.partition(";")[0]
        assert await _status(web, "/api/v1/topics", cookie=session) == 200
        assert await _status(web, "/api/v1/session", "DELETE", cookie=session) == 204
        assert await _status(web, "/api/v1/topics", cookie=session) == 401


@in_loop
async def test_live_events_need_the_token_as_well(tmp_path: Path) -> None:
    """A WebSocket without it is refused before it is one."""
    async with serving(tmp_path, token=TOKEN) as web:
        address = f"ws://127.0.0.1:{web.port}/api/v1/live"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await web.client.ws_connect(address)
        assert refused.value.status == 401
        async with web.client.ws_connect(address, headers={"authorization": f"Bearer {TOKEN}"}) as socket:
            assert (await socket.receive_json())["type"] == "hello"


@in_loop
async def test_the_services_death(tmp_path: Path) -> None:
    """Pages hear that the server goes away; requests that wait are answered; the process ends by itself."""
    async with serving(tmp_path) as web, web.live() as live:
        web.service.answers = lambda message: None
        asking = asyncio.create_task(web.send("POST", "/api/v1/topics", {"topic": "x"}))
        await web.service.hears(Start)
        web.service.die()
        assert await live.closed() == 1001
        status, problem = await asking
        assert (status, "service has ended" in problem["error"]) == (503, True)
        await asyncio.wait_for(asyncio.shield(web.task), 20)
