from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from contract.service import Continue, Start, Steer
from tests.webserver.serving import WAIT_S, Serving, in_loop, make_topic, serving
from webserver import security
from webserver.security import HEADERS, MAX_BODY_BYTES

JSON = {"content-type": "application/json"}


async def _raw(web: Serving, request: bytes) -> bytes:
    """The bytes that come back for bytes that are sent, up to the connection's end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(request)
    async with asyncio.timeout(WAIT_S):
        answer = await reader.read()
    writer.close()
    return answer


def _get(host: str, path: str = "/api/v1/topics", **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _asked(web: Serving) -> list[Any]:
    return [one for one in web.service.heard if isinstance(one, Start | Continue | Steer)]


@in_loop
async def test_called_under_a_foreign_name(tmp_path: Path) -> None:
    """A page whose own name was bound to us (DNS rebinding) gets nothing, not even the page."""
    async with serving(tmp_path) as web:
        for host in ("evil.example", f"evil.example:{web.port}", f"127.0.0.1.evil.example:{web.port}"):
            for path in ("/api/v1/topics", "/", "/health", "/metrics"):
                assert (await _raw(web, _get(host, path))).startswith(b"HTTP/1.1 403 "), (host, path)
        assert (await _raw(web, _get(f"localhost:{web.port}"))).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await web.client.ws_connect(
                f"ws://127.0.0.1:{web.port}/api/v1/live", headers={"host": f"evil.example:{web.port}"}
            )
        assert refused.value.status == 403


@in_loop
async def test_pages_of_other_sites(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They can neither start nor steer, nor listen, nor read; a link to our page works from anywhere."""
    async with serving(tmp_path) as web:
        foreign: list[dict[str, str]] = [
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": f"http://127.0.0.1:{web.port + 1}"},
            {"origin": f"http://localhost:{web.port}"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ]
        for headers in foreign:
            for method, path in (
                ("POST", "/api/v1/topics"),
                ("PATCH", "/api/v1/topics/x"),
                ("DELETE", "/api/v1/session"),
            ):
                assert (await web.send(method, path, {"topic": "x"}, headers=headers))[0] == 403, headers
            assert (await web.get("/api/v1/topics", headers=headers))[0] == 403
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await web.client.ws_connect(f"ws://127.0.0.1:{web.port}/api/v1/live", headers=headers)
            assert refused.value.status == 403
        assert _asked(web) == []
        async with web.asked("/", headers={"sec-fetch-site": "cross-site"}) as response:
            assert response.status == 200
        ours = {"origin": web.url, "sec-fetch-site": "same-origin"}
        assert (await web.send("POST", "/api/v1/topics", {"topic": "x"}, headers=ours))[0] == 201
        async with web.client.ws_connect(f"ws://127.0.0.1:{web.port}/api/v1/live", headers=ours) as socket:
            assert (await socket.receive_json())["type"] == "hello"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@in_loop
async def test_what_a_form_could_send(tmp_path: Path) -> None:
    """A request that a browser sends for any page without asking us first starts nothing."""
    async with serving(tmp_path) as web:
        for content_type in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain; application/json",
            "application/jsonx",
            "",
        ):
            headers = {"content-type": content_type}
            async with web.asked("/api/v1/topics", "POST", data=b'{"topic": "x"}', headers=headers) as response:
                assert response.status == 415, content_type
        assert _asked(web) == []
        headers = {"content-type": "Application/JSON; charset=utf-8"}
        async with web.asked("/api/v1/topics", "POST", data=b'{"topic": "x"}', headers=headers) as response:
            assert response.status == 201


@in_loop
async def test_no_other_site_is_given_leave(tmp_path: Path) -> None:
    """A browser that asks whether another site may is told no."""
    async with serving(tmp_path) as web:
        headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
        async with web.asked("/api/v1/topics", "OPTIONS", headers=headers) as response:
            assert response.status == 403
            assert not [name for name in response.headers if name.lower().startswith("access-control")]
        async with web.asked("/api/v1/topics", "OPTIONS") as response:
            assert response.status == 405
            assert response.headers["allow"] == "GET, HEAD, POST"


@in_loop
async def test_large_bodies(tmp_path: Path) -> None:
    """They are refused, announced or not, and are not kept; the largest that is allowed is not."""
    async with serving(tmp_path) as web:
        path, whole = "/api/v1/topics", b'{"topic": "x"%s}'
        fitting = whole % (b" " * (MAX_BODY_BYTES - len(whole) + 2))
        async with web.asked(path, "POST", data=fitting, headers=JSON) as response:
            assert response.status == 201
        async with web.asked(path, "POST", data=fitting + b" ", headers=JSON) as response:
            assert response.status == 413

        async def endless() -> Any:
            for _ in range(100):
                yield b" " * 10_000

        async with web.asked(path, "POST", data=endless(), headers=JSON) as response:
            assert response.status == 413
        async with web.asked(path, "GET", data=b" " * (MAX_BODY_BYTES + 1)) as response:
            assert response.status == 413
        assert len(_asked(web)) == 1
        assert (await web.get("/health"))[0] == 200


