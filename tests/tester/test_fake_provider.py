"""The fake provider is faithful: the vendors' own typed clients understand it, and its ledger says what it sent."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors

from tester.fake_provider import FakeProvider, Fault, FaultKind, unused_port
from tester.fake_provider.ledger import fingerprint

UNIVERSE = [f"Café № {number}" for number in range(1, 200)]
SIX = 6
MESSAGES: Any = [{"role": "user", "content": "List cafés."}]


@pytest.mark.parametrize("thoughts", [False, True])
def test_openais_client_understands_it(thoughts: bool) -> None:
    """OpenAI's typed stream gives the items, the finish reason and the usage of the ledger."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, items_per_response=SIX, thoughts=thoughts) as fake:
            async with openai.AsyncOpenAI(base_url=fake.openai_base_url, api_key="k", max_retries=0) as client:
                stream = await client.chat.completions.create(
                    model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
                )
                chunks = [chunk async for chunk in stream]
            entry = fake.ledger.entries[0]
        choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
        assert choices[0].delta.role == "assistant"
        assert choices[0].delta.content is None
        assert "".join(choice.delta.content or "" for choice in choices) == "\n".join(entry.items)
        assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
        usage = chunks[-1].usage
        assert usage is not None
        assert not chunks[-1].choices
        assert (usage.prompt_tokens, usage.completion_tokens) == (entry.input_tokens, entry.output_tokens)

    asyncio.run(scenario())


@pytest.mark.parametrize("thoughts", [False, True])
def test_anthropics_client_understands_it(thoughts: bool) -> None:
    """Anthropic's typed stream accumulates to the message that was sent."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, items_per_response=SIX, thoughts=thoughts) as fake:
            async with (
                anthropic.AsyncAnthropic(base_url=fake.anthropic_base_url, api_key="k", max_retries=0) as client,
                client.messages.stream(model="m", max_tokens=500, messages=MESSAGES) as stream,
            ):
                message = await stream.get_final_message()
            entry = fake.ledger.entries[0]
        texts = [block.text for block in message.content if block.type == "text"]
        assert texts == ["\n".join(entry.items)]
        assert [block.type for block in message.content][:-1] == (["thinking"] if thoughts else [])
        assert message.stop_reason == "end_turn"
        assert (message.usage.input_tokens, message.usage.output_tokens) == (entry.input_tokens, entry.output_tokens)

    asyncio.run(scenario())


@pytest.mark.parametrize("api_version", ["v1", "v1beta"])
def test_geminis_client_understands_it(api_version: str) -> None:
    """Google's typed stream gives the items, with thoughts apart, under both versions of the path."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, items_per_response=SIX, thoughts=True) as fake:
            options: Any = {"base_url": fake.gemini_base_url, "api_version": api_version}
            client = genai.Client(api_key="k", vertexai=False, http_options=options)
            stream = await client.aio.models.generate_content_stream(model="gemini-2.5-flash", contents="List cafés.")
            chunks = [chunk async for chunk in stream]
            await client.aio.aclose()
            entry = fake.ledger.entries[0]
        assert "".join(chunk.text or "" for chunk in chunks) == "\n".join(entry.items)
        assert chunks[-1].candidates
        assert str(chunks[-1].candidates[0].finish_reason) == "FinishReason.STOP"
        usage = chunks[-1].usage_metadata
        assert usage is not None
        assert usage.prompt_token_count == entry.input_tokens
        assert (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) == entry.output_tokens
        assert entry.path == f"/{api_version}/models/gemini-2.5-flash:streamGenerateContent"

    asyncio.run(scenario())


