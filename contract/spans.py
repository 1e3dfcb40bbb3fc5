"""Every name that stands in a span, a metric or a carrier: spans, attributes, resource, units, buckets.

They follow OpenTelemetry's conventions for generative AI, messaging, HTTP and processes (core 1.44; GenAI has a
repository of its own, and nothing of GenAI or messaging is stable yet); `app.*` names are ours. When a convention
changes, this module changes.

::

    orchestrator run                          the run; its parent is whoever started it (TRACEPARENT)
    ├── process started                       zero length, sent at once: this process was here
    ├── spawn producer                        from the start of the process until it is ready
    │   ├── process started
    │   └── producer run                      the last span of a producer: says how many it emitted
    │       └── order              ─link─▶ send orders
    │           ├── {operation} {model}       the call to the model
    │           │   └── POST                  its HTTP request, where there is one
    │           └── send items
    ├── send orders
    ├── process items              ─link─▶ send items
    ├── write attributes           ─link─▶ process items
    └── producer exited            ─link─▶ spawn producer

In web mode:

::

    orchestrator service                      its parent is whoever started it (TRACEPARENT)
    ├── process started
    └── spawn webserver                       until it takes requests
        ├── webserver run
        │   ├── process started
        │   └── {METHOD} {route}              a request; under its caller's span where it names one (traceparent)
        │       └── spawn topic               until the topic's process has begun
        │           ├── orchestrator run      as above
        │           └── topic exited   ─link─▶ spawn topic
        └── webserver exited       ─link─▶ spawn webserver

    webserver run                             the web server's life; the last span of its process
    ├── process started
    ├── {METHOD} {route}                      a request without a trace context of its own
    └── GET /api/v1/live                      a live connection, as long as it lasted

No span stands for an item. `send items`, `process items` and `write attributes` stand for what an order's stream
brought within `WINDOW_DELAYS` export delays, however many messages that were: their number grows with time, not with
items.
"""

from __future__ import annotations

# --- spans ---------------------------------------------------------------------------------------------------
RUN = "orchestrator run"
PROCESS_STARTED = "process started"
SPAWN = "spawn producer"
PRODUCER_RUN = "producer run"
PRODUCER_EXITED = "producer exited"
SEND_ORDERS = "send orders"
ORDER = "order"
ATTEMPT = "POST"
SEND_ITEMS = "send items"
PROCESS_ITEMS = "process items"
WRITE = "write attributes"
SERVICE = "orchestrator service"
SPAWN_WEB_SERVER = "spawn webserver"
WEB_SERVER_EXITED = "webserver exited"
SPAWN_TOPIC = "spawn topic"
TOPIC_EXITED = "topic exited"
WEBSERVER_RUN = "webserver run"


def inference_name(operation: str, model: str) -> str:
    """Name of the span of a call to a model: `{gen_ai.operation.name} {gen_ai.request.model}`."""
    return f"{operation} {model}"


# --- attributes of the conventions ---------------------------------------------------------------------------
ERROR_TYPE = "error.type"
FILE_PATH = "file.path"
FILE_SIZE = "file.size"

GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_PROVIDER = "gen_ai.provider.name"
GEN_AI_MODEL = "gen_ai.request.model"
GEN_AI_STREAM = "gen_ai.request.stream"
GEN_AI_MAX_TOKENS = "gen_ai.request.max_tokens"
GEN_AI_TEMPERATURE = "gen_ai.request.temperature"
GEN_AI_SEED = "gen_ai.request.seed"
GEN_AI_REASONING_LEVEL = "gen_ai.request.reasoning.level"
GEN_AI_RESPONSE_ID = "gen_ai.response.id"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_FINISH_REASONS = "gen_ai.response.finish_reasons"
GEN_AI_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
GEN_AI_INPUT_MESSAGES = "gen_ai.input.messages"
GEN_AI_OUTPUT_MESSAGES = "gen_ai.output.messages"
GEN_AI_MODALITY = "gen_ai.token.modality"

