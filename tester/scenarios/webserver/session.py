"""A service of the scenario: started on a port that is free, called, ended, and proven with its trace."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

from tester.checks import check, check_equal, check_exit
from tester.command import PAGE_ADDRESS, Ended
from tester.run_files import RunFiles
from tester.scenario import Context
from tester.scenarios.proof import proven_service
from tester.trace import Trace
from tester.web_client import WebClient

STOP_S = 20.0
"""Within this time a service has ended, says scripts/stop.sh."""
SERVICE_FILE = Path("output") / ".service.json"


class Session:
    """A service that takes requests.

    Args:
        context: The scenario's.
        place: Its working directory.
        *arguments: Besides `--port 0`.
        environment: Variables besides those of `Context.start`.
    """

    def __init__(
        self, context: Context, place: Path, *arguments: str, environment: Mapping[str, str | None] | None = None
    ) -> None:
        self.place = place
        self._context = context
        self.command = context.start("--port", "0", *arguments, place=place, environment=environment)
        self.address = self.command.wait_for(PAGE_ADDRESS, context.timeout_s, stream="stdout").group(1)
        self._clients: list[WebClient] = []

    def client(self) -> WebClient:
        """A client whose requests belong to the service's trace, and will be looked for there."""
        self._clients.append(WebClient(self.address, self.command.trace_id, timeout_s=self._context.timeout_s))
        return self._clients[-1]

    def files(self, topic_id: str) -> RunFiles:
        """A topic's files."""
        return self._context.files(self.place, Path("output") / topic_id)

    def end(self, number: signal.Signals) -> Ended:
        """End it with a signal; it ends in order, within the stated time, and leaves its own file to nobody."""
        self.command.signal(number)
        ended = self.command.ended(STOP_S)
        check_exit(ended, 0)
        check_equal("the last line on stdout", ended.stdout.splitlines()[-1:], ["ended; everything found is kept"])
        check(not (self.place / SERVICE_FILE).exists(), f"{SERVICE_FILE} is left after the service's end")
        return ended

    def proven(self, ended: Ended) -> Trace:
        """Its whole trace, with a span for each request of its clients; see `proven_service`."""
        asked = [one for client in self._clients for one in client.asked]
        return proven_service(self._context, ended, asked)
