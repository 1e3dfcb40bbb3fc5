"""The fake provider in a thread of the tester: its ledger can be waited on."""

from __future__ import annotations

import asyncio
import copy
import random
import threading
from collections.abc import Callable
from typing import Any

from tester.checks import CheckError
from tester.fake_provider import Entry, FakeProvider

_STOP_S = 30.0
"""For what takes a moment; a machine that is busy with other things is slow."""
_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = 3


class Served:
    """A `FakeProvider` that listens in a thread of its own until `stop`.

    Args:
        universe: The items there are.
        **options: Those of `FakeProvider`.
    """

    def __init__(self, universe: list[str], **options: Any) -> None:
        self.provider = FakeProvider(universe, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake provider", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.provider.start(), self._loop).result(_STOP_S)

    def entries(self) -> list[Entry]:
        """A copy of the ledger's entries."""

        async def copied() -> list[Entry]:
            return [copy.copy(entry) for entry in self.provider.ledger.entries]

        return asyncio.run_coroutine_threadsafe(copied(), self._loop).result(_STOP_S)

    def wait_for(self, what: str, condition: Callable[[list[Entry]], bool], timeout_s: float) -> None:
        """Wait until a condition on the ledger's entries holds; it is looked at when an exchange begins or ends.

        Raises:
            CheckError: It does not within the time; `what` names it.
        """

        async def waited() -> None:
            async with asyncio.timeout(timeout_s):
                await self.provider.wait_for(lambda: condition(self.provider.ledger.entries))

        try:
            asyncio.run_coroutine_threadsafe(waited(), self._loop).result()
        except TimeoutError:
            seen = [(entry.status, entry.fault, len(entry.items)) for entry in self.entries()]
            raise CheckError(
                f"{what}: not within {timeout_s:g} s; the provider saw (status, fault, items) {seen}"
            ) from None

    def environment(self, *apis: str, key: str = "tester-key-0123456789") -> dict[str, str]:
        """Variables that lead a command to this provider. `apis`: some of `openai`, `anthropic`, `gemini`."""
        urls = {
            "openai": self.provider.openai_base_url,
            "anthropic": self.provider.anthropic_base_url,
            "gemini": self.provider.gemini_base_url,
        }
        variables: dict[str, str] = {}
        for api in apis:
            variables |= {f"{api.upper()}_BASE_URL": urls[api], f"{api.upper()}_API_KEY": key}
        return variables

    async def _end(self) -> None:
        """Stop listening, and end what still waits: after an interruption nobody asks for its result any more."""
        await self.provider.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def stop(self) -> None:
        """Break all connections and end the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._loop.close()


def open_requests(entries: list[Entry]) -> int:
    """Requests that are being answered."""
    return sum(not entry.ended_at for entry in entries)


def delivered(entries: list[Entry]) -> set[str]:
    """Every item whose last byte was sent in any response."""
    return {item for entry in entries for item in entry.items}


def names(count: int, seed: int) -> list[str]:
    """Distinct invented names of equal length, so that a cut one can never be taken for another.

    Each is two words of 6 and 6 letters, such as "Kavero Lutima".
    """
    draw = random.Random(f"names {seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        found[f"{_word(draw)} {_word(draw)}"] = None
    return list(found)


NAME_CHARACTERS = 4 * _SYLLABLES + 1
"""Length of a name of `names`."""


def _word(draw: random.Random) -> str:
    return "".join(draw.choice(_CONSONANTS) + draw.choice(_VOWELS) for _ in range(_SYLLABLES)).capitalize()
