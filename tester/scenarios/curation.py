"""Items are judged by a model, once; answers that only repeat are ended, and the vendor's stream with them."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from contract import spans as names_of
from tester.checks import check, check_consistent, check_equal, check_exit, check_prefix
from tester.process_table import poll_until
from tester.run_files import RunFiles
from tester.scenario import TOPIC, Context
from tester.scenarios.proof import proven
from tester.served import names
from tester.trace.conservation import inferences

_APIS = ("openai", "anthropic", "gemini")
_ITEMS = 12
_LONG = 40
"""Items of an answer that is to be ended: more than the patience, slow enough that its end shows."""
_PATIENCE = 6
_NOISY = (
    *("--topic", TOPIC, "--provider", "test", "--producers", "2", "--validate", "on"),
    *("--provider-option", "test.noise_rate=0.2", "--provider-option", "test.judgement=1"),
    *("--provider-option", "test.mess=0.5", "--provider-option", "test.speed=20"),
)


class Curation:
    """Judging by a model of its own, through a kill; and answers that are ended early, at each vendor."""

    name = "curation"
    description = "--validate judges every item once, also when it is killed; --patience ends answers at the vendor"

    def run(self, context: Context) -> None:
        """Play it."""
        impatient = [partial(_impatient, context, api) for api in _APIS]
        context.together(*impatient, *(partial(part, context) for part in (_judged_apart, _judged_in_spite_of_a_kill)))


def _judged_apart(context: Context) -> None:
    """One vendor lists, another one judges; neither is asked for the other's work."""
    lists = context.serve(names(100, context.seed), items_per_response=_ITEMS)
    judges = context.serve(names(100, context.seed + 1), items_per_response=_ITEMS)
    place = context.place("judged-apart")
    ended = context.run(
        *("--topic", TOPIC, "--producers", "2", "--concurrency", "1", "--iterations", "4", "--json"),
        *("--request-size", str(_ITEMS), "--provider", "openai:model", "--validate", "anthropic:judge"),
        place=place,
        environment=lists.environment("openai") | judges.environment("anthropic"),
    )
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    check_equal("purposes of the judge's requests", {entry.purpose for entry in judges.entries()}, {"judgement"})
    check("judgement" not in {entry.purpose for entry in lists.entries()}, "the model that lists was asked to judge")
    check_equal("requests that list", sum(entry.purpose == "list" for entry in lists.entries()), 8)
    result: dict[str, Any] = json.loads(ended.stdout)
    check_equal("items that nobody has judged", (result["unjudged"], result["invalid"]), (0, 0))
    check_equal("valid.txt", _valid(files), files.lines())
    trace = proven(context, ended, files, served=[*lists.entries(), *judges.entries()])
    modes = {str(span.attributes[names_of.ORDER_MODE]) for span in trace.select(name=names_of.ORDER)}
    check("validate" in modes, f"no order says that it judges; modes are {modes}")


def _judged_in_spite_of_a_kill(context: Context) -> None:
    """What was judged before a SIGKILL is not judged again; the list is whole when the next run has ended."""
    place = context.place("judged")
    files = context.files(place)
    command = context.start(*_NOISY, "--seed", str(context.seed), "--iterations", "200", place=place)
    poll_until(lambda: len(_judgements(files)) >= 40 or not command.running, context.timeout_s)
    check(command.running, f"the run had ended by itself: {command.stderr[-800:]!r}")
    command.signal(signal.SIGKILL)
    command.ended(context.timeout_s)
    before, lines = _judgements(files), files.lines(live=True)
    ended = context.run(*_NOISY, "--seed", str(context.seed + 1), "--iterations", "2", "--json", place=place)
    check_exit(ended, 0)
    check_consistent(files)
    check_prefix("attributes.txt after the kill", lines, files.lines())
    after = _judgements(files)
    sure = {item: row for item, row in before.items() if row[0] != "unsure"}
    check_equal("judgements that the killed run had made", {item: after.get(item) for item in sure}, sure)
    result: dict[str, Any] = json.loads(ended.stdout)
    check_equal("items that nobody has judged", result["unjudged"], 0)
    invalid = {item for item, (verdict, _) in after.items() if verdict == "invalid"}
    check(invalid, "a fifth of the model's items is noise, and none of them was found")
    wanted = [line for number, line in enumerate(files.lines(), 1) if number not in invalid]
    check_equal("valid.txt beside run.db", _valid(files), wanted)
    check_equal("invalid in the JSON result", result["invalid"], len(invalid))
    proven(context, ended, files, before=None)


def _impatient(context: Context, api: str) -> None:
    """Every answer names the same items, slowly: those that look for new ones are ended, audits are read whole."""
    served = context.serve(names(_LONG, context.seed), items_per_response=_LONG, duration_s=0.8, chunk_chars=13)
    place = context.place(f"impatient-{api}")
    ended = context.run(
        *("--topic", TOPIC, "--producers", "1", "--concurrency", "1", "--iterations", "8", "--json"),
        *("--request-size", str(_LONG), "--provider", f"{api}:model", "--strategy", "listed"),
        *("--patience", str(_PATIENCE), "--price", f"{api}:model=1,1"),
        place=place,
        environment=served.environment(api),
    )
    check_exit(ended, 0)
    files = context.files(place)
    check_consistent(files)
    check_equal(f"states of the orders at {api}", {order.state for order in files.orders()}, {"done"})
    served.wait_for("the end of all streams", lambda entries: all(one.ended_at for one in entries), context.timeout_s)
    entries = served.entries()
    trace = proven(context, ended, files, served=entries)
    modes = {span.attributes[names_of.ORDER_ID]: span for span in trace.select(name=names_of.ORDER)}
    patient = [span for span in modes.values() if span.attributes[names_of.ORDER_MODE] == "audit"]
    cut = [span for span in modes.values() if span.attributes[names_of.ORDER_MODE] == "explore"]
    check(patient and cut, f"both kinds of orders were expected at {api}: {len(patient)} audits, {len(cut)} others")
    check_equal(f"answers that {api} could not end", sum(one.disconnected for one in entries), len(cut))
    for entry in entries:
        if entry.disconnected:
            check(len(entry.items) < _LONG, f"{api} had sent all of an answer that should have been ended")
        else:
            check_equal(f"items of a whole answer of {api}", len(entry.items), _LONG)
    told = [span.attributes.get(names_of.USAGE_ESTIMATED) for span in inferences(trace)]
    check_equal(f"calls to {api} whose usage is estimated", sum(map(bool, told)), len(cut))
    result: dict[str, Any] = json.loads(ended.stdout)
    check_equal("answers that were ended, in the JSON result", result["shortened_calls"], len(cut))
    check(result["tokens_estimated"] > 0, "tokens of ended answers should be told as estimated")
    check_equal("failed calls", result["failed_calls"], 0)


def _judgements(files: RunFiles) -> dict[int, tuple[str, int | None]]:
    """Verdict and order by item; empty while there is no database."""
    path: Path = files.database
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT item_id, verdict, order_id FROM judgements").fetchall()
    except sqlite3.Error:
        return {}
    return {item: (verdict, order) for item, verdict, order in rows}


def _valid(files: RunFiles) -> list[str]:
    return (files.folder / "valid.txt").read_text(encoding="utf-8").splitlines()
