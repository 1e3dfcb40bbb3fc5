"""The three adapters against the fake provider: each fault alone, and everything that has to hold without one."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from contract.errors import (
    AuthFailed,
    BadResponse,
    ConnectionFailed,
    ContextOverflow,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    StreamTruncated,
)
from contract.messages import Secret, Usage
from producer.prompt import Turn
from producer.providers.base import Call
from producer.providers.factory import make_provider
from tester.fake_provider import FakeProvider, Fault, FaultKind, unused_port
from tests.producer.providers.conftest import CALL, KEY, MODELS, UNIVERSE, World, ask, base_url_of, setup_for


def test_answer_is_what_was_sent(world: World) -> None:
    """Texts joined are the items sent, usage is the ledger's, and the stream ends with its finish reason, once."""
    outcome = world.outcome()
    assert outcome.error is None
    assert outcome.text == "\n".join(world.last.items)
    assert len(outcome.whole_lines) == 6
    assert outcome.finish_reasons == ["stop"]
    assert outcome.usages == [Usage(world.last.input_tokens, world.last.output_tokens)]


def test_request_carries_the_call(world: World) -> None:
    """System instruction, prompt, model, limit and key arrive where the vendor expects them."""
    world.outcome()
    entry = world.last
    assert (entry.system, entry.prompt, entry.model) == (CALL.system, CALL.turns[-1].text, MODELS[world.api])
    assert entry.max_tokens == CALL.max_output_tokens
    assert entry.key != ""
    assert KEY not in str(entry)


def test_a_conversation_arrives_as_one(world: World) -> None:
    """The vendor's server sees who said what, and what is asked now; all of it is counted as input."""
    call = Call("You make lists.", (Turn("user", "List 2."), Turn("assistant", "A\nB"), Turn("user", "Now 3.")), 1000)
    outcome = world.outcome(call=call)
    assert outcome.error is None
    assert (world.last.prompt, world.last.earlier) == ("Now 3.", [("user", "List 2."), ("assistant", "A\nB")])
    world.outcome(call=Call("You make lists.", (Turn("user", "Now 3."),), 1000))
    assert outcome.usages[0].input_tokens > world.last.input_tokens


def test_answer_is_named(world: World) -> None:
    """Id and model of the answer are told once."""
    chunks = world.outcome().chunks
    names = [(chunk.response_id, chunk.response_model) for chunk in chunks if chunk.response_id is not None]
    assert world.last.response_id
    assert names == [(world.last.response_id, MODELS[world.api])]
    assert [chunk for chunk in chunks if chunk.response_model is not None] == [chunks[0]]


def test_answer_is_not_named_by_the_key(world: World) -> None:
    """A server that repeats the key as its model's name does not get it into a span."""
    setup = setup_for(world.api, base_url_of(world.fake, world.api), api_key=Secret("the-secret"))

    async def scenario() -> None:
        provider = make_provider(msgspec.structs.replace(setup, model="m-the-secret"))
        outcome = await ask(provider)
        await provider.close()
        assert outcome.error is None
        assert [chunk.response_model for chunk in outcome.chunks if chunk.response_model] == ["m-[key]"]

    world.run(scenario())


def test_target_is_where_the_request_goes(world: World) -> None:
    """What spans are told of the address is what the server saw."""
    world.outcome()
    target = world.provider.target
    assert target.url == world.fake.url + world.last.path.partition("?")[0]
    assert f"http://{target.address}:{target.port}" == world.fake.url


@pytest.mark.parametrize("path", ["/gateway/v1/", "/a b/café", "/a%20b//c=d"])
def test_target_spells_the_path_as_the_sdk_does(world: World, path: str) -> None:
    """Prefixes with unusual characters and unusual names of models are told as they are sent."""
    requests: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        requests.append(head.split(b" ", 2)[1].decode())
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def scenario() -> str | None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            setup = setup_for(world.api, base_url + path)
            provider = make_provider(msgspec.structs.replace(setup, model="models/café x:y@1"))
            await ask(provider)
            await provider.close()
        assert provider.target.url is not None
        return provider.target.url.removeprefix(base_url)

    target_path = world.run(scenario())
    assert [request.partition("?")[0] for request in requests] == [target_path]


def test_answer_at_its_limit_says_length(world: World) -> None:
    """An answer cut by the token limit ends with `length`, which is no error."""
    outcome = world.outcome(call=Call("", (Turn("user", "List cafés."),), max_output_tokens=5))
    assert outcome.error is None
    assert outcome.finish_reasons == ["length"]
    assert outcome.usages[0].output_tokens == 5


def test_one_read_is_one_chunk(world: World) -> None:
    """All deltas of one network read come as one chunk."""
    outcome = world.outcome()
    assert len(outcome.chunks) <= 3


