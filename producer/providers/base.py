"""The protocol that every provider adapter implements, and what it yields."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from contract.messages import Usage


class Call(msgspec.Struct, frozen=True):
    """One request to a model.

    Attributes:
        system: The system instruction.
        prompt: The user's message.
        max_output_tokens: Hard limit of the answer's length.
        seed: For providers that support one.
        topic: The order's topic; only the simulated model reads it (a real one finds it in the prompt).
        size: Items asked for; as `topic`.
        avoid: The avoid-list; as `topic`.
    """

    system: str
    prompt: str
    max_output_tokens: int
    seed: int | None = None
    topic: str = ""
    size: int = 0
    avoid: tuple[str, ...] = ()


class Chunk(msgspec.Struct, frozen=True):
    """What one network read brought.

    Attributes:
        text: Text of the answer, perhaps several deltas joined; may be empty.
        finish_reason: Set once, when the model has finished: `stop`, `length`, `content_filter` or the vendor's word.
        usage: Set once, when the provider reports it (at the stream's end).
    """

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None


class Provider(Protocol):
    """A way to a model. One instance serves many concurrent calls of one producer process."""

    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Ask the model and yield its answer as it arrives.

        The iterator ends normally only after a chunk with a finish reason. Closing it early cancels the request.

        Raises:
            ProviderError: One of its subclasses, translated here, at the edge, from whatever the vendor's SDK raised
                or failed to raise.
        """
        ...

    async def close(self) -> None:
        """Free connections. No call may be open."""
        ...
