"""The real local model: installed in the user's cache where it is not yet, started, asked."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psutil
import pytest

from orchestrator.local_model import LocalModelServer, endpoint, serving

pytestmark = pytest.mark.timeout(1800)  # the first run downloads 130 MB, or builds where no ready server runs

SLOTS = 2
ANSWER_TIMEOUT_S = 60.0
LONG_ANSWER_TOKENS = 1900

Address = tuple[int, str]
"""The server's port and the model's name."""


@pytest.fixture(scope="module")
def running() -> Iterator[LocalModelServer]:
    """A running server with two slots."""
    with LocalModelServer(slots=SLOTS) as server:
        server.start()
        yield server


@pytest.fixture(scope="module")
def address(running: LocalModelServer) -> Address:
    """Where it is asked, and for what."""
    return int(running.start().removesuffix("/v1").rpartition(":")[2]), running.model


def ask(address: Address, prompt: str, **options: object) -> http.client.HTTPConnection:
    """Send a chat request; the answer is still to be read."""
    port, model = address
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": True, "seed": 1, **options}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    return connection


def answer(address: Address, prompt: str, **options: object) -> list[dict[str, Any]]:
    """All events of a streamed answer, which must end with `[DONE]`."""
    with closing(ask(address, prompt, **options)) as connection:
        lines = connection.getresponse().read().decode().split("\n\n")
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(entry) for entry in data[:-1]]


def text_of(events: list[dict[str, Any]]) -> list[str]:
    """The pieces of text in a streamed answer."""
    choices = [choice for event in events for choice in event["choices"]]
    return [text for choice in choices if (text := choice["delta"].get("content"))]


def begun(address: Address) -> http.client.HTTPConnection:
    """A request for a long answer, of which the first event has come."""
    connection = ask(address, "Count to a thousand.", max_tokens=LONG_ANSWER_TOKENS, ignore_eos=True)
    assert connection.getresponse().readline().startswith(b"data: ")
    return connection


def decoded_by_busy_slots(address: Address) -> list[int]:
    """Tokens that each working slot has made so far."""
    with closing(http.client.HTTPConnection("127.0.0.1", address[0], timeout=ANSWER_TIMEOUT_S)) as connection:
        connection.request("GET", "/slots")
        slots = json.loads(connection.getresponse().read())
    return [slot["next_token"][0]["n_decoded"] for slot in slots if slot["is_processing"]]


def test_an_answer_is_streamed(address: Address) -> None:
    """A chat request comes back in several chunks, with a finish reason and the tokens used."""
    events = answer(address, "List 10 countries.", max_tokens=40, stream_options={"include_usage": True})
    assert len(text_of(events)) > 2
    assert {choice["finish_reason"] for event in events for choice in event["choices"]} - {None} <= {"stop", "length"}
    assert events[-1]["usage"]["completion_tokens"] > 2
    assert events[-1]["usage"]["prompt_tokens"] > 2


def test_a_prompt_over_the_context_is_refused(address: Address) -> None:
    """llama.cpp names the overflow, so that the provider can tell it from other bad requests."""
    with closing(ask(address, "word " * 3000)) as connection:
        response = connection.getresponse()
        assert response.status == 400
        assert json.loads(response.read())["error"]["type"] == "exceed_context_size_error"


def test_slots_work_in_parallel_and_are_free_when_their_clients_leave(address: Address) -> None:
    """As many answers as there are slots are made at once; abandoned ones end long before their last token."""
    clients = [begun(address) for _ in range(SLOTS)]
    assert len(decoded_by_busy_slots(address)) == SLOTS
    for client in clients:
        client.close()
    most = 0
    while busy := decoded_by_busy_slots(address):
        most = max(most, *busy)
    assert most < LONG_ANSWER_TOKENS / 2
    assert answer(address, "Say yes.", max_tokens=2)


def test_a_seed_repeats_an_answer(address: Address) -> None:
    """The same seed gives the same text, another seed another one."""
    first, again, other = (
        text_of(answer(address, "Name a colour and a tool.", seed=seed, max_tokens=24, cache_prompt=False))
        for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_a_presence_penalty_is_heeded(address: Address) -> None:
    """The likeliest answer, which is always the same, becomes another one."""
    plain, again, penalised = (
        text_of(
            answer(
                address,
                "Write the word yes 40 times.",
                temperature=0,
                presence_penalty=penalty,
                max_tokens=40,
                cache_prompt=False,
            )
        )
        for penalty in (0.0, 0.0, 2.0)
    )
    assert plain == again
    assert plain != penalised


def test_no_page_and_nothing_for_other_pages(address: Address) -> None:
    """There is no web page, and a page of another site may not read what the server says."""
    for path, status in (("/", 404), ("/v1/models", 200)):
        with closing(http.client.HTTPConnection("127.0.0.1", address[0], timeout=ANSWER_TIMEOUT_S)) as connection:
            connection.request("GET", path, headers={"Origin": "http://another.example"})
            response = connection.getresponse()
            assert (response.status, response.headers.get("Access-Control-Allow-Origin") or "") == (status, "")


def test_a_taken_port_is_replaced(running: LocalModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real server's words about a taken port are understood, and another port is tried."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ports = [port, endpoint.free_port()]
        monkeypatch.setattr(serving, "free_port", lambda: ports.pop(0))
        with LocalModelServer(slots=1, context_per_slot=64, installation=running.ensure_installed()) as server:
            assert server.start() != f"http://127.0.0.1:{port}/v1"
    assert ports == []


def test_it_is_in_a_session_of_its_own_and_stops_while_it_answers(running: LocalModelServer) -> None:
    """Ctrl-C in the terminal does not reach it; with a stream open, `stop` leaves no process behind."""
    with LocalModelServer(slots=1, installation=running.ensure_installed()) as server:
        port = int(server.start().removesuffix("/v1").rpartition(":")[2])
        assert server.guard_pid is not None
        pids = [server.guard_pid, *(child.pid for child in psutil.Process(server.guard_pid).children(recursive=True))]
        assert len(pids) == 2
        assert all(os.getsid(pid) != os.getsid(0) for pid in pids)
        client = begun((port, server.model))
        server.stop()
        client.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)