HTTP_METHOD = "http.request.method"
HTTP_METHOD_OTHER = "_OTHER"
"""In place of a method that HTTP does not know."""
HTTP_RESEND_COUNT = "http.request.resend_count"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
URL_FULL = "url.full"
URL_PATH = "url.path"
URL_SCHEME = "url.scheme"
CLIENT_ADDRESS = "client.address"
USER_AGENT = "user_agent.original"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"

MESSAGING_SYSTEM = "messaging.system"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_PARTITION = "messaging.destination.partition.id"
MESSAGING_OPERATION = "messaging.operation.name"
MESSAGING_OPERATION_TYPE = "messaging.operation.type"
MESSAGING_COUNT = "messaging.batch.message_count"
MESSAGING_ID = "messaging.message.id"

PROCESS_EXIT_CODE = "process.exit.code"
PROCESS_PID = "process.pid"
PROCESS_PARENT_PID = "process.parent_pid"

# --- attributes of ours --------------------------------------------------------------------------------------
TOPIC = "app.topic"
TOPIC_ID = "app.topic.id"
"""Name of the topic's folder."""
PRODUCERS = "app.producers"
CONCURRENCY = "app.concurrency"
REQUEST_SIZE = "app.request.size"
PROVIDERS = "app.providers"
PROCESS_ROLE = "app.process.role"
STOP_REASON = "app.stop.reason"
COVERAGE = "app.coverage"
"""Share of a fresh answer's items that is known when the run ends, 0 to 1; this and the next five only where there
are estimates."""
COVERAGE_LOW = "app.coverage.low"
COVERAGE_HIGH = "app.coverage.high"
"""Its 90 % interval."""
COVERAGE_RESPONSES = "app.coverage.responses"
"""Fresh responses that it stands on, those of earlier runs included."""
COVERAGE_DISTINCT_AT_MOST = "app.coverage.distinct_at_most"
"""Known items divided by a lower bound on all distinct ones."""
NEXT_YIELD = "app.next.yield"
"""New items that one more response is expected to bring."""
COST_USD = "app.cost.usd"
INPUT_TOKENS = "app.tokens.input"
OUTPUT_TOKENS = "app.tokens.output"
"""Of the whole run. Not `gen_ai.usage.*`: whoever sums that up over all spans would count every token twice."""

PRODUCER_INDEX = "app.producer.index"
PRODUCER_GENERATION = "app.producer.generation"
"""0 for the first process in a producer's place, 1 for the one that replaced it …"""
CHILD_PID = "app.child.pid"
EXIT_SIGNAL = "app.exit.signal"
"""Name of the signal that killed a process, e.g. `SIGKILL`."""
EXIT_EXPECTED = "app.exit.expected"
"""Whether the process had been asked to end."""

ORDER_ID = "app.order.id"
ORDER_ATTEMPT = "app.order.attempt"
"""0 for the first try of an order."""
ORDER_REPLACES = "app.order.replaces"
"""The order that failed at another provider and of which this one asks for what is missing."""
ORDER_MODE = "app.order.mode"
ORDER_SCOPE = "app.order.scope"
"""What kind of part of the topic it asks about: `whole`, `facet`, `rest`, `letter` or `language`. Its name is a model's
words, and stands in no span."""
ORDER_SIZE = "app.order.size"
ORDER_AVOID = "app.order.avoid"
"""Items on the avoid-list."""
ORDER_SAID = "app.order.said"
"""Earlier answers of the conversation that the order continues."""
ORDERS = "app.orders"
PROVIDER = "app.provider"
"""`vendor:model`, as the command line names it."""
USAGE_ESTIMATED = "app.usage.estimated"

ITEMS_PARSED = "app.items.parsed"
ITEMS_REFUSED = "app.items.refused"
ITEMS_SENT = "app.items.sent"
ITEMS_RECEIVED = "app.items.received"
ITEMS_NEW = "app.items.new"
ITEMS_DUPLICATE = "app.items.duplicate"
ITEMS_HELD = "app.items.held"
"""New items beyond `--max-attributes`, which are not written."""
ITEMS_BLANK = "app.items.blank"
"""Items that were nothing but white space or control characters."""
ITEMS_LATE = "app.items.late"
"""Items that came after their order had been closed, and were not taken in."""
ITEMS_PARTS = "app.items.parts"
"""What the answers to plans named: parts of the topic, no items."""
ITEMS_JUDGEMENTS = "app.items.judgements"
"""What the answers to validating orders named: items that were found before, and do not belong."""
ITEMS_WRITTEN = "app.items.written"
ITEMS_UNIQUE = "app.items.unique"
WRITES = "app.writes"
WRITE_SECONDS = "app.write.duration"

