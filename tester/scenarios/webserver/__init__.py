"""Web mode through its API: what a person does on the page, asserted from spans, files and what live clients hear."""

from __future__ import annotations

from functools import partial

from tester.checks import check
from tester.scenario import LEFT_S, Context
from tester.scenarios.webserver import comings, goings


class Webserver:
    """The service: topics at once, steered, watched, read, exported, killed, continued, restarted; strangers refused."""

    name = "webserver"
    description = "web mode by its API: topics start, grow, are steered, searched, exported; crash, restart, strangers"

    def run(self, context: Context) -> None:
        """Play it."""
        context.together(partial(comings.play, context), partial(goings.play, context))
        left = context.left(LEFT_S)
        check(not left, f"processes were left behind: {left}")