BEFORE_ANY_ITEM = [
    (Fault(FaultKind.RATE_LIMITED, retry_after_s=7), RateLimited),
    (Fault(FaultKind.RATE_LIMITED), RateLimited),
    (Fault(FaultKind.QUOTA), QuotaExhausted),
    (Fault(FaultKind.SERVER_ERROR), Overloaded),
    (Fault(FaultKind.UNAVAILABLE, retry_after_s=3), Overloaded),
    (Fault(FaultKind.OVERLOADED), Overloaded),
    (Fault(FaultKind.BAD_REQUEST), RequestRefused),
    (Fault(FaultKind.NOT_FOUND), RequestRefused),
    (Fault(FaultKind.UNAUTHORIZED), AuthFailed),
    (Fault(FaultKind.FORBIDDEN), AuthFailed),
    (Fault(FaultKind.CONTEXT_OVERFLOW), ContextOverflow),
    (Fault(FaultKind.CONTEXT_OVERFLOW_LLAMA), ContextOverflow),
    (Fault(FaultKind.HTML), BadResponse),
    (Fault(FaultKind.PLAIN_JSON), BadResponse),
    (Fault(FaultKind.EMPTY), BadResponse),
    (Fault(FaultKind.RESET), ConnectionFailed),
]


@pytest.mark.parametrize(("fault", "expected"), BEFORE_ANY_ITEM, ids=lambda value: getattr(value, "kind", None))
def test_failure_before_the_answer(world: World, fault: Fault, expected: type[ProviderError]) -> None:
    """Each way to fail before the first item gives its error, with the status and the delay that the vendor named."""
    outcome = world.outcome(fault)
    assert type(outcome.error) is expected
    assert outcome.chunks == []
    assert outcome.error.retry_after_s == fault.retry_after_s
    if world.last.status >= 400:
        assert outcome.error.status == world.last.status


AFTER_TWO_ITEMS = [
    (FaultKind.CUT, StreamTruncated),
    (FaultKind.CUT_RESET, StreamTruncated),
    (FaultKind.CUT_CLEAN, StreamTruncated),
    (FaultKind.GARBAGE, BadResponse),
    (FaultKind.ENCODING, BadResponse),
    (FaultKind.LONG_LINE, BadResponse),
    (FaultKind.ERROR_EVENT, Overloaded),
]


@pytest.mark.parametrize(("kind", "expected"), AFTER_TWO_ITEMS)
def test_failure_in_mid_stream_keeps_what_came(world: World, kind: FaultKind, expected: type[ProviderError]) -> None:
    """A stream that breaks gives its error after every whole item that was sent."""
    outcome = world.outcome(Fault(kind, after_items=2, line_bytes=2 * 1024 * 1024))
    assert type(outcome.error) is expected
    assert len(world.last.items) >= 2
    assert outcome.whole_lines == world.last.items
    assert outcome.finish_reasons == []


def test_error_event_of_a_rate_limit(world: World) -> None:
    """A rate limit reported inside the stream is a rate limit."""
    outcome = world.outcome(Fault(FaultKind.ERROR_EVENT, event="rate_limit_error"))
    assert type(outcome.error) is RateLimited
    assert len(outcome.whole_lines) >= 2


@pytest.mark.parametrize("after_items", [0, 2])
def test_stall_is_a_timeout(world: World, after_items: int) -> None:
    """A server that falls silent, before its answer or in it, is given up after the read time-out."""
    outcome = world.outcome(Fault(FaultKind.STALL, after_items=after_items), provider=world.impatient)
    entry = world.last
    assert type(outcome.error) is ProviderTimeout
    assert outcome.whole_lines == entry.items
    assert len(entry.items) >= after_items
    world.run(world.fake.wait_for(lambda: entry.disconnected))


@pytest.mark.parametrize("kind", [FaultKind.DRIP, FaultKind.CONTENT_TYPE])
def test_odd_but_whole_answers_are_taken(world: World, kind: FaultKind) -> None:
    """One byte at a time and a wrong content type do no harm."""
    outcome = world.outcome(Fault(kind, interval_s=1e-6))
    assert outcome.error is None
    assert outcome.whole_lines == world.last.items
    assert outcome.finish_reasons == ["stop"]


def test_duplicate_events(world: World) -> None:
    """The protocols number no events, so a doubled delta is doubled text; end and usage are still told once."""
    outcome = world.outcome(Fault(FaultKind.DUPLICATE))
    sent = "\n".join(world.last.items)
    assert len(outcome.text) == len(sent) + 4
    assert outcome.finish_reasons == ["stop"]
    assert len(outcome.usages) == 1


def test_retry_after_as_a_date(world: World) -> None:
    """A date in Retry-After becomes the seconds until then."""
    outcome = world.outcome(Fault(FaultKind.UNAVAILABLE, retry_after_s=3600, as_date=True))
    assert outcome.error is not None
    assert outcome.error.retry_after_s == pytest.approx(3600, abs=60)


def test_next_call_after_a_failure_works(world: World) -> None:
    """No fault spoils the adapter for the call after it."""
    world.outcome(Fault(FaultKind.CUT))
    assert world.outcome().error is None


