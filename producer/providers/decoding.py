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
from producer.providers.error_text import one_line, scrub
from producer.providers.sse import Event, SseDecoder

MAX_NAME_CHARS = 200
"""Longest response id and model name that is kept; real ones have some dozens."""

_UNTOLD = msgspec.Raw()

_texts = msgspec.json.Decoder(str)


class Piece(msgspec.Struct, frozen=True, gc=False):
    """What one event says.

    Attributes:
        text: Text of the answer; thinking is not text.
        finish_reason: Why the model stopped, if it did, in our words.
        usage: Tokens so far or in all, if reported.
        done: Whether this event is the protocol's end mark.
        response_id: The answer's name as it stands in the event; empty if it is not told. Any JSON, because nothing of
            the answer depends on it, and not decoded, because servers repeat it in every event.
        response_model: The model that answers; as above.
    """

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    done: bool = False
    response_id: msgspec.Raw = _UNTOLD
    response_model: msgspec.Raw = _UNTOLD


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

    Args:
        events: Fresh decoder of the vendor's events.
        key: The key, so that a server cannot get it into the names that it tells.

    Attributes:
        failure: Set when the stream cannot be read on; the chunk returned with it is still valid.
        finished: Whether a finish reason has come: from then on nothing can be lost.
        done: Whether nothing more is to come.
    """

    def __init__(self, events: EventDecoder, key: str | None = None) -> None:
        self._sse = SseDecoder()
        self._events = events
        self._key = key
        self._usage: Usage | None = None
        self._usage_given = False
        self._understood = False
        self._response_id: str | None = None
        self._response_model: str | None = None
        self.failure: ProviderError | None = None
        self.finished = False
        self.done = False

    def feed(self, data: bytes) -> Chunk | None:
        """Add received bytes; return what they brought, or None if that is nothing."""
        texts: list[str] = []
        finish_reason = response_id = response_model = None
        try:
            for event in self._sse.feed(data):
                piece = self._events.decode(event)
                if piece is None:
                    continue
                self._understood = True
                if self._response_id is None:
                    self._response_id = response_id = self._name(piece.response_id)
                if self._response_model is None:
                    self._response_model = response_model = self._name(piece.response_model)
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
        if not (texts or finish_reason or usage or response_id or response_model):
            return None
        return Chunk("".join(texts), finish_reason, usage, response_id, response_model)

    def _name(self, value: msgspec.Raw) -> str | None:
        """A name out of the JSON that the server sent for it, made fit for a span; None if it is none."""
        if not len(value):
            return None
        try:
            text = _texts.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        # Empty is none: Azure opens its streams with an event about filters whose id and model are empty.
        return one_line(scrub(text, self._key), MAX_NAME_CHARS) or None

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
