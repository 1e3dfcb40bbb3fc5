"""Messages of web mode: between the service, its topic processes and its web server.

Service to topic process: `Begin` (first, once), `Steer`. Topic process to service: `Progress`, `TopicView`, `News`,
`Answer`, `LogLine`.
Service to web server: `Serve` (first, once), `Relay`, `Answer`, `Shutdown`. Web server to service: `Ready`, `Start`,
`Continue`, `Steer`, `LogLine`.

Every request (`Start`, `Continue`, `Steer`) is answered by one `Answer` with its number. Times named `*_at` are seconds
since 1970, times named `*_s` durations in seconds, money is US dollars.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from contract.discovery import DiscoveryView, ExplorationView
from contract.messages import Decoder, LogLine, Ready, Secret, Shutdown, TelemetrySetup

TopicState = Literal["starting", "running", "paused", "stopping", "finished", "interrupted", "failed"]
"""`starting`: until a producer has been ready. `interrupted`: stopped before it was done, by a person or by a process's
death; it can be continued."""
LIVE_STATES = frozenset({"starting", "running", "paused", "stopping"})

# --- what is shown --------------------------------------------------------------------------------------------


class ProviderView(msgspec.Struct, frozen=True):
    """One provider in this run.

    Attributes:
        name: `vendor:model`.
        weight: Its share of the orders relative to the others; 0: it gets none.
        calls: Calls that have ended, failed ones included.
        failures: Calls that failed.
        errors: Failed calls by reason, as in `ErrorKind`.
        new: Items that it named first.
        duplicate: Items of its answers that were known.
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        cost_usd: Spent on it; None while its price is unknown.
        in_flight: Requests that are open now.
        paused_s: Seconds until it is asked again (it asked us to wait, or fails too often); 0: it may be asked.
        disabled: Why it is not asked any more; empty while it is.
        first_chunk_p50_s: Median time to the first chunk of the last answers; None before the first.
        duration_p50_s: Median duration of the last calls.
        duration_p95_s: 95th percentile of the same.
        share: Its part of the orders now, 0 to 1: by its weight, or by what it brings for its price where all weights
            are alike.
        fresh_yield: New items that its next fresh response would bring, knowing what all the others found; None before
            its first.
        compliance: The share of listed items that it leaves out, of those that it would have named otherwise: `whole`
            for lists of the topic, `part` for those of a part; only what was measured.
    """

    name: str
    weight: float
    calls: int = 0
    failures: int = 0
    errors: dict[str, int] = {}
    new: int = 0
    duplicate: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    in_flight: int = 0
    paused_s: float = 0.0
    disabled: str = ""
    first_chunk_p50_s: float | None = None
    duration_p50_s: float | None = None
    duration_p95_s: float | None = None
    share: float = 0.0
    fresh_yield: float | None = None
    compliance: dict[str, float] = {}


class ProducerView(msgspec.Struct, frozen=True):
    """One producer and what it does now.

    Attributes:
        index: Its number.
        pid: Of its process; None while there is none.
        state: `leaving`: it finishes its open responses and then ends, because fewer producers are wanted.
        doing: The same in words: `reading 3 answers (openai:gpt-5-mini)`, `idle`, `starts again in 2 s` …
        open_orders: Responses that it is reading.
        calls: Calls that have ended.
        new: Items that it brought first.
        duplicate: Items that were known.
        restarts: How often its process was replaced.
    """

    index: int
    pid: int | None
    state: Literal["starting", "ready", "leaving", "dead"]
    doing: str
    open_orders: int = 0
    calls: int = 0
    new: int = 0
    duplicate: int = 0
    restarts: int = 0


class TopicView(msgspec.Struct, frozen=True, tag="view"):
    """Everything that is shown of a topic's run at one moment. Counts are of this run, except `unique` and `held`.

    Attributes:
        id: Name of the topic's folder.
        topic: As typed.
        state: See `TopicState`.
        at: When this was true.
        settings: The run's settings now, by name as in `Settings`, as JSON values.
        progress: What takes long while it starts, in words; else empty.
        unique: Items in `attributes.txt`.
        held: New items beyond `max_attributes`.
        new: Items that this run added.
        duplicates: Items that came again.
        refused: Pieces of output that were no items.
        calls: Calls that have ended.
        failed_calls: Calls among them that failed.
        cancelled_calls: Calls among them that were cut off by the run's own end.
        open_orders: Responses being read.
        waiting_orders: Orders that wait for another attempt.
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        tokens_estimated: Tokens among both that were counted by us.
        invalid: Items of `unique` that were judged not to belong.
        unjudged: Items of `unique` that nobody has judged; None where the run does not ask for that.
        cost_usd: Spent; None where a price is unknown.
        elapsed_s: Running time, pauses not counted.
        items_per_minute: New items a minute, lately.
        share_new: Share of new items in the last responses, 0 to 1; None before the first.
        coverage: Share of what can be found that has been found, 0 to 1; None where it is not known.
        exploration: What that estimate says in full; None as above.
        discovery: The discovery curve with its forecast, and the topic's parts; None before the first response, in
            lists of topics, and for a folder that does not tell.
        producers_alive: Producer processes that are ready.
        started_at: When this run began; None before it has.
        ended_at: When it ended; None while it goes on.
        stop_reason: As in `StopReason`; empty while it goes on.
        explanation: The same in a sentence.
        error: What went wrong, for a run that failed; else empty.
        providers: In the order of the provider list.
        producers: By index; those that are not wanted any more are left out.
    """

    id: str
    topic: str
    state: TopicState
    at: float
    settings: dict[str, Any] = {}
    progress: str = ""
    unique: int = 0
    held: int = 0
    new: int = 0
    duplicates: int = 0
    refused: int = 0
    calls: int = 0
    failed_calls: int = 0
    cancelled_calls: int = 0
    open_orders: int = 0
    waiting_orders: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tokens_estimated: int = 0
    invalid: int = 0
    unjudged: int | None = None
    cost_usd: float | None = None
    elapsed_s: float = 0.0
    items_per_minute: float = 0.0
    share_new: float | None = None
    coverage: float | None = None
    exploration: ExplorationView | None = None
    discovery: DiscoveryView | None = None
    producers_alive: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    stop_reason: str = ""
    explanation: str = ""
    error: str = ""
    providers: tuple[ProviderView, ...] = ()
    producers: tuple[ProducerView, ...] = ()


class FoundItem(msgspec.Struct, frozen=True):
    """A new item; it is in `run.db` and in `attributes.txt` already.

    Attributes:
        id: Its place in the order of discovery, from 1.
        text: The item. Untrusted.
        description: What the model said of it, or empty. Untrusted.
        provider: Who named it, `vendor:model`.
        first_at: When it was taken in.
    """

    id: int
    text: str
    description: str
    provider: str
    first_at: float


class TopicEvent(msgspec.Struct, frozen=True):
    """A line of a topic's event log, as it also stands in `events.jsonl`.

    Attributes:
        seq: Counts from 1 within the topic's folder, over all its runs.
        at: When it happened.
        level: How bad it is.
        kind: One fixed word: `started`, `retry`, `given_up`, `died`, `disabled`, `paused`, `resumed`, `changed`,
            `judging`, `stopping`, `ended`.
        text: The same in plain words.
    """

    seq: int
    at: float
    level: Literal["info", "warning", "error"]
    kind: str
    text: str


class OptionView(msgspec.Struct, frozen=True):
    """A setting of a run as a form shows it.

    Attributes:
        name: As in `Settings`.
        flag: As on the command line.
        type: Of its JSON value; a `duration` is a text such as `90s` or a number of seconds, a `list` is one of texts.
        help: What it does.
        default: What it is when it is not given, of the service's own command line and environment; None: nothing.
        choices: For a `choice`.
        minimum: Of an integer or number.
        maximum: Of the same.
    """

    name: str
    flag: str
    type: Literal["integer", "number", "text", "duration", "choice", "flag", "list"]
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


# --- what can be asked of a running topic ---------------------------------------------------------------------


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Give no new orders; open responses are finished."""


