"""Producers killed at random moments, again and again, while they work."""

from __future__ import annotations

import random
import re
from functools import partial

from tester.checks import check, check_consistent, check_equal, check_exit, check_same_items
from tester.command import Command
from tester.process_table import kill, marked, poll_until
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.served import Served, names
from tester.trace.lifecycle import died_by, exited, restarted

_KILLS = 50
_PRODUCERS, _ITERATIONS = 4, 60
_ITEMS = 15
_MOST_ANSWERS = 5
"""Answers between two kills at most; few enough that the kills come to an end before the orders do."""
_ANSWER_S, _SLOW_ANSWER_S = 0.12, 2.0
_AHEAD = 5
"""Kills that the answers may be ahead; where a busy machine kills more slowly than that, answers slow down too."""
_READY = re.compile(r"producer \d+ is ready \(pid (\d+)")


class KillProducers:
    """SIGKILL for producers that are in the middle of their streams."""

    name = "kill-producers"
    description = (
        f"{_KILLS} SIGKILLs to producers at random moments: the run completes, every order counts exactly once"
    )

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("run")
        # All answers name the same items, so that an item's count says how many orders it was counted for.
        served = context.serve(
            names(_ITEMS, context.seed),
            items_per_response=_ITEMS,
            chunk_chars=5,
            time_to_first_chunk_s=0.02,
            duration_s=_ANSWER_S,
        )
        command = context.start(
            *("--topic", TOPIC, "--producers", str(_PRODUCERS), "--concurrency", "2"),
            *("--iterations", str(_ITERATIONS), "--request-size", str(_ITEMS), "--provider", "openai:model"),
            *("--max-attempts", "1000", "--seed", str(context.seed), "--log-level", "debug", "--strategy", "listed"),
            place=place,
            environment=served.environment("openai"),
        )
        _kill_producers(context, command, served)
        ended = command.ended(context.timeout_s)
        check_exit(ended, 0)
        files = context.files(place)
        check_consistent(files)
        orders = files.orders()
        check_equal("orders", len(orders), _PRODUCERS * _ITERATIONS)
        check_equal("states of the orders", {order.state for order in orders}, {"done"})
        check_same_items("attributes.txt", files.lines(), served.provider.universe)
        # A plan names parts of the topic, no items; one may be asked for where all first answers were broken off.
        listing = sum(order.mode != "plan" for order in orders)
        wanted = dict.fromkeys(served.provider.universe, listing)
        trace = proven(context, ended, files, served=served.entries())
        exited(trace, 0, apart_from=died_by(trace, "SIGKILL", _KILLS)).count(_PRODUCERS)
        restarted(trace, _KILLS)
        check_equal("counts of the items", {item.text: item.count for item in files.items()}, wanted)


def _kill_producers(context: Context, command: Command, served: Served) -> None:
    rng = context.rng("producers to kill")
    killed: set[int] = set()
    provider = served.provider
    for number in range(_KILLS):
        if _answers(served) > (number + _AHEAD) * _PRODUCERS * _ITERATIONS / _KILLS:
            provider.duration_s = min(2 * provider.duration_s, _SLOW_ANSWER_S)
        goal = _answers(served) + rng.randint(0, _MOST_ANSWERS)
        check(
            poll_until(partial(_reached, served, command, goal), context.timeout_s),
            f"after {number} kills no further answer came within {context.timeout_s:g} s",
        )
        check(
            poll_until(lambda: _kill_one(context, command, rng, killed) or not command.running, context.timeout_s),
            f"after {number} kills no producer became ready within {context.timeout_s:g} s",
        )
        check(command.running, f"the run ended after {number} of {_KILLS} kills: {command.stderr[-800:]!r}")
    provider.duration_s = _ANSWER_S


def _reached(served: Served, command: Command, goal: int) -> bool:
    return _answers(served) >= goal or not command.running


def _answers(served: Served) -> int:
    return sum(bool(entry.ended_at) for entry in served.entries())


def _kill_one(context: Context, command: Command, rng: random.Random, killed: set[int]) -> bool:
    ready = {int(pid) for pid in _READY.findall(command.stderr)} - killed
    alive = sorted(process.pid for process in marked(context.marker) if process.pid in ready)
    if not alive:
        return False
    victim = rng.choice(alive)
    killed.add(victim)
    return kill(victim)
