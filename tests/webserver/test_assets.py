from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from webserver.assets import INDEX, Assets
from webserver.problems import Problem

SCRIPT = b"export const answer = 42; " * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small page."""
    (tmp_path / "views").mkdir()
    (tmp_path / INDEX).write_bytes(b'<script src="/static/app.js"></script><a href="/static">')
    (tmp_path / "app.js").write_bytes(SCRIPT)
    (tmp_path / "views" / "small.css").write_bytes(b"a{}")
    (tmp_path / "picture.png").write_bytes(bytes(range(256)) * 8)
    return tmp_path


def _ask(assets: Assets, path: str, **headers: str) -> Response:
    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": encoded})
    return assets.response(request)


def test_files_are_served_as_what_they_are(folder: Path) -> None:
    """With their type; texts are packed for those who take it, where that saves anything."""
    assets = Assets(folder)
    plain = _ask(assets, "/static/app.js")
    assert (plain.body, plain.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    packed = _ask(assets, "/static/app.js", accept_encoding="br, GZIP;q=0.5")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(packed.body)) == SCRIPT
    assert int(packed.headers["content-length"]) == len(packed.body) < len(SCRIPT)
    for path in ("/static/views/small.css", "/static/picture.png"):
        assert "content-encoding" not in _ask(assets, path, accept_encoding="gzip").headers
    assert "content-encoding" not in _ask(assets, "/static/app.js", accept_encoding="gzip;q=0").headers
    assert _ask(assets, "/static/picture.png").headers["content-type"] == "image/png"
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"


def test_an_unchanged_file_is_not_sent_again(folder: Path) -> None:
    """Its tag is a strong one, and another for the packed form, whose bytes are others."""
    assets = Assets(folder)
    tag = _ask(assets, "/static/app.js").headers["etag"]
    packed_tag = _ask(assets, "/static/app.js", accept_encoding="gzip").headers["etag"]
    assert tag.startswith('"')
    assert tag != packed_tag
    for known in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = _ask(assets, "/static/app.js", if_none_match=known)
        assert (again.status_code, again.body, again.headers["etag"]) == (304, b"", tag)
    assert _ask(assets, "/static/app.js", if_none_match=packed_tag).status_code == 200
    (folder / "app.js").write_bytes(SCRIPT + b" ")
    assert _ask(Assets(folder), "/static/app.js", if_none_match=tag).status_code == 200


def test_only_versioned_addresses_are_kept_for_good(folder: Path) -> None:
    """The page names its files with a version that changes with any of them; it is asked for again itself."""
    assets = Assets(folder)
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})
    index = assets.named(INDEX, request)
    assert index.body == f'<script src="/static/{assets.version}/app.js"></script><a href="/static">'.encode()
    assert index.headers["cache-control"] == "no-cache"
    assert _ask(assets, "/static/app.js").headers["cache-control"] == "no-cache"
    kept = _ask(assets, f"/static/{assets.version}/app.js")
    assert (kept.body, kept.headers["cache-control"]) == (SCRIPT, "public, max-age=31536000, immutable")
    (folder / "views" / "small.css").write_bytes(b"b{}")
    newer = Assets(folder)
    assert newer.version != assets.version
    with pytest.raises(Problem):
        _ask(newer, f"/static/{assets.version}/app.js")


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static",
        "/static/nope.js",
        "/static/../assets.py",
        "/static/views/../app.js",
        "/static//app.js",
        "/static/views",
        "/app.js",
        "/static/app.js\0",
    ],
)
def test_nothing_else_is_served(folder: Path, path: str) -> None:
    """Only the names of the files are known: no path leads to anything else on the disk."""
    assets = Assets(folder)
    assert not assets.has(path)
    with pytest.raises(Problem) as refused:
        _ask(assets, path)
    assert refused.value.status == 404


def test_a_page_that_is_not_installed(tmp_path: Path) -> None:
    """The API works without it."""
    assets = Assets(tmp_path / "nope")
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})
    with pytest.raises(Problem) as refused:
        assets.named(INDEX, request)
    assert refused.value.status == 404


def test_the_packages_own_page() -> None:
    """Everything that the page refers to is there, and nothing of it is elsewhere."""
    assets = Assets()
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})
    page = bytes(assets.named(INDEX, request).body).decode()
    names = [part.partition('"')[0] for part in page.split('="/static/')[1:]]
    assert names
    for name in names:
        assert assets.has(f"/static/{name}"), name
    assert "://" not in page
