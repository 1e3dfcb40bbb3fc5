from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from contract import spans
from contract.errors import ErrorKind
from contract.messages import OrderDone, OrderFailed, ProviderSetup, TelemetrySetup, Usage
from orchestrator.metering import Metering
from orchestrator.providers import ProviderSpec
from telemetry.prometheus import MetricsPage
from telemetry.sdk import Telemetry


def test_a_runs_metrics_are_a_page_for_prometheus() -> None:
    """Calls, tokens and errors of a run stand on the page with the labels of the convention, in seconds and tokens."""
    page = MetricsPage()
    telemetry = Telemetry(TelemetrySetup(protocol="http/protobuf"), spans.ORCHESTRATOR, readers=[page.reader])
    metering = Metering(telemetry.meter)
    setup = ProviderSetup("gemini:g", "gemini", "g", base_url="http://user:secret@h:1/v1?key=secret")
    spec = ProviderSpec("gemini", 1.0, 1000, None, setup)
    metering.ended(spec, OrderDone(1, 0, Usage(100, 20), "stop", 9, 0, 0.25, 2.0), 0.5)
    metering.ended(spec, OrderFailed(2, 0, ErrorKind.TIMEOUT, "late", 0, duration_s=3.0), None)
    metering.restarted(1)
    text = page.render().decode()
    telemetry.shut_down(5.0)
    samples = {
        (sample.name, sample.labels.get("error_type", "")): (sample.value, sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    value, labels = samples["gen_ai_client_inference_usage_input_tokens_total", ""]
    assert value == 100
    assert labels == {
        "gen_ai_operation_name": "generate_content",
        "gen_ai_provider_name": "gcp.gemini",
        "gen_ai_request_model": "g",
        "gen_ai_token_modality": "text",
        "server_address": "h",
    }
    assert samples["gen_ai_client_inference_duration_seconds_sum", ""][0] == 2.0
    assert samples["gen_ai_client_inference_duration_seconds_count", "timeout"][0] == 1
    assert samples["gen_ai_client_inference_time_to_first_chunk_seconds_sum", ""][0] == 0.25
    assert samples["app_cost_USD_total", ""][0] == 0.5
    assert samples["app_producer_restarts_total", ""][0] == 1
    assert "secret" not in text
