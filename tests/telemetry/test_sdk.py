from __future__ import annotations

import os
import threading

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from contract import spans
from contract.messages import Secret, TelemetrySetup
from telemetry.delivery import Trouble
from telemetry.exporters import retry_no_more, span_exporter
from telemetry.sdk import Telemetry, carrier_of, current_ids, extract, links_to
from tester.collector import Collector
from tester.collector.intake import Fault

PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
WAIT_S = 20.0


def _setup(collector: Collector, **options: object) -> TelemetrySetup:
    fields: dict[str, object] = {
        "protocol": "http/protobuf",
        "traces": Secret(f"{collector.endpoint}/v1/traces"),
        "variables": {"OTEL_BSP_SCHEDULE_DELAY": Secret("60000")},
        **options,
    }
    return TelemetrySetup(**fields)  # type: ignore[arg-type]


def test_the_end_delivers_what_waits() -> None:
    """Shutting down exports the spans that wait for their delay; the last says how many there were."""
    with Collector() as collector:
        telemetry = Telemetry(_setup(collector, carrier=PARENT), spans.ORCHESTRATOR)
        for number in range(5):
            telemetry.tracer.start_span(f"span {number}", telemetry.parent).end()
        last = telemetry.tracer.start_span("last", telemetry.parent)
        last.set_attribute(spans.SPANS_EMITTED, telemetry.emitted + 1)
        last.end()
        telemetry.shut_down(WAIT_S)
        received = collector.store.spans()
    assert len(received) == 6
    assert {span.trace_id for span in received} == {"0af7651916cd43dd8448eb211c80319c"}
    assert {span.parent_id for span in received} == {"b7ad6b7169203331"}
    assert {(span.service, span.pid) for span in received} == {("orchestrator", os.getpid())}
    (told,) = [span.number(spans.SPANS_EMITTED) for span in received if span.name == "last"]
    assert told == 6


def test_a_flush_does_not_wait_for_the_delay() -> None:
    """`flush_soon` brings a span to the collector though its delay is a minute."""
    with Collector() as collector:
        telemetry = Telemetry(_setup(collector), spans.PRODUCER)
        telemetry.tracer.start_span("first").end()
        telemetry.flush_soon()
        assert collector.store.wait_for(lambda received: len(received) == 1, WAIT_S)
        telemetry.shut_down(WAIT_S)


@pytest.mark.parametrize("fault", ["refuse", "error"])
def test_a_refusing_collector_is_told_of_once_and_holds_up_nobody(fault: Fault) -> None:
    """Undelivered spans are told of once; the end does not wait for retries, though its budget here is an hour."""
    told: list[int] = []
    with Collector(fault=fault) as collector:
        telemetry = Telemetry(_setup(collector), spans.PRODUCER, lambda trouble: told.append(1))
        for _ in range(3):
            telemetry.tracer.start_span("lost").end()
            telemetry.flush_soon()
        telemetry.shut_down(3600.0)
    assert told == [1]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_the_exporters_own_log_lines_are_kept_back(protocol: str, caplog: pytest.LogCaptureFixture) -> None:
    """A program that embeds us sees no line of the exporters', of spans or metrics; the answer is told to `on_trouble`.

    Exporters of its own are heard as before.
    """
    told: list[Trouble] = []
    with Collector(fault="error" if protocol == "grpc" else None, grpc=True) as collector:
        address = collector.grpc_endpoint if protocol == "grpc" else f"{collector.endpoint}/nowhere"
        setup = _setup(collector, protocol=protocol, traces=Secret(address), metrics=Secret(address))
        telemetry = Telemetry(setup, spans.ORCHESTRATOR, told.append)
        assert telemetry.meter is not None
        telemetry.meter.create_counter("count").add(1)
        telemetry.tracer.start_span("lost").end()
        telemetry.shut_down(WAIT_S)
        assert told == [Trouble("UNAVAILABLE" if protocol == "grpc" else "404", at_end=True)]
        assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []
        theirs = OTLPSpanExporter(endpoint=f"{collector.endpoint}/nowhere", timeout=5.0)
        theirs.export([])
        assert [record.name for record in caplog.records if record.name.startswith("opentelemetry")]


@pytest.mark.parametrize(("allowed_ms", "budget_s"), [(None, 0.05), ("50", 3600.0)])
def test_a_hanging_collector_costs_the_budget_and_no_more(allowed_ms: str | None, budget_s: float) -> None:
    """The end of a process waits no longer for a collector that never answers than its budget, or the user, allows.

    It says so once.
    """
    told: list[int] = []
    variables = {"OTEL_EXPORTER_OTLP_TIMEOUT": Secret("3600")}
    if allowed_ms is not None:
        variables["OTEL_BSP_EXPORT_TIMEOUT"] = Secret(allowed_ms)
    with Collector(fault="hang") as collector:
        telemetry = Telemetry(_setup(collector, variables=variables), spans.PRODUCER, lambda trouble: told.append(1))
        telemetry.tracer.start_span("lost").end()
        ending = threading.Thread(target=telemetry.shut_down, args=(budget_s,))
        ending.start()
        ending.join(WAIT_S)
        assert not ending.is_alive()
    assert told == [1]


