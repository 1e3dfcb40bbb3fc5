"""What the fake needs to know of a vendor's protocol, and what the three have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from tester.fake_provider.faults import Fault

_json = msgspec.json.Encoder()

CHARS_PER_TOKEN = 4
"""The fake's own tokens: four characters each, rounded up."""


def tokens(text: str) -> int:
    """Length of a text in the fake's tokens."""
    return -(-len(text) // CHARS_PER_TOKEN)


def to_json(value: object) -> bytes:
    """Compact JSON, in UTF-8."""
    return _json.encode(value)


def event(document: object, name: str = "", newline: bytes = b"\n") -> bytes:
    """One server-sent event holding a JSON document."""
    head = b"event: " + name.encode() + newline if name else b""
    return head + b"data: " + to_json(document) + newline * 2


class Turn(NamedTuple):
    """One message of a conversation; `role` is `user` or `assistant`, whatever the vendor calls it."""

    role: str
    text: str


def conversation(messages: Iterable[tuple[object, str]], assistant: str = "assistant") -> tuple[Turn, ...]:
    """The messages of a request, without system instructions.

    Args:
        messages: Role and text of each, as sent.
        assistant: What the vendor calls the model.

    Raises:
        ValueError: What the strictest of the vendors refuse: a strange role, an empty message, an assistant who
            speaks first or twice, or has the last word.
    """
    turns: list[Turn] = []
    for role, text in messages:
        if role not in ("user", assistant):
            raise ValueError(f"messages: unexpected role {str(role)[:40]!r}, expected 'user' or {assistant!r}")
        if not text:
            raise ValueError(f"messages.{len(turns)}: text content must not be empty")
        turns.append(Turn("user" if role == "user" else "assistant", text))
    if any(turn.role != ("assistant" if place % 2 else "user") for place, turn in enumerate(turns)):
        raise ValueError("messages: roles must alternate, beginning with the user's")
    if len(turns) % 2 == 0:
        raise ValueError("messages: the last one must be the user's")
    return tuple(turns)


class Asked(msgspec.Struct, frozen=True):
    """A request as the fake understood it.

    Attributes:
        model: Model name.
        system: System instruction.
        turns: The conversation; the user has the first and the last word. Empty in a request that is refused.
        max_tokens: Limit of the answer, or None.
        key: The key it came with, or empty.
        wants_usage: Whether usage is to be reported.
        body: The request's document.
        response_id: Name that the answer gives itself; unique to it.
    """

    model: str
    system: str
    turns: tuple[Turn, ...]
    max_tokens: int | None
    key: str
    wants_usage: bool
    body: dict[str, Any]
    response_id: str = ""

    @property
    def prompt(self) -> str:
        """The user's last message: what is asked now."""
        return self.turns[-1].text if self.turns else ""

    @property
    def input_tokens(self) -> int:
        """Length of the whole prompt."""
        return tokens(self.system) + sum(tokens(turn.text) for turn in self.turns)


class Dialect(Protocol):
    """One vendor's protocol. All events are whole: terminator included."""

    api: str

    def read(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Asked:
        """Understand a request. Raises `ValueError` with a sentence for the error document."""
        ...

    def opening(self, asked: Asked, thoughts: str) -> bytes:
        """Events before the first text, with the model's thinking if there is any."""
        ...

    def around_text(self, asked: Asked, thoughts: str) -> tuple[bytes, bytes]:
        """What stands before and after the JSON string in a text event."""
        ...

    def closing(self, asked: Asked, finish: str, output_tokens: int, thought_tokens: int) -> list[bytes]:
        """Events after the last text, those with usage and finish reason included. `finish`: `stop` or `length`."""
        ...

    def error(self, status: int, fault: Fault | None, message: str) -> tuple[int, bytes]:
        """Status and error document that the vendor gives for this fault."""
        ...

    def error_event(self, fault: Fault) -> bytes:
        """An error inside the stream."""
        ...


def bearer(headers: Mapping[str, str]) -> str:
    """The token of an `Authorization` header, or empty."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of parts with `text`."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""
