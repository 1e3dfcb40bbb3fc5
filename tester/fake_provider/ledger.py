"""What the fake provider sent to whom, kept exactly: the truth that tests and benchmarks compare with."""

from __future__ import annotations

import hashlib

import msgspec

_FINGERPRINT_CHARS = 12


def fingerprint(key: str) -> str:
    """A key's name in the ledger: the start of its SHA-256; the key itself is kept nowhere."""
    return hashlib.sha256(key.encode()).hexdigest()[:_FINGERPRINT_CHARS] if key else ""


class Entry(msgspec.Struct):
    """One request and what became of it.

    Attributes:
        api: `openai`, `anthropic` or `gemini`.
        model: Model asked for.
        path: Path and query of the request.
        key: Fingerprint of the key, empty without one.
        system: System instruction.
        prompt: The user's last message.
        max_tokens: Limit of the answer, or None.
        body: The request's document, as sent.
        status: HTTP status answered; 0 if none was.
        fault: Kind of the injected fault, or empty.
        purpose: `list`, `plan` or `judgement`; see `purpose.Purpose`.
        items: Items whose last byte was handed to the socket, in order; none where the purpose is no list.
        sent_bytes: Bytes handed to the socket.
        input_tokens: Reported usage; 0 where the stream did not get that far.
        output_tokens: Reported usage, as above.
        finish_reason: `stop`, `length`, or empty where none was sent.
        started_at: Seconds of the monotonic clock when the request was complete.
        ended_at: ... when the answer's last byte was handed to the socket or the client had left; 0 while open.
        disconnected: Whether the client left before the end.
        response_id: Name that the answer gives itself.
        earlier: The conversation before `prompt`: role (`user`, `assistant`) and text of each message, oldest first.
    """

    api: str
    model: str
    path: str
    key: str
    system: str
    prompt: str
    max_tokens: int | None
    body: dict[str, object]
    started_at: float
    status: int = 0
    fault: str = ""
    purpose: str = "list"
    items: list[str] = []
    sent_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    finish_reason: str = ""
    ended_at: float = 0.0
    disconnected: bool = False
    response_id: str = ""
    earlier: list[tuple[str, str]] = []


class Ledger(msgspec.Struct):
    """All requests of one server's life, in the order of their arrival.

    Attributes:
        entries: One an LLM request, also of refused ones.
        max_in_flight: Most requests that were open at the same time.
        connections: TCP connections accepted.
    """

    entries: list[Entry] = []
    max_in_flight: int = 0
    connections: int = 0
    in_flight: int = 0

    def opened(self, entry: Entry) -> None:
        """Enter a request."""
        self.entries.append(entry)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def closed(self, entry: Entry, now: float, *, disconnected: bool) -> None:
        """Mark a request's end; a second call changes nothing."""
        if entry.ended_at:
            return
        entry.ended_at = now
        entry.disconnected = disconnected
        self.in_flight -= 1
