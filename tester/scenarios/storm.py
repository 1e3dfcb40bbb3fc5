"""All faults at once, at rates, at three vendors."""

from __future__ import annotations

from tester.checks import check, check_consistent, check_every_order_done, check_exit, check_same_items
from tester.fake_provider import Fault
from tester.scenario import Context
from tester.scenarios.faults import APIS, FAULTS, arguments, environment_of
from tester.scenarios.proof import proven
from tester.served import delivered, names

_RATE = 0.35
"""Share of requests that fail in one way or another."""
_ITERATIONS = 10


class Storm:
    """All faults, drawn at random for a third of all requests."""

    name = "storm"
    description = "a third of all requests fails, in every way, at three vendors: the run completes, nothing is lost"

    def run(self, context: Context) -> None:
        """Play it."""
        place = context.place("storm")
        faults = [_quick(fault) for fault in FAULTS.values()]
        rates = dict.fromkeys(faults, _RATE / len(faults))
        served = {
            api: context.serve(
                names(400, context.seed),
                items_per_response=12,
                chunk_chars=5,
                fault_rates=rates,
                time_to_first_chunk_s=0.01,
                duration_s=0.05,
                seed=context.seed * len(APIS) + number,
            )
            for number, api in enumerate(APIS)
        }
        ended = context.run(
            *arguments(_ITERATIONS, "--concurrency", "3", "--max-attempts", "9", "--seed", str(context.seed)),
            place=place,
            environment=environment_of(served),
        )
        check_exit(ended, 0)
        files = context.files(place)
        check_consistent(files)
        entries = [entry for server in served.values() for entry in server.entries()]
        check(any(entry.fault for entry in entries), "no request was hit: the storm has to be stronger")
        check_every_order_done(files.orders(), len(APIS) * _ITERATIONS)
        proven(context, ended, files, served=entries)
        check_same_items("attributes.txt beside what the servers sent", files.lines(), delivered(entries))
        orders = len(files.orders())
        over = [item for item in files.items() if item.count > orders]
        check(not over, f"items are counted more often than there are orders: {over[:3]}")
        sent = {item.text: sum(item.text in entry.items for entry in entries) for item in files.items()}
        over = [item for item in files.items() if item.count > sent[item.text]]
        check(not over, f"items are counted more often than they were sent: {over[:3]}")


def _quick(fault: Fault) -> Fault:
    """The same with a short pause: waiting proves nothing more here."""
    if fault.retry_after_s is None:
        return fault
    return Fault(fault.kind, retry_after_s=0.2, as_date=False)