class Unpause(msgspec.Struct, frozen=True, tag="unpause"):
    """Go on after a pause."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End the run; `now`: open responses are cancelled, what they had delivered is kept."""

    now: bool = False


class Change(msgspec.Struct, frozen=True, tag="change", omit_defaults=True):
    """Change settings of a running topic; what is UNSET stays, None takes a limit away.

    Attributes:
        producers: 1 to 256. Those that are too many finish their open responses.
        concurrency: Requests in flight for each producer.
        request_size: Items asked for in a request.
        max_cost_usd: Never spend more than this in this run, what is spent already included. Responses that are open
            when it is set cannot be taken back: they may go beyond.
        max_time_s: End after this running time, that so far included.
        weights: Provider name to weight, 0 or more, at least one above 0; those not named stay.
    """

    producers: int | UnsetType = UNSET
    concurrency: int | UnsetType = UNSET
    request_size: int | UnsetType = UNSET
    max_cost_usd: float | UnsetType | None = UNSET
    max_time_s: float | UnsetType | None = UNSET
    weights: dict[str, float] | UnsetType = UNSET


Action = Pause | Unpause | Stop | Change

# --- between the processes ------------------------------------------------------------------------------------


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """First message to a topic process: run this.

    Attributes:
        id: Name of the topic's folder.
        settings: Given settings by name, as `build_settings` takes them; the topic among them.
        environment: The service's variables, which may hold keys.
        carrier: Trace context (W3C) of the request that started it; empty when tracing is off.
        log_level: As on the command line.
    """

    id: str
    settings: dict[str, Any]
    environment: dict[str, Secret]
    carrier: dict[str, str] = {}
    log_level: str = "info"


