"""The simulated provider: pace by a fake clock, failures by seed, usage."""

import asyncio
from typing import Any

import pytest

from contract.errors import (
    ConfigurationError,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    StreamTruncated,
)
from contract.messages import ProviderSetup
from producer.prompt import Turn
from producer.providers.base import Call, Chunk, Provider
from producer.providers.simulated import SimulatedProvider


class FakeTime:
    """A clock that only sleeping moves; each wake-up may be late."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.now = 100.0
        self.slept: list[float] = []
        self._late_s = late_s

    def clock(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.slept.append(seconds)
        self.now += seconds + (self._late_s if seconds else 0.0)


def provider(fake: FakeTime | None = None, **options: Any) -> SimulatedProvider:
    """A provider on a fake clock."""
    fake = fake or FakeTime()
    setup = ProviderSetup(name="test:sim", api="simulated", model="sim", options=options)
    return SimulatedProvider(setup, clock=fake.clock, sleep=fake.sleep)


def call(seed: int | None = 1, size: int = 60, max_output_tokens: int = 4000) -> Call:
    """A call of 40 prompt characters."""
    return Call(
        "s" * 10,
        (Turn("user", "p" * 30),),
        max_output_tokens=max_output_tokens,
        seed=seed,
        topic="Paris attractions",
        size=size,
    )


def run(of: Provider, what: Call) -> tuple[list[Chunk], ProviderError | None]:
    """All chunks of a call, and the error that ended it."""
    chunks: list[Chunk] = []

    async def collect() -> ProviderError | None:
        try:
            async for chunk in of.stream(what):
                chunks.append(chunk)
        except ProviderError as error:
            return error
        finally:
            await of.close()
        return None

    return chunks, asyncio.run(collect())


def text_of(chunks: list[Chunk]) -> str:
    """The chunks' text."""
    return "".join(chunk.text for chunk in chunks)


