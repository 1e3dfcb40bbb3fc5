"""One service, two topics at once: one is steered, the other watched and read; strangers call it meanwhile."""

from __future__ import annotations

import asyncio
import signal

from contract import spans as names
from tester.checks import check_consistent
from tester.process_table import marked
from tester.scenario import Context
from tester.scenarios.proof import check_run
from tester.scenarios.secret_keys import check_hidden, check_not_inherited
from tester.scenarios.webserver import reading, strangers
from tester.scenarios.webserver.session import Session
from tester.scenarios.webserver.steering import Steering
from tester.trace import Spans
from tester.trace.causality import overlap
from tester.trace.topics import topic_runs

_KEY = "sk-tester-Hw4Tz7Qm1Xc9Ry6Kb3"


def play(context: Context) -> None:
    """Play it."""
    steering = Steering(context, key=_KEY)
    place = context.place("working")
    session = Session(context, place, "--log-level", "debug", environment=steering.environment)
    asyncio.run(_together(context, session, steering))
    ended = session.end(signal.SIGTERM)
    trace = session.proven(ended)
    check_hidden(context, ended, place, _KEY)
    runs = {run.id: run for run in topic_runs(trace)}  # with one that a stranger asked for, and that could not begin
    first, second = runs[steering.topic_id], runs[reading.TOPIC_ID]
    exits = trace.select(name=names.TOPIC_EXITED)
    exits.failed().none()  # one that could not begin has told why, and has ended in order
    exits.where({names.PROCESS_EXIT_CODE: 4}).count(1)
    for run, served in ((first, steering.served.entries()), (second, None)):
        files = session.files(run.id)
        check_consistent(files)
        check_run(context, run.trace, files, served=served)
        run.trace.select(status="error").none()
    overlap(
        Spans(trace, first.trace.named(names.RUN), "the run that is steered"),
        Spans(trace, second.trace.named(names.RUN), "the run that is read"),
    )
    steering.check_spans(trace, first.trace)
    reading.check_spans(trace, second.trace)


async def _together(context: Context, session: Session, steering: Steering) -> None:
    other_has_ended = asyncio.Event()

    async def read() -> None:
        await reading.play(context, session)
        other_has_ended.set()

    async def look() -> None:
        await steering.started.wait()
        check_not_inherited(marked(context.marker), session.command.pid, _KEY)

    try:
        async with asyncio.TaskGroup() as group:
            for part in (steering.play(session, other_has_ended), read(), strangers.play(session), look()):
                group.create_task(part)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None  # the others were cancelled because of it
