"""A topic is killed and continued; the service is ended and started again, and knows its topics."""

from __future__ import annotations

import asyncio
import signal

from contract import spans as names
from contract.service import TopicView
from tester.checks import check, check_consistent, check_equal, check_prefix
from tester.live import Live
from tester.process_table import kill
from tester.scenario import Context
from tester.scenarios.proof import check_run
from tester.scenarios.webserver.session import Session
from tester.scenarios.webserver.steering import view_of
from tester.trace import Trace
from tester.trace.conservation import assert_conserved
from tester.trace.topics import TopicRun, topic_runs

_TOPIC, _ID = "Desert plants", "desert-plants"
_SHORT_TOPIC, _SHORT_ID = "Lake fish", "lake-fish"
_ARGUMENTS = ("--provider", "test", "--provider-option", "test.speed=1.5", "--producers", "2", "--concurrency", "2")
"""What topics are given that say nothing else."""
_SIZE = 15
_SOME = 20
"""Items that come before something happens."""


def play(context: Context) -> None:
    """Play it."""
    place = context.place("crashes")
    session = Session(context, place, *_ARGUMENTS, "--seed", str(context.seed))
    before = asyncio.run(_kill_and_continue(context, session))
    trace = session.proven(session.end(signal.SIGTERM))
    files, short = session.files(_ID), session.files(_SHORT_ID)
    for one in (files, short):
        check_consistent(one)
    killed, finished, continued = _sorted(topic_runs(trace))
    _check_killed(killed, before)
    check_run(context, continued.trace, files, before=None)
    check_run(context, finished.trace, short)
    check_equal("stop reason of the ended service's topic", _reason(continued.trace), "interrupted")
    check_equal("stop reason of the topic that was done", _reason(finished.trace), "iterations")

    kept = files.lines()
    session = Session(context, place, *_ARGUMENTS)
    asyncio.run(_after_restart(context, session, kept, short.lines()))
    trace = session.proven(session.end(signal.SIGINT))
    check_prefix("attributes.txt after the restart", kept, files.lines())
    check_consistent(files)
    (run,) = topic_runs(trace)
    check_run(context, run.trace, files, before=len(kept))
    sent = run.trace.select(name=names.SEND_ORDERS, where=lambda span: span.attributes[names.ORDER_MODE] != "plan")
    sent.at_least(1).every({names.ORDER_SIZE: _SIZE})


async def _kill_and_continue(context: Context, session: Session) -> list[str]:
    """The lines that were there when its process had died."""
    files = session.files(_ID)
    async with session.client() as client, client.live() as live:
        await live.watch(_ID)
        await client.start(_TOPIC, {"request_size": _SIZE})
        await client.start(_SHORT_TOPIC, {"iterations": 2, "producers": 1})
        await live.until("its first items", lambda: len(live.items) >= _SOME, context.timeout_s)
        pid = await _pid(context, session)
        kill(pid)
        await live.until("the end of its process", lambda: view_of(live).state == "interrupted", context.timeout_s)
        told = view_of(live).explanation
        check("SIGKILL" in told, f"the page should say how it ended: {told!r}")
        await live.until("an end", lambda: _state(live, _SHORT_ID) == "finished", context.timeout_s)
        shown = [item.text for item in live.items]
        before = files.lines(live=True)
        await client.continue_(_ID)
        await live.until("its continuation", lambda: view_of(live).state == "running", context.timeout_s)
        check_equal("request size of the continued run", view_of(live).settings["request_size"], _SIZE)
        await live.until("further items", lambda: view_of(live).unique >= len(before) + _SOME, context.timeout_s)
        lines = files.lines(live=True)
        check_prefix("attributes.txt after the kill", before, lines)
        # A line that run.db had already, and the file not yet, was put there when the run went on.
        check_prefix("attributes.txt beside what was shown before the kill", shown, lines)
    return before


async def _after_restart(context: Context, session: Session, kept: list[str], short: list[str]) -> None:
    files = session.files(_ID)
    async with session.client() as client, client.live() as live:
        listed = {topic.id: topic for topic in await client.topics()}
        check_equal("topics that are listed", set(listed), {_ID, _SHORT_ID})
        _check_listed(listed[_ID], "interrupted", "interrupted", kept)
        _check_listed(listed[_SHORT_ID], "finished", "iterations", short)
        check_equal(
            "summaries of the same",
            {one.id: one.state for one in live.topics.values()},
            {one.id: one.state for one in listed.values()},
        )
        await live.watch(_ID)
        await client.continue_(_ID, {"producers": 1})
        await live.until("its continuation", lambda: view_of(live).state == "running", context.timeout_s)
        settings = view_of(live).settings
        check_equal(
            "settings of the continued run, one of them changed",
            {name: settings[name] for name in ("request_size", "concurrency", "seed", "producers")},
            {"request_size": _SIZE, "concurrency": 2, "seed": context.seed, "producers": 1},
        )
        await live.until("further items", lambda: view_of(live).unique >= len(kept) + _SOME, context.timeout_s)
        check_prefix("attributes.txt after the restart", kept, files.lines(live=True))


async def _pid(context: Context, session: Session) -> int:
    """Of the topic's process: its `spawn topic` tells it."""
    found: list[int] = []

    def told(spans: tuple[object, ...]) -> bool:
        spawned = Trace(context.spans(session.command)).select(name=names.SPAWN_TOPIC, attributes={names.TOPIC_ID: _ID})
        found[:] = [int(span.number(names.CHILD_PID)) for span in spawned]
        return bool(found)

    check(
        await context.collector.store.wait_for_async(told, context.timeout_s, session.command.trace_id),
        "no 'spawn topic' tells the topic's process",
    )
    return found[0]


def _state(live: Live, topic_id: str) -> str:
    return live.topics[topic_id].state if topic_id in live.topics else ""


def _check_listed(topic: TopicView, state: str, reason: str, lines: list[str]) -> None:
    check_equal(f"{topic.id} in the list", (topic.state, topic.stop_reason, topic.unique), (state, reason, len(lines)))
    check(topic.ended_at is not None and not topic.producers_alive, f"{topic.id} has ended, and is shown as {topic}")


def _sorted(runs: list[TopicRun]) -> tuple[TopicRun, TopicRun, TopicRun]:
    """The killed run, the one that was finished, the continued one."""
    check_equal("runs of the service", [run.id for run in runs], [_ID, _SHORT_ID, _ID])
    killed, finished, continued = runs
    return killed, finished, continued


def _check_killed(run: TopicRun, before: list[str]) -> None:
    """Its end is told by the service, and what its spans tell of is in the file."""
    exited = run.exited
    check(exited is not None and run.killed == {run.pid}, "the service's spans do not tell that the topic was killed")
    assert exited is not None  # noqa: S101 - for the type checker
    told = {name: exited.attributes.get(name) for name in (names.EXIT_SIGNAL, names.EXIT_EXPECTED)}
    check_equal("its 'topic exited'", told, {names.EXIT_SIGNAL: "SIGKILL", names.EXIT_EXPECTED: False})
    check_equal("status of its 'topic exited'", exited.status, "error")
    run.trace.select(name=names.RUN).none()
    assert_conserved(run.trace, lines=len(before), rows=None, served=None, killed=run.killed)


def _reason(trace: Trace) -> object:
    return trace.root.attributes.get(names.STOP_REASON)
