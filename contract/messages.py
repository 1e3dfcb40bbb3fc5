"""Messages between the orchestrator and its producers, and their one encoding (MessagePack through msgspec).

Orchestrator to producer: `Configure` (first, once), `Order`, `KnownKeys`, `Cancel`, `Shutdown`.
Producer to orchestrator: `Ready`, `ItemBatch`, `OrderDone`, `OrderFailed`, `LogLine`.

An order ends with exactly one `OrderDone` or `OrderFailed`; its batches come before that. Times named `*_at` are
seconds of the machine-wide monotonic clock, times named `*_s` are durations in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from contract.errors import ChannelError, ErrorKind
from contract.identity import Identity

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Upper bound of one encoded message. A longer one is an error of the sender, never a reason to allocate."""


class Secret(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """A key on its way to the process that needs it. Its text is shown by `reveal` alone, never by `repr` or `str`."""

    value: str

    def reveal(self) -> str:
        """The key itself; call this only where the vendor's client is made."""
        return self.value

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__


class ProviderSetup(msgspec.Struct, frozen=True):
    """One provider and model as a producer needs it.

    Attributes:
        name: Unique name within the run, e.g. `openai:gpt-5-mini`.
        api: Which adapter in `producer/providers/` speaks to it.
        model: The vendor's model name.
        base_url: Address of the API, or None for the vendor's own.
        api_key: The key, or None where none is needed.
        connect_timeout_s: Seconds for connecting.
        read_timeout_s: Seconds to wait for the first or a further chunk.
        total_timeout_s: Seconds that one call may take in all (a stream that drips for ever).
        options: Adapter-specific settings (temperature, the simulated model's parameters …).
    """

    name: str
    api: Literal["openai", "anthropic", "gemini", "simulated"]
    model: str
    base_url: str | None = None
    api_key: Secret | None = None
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    total_timeout_s: float = 600.0
    options: dict[str, Any] = {}


class TelemetrySetup(msgspec.Struct, frozen=True):
    """Where a process's spans and metrics go.

    Attributes:
        protocol: `http/protobuf` or `grpc`.
        traces: Address of the traces' receiver, with its path for HTTP; None: no spans.
        metrics: The same for metrics.
        variables: The user's other `OTEL_*` variables, by name; headers among them may hold keys.
        carrier: Context (W3C) of the span that the process's own spans stand under; empty for none.
    """

    protocol: Literal["http/protobuf", "grpc"]
    traces: Secret | None = None
    metrics: Secret | None = None
    variables: dict[str, Secret] = {}
    carrier: dict[str, str] = {}


class Configure(msgspec.Struct, frozen=True, tag="configure", omit_defaults=True):
    """First message to a producer: who it is, which providers it may be asked to use, where its spans go.

    Attributes:
        producer: Its index, from 0.
        providers: What its orders may name.
        log_level: As on the command line.
        generation: How often this producer's process was replaced.
        telemetry: None: no spans.
        identity: What counts as the same item, for advice about repeats.
    """

    producer: int
    providers: tuple[ProviderSetup, ...]
    log_level: str = "info"
    generation: int = 0
    telemetry: TelemetrySetup | None = None
    identity: Identity = Identity.NORMALIZED


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a topic that an order asks about; without anything: all of it.

    Attributes:
        facet: A sub-topic, in words. It came from a model: untrusted, one line.
        besides: Sub-topics that are asked elsewhere: only what belongs to none of them is wanted (a catch-all).
        prefix: The letters that names begin with.
        language: English name of a language whose speakers' view is wanted; names are written as in the topic.
    """

    facet: str = ""
    besides: tuple[str, ...] = ()
    prefix: str = ""
    language: str = ""

    @property
    def kind(self) -> Literal["whole", "facet", "rest", "letter", "language"]:
        """What makes it a part: the last cut, where it is a part of a part."""
        if self.prefix:
            return "letter"
        if self.language:
            return "language"
        if self.besides:
            return "rest"
        return "facet" if self.facet else "whole"


WHOLE = Scope()
"""All of the topic."""

Mode = Literal["explore", "audit", "plan", "validate"]
"""What an answer is for: `explore` looks for new items; `audit` asks afresh, and is never cut short, for the estimates;
`plan` lists sub-topics instead of items; `validate` names those of `Order.candidates` that do not belong."""


class Order(msgspec.Struct, frozen=True, tag="order", omit_defaults=True):
    """Everything one LLM call needs.

    Attributes:
        id: Unique within the topic's folder, over all its runs.
        attempt: 0 for the first try; retries keep the id.
        provider: `ProviderSetup.name` to use.
        topic: The user's topic, as typed.
        size: How many items to ask for.
        max_output_tokens: Hard limit of the answer's length.
        mode: See `Mode`.
        scope: The part of the topic that is asked about.
        avoid: Items the model is asked not to repeat.
        said: The answers so far of a conversation that this order continues, each as its items, oldest first; empty
            where it begins one. The model is asked for further items than those; they may be another model's. Read
            only where the mode is `explore`.
        candidates: Items to be judged, where the mode is `validate`.
        patience: End an exploring answer once so many items in a row were known; 0: read it to its end.
        seed: Makes the call repeatable where the provider supports it.
        carrier: Trace context (W3C), empty when tracing is off.
    """

    id: int
    attempt: int
    provider: str
    topic: str
    size: int
    max_output_tokens: int
    mode: Mode = "explore"
    scope: Scope = WHOLE
    avoid: tuple[str, ...] = ()
    said: tuple[tuple[str, ...], ...] = ()
    candidates: tuple[str, ...] = ()
    patience: int = 0
    seed: int | None = None
    carrier: dict[str, str] = {}


KNOWN_KEY_BYTES = 8
"""Of each known item's key so many bytes travel: enough for advice, half of what the store decides by."""


class KnownKeys(msgspec.Struct, frozen=True, tag="known"):
    """Items that are known since the last such message: the first `KNOWN_KEY_BYTES` of each one's key, joined."""

    keys: bytes


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Stop this order's stream now; items received so far are sent, then `OrderFailed(kind=cancelled)`."""

    order_id: int


class Shutdown(msgspec.Struct, frozen=True, tag="shutdown"):
    """End the process. Open orders are cancelled first, and their end is reported."""


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One list item as the model gave it, cleaned of list marks.

    Attributes:
        text: The item, one line, no control characters, never empty.
        description: What stood behind the name ("Name: description"), or empty.
    """

    text: str
    description: str = ""


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """Output that the item parser did not take for an item.

    Attributes:
        text: The refused text, shortened for keeping.
        reason: A short fixed word: `preamble`, `overlong`, `repetition`, `cut_off` …
        count: How many in a row this stands for.
    """

    text: str
    reason: str
    count: int = 1


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one call as the provider reported them; `estimated` when we had to count characters instead."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The producer can take orders."""

    pid: int
    start_s: float


class ItemBatch(msgspec.Struct, frozen=True, tag="items", omit_defaults=True):
    """Items of one order, sent as they are complete.

    Attributes:
        order_id: The order they answer.
        attempt: The attempt they came in.
        items: In the order the model gave them.
        refused: What the parser refused meanwhile.
        completed_at: When the first item of this batch was complete in the producer.
        carrier: Trace context, empty when tracing is off.
    """

    order_id: int
    attempt: int
    items: tuple[Item, ...]
    refused: tuple[Refusal, ...] = ()
    completed_at: float = 0.0
    carrier: dict[str, str] = {}


class OrderDone(msgspec.Struct, frozen=True, tag="done", omit_defaults=True):
    """The call succeeded: the stream came to its end with a finish reason.

    `finish_reason` is the vendor's, or ours where we ended the stream: `looping` (the model repeated itself) or
    `repeating` (see `Order.patience`). `usage` is estimated then.
    """

    order_id: int
    attempt: int
    usage: Usage | None
    finish_reason: str
    items: int
    refused: int
    time_to_first_chunk_s: float
    duration_s: float


class OrderFailed(msgspec.Struct, frozen=True, tag="failed", omit_defaults=True):
    """The call failed; the items sent before are valid.

    `unsent`: the request certainly never reached the provider, so that it cost nothing.
    """

    order_id: int
    attempt: int
    kind: ErrorKind
    message: str
    items: int
    refused: int = 0
    usage: Usage | None = None
    status: int | None = None
    retry_after_s: float | None = None
    time_to_first_chunk_s: float | None = None
    duration_s: float = 0.0
    unsent: bool = False


class LogLine(msgspec.Struct, frozen=True, tag="log", omit_defaults=True):
    """A log record of a child, to be written by the orchestrator: one writer keeps the display whole.

    Attributes:
        level: As in `logging`.
        logger: The logger's name.
        text: The formatted record.
        trace_id: Of the span that it belongs to, 32 hexadecimal digits; empty when tracing is off.
        span_id: The same, 16 hexadecimal digits.
    """

    level: int
    logger: str
    text: str
    trace_id: str = ""
    span_id: str = ""


ToProducer = Configure | Order | KnownKeys | Cancel | Shutdown
FromProducer = Ready | ItemBatch | OrderDone | OrderFailed | LogLine

_encoder = msgspec.msgpack.Encoder()
M = TypeVar("M")


def encode(message: msgspec.Struct) -> bytes:
    """Encode one message.

    Raises:
        ChannelError: The message is longer than `MAX_MESSAGE_BYTES`, or holds what cannot be sent: text that is no
            Unicode, a number that is too large.
    """
    try:
        data = _encoder.encode(message)
    except (UnicodeEncodeError, OverflowError, RecursionError, TypeError, msgspec.MsgspecError) as error:
        raise ChannelError(f"cannot encode a {type(message).__name__}: {error}") from error
    if len(data) > MAX_MESSAGE_BYTES:
        raise ChannelError(f"a {type(message).__name__} of {len(data)} bytes is over the limit")
    return data


class Decoder(Generic[M]):
    """Decodes the messages that one end of a channel receives.

    Args:
        messages: Their union.
        direction: In words: "to a producer".
    """

    def __init__(self, messages: Any, direction: str) -> None:
        self._decode: Callable[[bytes | bytearray | memoryview], M] = msgspec.msgpack.Decoder(messages).decode
        self._direction = direction

    def __call__(self, data: bytes | bytearray | memoryview) -> M:
        """Decode one message. Raises `ChannelError` for anything else."""
        try:
            return self._decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ChannelError(f"not a message {self._direction}: {error}") from error


decode_to_producer: Decoder[ToProducer] = Decoder(ToProducer, "to a producer")
decode_from_producer: Decoder[FromProducer] = Decoder(FromProducer, "from a producer")