class Steer(msgspec.Struct, frozen=True, tag="steer"):
    """Ask something of a running topic."""

    request: int
    id: str
    action: Action
    carrier: dict[str, str] = {}


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Start a run on a topic; `options` by name as in `OptionView`, unchecked values."""

    request: int
    topic: str
    options: dict[str, Any] = {}
    carrier: dict[str, str] = {}


class Continue(msgspec.Struct, frozen=True, tag="continue"):
    """Continue a topic that does not run, with its last settings and these changes."""

    request: int
    id: str
    options: dict[str, Any] = {}
    carrier: dict[str, str] = {}


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """What became of a request.

    Attributes:
        request: Its number.
        error: Why not, in words for the user; empty for success.
        status: HTTP status that says the same: 200, 400 (a wrong value), 404 (no such topic), 409 (not in this state).
        id: The topic's, where one was started.
    """

    request: int
    error: str = ""
    status: int = 200
    id: str = ""


class News(msgspec.Struct, frozen=True, tag="news", omit_defaults=True):
    """What happened since the last one.

    Attributes:
        items: New items, in order. Not all of them when they come faster than they can be shown: ids tell the gap.
        events: New lines of the event log.
    """

    items: tuple[FoundItem, ...] = ()
    events: tuple[TopicEvent, ...] = ()


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """What takes long before the run goes on, in words."""

    text: str


class Serve(msgspec.Struct, frozen=True, tag="serve"):
    """First message to the web server.

    Attributes:
        output: The folder that holds the topics' folders, an absolute path.
        hosts: Names under which it may be called, beside any address; without port.
        port: The port that it listens on.
        token: What callers must know; None: nothing (loopback only).
        options: Settings that a run can be given.
        providers: What `--provider` understands, as suggestions: `(value, description)`.
        log_level: As on the command line.
        telemetry: Where its spans go.
    """

    output: str
    hosts: tuple[str, ...]
    port: int
    token: Secret | None = None
    options: tuple[OptionView, ...] = ()
    providers: tuple[tuple[str, str], ...] = ()
    log_level: str = "info"
    telemetry: TelemetrySetup | None = None


class Relay(msgspec.Struct, frozen=True, tag="relay"):
    """News of one topic for the web server."""

    id: str
    content: TopicView | News


FromTopic = Ready | Progress | TopicView | News | Answer | LogLine
ToTopic = Begin | Steer | Shutdown
FromWebServer = Ready | Start | Continue | Steer | LogLine
ToWebServer = Serve | Relay | Answer | Shutdown

decode_from_child: Decoder[FromTopic | FromWebServer] = Decoder(FromTopic | FromWebServer, "to the service")
decode_to_topic: Decoder[ToTopic] = Decoder(ToTopic, "to a topic process")
decode_to_web_server: Decoder[ToWebServer] = Decoder(ToWebServer, "to the web server")