SPANS_EMITTED = "app.spans.emitted"
"""On the last span of a process: spans that it has ended, this one included. Fewer received means loss."""

# --- resource ------------------------------------------------------------------------------------------------
SERVICE_NAMESPACE = "service.namespace"
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
SERVICE_INSTANCE = "service.instance.id"
NAMESPACE = "topic-orchestrator"
ORCHESTRATOR = "orchestrator"
PRODUCER = "producer"
WEBSERVER = "webserver"

# --- values --------------------------------------------------------------------------------------------------
CHANNEL = "topic_orchestrator.channel"
"""`messaging.system` of the channels between our processes."""
ORDERS_DESTINATION = "orders"
ITEMS_DESTINATION = "items"
SEND = "send"
PROCESS = "process"
TEXT = "text"

GEN_AI_NAMES = {
    "openai": ("chat", "openai"),
    "anthropic": ("chat", "anthropic"),
    "gemini": ("generate_content", "gcp.gemini"),
    "simulated": ("chat", "simulated"),
}
"""`gen_ai.operation.name` and `gen_ai.provider.name` by `ProviderSetup.api`."""


def messaging(operation: str, destination: str) -> dict[str, str]:
    """What every span of sending or processing messages tells: `operation` is `SEND` or `PROCESS`."""
    return {
        MESSAGING_SYSTEM: CHANNEL,
        MESSAGING_DESTINATION: destination,
        MESSAGING_OPERATION: operation,
        MESSAGING_OPERATION_TYPE: operation,
    }


WINDOW_DELAYS = 5
"""Length of the windows of `send items`, `process items` and `write attributes`, in export delays: 1 s, or 250 ms
under the tester."""
EXPORT_DELAY_S = 0.2
"""Seconds that a span waits for its export; `OTEL_BSP_SCHEDULE_DELAY` (milliseconds) sets it."""

# --- metrics -------------------------------------------------------------------------------------------------
METRIC_DURATION = "gen_ai.client.inference.duration"
METRIC_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"
METRIC_INPUT_TOKENS = "gen_ai.client.inference.usage.input_tokens"
METRIC_OUTPUT_TOKENS = "gen_ai.client.inference.usage.output_tokens"
METRIC_CACHED_TOKENS = "gen_ai.client.inference.usage.cache_read.input_tokens"
METRIC_REASONING_TOKENS = "gen_ai.client.inference.usage.reasoning.output_tokens"
METRIC_ITEMS_NEW = "app.items.new"
METRIC_ITEMS_DUPLICATE = "app.items.duplicate"
METRIC_ITEMS_REFUSED = "app.items.refused"
METRIC_ITEMS_UNIQUE = "app.items.unique"
METRIC_COST = "app.cost"
METRIC_ORDERS_OPEN = "app.orders.open"
METRIC_ORDERS_WAITING = "app.orders.waiting"
METRIC_QUEUE_DEPTH = "app.queue.depth"
METRIC_PRODUCERS_READY = "app.producers.ready"
METRIC_RESTARTS = "app.producer.restarts"
METRIC_TOPIC_INPUT_TOKENS = "app.tokens.input"
METRIC_TOPIC_OUTPUT_TOKENS = "app.tokens.output"
METRIC_HTTP_DURATION = "http.server.request.duration"
METRIC_LIVE_CONNECTIONS = "app.live.connections"

SECONDS = "s"
TOKENS = "{token}"
ITEMS = "{item}"
DURATION_BUCKETS = tuple(0.01 * 2**power for power in range(14))
"""0.01 s doubling to 81.92 s, as the convention asks."""
HTTP_DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, as the convention advises."""
