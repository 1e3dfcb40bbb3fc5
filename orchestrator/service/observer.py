"""What the service tells of its work to whoever traces it. `ServiceObserver` does nothing."""

from __future__ import annotations

from collections.abc import Mapping

from contract.messages import TelemetrySetup


class ServiceObserver:
    """Is told of the lives of the service's children. Every method returns at once and never raises."""

    def spawning_web_server(self) -> TelemetrySetup | None:
        """The web server is being started; what it is to do about telemetry."""
        return None

    def web_server_spawned(self, pid: int | None) -> None:
        """Its process is there."""

    def web_server_ready(self) -> None:
        """It takes requests."""

    def web_server_exited(self, pid: int | None, exit_code: int | None, *, expected: bool) -> None:
        """Its process has ended; `exit_code` is negative for the signal that killed it."""

    def spawning_topic(self, id: str, carrier: Mapping[str, str]) -> Mapping[str, str]:  # noqa: A002 - as in messages
        """A topic process is being started on behalf of the request that `carrier` names; its own carrier."""
        return carrier

    def topic_spawned(self, id: str, pid: int | None) -> None:  # noqa: A002
        """Its process is there."""

    def topic_ready(self, id: str) -> None:  # noqa: A002
        """It has begun."""

    def topic_exited(self, id: str, pid: int | None, exit_code: int | None, *, expected: bool) -> None:  # noqa: A002
        """Its process has ended."""


UNOBSERVED = ServiceObserver()
