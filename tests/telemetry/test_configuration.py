from __future__ import annotations

from typing import Literal

import pytest

from contract.errors import ConfigurationError
from contract.messages import Secret, TelemetrySetup
from telemetry.configuration import shown, telemetry_setup, trace_endpoint

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def _addresses(setup: TelemetrySetup | None) -> tuple[str, str | None, str | None]:
    assert setup is not None
    return (
        setup.protocol,
        None if setup.traces is None else setup.traces.reveal(),
        None if setup.metrics is None else setup.metrics.reveal(),
    )


@pytest.mark.parametrize(
    ("endpoint", "environment", "wanted"),
    [
        ("http://h:4318", {}, ("http/protobuf", "http://h:4318/v1/traces", "http://h:4318/v1/metrics")),
        ("http://h:4318/", {}, ("http/protobuf", "http://h:4318/v1/traces", "http://h:4318/v1/metrics")),
        ("http://h/v1/traces", {}, ("http/protobuf", "http://h/v1/traces", "http://h/v1/metrics")),
        ("https://h/api/otel", {}, ("http/protobuf", "https://h/api/otel/v1/traces", "https://h/api/otel/v1/metrics")),
        ("http://h:4317", {}, ("grpc", "http://h:4317", "http://h:4317")),
        ("grpc://h:9", {}, ("grpc", "http://h:9", "http://h:9")),
        ("grpcs://h:9", {}, ("grpc", "https://h:9", "https://h:9")),
        ("http://h:9", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("grpc", "http://h:9", "http://h:9")),
        (
            "http://h:4317",
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            ("http/protobuf", "http://h:4317/v1/traces", "http://h:4317/v1/metrics"),
        ),
        (None, {ENDPOINT: "http://e:1"}, ("http/protobuf", "http://e:1/v1/traces", "http://e:1/v1/metrics")),
        ("http://h:1", {ENDPOINT: "http://e:1"}, ("http/protobuf", "http://h:1/v1/traces", "http://h:1/v1/metrics")),
        (
            None,
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/in", "OTEL_METRICS_EXPORTER": "none"},
            ("http/protobuf", "http://t/in", None),
        ),
        (None, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m/in"}, ("http/protobuf", None, "http://m/in")),
        (
            None,
            {"OTEL_TRACES_EXPORTER": "otlp"},
            ("http/protobuf", "http://localhost:4318/v1/traces", None),
        ),
        (
            "http://h:1",
            {"OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none"},
            ("http/protobuf", "http://h:1/v1/traces", None),
        ),
    ],
)
def test_where_spans_and_metrics_go(
    endpoint: str | None, environment: dict[str, str], wanted: tuple[str, str | None, str | None]
) -> None:
    """Addresses and protocol follow --trace-ep first, then OpenTelemetry's variables."""
    assert _addresses(telemetry_setup(endpoint, environment)) == wanted


@pytest.mark.parametrize(
    ("endpoint", "environment"),
    [
        (None, {}),
        (None, {ENDPOINT: "  "}),
        ("http://h:1", {"OTEL_SDK_DISABLED": "true"}),
        (None, {ENDPOINT: "http://h:1", "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}),
        (None, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}),
        (None, {"OTEL_EXPORTER_OTLP_HEADERS": "a=b"}),
    ],
)
def test_nothing_is_exported_unless_wanted(endpoint: str | None, environment: dict[str, str]) -> None:
    """Without an address, or with OpenTelemetry's own switches, there is no telemetry."""
    assert telemetry_setup(endpoint, environment) is None


@pytest.mark.parametrize(
    "text", ["", "localhost:4318", "ftp://h", "http://", "http://h:x", "http://[h", "h", "http://h:0"]
)
def test_an_address_that_cannot_be_used_is_refused(text: str) -> None:
    """What is no http, https, grpc or grpcs address is refused with a reason that does not repeat it."""
    with pytest.raises(ValueError, match="such as http://localhost:4318"):
        trace_endpoint(text)


@pytest.mark.parametrize(
    "environment",
    [
        {ENDPOINT: "nonsense"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "nonsense"},
        {ENDPOINT: "http://h", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
        {ENDPOINT: "http://h", "OTEL_EXPORTER_OTLP_HEADERS": "authorization: Bearer x"},
        {ENDPOINT: "http://h", "OTEL_EXPORTER_OTLP_HEADERS": "a=b,secret"},
        {ENDPOINT: "http://h", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "zstd"},
        {ENDPOINT: "grpc://h", "OTEL_EXPORTER_OTLP_COMPRESSION": "deflate"},
    ],
)
def test_bad_variables_are_configuration_errors(environment: dict[str, str]) -> None:
    """A variable that cannot be used ends the command with a message that names it."""
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_"):
        telemetry_setup(None, environment)


def test_headers_travel_as_secrets_and_context_as_a_carrier() -> None:
    """The user's other OTEL_* variables go to the children inside `Secret`; TRACEPARENT becomes the carrier."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    environment = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20key",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x.api.key=key",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "TRACEPARENT": parent,
        "PATH": "/bin",
    }
    setup = telemetry_setup("http://h:1", environment)
    assert setup is not None
    assert {name: value.reveal() for name, value in setup.variables.items()} == {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20key",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x.api.key=key",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    assert setup.carrier == {"traceparent": parent}
    assert "key" not in repr(setup)


@pytest.mark.parametrize(
    ("protocol", "address", "wanted"),
    [
        ("http/protobuf", "http://user:secret@h:1/v1/traces?token=secret", "http://h:1/v1/traces"),
        ("http/protobuf", "http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/traces"),
        ("http/protobuf", "https://h/x", "https://h/x"),
        ("grpc", "http://h:4317", "grpc://h:4317"),
        ("grpc", "https://h:4317", "grpcs://h:4317"),
    ],
)
def test_messages_show_no_secret_of_an_address(
    protocol: Literal["http/protobuf", "grpc"], address: str, wanted: str
) -> None:
    """User, password and query are not shown."""
    assert shown(TelemetrySetup(protocol=protocol, traces=Secret(address))) == wanted
