"""Providers that will never answer: one among others, and the only one."""

from __future__ import annotations

from functools import partial

from tester.checks import check, check_consistent, check_every_order_done, check_exit, check_same_items
from tester.fake_provider import Fault, FaultKind, unused_port
from tester.scenario import TOPIC, Context
from tester.served import delivered, names

_ITEMS = 10
_REFUSALS = (
    (FaultKind.UNAUTHORIZED, "401"),
    (FaultKind.FORBIDDEN, "403"),
    (FaultKind.NOT_FOUND, "404"),
    (FaultKind.BAD_REQUEST, "400"),
)
_NOWHERE_S = 45.0
"""Longest time that a run on an unreachable endpoint may take to give up."""


class Refusals:
    """Answers and endpoints that no retry cures."""

    name = "refusals"
    description = "401, 403, 404, 400 and unreachable endpoints: others go on, alone exit code 4, quickly and clearly"

    def run(self, context: Context) -> None:
        """Play it."""
        alone = [partial(self._alone, context, kind, status) for kind, status in _REFUSALS]
        context.together(partial(self._unreachable, context), partial(self._beside_another, context), *alone)

    def _beside_another(self, context: Context) -> None:
        """Two providers refuse in their ways; the third does all orders."""
        place = context.place("beside")
        good = context.serve(names(200, context.seed), items_per_response=_ITEMS)
        bad = context.serve(["never sent"], fault_rates={Fault(FaultKind.UNAUTHORIZED): 1.0})
        ended = context.run(
            *("--topic", TOPIC, "--producers", "2", "--iterations", "3", "--request-size", str(_ITEMS)),
            *("--provider", "openai:good,anthropic:bad,gemini:bad"),
            place=place,
            environment=good.environment("openai") | bad.environment("anthropic", "gemini"),
        )
        check_exit(ended, 0)
        files = context.files(place)
        check_consistent(files)
        check_every_order_done(files.orders(), 6)
        check_same_items("attributes.txt", files.lines(), delivered(good.entries()))
        for name in ("anthropic:bad", "gemini:bad"):
            check(
                f"provider {name} is not used any more: {name}: the key was refused (40" in ended.stderr,
                f"stderr should say that {name} was refused and is not used any more: {ended.stderr[-800:]!r}",
            )
        # Requests that were in flight already when the first refusal came are no retries.
        check(len(bad.entries()) <= 8, f"{len(bad.entries())} requests were made to providers that refuse for good")

    def _alone(self, context: Context, kind: FaultKind, status: str) -> None:
        place = context.place(f"alone-{status}")
        bad = context.serve(["never sent"], fault_rates={Fault(kind): 1.0})
        ended = context.run(
            *("--topic", TOPIC, "--producers", "2", "--iterations", "3", "--provider", "openai:model"),
            place=place,
            environment=bad.environment("openai"),
        )
        check_exit(ended, 4)
        said = ended.stdout + ended.stderr
        check("no provider is left" in said and status in said, f"the output should name {status}: {said[-800:]!r}")
        check_consistent(context.files(place))

    def _unreachable(self, context: Context) -> None:
        place = context.place("unreachable")
        command = context.start(
            *("--topic", TOPIC, "--producers", "2", "--iterations", "3", "--provider", "openai:model"),
            *("--connect-timeout", "2"),
            place=place,
            environment={"OPENAI_BASE_URL": f"http://127.0.0.1:{unused_port()}/v1", "OPENAI_API_KEY": "any"},
        )
        ended = command.ended(min(context.timeout_s, _NOWHERE_S))
        check_exit(ended, 4)
        _check_said_why(ended.stdout + ended.stderr)
        check_consistent(context.files(place))


def _check_said_why(said: str) -> None:
    """The end names the provider and that it cannot be reached."""
    check(
        "no provider is left: openai:model" in said,
        f"the output should say which provider is left out: {said[-800:]!r}",
    )
    check("connect" in said or "reach" in said, f"the output should say that it cannot be reached: {said[-800:]!r}")
