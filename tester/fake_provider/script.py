"""An answer laid out in advance: the bytes to send, which items each piece completes, and how it ends."""

from __future__ import annotations

from enum import Enum
from itertools import accumulate

import msgspec

from tester.fake_provider import http
from tester.fake_provider.dialect import CHARS_PER_TOKEN, Asked, Dialect, to_json, tokens
from tester.fake_provider.faults import STATUS, Fault, FaultKind

_MESSAGES = {400: "Unsupported parameter.", 401: "Incorrect API key provided.", 403: "You do not have access.",
             404: "The model does not exist.", 429: "Rate limit reached.", 529: "Overloaded"}  # fmt: skip
_HTML = b"<!doctype html>\n<html><body><h1>Sign in to the network</h1></body></html>\n"
_NOT_UTF8 = "\u00e9".encode("latin-1")
_GARBAGE = b"data: {]not json at all\n\n"


class End(Enum):
    """What happens to the connection after the last byte."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


class Script(msgspec.Struct):
    """What one request gets.

    Attributes:
        pieces: Bytes, each sent at once.
        items_after: Items complete once the piece of the same index is sent.
        items: The answer's items; those the script reaches are counted by `items_after`.
        end: What happens then.
        status: HTTP status in the first piece; 0 if there is none.
        input_tokens: Usage that the script reports, or 0.
        output_tokens: As above.
        finish_reason: `stop`, `length`, or empty where the script does not get there.
        interval_s: Seconds between single bytes where the script drips, else 0.
    """

    pieces: list[bytes]
    items_after: list[int]
    items: list[str]
    end: End = End.KEEP
    status: int = 200
    input_tokens: int = 0
    output_tokens: int = 0
    finish_reason: str = ""
    interval_s: float = 0.0


def refusal(dialect: Dialect, status: int, fault: Fault | None, message: str, headers: dict[str, str]) -> Script:
    """The vendor's error document."""
    status, body = dialect.error(status, fault, message)
    return Script([http.whole(status, body, headers=headers)], [0], [], status=status)


def write_script(
    dialect: Dialect,
    asked: Asked,
    items: list[str],
    *,
    fault: Fault | None,
    chunk_chars: int,
    thoughts: str,
    date: str,
    padding_chars: int = 0,
) -> Script:
    """Lay out the answer to one request.

    Args:
        dialect: The vendor's protocol.
        asked: The request.
        items: Items to answer, one a line.
        fault: What goes wrong, or None.
        chunk_chars: Characters a text event.
        thoughts: The model's thinking, or empty.
        padding_chars: Characters of a comment behind each text event.
        date: `fault.retry_after_s` from now, as an HTTP date.
    """
    kind = fault.kind if fault else None
    if fault is not None and (status := STATUS.get(fault.kind)):
        headers = {}
        if fault.retry_after_s is not None:
            headers["Retry-After"] = date if fault.as_date else f"{fault.retry_after_s:g}"
        return refusal(dialect, status, fault, _MESSAGES.get(status, "The server had an error."), headers)
    match kind:
        case FaultKind.HTML:
            return Script([http.whole(200, _HTML, "text/html; charset=utf-8")], [0], [])
        case FaultKind.PLAIN_JSON:
            return Script([http.whole(200, b'{"ok":true}')], [0], [])
        case FaultKind.EMPTY:
            return Script([http.stream_head() + http.LAST_CHUNK], [0], [])
        case FaultKind.RESET:
            return Script([], [], [], End.RESET, status=0)
    script, text_events = _proper(dialect, asked, items, chunk_chars, thoughts, padding_chars)
    if fault is None:
        return script
    return _spoil(script, text_events, dialect.around_text(asked, thoughts), dialect.error_event(fault), fault)


