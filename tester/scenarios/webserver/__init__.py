"""Web mode through its API: what a person does on the page, asserted from spans, files and what live clients hear."""

from __future__ import annotations

from functools import partial

from tester.checks import check
from tester.scenario import LEFT_S, Context


class Webserver:
    """The service of web mode, from its start to its end, and again after a restart."""

    name = "webserver"
    description = "web mode by its API: topics are steered, watched, read, exported, killed, continued; no stranger may"

    def run(self, context: Context) -> None:
        """Play it."""
        from tester.scenarios.webserver import (
            crashes,
            working,
        )  # its HTTP client takes as long to import as all the rest

        context.together(partial(working.play, context), partial(crashes.play, context))
        left = context.left(LEFT_S)
        check(not left, f"processes were left behind: {left}")
