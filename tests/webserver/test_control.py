from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from contract.service import Action, Answer, Change, Continue, Pause, Start, Steer, Stop, Unpause
from tests.orchestrator.store_cases import open_store
from tests.webserver.serving import Serving, in_loop, make_topic, serving, view

ID = "paris-attractions"


def _last(web: Serving) -> Start | Continue | Steer:
    message = web.service.heard[-1]
    assert isinstance(message, Start | Continue | Steer)
    return message


@in_loop
async def test_a_topic_is_started(tmp_path: Path) -> None:
    """The service gets topic and options as they were given, and says which topic it is."""
    async with serving(tmp_path) as web:
        body = {"topic": "Paris attractions", "options": {"producers": 3, "max_time_s": "5m", "max_cost_usd": None}}
        assert await web.send("POST", "/api/v1/topics", body) == (201, {"id": ID})
        message = _last(web)
        assert isinstance(message, Start)
        assert (message.topic, message.options, message.carrier) == (body["topic"], body["options"], {})
        assert (await web.send("POST", "/api/v1/topics", {"topic": "x"}))[0] == 201
        assert _last(web).options == {}  # type: ignore[union-attr] # a Start


@pytest.mark.parametrize(
    ("method", "rest", "body", "action"),
    [
        ("POST", "/pause", {}, Pause()),
        ("POST", "/unpause", {}, Unpause()),
        ("POST", "/stop", {}, Stop(now=False)),
        ("POST", "/stop", {"now": True}, Stop(now=True)),
        ("PATCH", "", {"producers": 7}, Change(producers=7)),
        (
            "PATCH",
            "",
            {"max_cost_usd": None, "max_time_s": 60, "weights": {"a": 2, "b": 0}, "concurrency": 2, "request_size": 9},
            Change(concurrency=2, request_size=9, max_cost_usd=None, max_time_s=60.0, weights={"a": 2.0, "b": 0.0}),
        ),
    ],
)
@in_loop
async def test_a_topic_is_steered(tmp_path: Path, method: str, rest: str, body: dict[str, Any], action: Action) -> None:
    """Each request becomes its action; what is not given stays, null takes a limit away."""
    async with serving(tmp_path) as web:
        assert await web.send(method, f"/api/v1/topics/{ID}{rest}", body) == (200, {"id": ID})
        assert _last(web) == Steer(1, ID, action)


@in_loop
async def test_a_topic_is_continued(tmp_path: Path) -> None:
    """With its changes, or none."""
    async with serving(tmp_path) as web:
        path = f"/api/v1/topics/{ID}/continue"
        assert await web.send("POST", path, {"options": {"producers": 2}}) == (200, {"id": ID})
        assert _last(web) == Continue(1, ID, {"producers": 2})
        assert await web.send("POST", path, {}) == (200, {"id": ID})
        assert _last(web) == Continue(2, ID, {})


def _refuse(status: int, message: Start | Continue | Steer) -> Answer:
    return Answer(message.request, "so not", status, "other")


@in_loop
async def test_the_services_refusals_are_passed_on(tmp_path: Path) -> None:
    """Its words, its status and the topic that is concerned; a status that nobody knows counts as unavailable."""
    async with serving(tmp_path) as web:
        for status, told in ((400, 400), (404, 404), (409, 409), (503, 503), (418, 503), (500, 503)):
            web.service.answers = functools.partial(_refuse, status)
            answer = await web.send("POST", "/api/v1/topics", {"topic": "x"})
            assert answer == (told, {"error": "so not", "id": "other"})


@in_loop
async def test_why_a_topic_cannot_be_steered(tmp_path: Path) -> None:
    """There is none; it does not run; or a run of the command line works there, which is not ours to steer."""
    make_topic(tmp_path, "Louvre")
    (tmp_path / "elsewhere").mkdir()
    store = open_store(tmp_path / "elsewhere")
    store.begin_run({})
    async with serving(tmp_path) as web:
        web.service.answers = lambda message: Answer(message.request, "it does not run", 409)
        for path in ("pause", "stop", "continue"):
            assert (await web.send("POST", f"/api/v1/topics/nope/{path}"))[0] == 404
            expected = (409, {"error": "it does not run", "id": ID})
            assert await web.send("POST", f"/api/v1/topics/{ID}/{path}") == expected
            status, problem = await web.send("POST", f"/api/v1/topics/elsewhere/{path}")
            assert (status, problem["id"]) == (409, "elsewhere")
            assert "another process" in problem["error"]
        await web.shown(view("elsewhere"))
        status, problem = await web.send("POST", "/api/v1/topics/elsewhere/pause", {})
        assert problem["error"] == "it does not run"
    store.close()


@in_loop
async def test_wrong_bodies_never_reach_the_service(tmp_path: Path) -> None:
    """They are refused here, in words."""
    async with serving(tmp_path) as web:
        for method, path, body in (
            ("POST", "/api/v1/topics", {"topic": "x", "options": {"producers": 0}}),
            ("POST", "/api/v1/topics", {}),
            ("POST", f"/api/v1/topics/{ID}/continue", {"options": {"zzz": 1}}),
            ("POST", f"/api/v1/topics/{ID}/pause", {"x": 1}),
            ("POST", f"/api/v1/topics/{ID}/stop", {"now": 1}),
            ("PATCH", f"/api/v1/topics/{ID}", {}),
            ("PATCH", f"/api/v1/topics/{ID}", {"producers": None}),
            ("PATCH", f"/api/v1/topics/{ID}", {"weights": {"a": -1}}),
        ):
            status, problem = await web.send(method, path, body)
            assert status == 400, (path, body)
            assert problem["error"]
        assert not [one for one in web.service.heard if isinstance(one, Start | Continue | Steer)]


@in_loop
async def test_what_is_too_long_for_the_service(tmp_path: Path) -> None:
    """Text that is none does not end in a server error."""
    async with serving(tmp_path) as web:
        headers = {"content-type": "application/json"}
        for body in (b'{"topic": "\\ud800"}', b'{"topic": "x", "options": {"provider": "\\udfff"}}'):
            async with web.asked("/api/v1/topics", "POST", data=body, headers=headers) as response:
                assert response.status == 400
