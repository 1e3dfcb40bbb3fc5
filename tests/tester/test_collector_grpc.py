"""The collector over gRPC: what cannot be taken is answered with gRPC's statuses."""

from __future__ import annotations

import subprocess
import sys

import grpc
import pytest

from tester.collector import Collector

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
LONG_S = 60.0


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [(TRACES, b"\xff", "INVALID_ARGUMENT"), ("/some.Service/Export", b"", "UNIMPLEMENTED")],
)
def test_refusals(method: str, body: bytes, status: str) -> None:
    """Malformed bytes and unknown methods are answered with a status, noted, and the next call is served."""
    with Collector(grpc=True) as collector:
        with grpc.insecure_channel(collector.grpc_endpoint.removeprefix("http://")) as channel:
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(method)(body, timeout=LONG_S)
            assert channel.unary_unary(TRACES)(b"", timeout=LONG_S) == b""
            assert channel.unary_unary(LOGS)(b"", timeout=LONG_S) == b""
        assert refused.value.code().name == status
        assert [(refusal.path, refusal.status) for refusal in collector.refused] == [(method, status)]
        assert collector.requests == 3


def test_grpc_is_imported_only_when_asked_for() -> None:
    """A collector for HTTP alone does not load grpc, which takes long."""
    program = "import sys; from tester.collector import Collector\nwith Collector(): assert 'grpc' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
