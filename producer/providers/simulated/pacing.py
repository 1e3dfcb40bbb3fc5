"""When each chunk of an answer is due."""

from __future__ import annotations

import random
from collections.abc import Iterator

from producer.providers.simulated.answer import CHARS_PER_TOKEN
from producer.providers.simulated.options import SimulationOptions

_LONGEST_TOKEN = 8
_READ_INTERVAL_S = 0.02
"""Tokens that come closer together than this arrive in one network read."""


class Pace:
    """The timetable of one answer. Due times are computed from its start, so that late wake-ups do not add up.

    Args:
        options: Latency, pace, jitter and speed.
        rng: Draws the jitter and the lengths of tokens.
    """

    def __init__(self, options: SimulationOptions, rng: random.Random) -> None:
        self._rng = rng
        self.waits = options.speed > 0
        speed = options.speed or 1.0
        self._jitter = options.jitter
        self.first_s = options.time_to_first_chunk_s * self._varied() / speed
        tokens_per_second = options.tokens_per_second * self._varied() * speed
        self._char_s = 1 / (tokens_per_second * CHARS_PER_TOKEN)
        joined = round(tokens_per_second * _READ_INTERVAL_S) if self.waits else options.max_chunk_tokens
        self._chunk_tokens = max(1, min(options.max_chunk_tokens, joined))

    def _varied(self) -> float:
        # 0.9 keeps the pace above zero at full jitter.
        return 1 + 0.9 * self._jitter * self._rng.uniform(-1, 1)

    def chunks(self, text: str) -> Iterator[tuple[float, str]]:
        """The text in pieces, each with the seconds after the start at which it is due (0 where nothing waits).

        A piece joins tokens of 1 to 8 characters: one where the pace is slow, up to `max_chunk_tokens` where it is
        fast.
        """
        draw = self._rng.random
        begin = 0
        while begin < len(text):
            end = begin
            for _ in range(self._chunk_tokens):
                end += 1 + int(draw() * _LONGEST_TOKEN)
            end = min(end, len(text))
            yield self._due_s(begin, end), text[begin:end]
            begin = end

    def _due_s(self, begin: int, end: int) -> float:
        if not self.waits:
            return 0.0
        late_chars = self._jitter * self._rng.random() * (end - begin)
        return self.first_s + (begin + late_chars) * self._char_s
