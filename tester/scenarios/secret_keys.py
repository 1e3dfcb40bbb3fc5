"""Keys show nowhere: not in output, files, command lines, nor in the environment of child processes."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

import msgspec

from tester.checks import check, check_consistent, check_exit
from tester.command import Ended
from tester.process_table import Running, marked
from tester.scenario import TOPIC, Context
from tester.served import names, open_requests

_KEY = "sk-tester-Zq7Wn3Lx9Vb2Kd8Rf4"
_SHOWN = 12
"""Characters of the key that may stand together: more than servers quote, and no use to anybody."""
_APIS = ("openai", "anthropic", "gemini")
_PROVIDERS = ("--provider", ",".join(f"{api}:model" for api in _APIS))


class SecretKeys:
    """A key that is right, one that is refused, one in `.env`, one in an address."""

    name = "secrets"
    description = "API keys never stand in output, logs, files, spans, command lines or the producers' environment"

    def run(self, context: Context) -> None:
        """Play it."""
        context.together(*(partial(part, context) for part in (self._refused, self._in_dotenv, self._in_address)))
        self._right(context)

    def _right(self, context: Context) -> None:
        place = context.place("right")
        served = context.serve(names(300, context.seed), items_per_response=10, duration_s=3.0, valid_keys=[_KEY])
        command = context.start(
            *("--topic", TOPIC, "--producers", "3", "--iterations", "2", *_PROVIDERS, "--log-level", "trace"),
            place=place,
            environment=served.environment(*_APIS, key=_KEY),
        )
        served.wait_for("3 requests in flight", lambda entries: open_requests(entries) >= 3, context.timeout_s)
        processes = marked(context.marker)
        check(len(processes) >= 4, f"an orchestrator and three producers were expected, {processes} are there")
        ended = command.ended(context.timeout_s)
        check_exit(ended, 0)
        check_consistent(context.files(place))
        check_hidden(context, ended, place, _KEY)
        check_not_inherited(processes, command.pid, _KEY)

    def _refused(self, context: Context) -> None:
        place = context.place("refused")
        served = context.serve(["never sent"], valid_keys=["another"])
        ended = context.run(
            *("--topic", TOPIC, "--producers", "2", "--iterations", "2", *_PROVIDERS, "--log-level", "debug"),
            place=place,
            environment=served.environment(*_APIS, key=_KEY),
        )
        check_exit(ended, 4)
        check_hidden(context, ended, place, _KEY)

    def _in_dotenv(self, context: Context) -> None:
        place = context.place("dotenv")
        served = context.serve(names(300, context.seed), items_per_response=10, valid_keys=[_KEY])
        lines = [f"{name}={value}\n" for name, value in served.environment("openai", key=_KEY).items()]
        (place / ".env").write_text("".join(lines), encoding="utf-8")
        ended = context.run(
            *("--topic", TOPIC, "--producers", "1", "--iterations", "2", "--log-level", "debug"), place=place
        )
        check_exit(ended, 0)
        check_hidden(context, ended, place, _KEY, but=".env")

    def _in_address(self, context: Context) -> None:
        place = context.place("address")
        served = context.serve(["never sent"], valid_keys=["another"])
        variables = served.environment("openai", key=_KEY)
        variables["OPENAI_BASE_URL"] = variables["OPENAI_BASE_URL"].replace("//", f"//user:{_KEY}@")
        ended = context.run(
            *("--topic", TOPIC, "--producers", "1", "--iterations", "1", "--log-level", "debug"),
            place=place,
            environment=variables,
        )
        check_hidden(context, ended, place, _KEY)


def check_not_inherited(processes: Collection[Running], knows: int, key: str) -> None:
    """A key stands on no command line, and in no environment but that of the one process that was given it.

    Args:
        processes: As they were while the key was used.
        knows: Id of the process that was given the key.
        key: The key.
    """
    for process in processes:
        check(key not in process.arguments, f"the key stands on the command line of process {process.pid}")
    in_child = [one.arguments for one in processes if one.pid != knows and key.encode() in one.environment]
    check(not in_child, f"the key stands in the environment of child processes: {in_child}")


def check_hidden(context: Context, ended: Ended, place: Path, key: str, *, but: str = "") -> None:
    """No part of a key stands in a command's output, spans and metrics, nor in any file of its folder but one."""
    pieces = [key[start : start + _SHOWN] for start in range(len(key) - _SHOWN + 1)]
    for piece in pieces:
        check(piece not in ended.stdout, f"a part of the key stands on stdout: {ended.stdout!r}")
        check(piece not in ended.stderr, f"a part of the key stands on stderr: {ended.stderr[-3000:]!r}")
    context.trace(ended)
    exported = msgspec.json.encode((context.spans(ended), context.collector.store.metrics()))
    check(not any(piece.encode() in exported for piece in pieces), "a part of the key stands in a span or a metric")
    for path in place.rglob("*"):
        if path.is_file() and path.name != but:
            content = path.read_bytes()
            check(not any(piece.encode() in content for piece in pieces), f"a part of the key stands in {path}")