@pytest.mark.parametrize("fault", [fault for fault, _ in BEFORE_ANY_ITEM] + [Fault(k) for k, _ in AFTER_TWO_ITEMS])
def test_messages_are_fit_for_users(world: World, fault: Fault) -> None:
    """Every error is one short line that names the provider and holds no key."""
    error = world.outcome(fault).error
    assert error is not None
    assert error.message.startswith(f"{world.api}:test: ")
    assert KEY not in error.message
    assert len(error.message) <= 300
    assert error.message.isprintable()
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_cancelling_closes_the_connection(world: World) -> None:
    """A call that is cancelled while it waits leaves at once, and the server sees it."""

    async def scenario() -> None:
        world.fake.faults.add(Fault(FaultKind.STALL))
        asked = len(world.fake.ledger.entries)
        task = asyncio.create_task(ask(world.provider))
        await world.fake.wait_for(lambda: len(world.fake.ledger.entries) > asked)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        entry = world.fake.ledger.entries[-1]
        await world.fake.wait_for(lambda: entry.disconnected)

    world.run(scenario())


def test_closing_the_iterator_closes_the_connection(world: World) -> None:
    """Whoever stops reading after the first chunk ends the request."""

    async def scenario() -> None:
        world.fake.faults.add(Fault(FaultKind.STALL))
        stream = world.provider.stream(CALL)
        chunk = await anext(stream)
        assert chunk.text
        await stream.aclose()  # type: ignore[attr-defined]
        entry = world.fake.ledger.entries[-1]
        await world.fake.wait_for(lambda: entry.disconnected)

    world.run(scenario())


def test_connection_is_used_again(world: World) -> None:
    """Answers that come to their end leave their connection for the next call."""
    world.outcome()
    before = world.fake.ledger.connections
    for _ in range(3):
        assert world.outcome().error is None
    assert world.fake.ledger.connections == before


def test_refused_connection(world: World) -> None:
    """An address where nobody listens is a failed connection, told at once."""

    async def scenario() -> None:
        provider = make_provider(setup_for(world.api, f"http://127.0.0.1:{unused_port()}"))
        outcome = await ask(provider)
        await provider.close()
        assert type(outcome.error) is ConnectionFailed

    world.run(scenario())


def test_64_streams_at_once(world: World) -> None:
    """One process holds 64 open streams to one provider."""

    async def scenario() -> None:
        fake = FakeProvider(UNIVERSE, items_per_response=3, faults=[Fault(FaultKind.STALL, after_items=0)] * 64)
        async with fake:
            provider = make_provider(setup_for(world.api, base_url_of(fake, world.api)))
            tasks = [asyncio.create_task(ask(provider)) for _ in range(64)]
            await fake.wait_for(lambda: fake.ledger.in_flight == 64)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await provider.close()

    world.run(scenario())


def test_thinking_is_not_text(world: World) -> None:
    """Thinking that precedes the answer is left out of it; its tokens are counted where the vendor tells them."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, items_per_response=3, thoughts=True) as fake:
            provider = make_provider(setup_for(world.api, base_url_of(fake, world.api)))
            outcome = await ask(provider)
            await provider.close()
            entry = fake.ledger.entries[-1]
        assert outcome.error is None
        assert outcome.text == "\n".join(entry.items)
        assert outcome.usages[0].output_tokens == entry.output_tokens
        assert (outcome.usages[0].reasoning_tokens > 0) == (world.api != "anthropic")

    world.run(scenario())


def test_wrong_key_never_shows(world: World) -> None:
    """A server that repeats the key in its refusal does not get it into our message."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, valid_keys=["another"]) as fake:
            provider = make_provider(setup_for(world.api, base_url_of(fake, world.api)))
            outcome = await ask(provider)
            await provider.close()
        assert type(outcome.error) is AuthFailed
        assert KEY[:8] not in outcome.error.message

    world.run(scenario())


def test_redirects_are_not_followed(world: World) -> None:
    """A redirect would take the key to another address: it is refused, and nobody is asked there."""

    async def scenario() -> None:
        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {world.fake.url}/v1/messages\r\n"
            writer.write(head.encode() + b"Content-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        asked = len(world.fake.ledger.entries)
        server = await asyncio.start_server(redirect, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            provider = make_provider(setup_for(world.api, f"http://127.0.0.1:{port}"))
            outcome = await ask(provider)
            await provider.close()
        assert type(outcome.error) is RequestRefused
        assert len(world.fake.ledger.entries) == asked

    world.run(scenario())


def test_environment_cannot_send_the_key_elsewhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment are not asked for loopback, nor are the SDKs' own address variables heeded."""
    nowhere = f"http://127.0.0.1:{unused_port()}"
    for name in (
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_BASE_URL",
        "GOOGLE_GEMINI_BASE_URL",
    ):
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")

    async def scenario() -> None:
        provider = make_provider(setup_for(world.api, base_url_of(world.fake, world.api)))
        outcome = await ask(provider)
        await provider.close()
        assert outcome.error is None

    world.run(scenario())


def test_tls_to_a_plain_port_is_a_failed_connection(world: World) -> None:
    """TLS where plain HTTP is spoken is a connection that failed, whatever the SDK makes of it."""

    async def scenario() -> None:
        provider = make_provider(setup_for(world.api, world.fake.url.replace("http:", "https:")))
        outcome = await ask(provider)
        await provider.close()
        assert type(outcome.error) is ConnectionFailed

    world.run(scenario())
