"""OTLP over gRPC. Its handlers get bytes, so that both ways in decode alike."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from tester.collector.decode import MalformedError
from tester.collector.intake import MAX_BODY_BYTES, Fault, Intake, Signal

_METHODS: dict[str, Signal] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
}
_ADDRESS = "127.0.0.1:0"
_THREADS = 4
_OPTIONS = [("grpc.max_receive_message_length", MAX_BODY_BYTES), ("grpc.so_reuseport", 0)]


class GrpcServer:
    """Listens on a free port of 127.0.0.1 from its making until `stop`.

    Args:
        intake: Takes the bodies in.
        fault: `hang` or `error`, or None to answer properly.

    Attributes:
        port: The one listened on.
    """

    def __init__(self, intake: Intake, fault: Fault | None) -> None:
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="collector grpc")
        self._server = grpc.server(self._threads, handlers=[_Handlers(intake, fault, self._stopping)], options=_OPTIONS)
        self.port: int = self._server.add_insecure_port(_ADDRESS)
        self._server.start()

    def stop(self) -> None:
        """Break all calls and end the threads."""
        stopped = self._server.stop(grace=None)  # Before handlers are let go: a call that hangs breaks unanswered.
        self._stopping.set()
        stopped.wait()
        self._threads.shutdown()


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc ships no types
    """A handler for every method there could be, so that calls of unknown ones are noted too."""

    def __init__(self, intake: Intake, fault: Fault | None, stopping: threading.Event) -> None:
        self._intake = intake
        self._fault = fault
        self._stopping = stopping

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The handler of the method that a call names."""
        method: str = details.method

        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            return self._export(method, body, context)

        return grpc.unary_unary_rpc_method_handler(export)

    def _export(self, method: str, body: bytes, context: grpc.ServicerContext) -> bytes:
        self._intake.arrived()
        signal = _METHODS.get(method)
        if self._fault == "hang":
            self._stopping.wait()
            context.abort(grpc.StatusCode.UNAVAILABLE, "the collector has stopped")
        if self._fault == "error":
            status, reason = grpc.StatusCode.UNAVAILABLE, "the collector was told to fail"
        elif signal is None:
            status, reason = grpc.StatusCode.UNIMPLEMENTED, "there is no such method"
        else:
            try:
                return self._intake.take(signal, body)
            except MalformedError as error:
                status, reason = grpc.StatusCode.INVALID_ARGUMENT, str(error)
        self._intake.refuse(method, status.name, reason)
        context.abort(status, reason)
        raise AssertionError("abort raises")
