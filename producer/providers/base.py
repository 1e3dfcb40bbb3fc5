"""The protocol that every provider adapter implements, and what it yields."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from contract import spans
from contract.messages import Mode, Scope, Usage
from producer.prompt import Turn

Attributes = dict[str, str | int | float | bool]
"""Attributes of a span by their names in `contract.spans`."""


class Call(msgspec.Struct, frozen=True):
    """One request to a model.

    Attributes:
        system: The system instruction.
        turns: The conversation: user and model in turn, the user first and last.
        max_output_tokens: Hard limit of the answer's length.
        seed: For providers that support one.
        topic: The order's topic; only the simulated model reads it (a real one finds it in the prompt).
        size: Items asked for; as `topic`.
        avoid: The avoid-list; as `topic`.
        said: The order's; as `topic`.
        mode: The order's; as `topic`.
        scope: The order's; as `topic`.
        candidates: The order's; as `topic`.
    """

    system: str
    turns: tuple[Turn, ...]
    max_output_tokens: int
    seed: int | None = None
    topic: str = ""
    size: int = 0
    avoid: tuple[str, ...] = ()
    said: tuple[tuple[str, ...], ...] = ()
    mode: Mode = "explore"
    scope: Scope = Scope()
    candidates: tuple[str, ...] = ()

    @property
    def chars(self) -> int:
        """Length of all that the model reads."""
        return len(self.system) + sum(len(turn.text) for turn in self.turns)


class Target(msgspec.Struct, frozen=True):
    """Where a provider's requests go, as spans tell it.

    Attributes:
        operation: `gen_ai.operation.name`.
        provider: `gen_ai.provider.name`.
        url: Full URL of the POST, without user, password, query and key; None where there is no HTTP.
        address: The URL's host; None as above.
        port: TCP port, the scheme's own if the URL names none; None as above.
    """

    operation: str
    provider: str
    url: str | None = None
    address: str | None = None
    port: int | None = None


class Chunk(msgspec.Struct, frozen=True):
    """What one network read brought.

    Attributes:
        text: Text of the answer, perhaps several deltas joined; may be empty.
        finish_reason: Set once, when the model has finished: `stop`, `length`, `content_filter` or the vendor's word.
        usage: Set once, when the provider reports it (at the stream's end).
        response_id: The vendor's name of the answer; set once, on the first chunk whose events tell it. The server's
            word: printable, and of a bounded length, but not to be trusted further.
        response_model: The model that answers, which may be told more exactly than it was asked for; as above.
    """

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    response_id: str | None = None
    response_model: str | None = None


class Provider(Protocol):
    """A way to a model. One instance serves many concurrent calls of one producer process."""

    @property
    def target(self) -> Target:
        """Where its requests go."""
        ...

    def request_attributes(self, call: Call) -> Attributes:
        """Temperature, reasoning level and seed that the request for a call holds: only what is sent.

        Options and models decide: models that think refuse a temperature, and not every vendor takes a seed.
        """
        ...

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


def sent_attributes(temperature: object = None, reasoning_level: object = None, seed: object = None) -> Attributes:
    """What `Provider.request_attributes` returns of a request's fields.

    They come from the user's options, and the vendor is the judge of them: what is no number or word is left out here.
    """
    attributes: Attributes = {}
    if isinstance(temperature, int | float) and not isinstance(temperature, bool):
        attributes[spans.GEN_AI_TEMPERATURE] = float(temperature)
    if isinstance(reasoning_level, str) and reasoning_level:
        attributes[spans.GEN_AI_REASONING_LEVEL] = reasoning_level
    if isinstance(seed, int) and not isinstance(seed, bool):
        attributes[spans.GEN_AI_SEED] = seed
    return attributes
