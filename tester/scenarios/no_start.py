"""Producers that cannot start."""

from __future__ import annotations

from tester.checks import check, check_consistent, check_error_line, check_exit, check_prefix
from tester.command import clean_environment
from tester.scenario import TOPIC, Context

_SOON_S = 20.0
"""Longest time until the run has given up: three starts, not a loop."""
_BROKEN = '''\
"""Every Python process that is started here cannot import the producer."""

import sys


class _Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "producer.main":
            raise ImportError("broken on purpose")
        return None


sys.meta_path.insert(0, _Broken())
'''


class NoStart:
    """An installation in which the producer cannot be imported."""

    name = "no-start"
    description = "producers that cannot start end the run with exit code 5, soon, with what was found kept"

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("run")
        arguments = ("--topic", TOPIC, "--provider", "test", "--producers", "3", "--provider-option", "test.speed=0")
        check_exit(context.run(*arguments, "--iterations", "1", place=place), 0)
        before = context.files(place).lines()
        broken = context.place("broken")
        (broken / "sitecustomize.py").write_text(_BROKEN, encoding="utf-8")
        path = clean_environment(place, context.marker)["PYTHONPATH"]
        command = context.start(*arguments, place=place, environment={"PYTHONPATH": f"{broken}:{path}"})
        ended = command.ended(min(_SOON_S, context.timeout_s))
        check(ended.exit_code == 5, f"exit code 5 was expected, {ended.exit_code} was seen: {ended.stderr[-1500:]!r}")
        check_error_line(ended, "producer")
        check("broken on purpose" in ended.stderr, "the cause of the failed starts should stand on stderr")
        files = context.files(place)
        check_prefix("attributes.txt", before, files.lines())
        check_consistent(files)
