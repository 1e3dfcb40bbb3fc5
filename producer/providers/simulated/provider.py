"""The simulated model as a provider: answers at a model's pace, with a model's failures."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from contract.errors import Overloaded, ProviderError, ProviderTimeout, RateLimited, StreamTruncated
from contract.messages import ProviderSetup, Usage
from contract.spans import GEN_AI_NAMES
from producer.providers.base import Attributes, Call, Chunk, Target, sent_attributes
from producer.providers.simulated.answer import answer_seed, make_answer, tokens_of
from producer.providers.simulated.options import FAULT_RATES, parse_options, with_mess
from producer.providers.simulated.pacing import Pace
from producer.providers.simulated.seeds import seed_of

_SEED_BITS = 63
_TRUNCATED_SHARE = (0.1, 0.9)


class SimulatedProvider:
    """A model that needs no key and no network, and whose universe is known (`universe_of`).

    Its answer depends on the options, the model's name and all of the call but its prompt, and on nothing else; it
    answers `audit` as it does `explore`. Failures depend on the seed too; the same call made again is a new attempt
    with a new draw.

    Args:
        setup: `options` are those of `SimulationOptions`; `model` is any name.
        clock: Seconds of a monotonic clock.
        sleep: Waits for some seconds; 0 lets other tasks run.

    Raises:
        ConfigurationError: An option is unknown or out of its range.
    """

    def __init__(
        self,
        setup: ProviderSetup,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.target = Target(*GEN_AI_NAMES["simulated"])
        self._setup = setup
        self._options = with_mess(parse_options(setup.options))
        self._clock = clock
        self._sleep = sleep
        self._failures: Counter[int] = Counter()

    def request_attributes(self, call: Call) -> Attributes:
        """See `Provider`. This model knows nothing but a seed."""
        return sent_attributes(seed=call.seed)

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Answer a call; see `Provider.stream`.

        Raises:
            ProviderError: A simulated failure, where the options ask for some.
        """
        start = self._clock()
        seed = random.SystemRandom().getrandbits(_SEED_BITS) if call.seed is None else call.seed
        fault = self._next_fault(call, seed)
        rng = random.Random(seed_of("pace", seed))
        pace = Pace(self._options, rng)
        if fault is not None and not isinstance(fault, StreamTruncated):
            limit_s = self._setup.read_timeout_s / (self._options.speed or 1.0)
            await self._wait_until(start + (limit_s if isinstance(fault, ProviderTimeout) else pace.first_s))
            raise fault
        answer = make_answer(self._setup.model, self._options, call, seed)
        text = answer.text
        if fault is not None:
            text = text[: int(len(text) * rng.uniform(*_TRUNCATED_SHARE))]
        for due_s, piece in pace.chunks(text):
            await self._wait_until(start + due_s)
            yield Chunk(text=piece)
        if fault is not None:
            raise fault
        usage = Usage(input_tokens=tokens_of(call.chars), output_tokens=tokens_of(len(text)))
        yield Chunk(finish_reason=answer.finish_reason, usage=usage)

    async def close(self) -> None:
        """There is nothing to free."""

    async def _wait_until(self, due: float) -> None:
        await self._sleep(max(0.0, due - self._clock()) if self._options.speed else 0.0)

    def _next_fault(self, call: Call, seed: int) -> ProviderError | None:
        """The failure of this attempt, or None.

        An attempt after a failure draws anew: the same seed would fail for ever otherwise.
        """
        key = answer_seed(self._setup.model, call, seed)
        rng = random.Random(seed_of("fault", key, self._failures[key]))
        roll = rng.random()
        for rate_name in FAULT_RATES:
            roll -= getattr(self._options, rate_name)
            if roll < 0:
                if call.seed is not None:
                    self._failures[key] += 1
                return self._fault(rate_name)
        self._failures.pop(key, None)
        return None

    def _fault(self, rate_name: str) -> ProviderError:
        name = self._setup.name
        if rate_name == "rate_limited_rate":
            wait_s = self._options.retry_after_s or None
            return RateLimited(f"{name}: simulated rate limit", status=429, retry_after_s=wait_s)
        if rate_name == "overloaded_rate":
            return Overloaded(f"{name}: simulated overload", status=529)
        if rate_name == "timeout_rate":
            return ProviderTimeout(f"{name}: simulated silence of {self._setup.read_timeout_s:g} s")
        return StreamTruncated(f"{name}: simulated end of the stream without a finish reason")
