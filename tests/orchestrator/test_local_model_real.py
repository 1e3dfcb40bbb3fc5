"""The real local model: installed in the user's cache, started, asked. Select with `-m local_model`."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.local_model import LocalModelServer
from orchestrator.local_model.cache import default_cache
from orchestrator.local_model.install import Installer
from orchestrator.local_model.progress import ignore

pytestmark = [pytest.mark.local_model, pytest.mark.timeout(3600)]

ANSWER_TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A running server with one slot: its port and the model's name. Installs only where that was asked for."""
    asked_for = "local_model" in request.config.option.markexpr
    if not asked_for and Installer(default_cache(), ignore).installed() is None:
        pytest.skip("the local model is not installed; -m local_model installs it (160 MB, perhaps a build of 10 min)")
    with LocalModelServer(slots=1) as running:
        port = running.start().removesuffix("/v1").rpartition(":")[2]
        yield port, running.model


def ask(server: tuple[str, str], prompt: str, **options: object) -> http.client.HTTPConnection:
    """Send a chat request; the answer is still to be read."""
    port, model = server
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=ANSWER_TIMEOUT_S)
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": True, "seed": 1, **options}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    return connection


def events(connection: http.client.HTTPConnection) -> list[dict[str, Any]]:
    """All events of a streamed answer, which must end with `[DONE]`."""
    lines = connection.getresponse().read().decode().split("\n\n")
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(entry) for entry in data[:-1]]


def test_the_real_model_streams_an_answer(server: tuple[str, str]) -> None:
    """A chat request comes back in several chunks, with a finish reason and the tokens used."""
    connection = ask(server, "List 10 countries.", max_tokens=40, stream_options={"include_usage": True})
    answer = events(connection)
    connection.close()
    choices = [choice for event in answer for choice in event["choices"]]
    texts = [text for choice in choices if (text := choice["delta"].get("content"))]
    assert len(texts) > 2
    assert {choice["finish_reason"] for choice in choices} - {None} <= {"stop", "length"}
    assert answer[-1]["usage"]["completion_tokens"] > 2


def test_a_prompt_over_the_context_is_refused(server: tuple[str, str]) -> None:
    """llama.cpp names the overflow, so that the provider can tell it from other bad requests."""
    connection = ask(server, "word " * 3000)
    response = connection.getresponse()
    assert response.status == 400
    assert json.loads(response.read())["error"]["type"] == "exceed_context_size_error"
    connection.close()


def test_the_slot_is_free_when_the_client_leaves(server: tuple[str, str]) -> None:
    """With a single slot, a request after an abandoned long one is answered at once and not after its end."""
    abandoned = ask(server, "Count to a thousand.", max_tokens=1900, ignore_eos=True)
    assert abandoned.getresponse().readline().startswith(b"data: ")
    abandoned.close()
    connection = ask(server, "Say yes.", max_tokens=2)
    assert events(connection)
    connection.close()