def test_a_stream_ends_with_finish_reason_and_usage() -> None:
    """Text chunks come first; the last chunk has the reason and tokens of four characters, rounded up."""
    chunks, error = run(provider(mess=0), call())
    *texts, last = chunks
    assert error is None
    assert all(chunk.text and chunk.finish_reason is None and chunk.usage is None for chunk in texts)
    assert (last.text, last.finish_reason) == ("", "stop")
    assert last.usage is not None
    assert (last.usage.input_tokens, last.usage.output_tokens) == (10, -(-len(text_of(texts)) // 4))


def test_a_cut_answer_finishes_with_length() -> None:
    """At the token limit the finish reason is `length` and the usage is the limit."""
    chunks, _ = run(provider(mess=0), call(max_output_tokens=50))
    assert chunks[-1].finish_reason == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.output_tokens == 50


def test_speed_0_never_waits_but_lets_others_run() -> None:
    """Only sleeps of zero seconds happen, one for each chunk."""
    fake = FakeTime()
    chunks, _ = run(provider(fake, speed=0), call())
    assert set(fake.slept) == {0.0}
    assert len(fake.slept) == len(chunks) - 1


@pytest.mark.parametrize("speed", [1, 4])
def test_a_stream_keeps_its_pace(speed: float) -> None:
    """First chunk after the set time, the last one after all its tokens, both divided by the speed."""
    fake = FakeTime()
    times: list[float] = []
    of = provider(fake, mess=0, jitter=0, time_to_first_chunk_s=0.5, tokens_per_second=50, speed=speed)

    async def collect() -> int:
        chars = 0
        async for chunk in of.stream(call()):
            if chunk.text:
                times.append(fake.now - 100.0)
                chars += len(chunk.text)
        return chars

    chars = asyncio.run(collect())
    assert times[0] == pytest.approx(0.5 / speed)
    assert times[-1] == pytest.approx((0.5 + chars / 4 / 50) / speed, abs=0.7 / speed)


def test_late_wake_ups_do_not_add_up() -> None:
    """A process that always wakes 5 ms late ends 5 ms late, not 5 ms for every chunk."""
    ends = []
    for late_s in (0.0, 0.005):
        fake = FakeTime(late_s)
        run(provider(fake, mess=0), call())
        ends.append(fake.now)
    assert ends[1] - ends[0] == pytest.approx(0.005, abs=1e-6)


def test_jitter_varies_the_latency_by_seed_within_its_share() -> None:
    """Calls differ in their time to the first chunk, repeatably."""

    def first_s(seed: int) -> float:
        fake = FakeTime()
        run(provider(fake, jitter=0.5, time_to_first_chunk_s=1.0), call(seed))
        return fake.slept[0]

    firsts = [first_s(seed) for seed in range(20)]
    assert len(set(firsts)) == 20
    assert all(0.5 <= first <= 1.6 for first in firsts)
    assert firsts == [first_s(seed) for seed in range(20)]


def test_chunks_are_tokens_at_a_slow_pace_and_joined_at_a_high_one() -> None:
    """1 to 8 characters at 20 tokens/s; several tokens a read at 1000; never more than `max_chunk_tokens`."""
    sizes = {}
    for pace, joined in ((20, 16), (1000, 16), (1000, 3)):
        chunks, _ = run(provider(tokens_per_second=pace, max_chunk_tokens=joined), call())
        sizes[pace, joined] = [len(chunk.text) for chunk in chunks[:-2]]
    assert max(sizes[20, 16]) == 8
    assert min(sizes[20, 16]) == 1
    assert min(sizes[1000, 16]) > 16
    assert max(sizes[1000, 3]) <= 24


def test_pace_does_not_change_the_text() -> None:
    """Latency, speed and chunking have no influence on what is said."""
    texts = {
        text_of(run(provider(**options), call())[0])
        for options in ({}, {"speed": 0}, {"tokens_per_second": 5, "jitter": 1}, {"max_chunk_tokens": 1})
    }
    assert len(texts) == 1


def test_a_seed_repeats_the_answer_and_none_does_not() -> None:
    """Without a seed every call has fresh entropy."""
    of = provider(speed=0)
    assert text_of(run(of, call(seed=5))[0]) == text_of(run(of, call(seed=5))[0])
    assert text_of(run(of, call(seed=None))[0]) != text_of(run(of, call(seed=None))[0])


@pytest.mark.parametrize(
    ("option", "kind", "waits_s", "status"),
    [
        ("rate_limited_rate", RateLimited, 0.3, 429),
        ("overloaded_rate", Overloaded, 0.3, 529),
        ("timeout_rate", ProviderTimeout, 60.0, None),
    ],
)
def test_a_call_fails_before_it_answers(
    option: str, kind: type[ProviderError], waits_s: float, status: int | None
) -> None:
    """At rate 1 the call ends in this error, at its time, without a chunk."""
    fake = FakeTime()
    chunks, error = run(provider(fake, jitter=0, **{option: 1}), call())
    assert chunks == []
    assert type(error) is kind
    assert error is not None
    assert error.status == status
    assert "\n" not in str(error)
    assert fake.now - 100.0 == pytest.approx(waits_s)


@pytest.mark.parametrize(("given", "expected"), [(7, 7.0), (0, None)])
def test_a_rate_limit_says_when_to_come_back(given: float, expected: float | None) -> None:
    """`retry_after_s` is passed on; 0 means that the provider does not say."""
    _, error = run(provider(rate_limited_rate=1, retry_after_s=given), call())
    assert error is not None
    assert error.retry_after_s == expected


def test_a_truncated_stream_breaks_off_without_a_finish_reason() -> None:
    """Part of the answer comes, then the error."""
    whole = text_of(run(provider(speed=0), call())[0])
    chunks, error = run(provider(speed=0, stream_truncated_rate=1), call())
    assert isinstance(error, StreamTruncated)
    assert whole.startswith(text_of(chunks))
    assert 0 < len(text_of(chunks)) < len(whole)
    assert all(chunk.finish_reason is None for chunk in chunks)


def test_failures_come_at_their_rates_and_repeat_with_the_seed() -> None:
    """Over 400 seeds each kind has about its share; a second run of the same seeds fails in the same calls."""

    def kinds() -> list[str]:
        of = provider(speed=0, rate_limited_rate=0.2, overloaded_rate=0.1)
        return [type(run(of, call(seed, size=1))[1]).__name__ for seed in range(400)]

    first = kinds()
    assert first.count("RateLimited") / 400 == pytest.approx(0.2, abs=0.05)
    assert first.count("Overloaded") / 400 == pytest.approx(0.1, abs=0.04)
    assert kinds() == first


def test_a_retry_of_the_same_call_can_succeed() -> None:
    """The failed call made again is a new attempt: at rate 0.5 every one of 20 orders comes through in the end."""
    of = provider(speed=0, overloaded_rate=0.5)
    attempts = []
    for seed in range(20):
        tries = next(tries for tries in range(1, 30) if run(of, call(seed, size=1))[1] is None)
        attempts.append(tries)
    assert max(attempts) > 1


def test_concurrent_calls_do_not_disturb_each_other() -> None:
    """Sixteen streams of one provider at once give what they give alone."""
    of = provider(speed=0)

    async def text(seed: int) -> str:
        return "".join([chunk.text async for chunk in of.stream(call(seed))])

    async def together() -> list[str]:
        return await asyncio.gather(*(text(seed) for seed in range(16)))

    assert asyncio.run(together()) == [text_of(run(of, call(seed))[0]) for seed in range(16)]


def test_wrong_options_are_refused_when_the_provider_is_made() -> None:
    """The mistake is told before the first call."""
    with pytest.raises(ConfigurationError, match="speed"):
        provider(speed="fast")
