"""The real service of web mode as a process, and its API as far as tests need it beside the page."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from playwright.sync_api import APIRequestContext, APIResponse, Playwright

from tester.command import PAGE_ADDRESS, Command
from tester.process_table import kill, marked
from tester.scenario import Context

START_S = 60.0
END_S = 30.0
_UNTRACED = {"TRACEPARENT": None, "ORCHESTRATOR_TRACE_EP": None}
_CHILDREN_OF_IT = "webserver"


class WebService:
    """`orchestrator` without a topic, in a folder of its own.

    Args:
        context: Ends the process with the tests, whatever happens.
        place: Its working directory.
        *arguments: Of its command line, besides the port.
        environment: Its variables, besides the usual ones.

    Attributes:
        output: The folder of its topics' folders.
        address: As it is printed; empty before the first start. The port stays when it is started again.
    """

    def __init__(
        self, context: Context, place: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.output = place / "output"
        self.address = ""
        self._context = context
        self._place = place
        self._arguments = arguments
        self._environment = {**_UNTRACED, **(environment or {})}
        self._command: Command | None = None

    def start(self) -> Self:
        """Start it and wait until it answers."""
        port = urlsplit(self.address).port or 0
        self._command = self._context.start(
            *("--port", str(port)), *self._arguments, place=self._place, environment=self._environment
        )
        self.address = self._command.wait_for(PAGE_ADDRESS, START_S, stream="stdout").group(1)
        return self

    @property
    def printed(self) -> str:
        """What it has said on stdout and stderr since its last start."""
        return self._running.stdout + self._running.stderr

    @property
    def _running(self) -> Command:
        assert self._command is not None, "it has not been started"
        return self._command

    def stop(self) -> None:
        """End it with SIGTERM, where it runs; it must succeed."""
        self._running.signal(signal.SIGTERM)
        ended = self._running.ended(END_S)
        assert ended.exit_code == 0, ended.stderr

    def kill_web_server(self) -> None:
        """SIGKILL to the web server's process alone."""
        (process,) = (
            process
            for process in marked(self._context.marker)
            if process.parent == self._running.pid and _CHILDREN_OF_IT in process.arguments
        )
        assert kill(process.pid)


class Api:
    """What tests ask beside the page: to set a topic up, and to compare what the page shows.

    Args:
        playwright: Makes the requests.
        service: Where they go.
    """

    def __init__(self, playwright: Playwright, service: WebService) -> None:
        self._requests: APIRequestContext = playwright.request.new_context(base_url=service.address)

    def close(self) -> None:
        """No requests any more."""
        self._requests.dispose()

    def start(self, topic: str, **options: Any) -> str:
        """Start a topic; returns its id."""
        return str(self._json(self._requests.post(_path(), data={"topic": topic, "options": options}))["id"])

    def stop_all(self) -> None:
        """Have every running topic end at once; that one has ended meanwhile is no fault."""
        for topic in self.topics():
            if topic["ended_at"] is None:
                self._requests.post(_path(topic["id"], "stop"), data={"now": True})

    def topics(self) -> list[dict[str, Any]]:
        """All topics' states."""
        return list(self._json(self._requests.get(_path()))["topics"])

    def view(self, topic_id: str) -> dict[str, Any]:
        """A topic's state."""
        return self._json(self._requests.get(_path(topic_id)))

    def items(self, topic_id: str, **which: str | int) -> dict[str, Any]:
        """A part of a topic's items."""
        return self._json(self._requests.get(_path(topic_id, "items"), params=dict(which)))

    def texts(self, topic_id: str) -> dict[int, str]:
        """All items' texts by number; for a topic with 500 items at most."""
        page = self.items(topic_id, limit=500)
        assert page["total"] == len(page["items"])
        return {item["id"]: item["text"] for item in page["items"]}

    def export(self, topic_id: str, form: str) -> bytes:
        """A whole export."""
        answer = self._requests.get(_path(topic_id, "export"), params={"format": form})
        assert answer.ok, answer.text()
        return answer.body()

    @staticmethod
    def _json(answer: APIResponse) -> dict[str, Any]:
        assert answer.ok, answer.text()
        return dict(answer.json())


def _path(topic_id: str = "", what: str = "") -> str:
    return "/".join(filter(None, ("/api/v1/topics", quote(topic_id, safe=""), what)))
