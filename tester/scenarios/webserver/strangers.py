"""Who may not call: other names, other sites, forms, bodies too large; and what nobody may ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tester.checks import check, check_equal
from tester.scenarios.webserver.session import Session
from tester.web_client import TOPICS, Answer, WebClient

_EVIL = "http://evil.example"
_START = {"topic": "Stolen things", "options": {"provider": "test"}}
_WITHOUT_KEY = {"topic": "Stolen things", "options": {"provider": "gemini:model"}}
_OUTSIDE = {"topic": "Stolen things", "options": {"provider": "test", "output": "../stolen"}}
_ABSOLUTE = {"topic": "Stolen things", "options": {"provider": "test", "output": "/tmp/stolen"}}  # noqa: S108
_TOO_LARGE = {"topic": "x" * 70_000}
_REFUSED: tuple[tuple[str, str, str, dict[str, Any], int], ...] = (
    ("a foreign name that resolves to us", "GET", TOPICS, {"headers": {"host": "evil.example"}}, 403),
    ("a foreign name that starts", "POST", TOPICS, {"body": _START, "headers": {"host": "evil.example"}}, 403),
    ("a page of another port", "POST", TOPICS, {"body": _START, "headers": {"origin": "http://localhost:1"}}, 403),
    ("a page of another site", "POST", TOPICS, {"body": _START, "headers": {"origin": _EVIL}}, 403),
    ("a sandboxed page", "POST", TOPICS, {"body": _START, "headers": {"origin": "null"}}, 403),
    ("a cross-site request", "POST", TOPICS, {"body": _START, "headers": {"sec-fetch-site": "cross-site"}}, 403),
    ("a cross-site reader", "GET", TOPICS, {"headers": {"sec-fetch-site": "cross-site"}}, 403),
    ("a form", "POST", TOPICS, {"data": b"{}", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 415),
    ("plain text", "POST", TOPICS, {"data": b"{}", "headers": {"content-type": "text/plain"}}, 415),
    ("no content type", "PATCH", f"{TOPICS}/river-towns", {"data": b"{}", "headers": {"content-type": ""}}, 415),
    ("a body too large", "POST", TOPICS, {"body": _TOO_LARGE}, 413),
    ("what is no JSON", "POST", TOPICS, {"data": b"{", "headers": {"content-type": "application/json"}}, 400),
    ("a folder outside", "POST", TOPICS, {"body": _OUTSIDE}, 400),
    ("an absolute folder", "POST", TOPICS, {"body": _ABSOLUTE}, 400),
    ("an unknown option", "POST", TOPICS, {"body": {"topic": "a", "options": {"shell": "rm"}}}, 400),
    ("an option out of bounds", "POST", TOPICS, {"body": {"topic": "a", "options": {"producers": 10**6}}}, 400),
    ("a provider without its key", "POST", TOPICS, {"body": _WITHOUT_KEY}, 400),
    ("an unknown topic", "GET", f"{TOPICS}/nobody-asked", {}, 404),
    ("an unknown topic's stop", "POST", f"{TOPICS}/nobody-asked/stop", {"body": {}}, 404),
    ("a way out of the folder", "GET", f"{TOPICS}/..%2f..%2fetc/items", {}, 404),
    ("an address of nothing", "GET", "/api/v1/secrets", {}, 404),
    ("a method that is not taken", "DELETE", TOPICS, {"body": {}}, 405),
)


async def play(session: Session) -> None:
    """Ask for it; each is refused with its status and one line, and changes nothing."""
    async with session.client() as client:
        for what, method, path, request, status in _REFUSED:
            _check_refused(what, await client.request(method, path, **request), status)
        for headers in ({"origin": _EVIL}, {"host": "evil.example"}):
            check_equal(f"a live connection with {headers}", await client.live_status(headers), 403)
        await _check_own_page(client)
        ids = {topic.id for topic in await client.topics()}
        check(not any("stolen" in name for name in ids), f"a stranger has started a topic: {ids}")
        _check_folders(session.place)


def _check_folders(place: Path) -> None:
    made = {path.name for path in place.iterdir()}
    check_equal("what is in the service's working directory", made, {"output"})
    check(not Path("/tmp/stolen").exists(), "a stranger's folder was made")  # noqa: S108


def _check_refused(what: str, answer: Answer, status: int) -> None:
    check(answer.status == status, f"{what}: {status} was expected, {answer.status} was seen: {answer.body[:300]!r}")
    check(b'"error"' in answer.body and answer.body.count(b"\n") == 0, f"{what}: no line for the user: {answer.body!r}")
    check("content-security-policy" in answer.headers, f"{what}: a refusal has the security headers, too")


async def _check_own_page(client: WebClient) -> None:
    """Our own page may, and what it gets says who may do what with it."""
    answer = await client.request("GET", TOPICS, headers={"origin": client.address, "sec-fetch-site": "same-origin"})
    check_equal("a request of our own page", answer.status, 200)
    check_equal("a live connection of our own page", await client.live_status({"origin": client.address}), 101)
    page = await client.request("GET", "/")
    check_equal("the page", page.status, 200)
    policy = page.headers.get("content-security-policy", "")
    check("default-src 'none'" in policy and "unsafe" not in policy, f"the page's policy: {policy!r}")
