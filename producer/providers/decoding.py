"""What the three vendors' streams have in common: events become chunks, and the answer's end is known.

A decoder is a pure function with a memory: bytes in, chunks out, no I/O. What a vendor's stream looks like stands in
the vendor's own file, as msgspec structs with the few fields that are needed.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from contract.errors import BadResponse, ProviderError, StreamTruncated
from contract.messages import Usage
from producer.providers.base import Chunk
from producer.providers.sse import Event, SseDecoder


class Piece(msgspec.Struct, frozen=True, gc=False):
    """What one event says.

    Attributes:
        text: Text of the answer; thinking is not text.
        finish_reason: Why the model stopped, if it did, in our words.
        usage: Tokens so far or in all, if reported.
        done: Whether this event is the protocol's end mark.
    """

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    done: bool = False


class EventDecoder(Protocol):
    """One answer's events in a vendor's form; may remember what it needs between two of them."""

    def decode(self, event: Event) -> Piece | None:
        """Read one event; None if it says nothing about the answer.

        Raises:
            ProviderError: It reports an error.
            msgspec.MsgspecError, UnicodeDecodeError: It is not what the vendor sends.
        """
        ...


class AnswerDecoder:
    """Collects one answer: joins all text of one network read, and tells the end from a break.

    Attributes:
        failure: Set when the stream cannot be read on; the chunk returned with it is still valid.
        finished: Whether a finish reason has come: from then on nothing can be lost.
        done: Whether nothing more is to come.
    """

    def __init__(self, events: EventDecoder) -> None:
        self._sse = SseDecoder()
        self._events = events
        self._usage: Usage | None = None
        self._usage_given = False
        self._understood = False
        self.failure: ProviderError | None = None
        self.finished = False
        self.done = False

    def feed(self, data: bytes) -> Chunk | None:
        """Add received bytes; return what they brought, or None if that is nothing."""
        texts: list[str] = []
        finish_reason = None
        try:
            for event in self._sse.feed(data):
                piece = self._events.decode(event)
                if piece is None:
                    continue
                self._understood = True
                if piece.text and not self.finished:
                    texts.append(piece.text)
                if piece.usage is not None:
                    self._usage = piece.usage
                if piece.finish_reason is not None and not self.finished:
                    self.finished = True
                    finish_reason = piece.finish_reason
                if piece.done:
                    self.done = True
                    break
        except ProviderError as error:
            self.failure = error
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.failure = BadResponse("the stream holds an event that cannot be read")
        usage = None
        if self.finished and not self._usage_given:
            usage = self._usage
            self._usage_given = usage is not None
        if not texts and finish_reason is None and usage is None:
            return None
        return Chunk("".join(texts), finish_reason, usage)

    def close(self, content_type: str) -> Chunk | None:
        """The stream has ended: return what its last, unterminated event holds; then `failure` or `finished` is set."""
        chunk = None if self.done or self.failure is not None else self._last()
        if not self.finished and self.failure is None:
            if self._understood:
                self.failure = StreamTruncated("the stream ended before the model had finished")
            else:
                kind = "".join(c for c in content_type if c.isprintable())[:60] or "nothing"
                self.failure = BadResponse(f"the answer is not a model's stream ({kind})")
        return chunk

    def _last(self) -> Chunk | None:
        # Some servers forget the blank line after their last event.
        chunk = self.feed(b"\n\n")
        if isinstance(self.failure, BadResponse) and self._understood and not self.finished:
            # What cannot be read here is the beginning of an event.
            self.failure = StreamTruncated("the stream ended in the middle of an event")
        return chunk
