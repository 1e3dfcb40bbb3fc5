"""Every assertion once, on one run: read this to write a scenario of your own.

The run: two producers, ten orders to a fake OpenAI. The second request meets an overload and is tried again; one
producer is killed and replaced.
"""

from __future__ import annotations

import re

from contract import spans as names
from tester.checks import check, check_consistent, check_exit
from tester.fake_provider import Fault, FaultKind
from tester.process_table import kill, marked
from tester.scenario import TOPIC, Context
from tester.served import Served
from tester.served import names as item_names
from tester.trace import Trace
from tester.trace.causality import assert_max_concurrency, causes, happens_before, max_concurrency, overlap, within
from tester.trace.completeness import assert_complete, completeness
from tester.trace.conservation import assert_conserved, conservation, inferences
from tester.trace.lifecycle import died_by, exited, no_leaked_pids, producers_ready, producers_started, restarted
from tester.trace.render import tree

_PRODUCERS, _ITERATIONS, _ITEMS = 2, 5, 10


class Examples:
    """Assertions as documentation."""

    name = "examples"
    description = "every assertion of the trace vocabulary once, on a run with a retry and a killed producer"

    def run(self, context: Context) -> None:
        """Play it."""
        # A provider that is known to the last byte: what it may answer, how fast, and what goes wrong when.
        served = context.serve(
            item_names(100, context.seed),
            items_per_response=_ITEMS,
            duration_s=0.3,
            faults=[None, Fault(FaultKind.OVERLOADED)],
        )
        # The real command, in a folder of its own. Its spans come to the scenario's collector, as one trace.
        place = context.place("run")
        command = context.start(
            *("--topic", TOPIC, "--provider", "openai:model", "--request-size", str(_ITEMS), "--concurrency", "1"),
            *("--producers", str(_PRODUCERS), "--iterations", str(_ITERATIONS)),
            place=place,
            environment=served.environment("openai"),
        )
        # Waiting is push-driven: the condition is looked at when spans arrive, or requests, or output.
        told = context.collector.store.wait_for(
            lambda spans: (
                sum(span.name == names.SPAWN for span in spans) == _PRODUCERS
                and any(span.name == names.ATTEMPT and span.status == "error" for span in spans)
            ),
            context.timeout_s,
            command.trace_id,
        )
        check(told, "the producers and the overload are not in the trace")
        served.wait_for("a third request", lambda entries: len(entries) >= 3, context.timeout_s)
        victim = Trace(context.spans(command)).select(name=names.SPAWN).last
        kill(int(victim.number(names.CHILD_PID)))
        ended = command.ended(context.timeout_s)
        check_exit(ended, 0)

        # The trace, as soon as it is complete: computed from what the spans themselves say, not from a pause.
        trace = context.trace(ended)
        self._completeness(trace)
        self._selection(trace)
        self._lifecycle(trace, context)
        self._causality(trace)

        # Everything adds up: spans, lines, rows of run.db, and what the provider says it served.
        files = context.files(place)
        check_consistent(files)
        assert_conserved(trace, lines=len(files.lines()), rows=len(files.items()), served=served.entries())
        self._sums(trace, served)

    def _completeness(self, trace: Trace) -> None:
        assert_complete(trace)
        check(completeness(trace).missing == [], "nothing is missing of a complete trace")

    def _selection(self, trace: Trace) -> None:
        orders = trace.select(name=names.ORDER, service=names.PRODUCER)
        # By name (text, several texts, pattern), service, kind, status, attribute (value or predicate), condition.
        orders.at_least(_PRODUCERS * _ITERATIONS)
        trace.select(name=re.compile("send .*"), kind="producer").at_least(1)
        trace.select(attributes={names.ORDER_ATTEMPT: lambda attempt: attempt == 1}).at_least(1)
        trace.select(name=names.ATTEMPT, where=lambda span: span.duration_s > 60).none()
        # By relation: parent, ancestor, link in either direction; and along them.
        trace.select(name=names.SEND_ITEMS, parent=names.ORDER).at_least(1)
        trace.select(name=names.ATTEMPT, ancestor=orders).at_least(1)
        trace.select(name=names.PROCESS_ITEMS, links_to=names.SEND_ITEMS).at_least(1)
        orders.linked().every(lambda span: span.name == names.SEND_ORDERS)
        orders.children().named(names.SEND_ITEMS).sources().every({names.MESSAGING_OPERATION: names.PROCESS})
        # Counts, sums, values, groups, one.
        check(orders.sum(names.ITEMS_PARSED) > 0, "orders bring items")
        check(set(orders.values(names.ORDER_MODE)) <= {"audit", "explore"}, "orders explore, or audit")
        check(len(orders.group_by(names.PRODUCER_INDEX)) == _PRODUCERS, "every producer has orders")
        trace.select(name=names.RUN).one()
        # Of the requests only the overloaded one failed; those of the killed producer are not told by anybody.
        trace.select(name=names.ATTEMPT).failed().count(1).every({names.ERROR_TYPE: "529"})

    def _lifecycle(self, trace: Trace, context: Context) -> None:
        producers_started(trace, _PRODUCERS)
        producers_ready(trace)
        died = died_by(trace, "SIGKILL", 1)
        exited(trace, 0, apart_from=died).count(_PRODUCERS)
        restarted(trace, 1)
        no_leaked_pids(trace, {process.pid for process in marked(context.marker)})

    def _causality(self, trace: Trace) -> None:
        spawned, sent = trace.select(name=names.SPAWN), trace.select(name=names.SEND_ORDERS)
        orders, calls = trace.select(name=names.ORDER), inferences(trace)
        happens_before(trace.select(name=names.PROCESS_STARTED, service=names.ORCHESTRATOR), spawned)
        happens_before(sent, orders, by="link")
        causes(sent, trace.select(name=names.PROCESS_ITEMS, links_to=names.SEND_ITEMS))
        within(calls, orders)
        overlap(orders.where({names.PRODUCER_INDEX: 0}), orders.where({names.PRODUCER_INDEX: 1}))
        assert_max_concurrency(calls, _PRODUCERS)
        check(max_concurrency(calls) == _PRODUCERS, "the producers work side by side")

    def _sums(self, trace: Trace, served: Served) -> None:
        sums = conservation(trace)
        check(sums.new == trace.root.number(names.ITEMS_NEW), "what was new is what the run says")
        check(sums.input_tokens <= sum(entry.input_tokens for entry in served.entries()), "no token from nowhere")
        # What a person sees when something does not hold:
        check(names.RUN in tree(trace), "the tree begins with the run")