def _proper(
    dialect: Dialect, asked: Asked, items: list[str], chunk_chars: int, thoughts: str, padding_chars: int
) -> tuple[Script, list[bytes]]:
    text, finish = "\n".join(items), "stop"
    if asked.max_tokens is not None and tokens(text) > asked.max_tokens:
        text, finish = text[: asked.max_tokens * CHARS_PER_TOKEN], "length"
    ends = list(accumulate(len(item) + 1 for item in items))
    before, after = dialect.around_text(asked, thoughts)
    after += b":" + b" " * padding_chars + b"\n\n" if padding_chars else b""
    text_events, items_after, done = [], [0], 0
    for start in range(0, len(text), chunk_chars):
        text_events.append(before + to_json(text[start : start + chunk_chars]) + after)
        # An item is whole once its line's end is sent; the last one has none.
        while done < len(ends) - 1 and ends[done] <= start + chunk_chars:
            done += 1
        items_after.append(done)
    total = len(items) if finish == "stop" else done
    closing = dialect.closing(asked, finish, tokens(text), tokens(thoughts))
    pieces = [http.stream_head()]
    if opening := dialect.opening(asked, thoughts):
        pieces[0] += http.chunk(opening)
    pieces += [http.chunk(text_event) for text_event in text_events]
    pieces += [http.chunk(closing_event) for closing_event in closing]
    pieces[-1] += http.LAST_CHUNK
    items_after += [total] * len(closing)
    return (
        Script(
            pieces,
            items_after,
            items,
            input_tokens=asked.input_tokens if asked.wants_usage else 0,
            output_tokens=tokens(text) + tokens(thoughts) if asked.wants_usage else 0,
            finish_reason=finish,
        ),
        text_events,
    )


def _spoil(
    script: Script, text_events: list[bytes], around_text: tuple[bytes, bytes], error_event: bytes, fault: Fault
) -> Script:
    """Change a proper script into one that fails in the middle of an item."""
    # The last piece before the break: one after that which completes the wanted number of items.
    complete = (i for i in range(1, len(text_events)) if script.items_after[i] >= fault.after_items)
    place = next(complete, len(text_events) - 1) + 1
    match fault.kind:
        case FaultKind.DRIP:
            script.interval_s = fault.interval_s
        case FaultKind.CONTENT_TYPE:
            script.pieces[0] = script.pieces[0].replace(b"text/event-stream", b"application/octet-stream", 1)
        case FaultKind.DUPLICATE:
            script.pieces[place] += http.chunk(text_events[place - 1])
            for index in range(len(text_events) + 1, len(script.pieces)):
                event = script.pieces[index].removesuffix(http.LAST_CHUNK)
                script.pieces[index] = event + script.pieces[index]
        case FaultKind.CUT:
            # The head of a further event: a reader has to drop it.
            _break_off(script, place, http.chunk(text_events[place - 1])[:-9], End.CLOSE)
        case FaultKind.CUT_RESET:
            _break_off(script, place, b"", End.RESET)
        case FaultKind.CUT_CLEAN:
            _break_off(script, place, http.LAST_CHUNK, End.KEEP)
        case FaultKind.STALL if fault.after_items == 0:
            script = Script([], [], [], End.HANG, status=0)
        case FaultKind.STALL:
            _break_off(script, place, b"", End.HANG)
        case FaultKind.GARBAGE:
            _break_off(script, place, http.chunk(_GARBAGE) + http.LAST_CHUNK, End.KEEP)
        case FaultKind.ERROR_EVENT:
            _break_off(script, place, http.chunk(error_event) + http.LAST_CHUNK, End.KEEP)
        case FaultKind.ENCODING:
            before, after = around_text
            bad = http.chunk(before + b'"' + _NOT_UTF8 + b'"' + after)
            _break_off(script, place, bad + http.LAST_CHUNK, End.KEEP)
        case FaultKind.LONG_LINE:
            _break_off(script, place, http.chunk(b"data: " + b"x" * fault.line_bytes) + http.LAST_CHUNK, End.KEEP)
    return script


def _break_off(script: Script, place: int, last: bytes, end: End) -> None:
    del script.pieces[place + 1 :], script.items_after[place + 1 :]
    script.pieces.append(last)
    script.items_after.append(script.items_after[-1])
    script.end = end
    script.finish_reason, script.output_tokens = "", 0
    script.input_tokens = 0
