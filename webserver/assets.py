"""The page's files: read once, kept in memory, packed once.

Everything under `static/` is served at `/static/…`, to be asked for again each time (an unchanged file costs 304), and
at `/static/<version>/…`, to be kept for good: the version is a digest of all of them, and `index.html`, which is never
kept, is given out with it. Modules that import each other by relative paths stay within one version.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from webserver.problems import Problem

STATIC = Path(__file__).parent / "static"
PREFIX = "/static/"
INDEX = "index.html"
_KEPT = "public, max-age=31536000, immutable"
_ASKED_FOR_AGAIN = "no-cache"
_LEAST_PACKED_BYTES = 512
_TEXTS = ("text/", "application/json", "application/javascript", "image/svg+xml", "application/manifest+json")
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


class Asset(msgspec.Struct, frozen=True):
    """A file of the page.

    Attributes:
        content: Its bytes.
        packed: The same, gzip; None where that saves nothing.
        media_type: With the character set.
        etag: Strong, of `content`; that of `packed` has a suffix.
    """

    content: bytes
    packed: bytes | None
    media_type: str
    etag: str


class Assets:
    """The page's files by path below `/static/`.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        digest = hashlib.sha256()
        for name, content in contents.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.version = digest.hexdigest()[:12]
        if INDEX in contents:
            contents[INDEX] = contents[INDEX].replace(b'"/static/', f'"{PREFIX}{self.version}/'.encode())
        self._assets = {name: _asset(name, content) for name, content in contents.items()}

    def has(self, path: str) -> bool:
        """Whether a path of a request is one of a file."""
        return self._find(path)[0] is not None

    def response(self, request: Request) -> Response:
        """The file that a request asks for, or that it has it. Raises `Problem` 404."""
        asset, versioned = self._find(request.url.path)
        if asset is None:
            raise Problem(404, "there is nothing at this address")
        return _response(asset, request, _KEPT if versioned else _ASKED_FOR_AGAIN)

    def named(self, name: str, request: Request) -> Response:
        """A file by its name. Raises `Problem` 404 where it is not installed."""
        asset = self._assets.get(name)
        if asset is None:
            raise Problem(404, "the page is not installed; the API is described at /api/v1/openapi.json")
        return _response(asset, request, _ASKED_FOR_AGAIN)

    def _find(self, path: str) -> tuple[Asset | None, bool]:
        name = path.removeprefix(PREFIX)
        if name == path:
            return None, False
        rest = name.removeprefix(f"{self.version}/")
        return self._assets.get(rest), rest != name


def _asset(name: str, content: bytes) -> Asset:
    suffix = Path(name).suffix.lower()
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    packed = None
    if media_type.startswith(_TEXTS):
        if len(content) >= _LEAST_PACKED_BYTES:
            packed = gzip.compress(content, 9, mtime=0)
        media_type += "; charset=utf-8"
    if packed is not None and len(packed) >= len(content):
        packed = None
    return Asset(content, packed, media_type, hashlib.sha256(content).hexdigest()[:32])


def _response(asset: Asset, request: Request, cache: str) -> Response:
    packed = asset.packed is not None and _takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{asset.etag}-gz"' if packed else f'"{asset.etag}"'
    headers = {"etag": etag, "cache-control": cache, "vary": "accept-encoding"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    headers["content-type"] = asset.media_type
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(asset.packed if packed else asset.content, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        name, _, quality = one.partition(";")
        if name.strip() in ("gzip", "*"):
            return quality.strip().replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