def test_the_clients_know_its_errors() -> None:
    """Status errors are those that the typed clients have classes for."""

    async def scenario() -> None:
        limit, overload = Fault(FaultKind.RATE_LIMITED, retry_after_s=3), Fault(FaultKind.OVERLOADED)
        async with FakeProvider(UNIVERSE, faults=[limit, overload, overload]) as fake:
            async with openai.AsyncOpenAI(base_url=fake.openai_base_url, api_key="k", max_retries=0) as client:
                with pytest.raises(openai.RateLimitError) as limited:
                    await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
                assert limited.value.response.headers["retry-after"] == "3"
            async with anthropic.AsyncAnthropic(base_url=fake.anthropic_base_url, api_key="k", max_retries=0) as other:
                with pytest.raises(anthropic.APIStatusError) as overloaded:
                    await other.messages.create(model="m", max_tokens=5, messages=MESSAGES, stream=True)
                assert overloaded.value.status_code == 529
            options: Any = {"base_url": fake.gemini_base_url, "api_version": "v1beta"}
            google = genai.Client(api_key="k", vertexai=False, http_options=options)
            with pytest.raises(genai_errors.ServerError):
                async for _ in await google.aio.models.generate_content_stream(model="m", contents="x"):
                    pass
            await google.aio.aclose()
            assert [entry.status for entry in fake.ledger.entries] == [429, 529, 503]

    asyncio.run(scenario())


def body(**more: Any) -> dict[str, Any]:
    """A request of OpenAI's."""
    return {"model": "m", "messages": MESSAGES, "stream": True, **more}


async def post(fake: FakeProvider, session: aiohttp.ClientSession, **more: Any) -> tuple[int, bytes]:
    """Ask without an SDK; returns status and body."""
    headers = {"Authorization": "Bearer secret"}
    url = fake.openai_base_url + "/chat/completions"
    async with session.post(url, json=body(**more), headers=headers) as response:
        return response.status, await response.read()


def text_of(stream: bytes) -> str:
    """The text in a stream of OpenAI's."""
    data = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for document in data for choice in json.loads(document)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def test_ledger_says_what_was_sent() -> None:
    """Bytes, items, prompt, limit and a key's fingerprint are kept; the key is not."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, items_per_response=SIX) as fake, aiohttp.ClientSession() as session:
            _, stream = await post(fake, session, max_tokens=900)
            entry = fake.ledger.entries[0]
        assert text_of(stream).split("\n") == entry.items
        assert set(entry.items) <= set(UNIVERSE)
        assert entry.sent_bytes > len(stream)
        assert (entry.api, entry.model, entry.prompt, entry.max_tokens) == ("openai", "m", "List cafés.", 900)
        assert entry.key == fingerprint("secret")
        assert "secret" not in str(fake.ledger)
        assert entry.ended_at >= entry.started_at > 0
        assert (entry.status, entry.finish_reason, entry.disconnected) == (200, "stop", False)
        assert entry.input_tokens == entry.output_tokens == 0  # Usage was not asked for.

    asyncio.run(scenario())


def test_answers_repeat_with_the_seed_and_differ_between_requests() -> None:
    """The seed and the ordinal number of a request decide its answer."""

    async def answers(seed: int) -> list[bytes]:
        async with FakeProvider(UNIVERSE, seed=seed) as fake, aiohttp.ClientSession() as session:
            return [(await post(fake, session))[1] for _ in range(2)]

    first, again, other = (asyncio.run(answers(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first[0] != first[1]
    assert first != other


def test_token_limit_cuts_the_answer() -> None:
    """An answer beyond the limit ends with `length` and counts only whole items."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, items_per_response=SIX) as fake, aiohttp.ClientSession() as session:
            _, stream = await post(fake, session, max_tokens=5)
            entry = fake.ledger.entries[0]
        assert len(text_of(stream)) == 20
        assert entry.finish_reason == "length"
        assert entry.items == text_of(stream).split("\n")[:-1]

    asyncio.run(scenario())


@pytest.mark.parametrize("duration_s", [0.0, 0.05])
def test_paced_answers_are_whole(duration_s: float) -> None:
    """Pacing changes when the bytes come, not which."""

    async def answer(**pace: float) -> bytes:
        async with FakeProvider(UNIVERSE, **pace) as fake, aiohttp.ClientSession() as session:  # type: ignore[arg-type]
            status, stream = await post(fake, session)
            assert status == 200
            assert len(fake.ledger.entries[0].items) == 60
            return stream

    paced = asyncio.run(answer(time_to_first_chunk_s=0.01, duration_s=duration_s))
    assert paced == asyncio.run(answer())


