"""Whether spans and metrics are wanted, and where they go: from `--trace-ep` and the standard `OTEL_*` variables.

Imports nothing of OpenTelemetry: a run without tracing pays for none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from contract.errors import ConfigurationError
from contract.messages import Secret, TelemetrySetup

_SIGNALS = ("", "TRACES_", "METRICS_", "LOGS_")
HEADER_VARIABLES = tuple(f"OTEL_EXPORTER_OTLP_{signal}HEADERS" for signal in _SIGNALS)
SECRET_VARIABLES = HEADER_VARIABLES + tuple(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT" for signal in _SIGNALS)
"""Variables that may hold keys: no child inherits them."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110)."""

_GRPC_PORT = 4317
_DEFAULT_ENDPOINT = "http://localhost:4318"
_PATHS = {"traces": "/v1/traces", "metrics": "/v1/metrics"}
_SCHEMES = {"http": "http", "https": "https", "grpc": "http", "grpcs": "https"}
_COMPRESSION = re.compile("OTEL_EXPORTER_OTLP_(TRACES_|METRICS_)?COMPRESSION")
_COMPRESSIONS = {"http/protobuf": ("gzip", "deflate", "none"), "grpc": ("gzip", "none")}
_HANDLED = ("_ENDPOINT", "_PROTOCOL", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")

Protocol = Literal["http/protobuf", "grpc"]
Signal = Literal["traces", "metrics"]


def trace_endpoint(text: str) -> str:
    """A usable OTLP address. Raises `ValueError` with the reason; the address may hold a password and is not shown."""
    try:
        address = text.strip()
        parts = urlsplit(address)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        usable = usable and not any(character.isspace() for character in address)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("it is not an http, https, grpc or grpcs address, such as http://localhost:4318")
    return text.strip()


def telemetry_setup(endpoint: str | None, environment: Mapping[str, str]) -> TelemetrySetup | None:
    """Where spans and metrics go; None where nothing is to be exported.

    Args:
        endpoint: `--trace-ep`, which comes before the variables. `http(s)://host:port` is OTLP over HTTP, except on
            port 4317; `grpc(s)://host:port` is OTLP over gRPC. A path is kept, `/v1/traces` is added where it is
            missing (over HTTP).
        environment: Variables; read are those that OpenTelemetry names `OTEL_*`, `TRACEPARENT` and `TRACESTATE`.

    Raises:
        ConfigurationError: An address or a protocol that cannot be used.
    """
    variables = {name: value.strip() for name, value in environment.items() if value.strip()}
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if not _wanted(endpoint, variables):
        return None
    protocol = _protocol(endpoint, variables)
    addresses: dict[Signal, str | None] = {
        signal: _address(signal, endpoint, protocol, variables) for signal in ("traces", "metrics")
    }
    if not any(addresses.values()):
        return None
    _check_values(variables, protocol)
    carrier = {name: variables[name.upper()] for name in ("traceparent", "tracestate") if name.upper() in variables}
    return TelemetrySetup(
        protocol=protocol,
        traces=_secret(addresses["traces"]),
        metrics=_secret(addresses["metrics"]),
        variables={
            name: Secret(value)
            for name, value in variables.items()
            if name.startswith("OTEL_")
            and not name.endswith(_HANDLED)
            and not (_COMPRESSION.fullmatch(name) and value.lower() == "none")  # gRPC's exporter does not know the word
        },
        carrier=carrier,
    )


def shown(setup: TelemetrySetup) -> str:
    """Where the traces go, without user, password and query, for messages."""
    if setup.traces is None:
        return "nowhere"
    address = without_secrets(setup.traces.reveal())
    return address.replace("http", "grpc", 1) if setup.protocol == "grpc" else address


def without_secrets(address: str) -> str:
    """An address without user, password and query."""
    parts = urlsplit(address.strip())
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


def _check_values(variables: Mapping[str, str], protocol: Protocol) -> None:
    """Refuse what the exporters would leave out without a word. The values may hold keys and are not shown."""
    for name in HEADER_VARIABLES:
        for pair in variables.get(name, "").split(","):
            header, equals, _ = pair.strip().partition("=")
            if pair.strip() and not (equals and _TOKEN.fullmatch(header.strip())):
                raise ConfigurationError(f"{name}: a header is not name=value; write name=value,name=value")
    for name, value in variables.items():
        if _COMPRESSION.fullmatch(name) and value.lower() not in _COMPRESSIONS[protocol]:
            allowed = ", ".join(_COMPRESSIONS[protocol])
            raise ConfigurationError(f"{name}: {value[:40]!r} is not one of {allowed} (over {protocol})")


def _secret(address: str | None) -> Secret | None:
    return None if address is None else Secret(address)


def _wanted(endpoint: str | None, variables: Mapping[str, str]) -> bool:
    """Whether anything is to be exported, wherever to."""
    if endpoint is not None:
        return True
    everywhere = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    for signal in ("TRACES", "METRICS"):
        exporter = variables.get(f"OTEL_{signal}_EXPORTER")
        somewhere = everywhere or variables.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or exporter == "otlp"
        if exporter != "none" and somewhere:
            return True
    return False


def _protocol(endpoint: str | None, variables: Mapping[str, str]) -> Protocol:
    told = variables.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or variables.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    address = endpoint or variables.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
    address = address or variables.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    parts = (
        urlsplit(_checked("--trace-ep" if endpoint else "OTEL_EXPORTER_OTLP_ENDPOINT", address)) if address else None
    )
    if parts is not None and parts.scheme in ("grpc", "grpcs"):
        return "grpc"
    if told == "grpc" or told == "http/protobuf":
        return "grpc" if told == "grpc" else "http/protobuf"
    if told is not None:
        raise ConfigurationError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: {told[:40]!r} is not supported: use http/protobuf or grpc"
        )
    return "grpc" if parts is not None and parts.port == _GRPC_PORT else "http/protobuf"


def _address(signal: Signal, endpoint: str | None, protocol: Protocol, variables: Mapping[str, str]) -> str | None:
    exporter = variables.get(f"OTEL_{signal.upper()}_EXPORTER")
    if exporter == "none" and (endpoint is None or signal == "metrics"):
        return None
    own = variables.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    base = endpoint or variables.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if own is not None and endpoint is None:
        return _normal(_checked(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", own))
    if base is None:
        return _DEFAULT_ENDPOINT + _PATHS[signal] if exporter == "otlp" else None
    base = _normal(_checked("--trace-ep" if endpoint else "OTEL_EXPORTER_OTLP_ENDPOINT", base))
    if protocol == "grpc":
        return base
    parts = urlsplit(base)
    path = parts.path.rstrip("/")
    for suffix in _PATHS.values():
        path = path.removesuffix(suffix)
    return urlunsplit((parts.scheme, parts.netloc, path + _PATHS[signal], parts.query, ""))


def _normal(address: str) -> str:
    """The address with the scheme that the exporters know."""
    parts = urlsplit(address)
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, parts.path, parts.query, ""))


def _checked(name: str, address: str) -> str:
    try:
        return trace_endpoint(address)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None