@in_loop
async def test_a_body_that_drips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for without end."""
    monkeypatch.setattr(security, "BODY_S", 0.05)
    async with serving(tmp_path) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        head = f"POST /api/v1/topics HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        async with asyncio.timeout(WAIT_S):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        assert _asked(web) == []


@in_loop
async def test_a_client_that_leaves_within_its_body(tmp_path: Path) -> None:
    """What it had sent is forgotten; nothing is started."""
    async with serving(tmp_path) as web:
        _, writer = await asyncio.open_connection("127.0.0.1", web.port)
        head = f"POST /api/v1/topics HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nContent-Type: application/json\r\n"
        writer.write(f'{head}Content-Length: 100\r\n\r\n{{"topic":"x"}}'.encode())
        await writer.drain()
        writer.transport.abort()
        assert (await web.get("/health"))[0] == 200
        assert _asked(web) == []


@in_loop
async def test_too_many_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control has a tighter limit than reading; each says when to come again, and neither counts for the other."""
    monkeypatch.setattr(security, "CONTROL_PER_S", 0.01)
    async with serving(tmp_path) as web:
        burst = security.CONTROL_BURST
        statuses = [(await web.send("POST", "/api/v1/topics/x/pause", {}))[0] for _ in range(burst + 5)]
        assert statuses == [200] * burst + [429] * 5
        async with web.asked("/api/v1/topics/x/pause", "POST", json={}) as response:
            assert response.status == 429
            assert 0 < int(response.headers["retry-after"]) <= 100
        assert (await web.get("/health"))[0] == 200


@in_loop
async def test_too_many_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading has a limit as well, live connections included."""
    monkeypatch.setattr(security, "READS_BURST", 3)
    monkeypatch.setattr(security, "READS_PER_S", 0.01)
    async with serving(tmp_path) as web:
        assert [(await web.get("/health"))[0] for _ in range(4)] == [200, 200, 200, 429]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await web.client.ws_connect(f"ws://127.0.0.1:{web.port}/api/v1/live")
        assert refused.value.status == 429
        for path in ("/", "/static/index.html", "/topics/x"):  # a page has many files
            async with web.asked(path) as response:
                assert response.status == 200


@in_loop
async def test_headers_of_every_response(tmp_path: Path) -> None:
    """Whatever is answered, a browser is told to trust nothing but ourselves; the API is never kept."""
    make_topic(tmp_path, "Louvre")
    async with serving(tmp_path, token="x") as web:  # noqa: S106 - nobody's
        bearer = {"authorization": "Bearer x"}
        for method, path, headers, status in (
            ("GET", "/", {}, 200),
            ("GET", "/health", {}, 200),
            ("GET", "/nope", {}, 401),
            ("GET", "/nope", bearer, 404),
            ("GET", "/api/v1/topics", bearer, 200),
            ("GET", "/api/v1/topics", {"host": "evil.example"}, 403),
            ("GET", "/api/v1/topics/paris-attractions/export", bearer, 200),
            ("GET", "/api/v1/topics/paris-attractions/items?limit=0", bearer, 400),
            ("POST", "/api/v1/topics", bearer, 415),
            ("PUT", "/api/v1/topics", bearer, 405),
        ):
            async with web.asked(path, method, headers=headers) as response:
                assert response.status == status, path
                for name, value in HEADERS:
                    assert response.headers.getall(name.decode()) == [value.decode()], (path, name)
                assert "server" not in response.headers
                if path.startswith("/api/"):
                    assert response.headers["cache-control"] == "no-store"
        policy = dict(HEADERS)[b"content-security-policy"].decode()
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy


@in_loop
async def test_what_is_no_http(tmp_path: Path) -> None:
    """Garbage is answered with 400, in the middle of a request as well, and disturbs nobody."""
    async with serving(tmp_path) as web:
        host = f"Host: 127.0.0.1:{web.port}\r\n"
        for request in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET\r\n\r\n",
            f"GET /health HTTP/1.1\r\n{host}{host}\r\n".encode(),
            b"GET / HTTP/1.1\r\n\r\n",
            f"GET /health HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n".encode(),
            f"GET /health HTTP/1.1\r\n{host}x: {'y' * 60_000}".encode(),
            f"GET /health HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
            f"POST /api/v1/topics HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
        ):
            answer = await _raw(web, request)
            assert answer.startswith(b"HTTP/1.1 400 "), request[:50]
            assert b"content-security-policy" in answer
        assert (await web.get("/health"))[0] == 200


@in_loop
async def test_ambiguous_headers(tmp_path: Path) -> None:
    """A header that is there twice is no header: who reads which would be a matter of luck."""
    async with serving(tmp_path, token="x") as web:  # noqa: S106 - nobody's
        host = f"Host: 127.0.0.1:{web.port}\r\nConnection: close\r\n"
        for double in (
            "Origin: http://127.0.0.1\r\nOrigin: null",
            "Authorization: Bearer x\r\nAuthorization: Bearer y",
        ):
            answer = await _raw(web, f"GET /api/v1/topics HTTP/1.1\r\n{host}{double}\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 400 ")


@in_loop
async def test_nothing_secret_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative level: no token, no query, no cookie, and no control character."""
    make_topic(tmp_path, "Louvre")
    token = "s3cret-of-the-tests"  # noqa: S105 - nobody's
    with caplog.at_level("DEBUG"):
        async with serving(tmp_path, token=token) as web:
            bearer = {"authorization": f"Bearer {token}"}
            await web.get("/api/v1/topics/paris-attractions/items?search=private-words", headers=bearer)
            await web.get(f"/api/v1/topics?token={token}", headers={"cookie": "private-cookie=1"})
            await web.send("POST", "/api/v1/session", {"token": token})
            await web.send("POST", "/api/v1/session", {"token": token + "x"})
            await web.get("/api/v1/topics/a%0ab%1b", headers=bearer)
            async with web.client.ws_connect(
                f"ws://127.0.0.1:{web.port}/api/v1/live?token={token}", headers=bearer
            ) as socket:
                await socket.receive()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("webserver")]
    assert "GET /api/v1/topics/paris-attractions/items 200" in ours
    assert "GET /api/v1/live 101" in ours
    for line in ours:
        assert "s3cret" not in line
        assert "private" not in line
        assert line.isprintable()