@pytest.mark.parametrize("later_s", [0.0, 2.0])
def test_a_pace_that_changes_leaves_open_answers_whole(later_s: float) -> None:
    """A tester slows the provider down, or speeds it up, while answers are on their way: no piece comes twice."""

    async def answer(fake: FakeProvider, session: aiohttp.ClientSession, *, changed: bool) -> bytes:
        url = f"{fake.openai_base_url}/chat/completions"
        body = {"model": "m", "messages": MESSAGES, "stream": True}
        async with session.post(url, json=body) as response:
            first = await response.content.readexactly(4000)
            if changed:
                fake.duration_s = later_s
            return first + await response.content.read()

    async def scenario(*, changed: bool) -> bytes:
        async with FakeProvider(UNIVERSE, duration_s=0.3) as fake, aiohttp.ClientSession() as session:
            return await answer(fake, session, changed=changed)

    async def both() -> tuple[bytes, bytes]:
        return await scenario(changed=True), await scenario(changed=False)

    changed, steady = asyncio.run(both())
    assert changed == steady


def test_most_requests_in_flight_are_known() -> None:
    """Requests that are open together are counted together."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, time_to_first_chunk_s=0.05) as fake, aiohttp.ClientSession() as session:
            await asyncio.gather(*(post(fake, session) for _ in range(5)))
            assert fake.ledger.max_in_flight == 5
            assert fake.ledger.in_flight == 0

    asyncio.run(scenario())


def test_a_client_that_leaves_is_noticed() -> None:
    """A request whose client goes away ends as disconnected, with the items sent by then."""

    async def scenario() -> None:
        stall = Fault(FaultKind.STALL, after_items=2)
        async with FakeProvider(UNIVERSE, faults=[stall]) as fake, aiohttp.ClientSession() as session:
            task = asyncio.create_task(post(fake, session))
            await fake.wait_for(lambda: bool(fake.ledger.entries and fake.ledger.entries[0].items))
            task.cancel()
            await fake.wait_for(lambda: fake.ledger.entries[0].disconnected)
            assert len(fake.ledger.entries[0].items) >= 2
            assert fake.ledger.in_flight == 0

    asyncio.run(scenario())


def test_a_client_that_leaves_a_dripping_answer_has_what_it_read() -> None:
    """Byte by byte, too, an item counts as sent once its last byte is: the client may keep it and leave."""

    async def scenario() -> None:
        drip = Fault(FaultKind.DRIP, interval_s=1e-5)
        async with FakeProvider(UNIVERSE, faults=[drip], chunk_chars=8) as fake, aiohttp.ClientSession() as session:
            read = b""
            async with session.post(f"{fake.openai_base_url}/chat/completions", json=body()) as response:
                while read.count(b"\n\n") < 9:
                    read += await response.content.readany()
                response.close()
            await fake.wait_for(lambda: fake.ledger.entries[0].disconnected)
            entry = fake.ledger.entries[0]
        # The last event's frame is perhaps not complete yet.
        events = [json.loads(event.removeprefix(b"data: ")) for event in read.split(b"\n\n")[:-2]]
        text = "".join(event["choices"][0]["delta"]["content"] or "" for event in events)
        whole = text.split("\n")[:-1]
        assert len(whole) >= 3
        assert entry.items[: len(whole)] == whole
        assert len(entry.items) < len(UNIVERSE)

    asyncio.run(scenario())


def test_nothing_counts_as_sent_to_a_client_that_has_left() -> None:
    """A server that comes late, on a busy machine, must not count what a client that gave up cannot get."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE) as fake:
            document = json.dumps(body()).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(document)}\r\n\r\n"
            with socket.create_connection(("127.0.0.1", fake.port)) as client:  # while the server's loop stands still
                client.sendall(head.encode() + document)
            await fake.wait_for(lambda: bool(fake.ledger.entries and fake.ledger.entries[0].ended_at))
            entry = fake.ledger.entries[0]
        assert (entry.items, entry.sent_bytes, entry.finish_reason, entry.disconnected) == ([], 0, "", True)

    asyncio.run(scenario())