@pytest.mark.parametrize(
    ("allowed_ms", "kept_s"), [("1", 0.001), ("2500", 2.5), ("60000", 3.0), ("", 0.0), ("soon", 0.0)]
)
def test_the_user_may_say_how_long_the_end_waits(allowed_ms: str, kept_s: float) -> None:
    """`OTEL_BSP_EXPORT_TIMEOUT` is how long the end may take, in milliseconds, within bounds."""
    with Collector() as collector:
        setup = _setup(collector, variables={"OTEL_BSP_EXPORT_TIMEOUT": Secret(allowed_ms)})
        telemetry = Telemetry(setup, spans.PRODUCER)
        assert telemetry._end_s == kept_s
        telemetry.shut_down(WAIT_S)


def test_metrics_are_the_orchestrators() -> None:
    """A producer exports no metrics; the orchestrator's arrive at its end."""
    with Collector() as collector:
        metrics = Secret(f"{collector.endpoint}/v1/metrics")
        assert Telemetry(_setup(collector, metrics=metrics), spans.PRODUCER).meter is None
        telemetry = Telemetry(_setup(collector, metrics=metrics), spans.ORCHESTRATOR)
        assert telemetry.meter is not None
        telemetry.meter.create_counter("count", "{item}").add(3)
        telemetry.shut_down(WAIT_S)
        (metric,) = collector.store.metrics()
    assert (metric.name, metric.unit, metric.service) == ("count", "{item}", "orchestrator")


@pytest.mark.parametrize(
    ("value", "wanted"), [("", 3.0), ("soon", 3.0), ("-1", 3.0), ("2", 2.0), ("10000", 10.0), ("9999999", 30.0)]
)
def test_a_timeout_is_understood_in_seconds_and_milliseconds(
    value: str, wanted: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10000 is ten seconds, 2 is two; what is no time-out is the default."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", value)
    exporter = span_exporter(TelemetrySetup(protocol="http/protobuf"), "http://127.0.0.1:9/v1/traces")
    assert exporter._client._timeout == wanted  # type: ignore[attr-defined]


def test_spans_go_over_grpc() -> None:
    """With the protocol `grpc` spans reach a gRPC collector."""
    with Collector(grpc=True) as collector:
        setup = _setup(collector, protocol="grpc", traces=Secret(collector.grpc_endpoint))
        telemetry = Telemetry(setup, spans.PRODUCER)
        telemetry.tracer.start_span("over grpc").end()
        telemetry.shut_down(WAIT_S)
        assert [span.name for span in collector.store.spans()] == ["over grpc"]


def test_the_users_variables_are_seen_by_the_sdk_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resource attributes of the user reach the spans; afterwards the environment is what it was."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "70000")
    before = dict(os.environ)
    variables = {
        "OTEL_RESOURCE_ATTRIBUTES": Secret("team=lists,service.name=other"),
        "OTEL_BSP_SCHEDULE_DELAY": Secret("x"),
    }
    with Collector() as collector:
        telemetry = Telemetry(_setup(collector, variables=variables), spans.PRODUCER)
        telemetry.tracer.start_span("named").end()
        telemetry.shut_down(WAIT_S)
        (span,) = collector.store.spans()
    assert span.resource["team"] == "lists"
    assert span.service == "producer"
    assert telemetry.export_delay_s == spans.EXPORT_DELAY_S
    assert dict(os.environ) == before


def test_a_carrier_leads_back_to_its_span() -> None:
    """A carrier names the span that it was made from, as parent and as link; an empty or wrong one names none."""
    with Collector() as collector:
        telemetry = Telemetry(_setup(collector), spans.PRODUCER)
        span = telemetry.tracer.start_span("cause")
        carrier = carrier_of(span)
        (link,) = links_to(carrier)
        assert link.context.span_id == span.get_span_context().span_id
        child = telemetry.tracer.start_span("effect", extract(carrier))
        assert child.get_span_context().trace_id == span.get_span_context().trace_id
        for wrong in ({}, {"traceparent": "nonsense"}, {"traceparent": "00-0-0-01"}):
            assert links_to(wrong) == []
        telemetry.shut_down(WAIT_S)
    assert current_ids() == ("", "")


def test_spans_of_an_unsampled_parent_are_not_counted() -> None:
    """A caller that does not sample gets no spans, and none is counted as emitted."""
    with Collector() as collector:
        carrier = {"traceparent": PARENT["traceparent"][:-2] + "00"}
        telemetry = Telemetry(_setup(collector, carrier=carrier), spans.PRODUCER)
        telemetry.tracer.start_span("unsampled", telemetry.parent).end()
        telemetry.shut_down(WAIT_S)
        assert telemetry.emitted == 0
        assert collector.store.spans() == ()


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_retries_can_be_cut_off(protocol: str) -> None:
    """The exporters' waiting for a retry is where we look for it: another version of them may have it elsewhere."""
    setup = TelemetrySetup(protocol=protocol)  # type: ignore[arg-type]
    exporter = span_exporter(setup, "http://127.0.0.1:9")
    waiting = exporter._client._shutdown_event if protocol != "grpc" else exporter._shutdown_in_progress  # type: ignore[attr-defined]
    assert not waiting.is_set()
    retry_no_more(exporter)
    assert waiting.is_set()