def test_faults_name_themselves_in_the_ledger() -> None:
    """Every request's entry tells the fault it got."""

    async def scenario() -> None:
        plan = [Fault(FaultKind.HTML), None, Fault(FaultKind.SERVER_ERROR)]
        async with FakeProvider(UNIVERSE, faults=plan) as fake, aiohttp.ClientSession() as session:
            statuses = [(await post(fake, session))[0] for _ in plan]
            assert statuses == [200, 200, 500]
            assert [entry.fault for entry in fake.ledger.entries] == ["html", "", "server_error"]

    asyncio.run(scenario())


GEMINI = "/v1beta/models/m:streamGenerateContent?alt=sse"


def talk(*roles: str) -> list[dict[str, str]]:
    """Messages with these roles."""
    return [{"role": role, "content": "x"} for role in roles]


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/chat/completions", {"model": "m", "messages": MESSAGES}),
        ("/v1/chat/completions", {"stream": True}),
        ("/v1/messages", {"stream": True, "messages": MESSAGES}),
        ("/v1/chat/completions", {"stream": True, "messages": talk("user", "assistant")}),
        ("/v1/chat/completions", {"stream": True, "messages": talk("assistant", "user", "user")}),
        ("/v1/chat/completions", {"stream": True, "messages": talk("user", "model", "user")}),
        ("/v1/messages", {"stream": True, "max_tokens": 9, "messages": talk("user", "user", "user")}),
        ("/v1/messages", {"stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": ""}]}),
        (GEMINI, {"contents": [{"role": role, "parts": [{"text": "x"}]} for role in ("user", "assistant", "user")]}),
        ("/v1beta/models/m:streamGenerateContent", {"contents": []}),
        ("/v1/chat/completions", ["not an object"]),
    ],
)
def test_requests_that_a_vendor_would_refuse_are_refused(path: str, document: Any) -> None:
    """A client that forgets what the vendor insists on gets the vendor's 400 and a ledger entry."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE) as fake, aiohttp.ClientSession() as session:
            async with session.post(fake.url + path, json=document) as response:
                assert response.status == 400
                assert (await response.json())["error"]["message"]
            assert fake.ledger.entries[0].status == 400

    asyncio.run(scenario())


def test_it_can_refuse_connections_for_a_while() -> None:
    """`stop_listening` refuses connections; `start` takes them again on the same port."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE) as fake, aiohttp.ClientSession() as session:
            port = fake.port
            fake.stop_listening()
            with pytest.raises(aiohttp.ClientConnectorError):
                await post(fake, session)
            await fake.start()
            assert fake.port == port
            assert (await post(fake, session))[0] == 200
            assert unused_port() != port

    asyncio.run(scenario())


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """The fake as a process of its own, ended with its standard input."""
    command = [sys.executable, "-m", "tester.fake_provider", "--exit-with-parent", "--items", "3", "--fault", "html"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def test_process_serves_its_ledger_and_ends_with_its_parent(process: subprocess.Popen[str]) -> None:
    """The process tells its URLs, serves the ledger, and ends when its standard input closes."""
    assert process.stdout is not None
    assert process.stdin is not None
    urls = json.loads(process.stdout.readline())
    for expected in (b"<!doctype html>", b"data: "):
        request = urllib.request.Request(  # noqa: S310 - loopback
            urls["openai"] + "/chat/completions", json.dumps(body()).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
            assert response.read().startswith(expected)
    with urllib.request.urlopen(urls["url"] + "/ledger") as response:  # noqa: S310 - loopback
        ledger = json.loads(response.read())
    assert [entry["fault"] for entry in ledger["entries"]] == ["html", ""]
    assert len(ledger["entries"][1]["items"]) == 3
    process.stdin.close()
    assert process.wait(timeout=30) == 0


def test_process_ends_on_sigterm(process: subprocess.Popen[str]) -> None:
    """SIGTERM ends the process cleanly."""
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
