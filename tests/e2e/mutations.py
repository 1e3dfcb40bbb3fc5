"""Ways to break the product, each with the scenario that must notice and the words in which it must say so.

A mutation is Python source that replaces a function of the orchestrator's or the producers' before the command begins.
The sources stay as they are: `write_launcher` writes a program that puts the source in place and then calls the
command; producers get theirs by way of the fork server, which imports it last. The processes of web mode are programs
of their own: they get theirs from a `sitecustomize` beside the launcher, which Python imports when it starts.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any
from unittest import mock

import msgspec

from tester.fake_provider import FaultKind
from tester.scenario import Context, Scenario
from tester.scenarios import SCENARIOS, basic, collector_down, curation, faults, interrupt, kill_producers, secret_keys
from tester.scenarios.collector_down import CollectorDown
from tester.scenarios.exhaustion import asking, continuing, ending
from tester.scenarios.interrupt import Interrupt
from tester.scenarios.kill_producers import KillProducers
from tester.scenarios.proof import proven
from tester.scenarios.secret_keys import SecretKeys
from tester.scenarios.webserver import crashes, reading, steering, strangers, working
from tester.scenarios.webserver.session import Session
from tester.scenarios.webserver.steering import Steering
from tester.trace.topics import topic_runs

_PRODUCERS_MODULE = "mutated_producers"
_ORCHESTRATOR_MODULE = "mutated_orchestrator"
_WEB_SERVER_MODULE = "mutated_web_server"
_PRELUDE = '''
import itertools

turns = itertools.count(1)


def instead_of(owner, name):
    """The decorated function takes the place of `owner.name`, which it is given first."""
    original = getattr(owner, name)

    def put(function):
        setattr(owner, name, lambda *given, **named: function(original, *given, **named))
        return function

    return put

'''
_LAUNCHER = """
import orchestrator_with_mutation
import orchestrator.cli

orchestrator.cli.main()
"""
_ORCHESTRATOR = f"""
import os
from pathlib import Path

import orchestrator.composition as composition

preload = composition._preload
here = str(Path(__file__).parent)
if here not in os.environ["PYTHONPATH"].split(":"):
    os.environ["PYTHONPATH"] = f"{{here}}:{{os.environ['PYTHONPATH']}}"  # for fork servers and programs
composition._preload = lambda *given: [*preload(*given), "{_PRODUCERS_MODULE}"]

import {_ORCHESTRATOR_MODULE}
"""
_SITE = f"""
import sys

program = sys.orig_argv[sys.orig_argv.index("-m") + 1] if "-m" in sys.orig_argv else ""
if program == "orchestrator.service.topic_process":
    import orchestrator_with_mutation
elif program == "webserver":
    import {_WEB_SERVER_MODULE}
"""


class Mutation(msgspec.Struct, frozen=True):
    """One way to break the product.

    Attributes:
        name: Short.
        breaks: What is broken, in words.
        scenario: What must fail.
        message: Regular expression for its failure: it must fail for this reason and no other.
        orchestrator: Source that breaks the orchestrator; in web mode the service and its topic processes.
        producers: Source that breaks the producers.
        web_server: Source that breaks the web server.
        timeout_s: See `Context`.
    """

    name: str
    breaks: str
    scenario: Scenario
    message: str
    orchestrator: str = ""
    producers: str = ""
    web_server: str = ""
    timeout_s: float = 60.0


class Part:
    """A part of a scenario, with some of its module's constants replaced by smaller ones.

    Args:
        module: The scenario's.
        play: The part.
        **smaller: Constants of the module.
    """

    def __init__(self, name: str, module: ModuleType, play: Callable[[Context], None], **smaller: Any) -> None:
        self.name = name
        self.description = f"a part of {module.__name__}"
        self._module = module
        self._play = play
        self._smaller = smaller

    def run(self, context: Context) -> None:
        """Play it."""
        with ExitStack() as stack:
            for name, value in self._smaller.items():
                stack.enter_context(mock.patch.object(self._module, name, value))
            self._play(context)


def write_launcher(folder: Path, mutation: Mutation | None) -> Path:
    """Write a program that behaves as the `orchestrator` command with this mutation; None breaks nothing.

    Args:
        folder: An existing folder for it.
        mutation: Which.
    """
    sources = {
        _ORCHESTRATOR_MODULE: "" if mutation is None else mutation.orchestrator,
        _PRODUCERS_MODULE: "" if mutation is None else mutation.producers,
        _WEB_SERVER_MODULE: "" if mutation is None else mutation.web_server,
    }
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(_PRELUDE + dedent(source), encoding="utf-8")
    (folder / "orchestrator_with_mutation.py").write_text(_ORCHESTRATOR, encoding="utf-8")
    (folder / "sitecustomize.py").write_text(_SITE, encoding="utf-8")
    launcher = folder / "launch.py"
    launcher.write_text(_LAUNCHER, encoding="utf-8")
    return launcher


def _first_run(context: Context) -> None:
    place = context.place("basic")
    ended = basic._run(context, place)
    basic._check_run(ended, context.files(place), runs=1)
    basic._check_trace(proven(context, ended, context.files(place)))


def _hanging_collector(context: Context) -> None:
    scenario = CollectorDown()
    scenario._down(context, "hang", scenario._healthy(context))


def _steered(context: Context) -> None:
    """Of a service with one topic, which is steered."""
    steered = Steering(context, key="any")
    session = Session(context, context.place("steered"), environment=steered.environment)
    nobody_else = asyncio.Event()
    nobody_else.set()
    asyncio.run(steered.play(session, nobody_else))
    trace = session.proven(session.end(signal.SIGTERM))
    steered.check_spans(trace, topic_runs(trace)[0].trace)


def _read(context: Context) -> None:
    """Of a service with one topic, which is watched and read."""
    session = Session(context, context.place("read"))
    asyncio.run(reading.play(context, session))
    session.proven(session.end(signal.SIGTERM))


def _called_by_strangers(context: Context) -> None:
    session = Session(context, context.place("called"))
    asyncio.run(strangers.play(session))
    session.proven(session.end(signal.SIGTERM))


FIRST_RUN = Part("basic", basic, _first_run)
LIMIT = Part("basic", basic, basic._stop_at_limit)
BASIC, PROVIDERS, CLEAN_EXIT = SCENARIOS["basic"], SCENARIOS["providers"], SCENARIOS["clean-exit"]
FAULTS = Part(
    "faults",
    faults,
    lambda context: faults._one_after_another(context, "openai"),
    FAULTS={title: faults.FAULTS[title] for title in ("500", "429 with seconds", "cut in an item")},
    _KINDS={"overloaded", "rate_limited", "stream_truncated"},
)
COUNTS = Part("counts", faults, faults._counts, _BREAKS=(FaultKind.CUT, FaultKind.CUT_RESET))
KILL = Part("kill-producers", kill_producers, KillProducers().run, _KILLS=1, _PRODUCERS=1, _ITERATIONS=20)
JUDGED = Part("judged", curation, curation._judged_in_spite_of_a_kill)
IMPATIENT = Part("impatient", curation, lambda context: curation._impatient(context, "openai"))
COVERED = Part("covered", ending, lambda context: ending.by_rule(context, ending.RULES[0]))
KILLED = Part("killed", continuing, continuing.killed)
FIRST_ANSWERS = Part("first-answers", asking, asking.first_answers)
PRICES = Part("prices", asking, asking.prices)
CTRL_C = Part("interrupt", interrupt, Interrupt()._once)
CTRL_C_TWICE = Part("interrupt-twice", interrupt, lambda context: Interrupt()._at_once(context, signal.SIGINT))
HANGING_COLLECTOR = Part("collector-down", collector_down, _hanging_collector)
SECRETS = Part("secrets", secret_keys, SecretKeys()._right)
STEERED = Part("webserver-steered", steering, _steered)
READ = Part("webserver-read", reading, _read)
STRANGERS = Part("webserver-strangers", strangers, _called_by_strangers)
WORKING = Part("webserver-working", working, working.play)
CRASHES = Part("webserver-crashes", crashes, crashes.play)
PARTS = {part.name: part for part in (FAULTS, COUNTS, KILL)}
"""Those that have smaller constants; what the others play, the scenarios play as well."""


_ITEMS_ON_THEIR_WAY = (
    Mutation(
        name="producer-drops-parsed-items",
        breaks="a producer parses items and forgets them",
        scenario=FIRST_RUN,
        message=r"^items sent by 'order'",
        producers="""
            from producer.outbox import Outbox

            @instead_of(Outbox, "put_items")
            def put_items(original, self, *given):
                if next(turns) > 1:
                    original(self, *given)
        """,
    ),
    Mutation(
        name="producer-drops-a-batch",
        breaks="a batch is told as sent, and is not",
        scenario=FIRST_RUN,
        message=r"^items received of 'send items'",
        producers="""
            from contract.messages import ItemBatch
            from producer.channel import SocketChannel

            @instead_of(SocketChannel, "send")
            async def send(original, self, *messages):
                kept = [one for one in messages if not isinstance(one, ItemBatch) or next(turns) > 1]
                await original(self, *kept)
        """,
    ),
    Mutation(
        name="orchestrator-drops-a-batch",
        breaks="a batch is received and forgotten",
        scenario=FIRST_RUN,
        message=r"^items received of 'send items'",
        orchestrator="""
            from contract.messages import ItemBatch
            from orchestrator.supervisor import Supervisor

            @instead_of(Supervisor, "_heard")
            def heard(original, self, producer, message):
                drop = isinstance(message, ItemBatch) and next(turns) == 1
                return [] if drop else original(self, producer, message)
        """,
    ),
    Mutation(
        name="exporter-cuts-a-batch",
        breaks="a batch of spans reaches the collector cut in the middle, and is refused",
        scenario=FIRST_RUN,
        message=(
            r"(?s)^the trace is complete: .* spans were emitted, .*"
            r"\nthe collector answered /v1/traces with 400: the body is no ExportTraceServiceRequest$"
        ),
        orchestrator="""
            from opentelemetry.exporter.otlp.common.http import _OTLPHTTPClient

            @instead_of(_OTLPHTTPClient, "export")
            def export(original, self, data):
                return original(self, data[:-1] if next(turns) == 2 else data)
        """,
    ),
    Mutation(
        name="store-drops-an-item",
        breaks="the store takes one item of each batch for nothing",
        scenario=PROVIDERS,
        message=r"^new \+ duplicate \+ held \+ blank \+ parts \+ judgements of 'process items'",
        orchestrator="""
            import msgspec
            from orchestrator.store.store import _Intake

            @instead_of(_Intake, "take")
            def take(original, self, batch):
                return original(self, msgspec.structs.replace(batch, items=batch.items[1:]))
        """,
    ),
    Mutation(
        name="store-drops-an-item-of-the-simulated-model",
        breaks="the same where no ledger tells what was sent: the item is counted as blank",
        scenario=FIRST_RUN,
        message=r"blank \+ parts \+ judgements of 'process items'",
        orchestrator="""
            import msgspec
            from orchestrator.store.store import _Intake

            @instead_of(_Intake, "take")
            def take(original, self, batch):
                return original(self, msgspec.structs.replace(batch, items=batch.items[1:]))
        """,
    ),
    Mutation(
        name="batch-taken-in-twice",
        breaks="a received batch is handled twice",
        scenario=FIRST_RUN,
        message=r"^items received of 'send items'",
        orchestrator="""
            from contract.messages import ItemBatch
            from orchestrator.supervisor import Supervisor

            @instead_of(Supervisor, "_heard")
            def heard(original, self, producer, message):
                happenings = original(self, producer, message)
                return happenings * 2 if isinstance(message, ItemBatch) and next(turns) == 1 else happenings
        """,
    ),
    Mutation(
        name="batch-stored-twice",
        breaks="the store counts a batch twice, and tells of it once",
        scenario=FIRST_RUN,
        message=r"^duplicates in the JSON result",
        orchestrator="""
            from orchestrator.store import Store

            @instead_of(Store, "ingest")
            def ingest(original, self, batches):
                outcomes = original(self, batches)
                if next(turns) == 1:
                    written = self.written
                    original(self, batches)
                    self.written = written
                return outcomes
        """,
    ),
)

_FILES = (
    Mutation(
        name="line-written-twice",
        breaks="a line of attributes.txt is written twice",
        scenario=FIRST_RUN,
        message=r"^attributes.txt: \d+ lines come more than once",
        orchestrator="""
            from orchestrator.store.attributes_file import AttributesFile

            @instead_of(AttributesFile, "append")
            def append(original, self, lines):
                lines = list(lines)
                original(self, lines[:1])
                return original(self, lines)
        """,
    ),
    Mutation(
        name="line-not-written",
        breaks="an item stands in run.db and not in attributes.txt",
        scenario=FIRST_RUN,
        message=r"^attributes.txt beside the items of run.db",
        orchestrator="""
            from orchestrator.store.attributes_file import AttributesFile

            @instead_of(AttributesFile, "append")
            def append(original, self, lines):
                return 1 + original(self, list(lines)[1:])
        """,
    ),
    Mutation(
        name="row-not-written",
        breaks="an item stands in attributes.txt and not in run.db",
        scenario=FIRST_RUN,
        message=r"^attributes.txt beside the items of run.db",
        orchestrator="""
            from orchestrator.store.store import _Intake

            @instead_of(_Intake, "write")
            def write(original, self):
                rows, self.rows = self.rows, self.rows[:-1]
                original(self)
                self.rows = rows
        """,
    ),
    Mutation(
        name="line-torn",
        breaks="the last byte of what is appended is lost",
        scenario=FIRST_RUN,
        message=r"^attributes.txt ends in the middle of a line",
        orchestrator="""
            import orchestrator.store.attributes_file as attributes_file

            @instead_of(attributes_file, "blocks_of_lines")
            def blocks_of_lines(original, lines):
                return [(block[:-1], count) for block, count in original(lines)]
        """,
    ),
    Mutation(
        name="lines-reordered",
        breaks="lines of attributes.txt stand in another order than they were found in",
        scenario=FIRST_RUN,
        message=r"^attributes.txt beside the items of run.db",
        orchestrator="""
            from orchestrator.store.attributes_file import AttributesFile

            @instead_of(AttributesFile, "append")
            def append(original, self, lines):
                return original(self, reversed(list(lines)))
        """,
    ),
    Mutation(
        name="write-miscounted",
        breaks="a write tells of one line less than it wrote",
        scenario=FIRST_RUN,
        message=r"^app.items.written of all 'write attributes'",
        orchestrator="""
            from orchestrator.store.attributes_file import AttributesFile

            @instead_of(AttributesFile, "append")
            def append(original, self, lines):
                return original(self, lines) - 1
        """,
    ),
    Mutation(
        name="dedup-off",
        breaks="every item is new",
        scenario=FIRST_RUN,
        message=r"^attributes.txt: \d+ lines come more than once",
        orchestrator="""
            import os
            import orchestrator.store.store as store

            store.key_of = lambda text, identity: os.urandom(16)
        """,
    ),
    Mutation(
        name="continued-run-starts-anew",
        breaks="a second run moves the first one aside without being asked",
        scenario=BASIC,
        message=r"^attributes.txt after the second run: line \d+ was",
        orchestrator="""
            from orchestrator.store import Store

            @instead_of(Store, "open")
            def open_store(original, *given, **named):
                return original(*given, **{**named, "fresh": True})
        """,
    ),
    Mutation(
        name="rejected-not-written",
        breaks="rejected.jsonl stays empty",
        scenario=FIRST_RUN,
        message=r"^lines of rejected.jsonl",
        orchestrator="""
            import orchestrator.store.store as store

            store.rejected_lines = lambda *given: b""
        """,
    ),
    Mutation(
        name="manifest-not-brought-up-to-date",
        breaks="run.json tells at the end what it told at the beginning",
        scenario=FIRST_RUN,
        message=r"run.json",
        orchestrator="""
            from orchestrator.store import Store

            @instead_of(Store, "_write_manifest")
            def write_manifest(original, self):
                if next(turns) == 1:
                    original(self)
        """,
    ),
)

_ORDERS = (
    Mutation(
        name="retry-skipped",
        breaks="an order is given up at its first failure",
        scenario=FAULTS,
        message=r"^orders that are done: 6 was expected, 3 was seen",
        orchestrator="""
            import orchestrator.orders as orders

            orders.may_retry = lambda *given: False
        """,
    ),
    Mutation(
        name="retry-after-ignored",
        breaks="a provider that asks for a pause gets the next request at once",
        scenario=FAULTS,
        message=r"Retry-After",
        orchestrator="""
            import msgspec
            from orchestrator.orders import OrderDesk

            @instead_of(OrderDesk, "failed")
            def failed(original, self, message, *given, **named):
                return original(self, msgspec.structs.replace(message, retry_after_s=None), *given, **named)
        """,
    ),
    Mutation(
        name="retry-counts-twice",
        breaks="an item that a broken answer and its retry name counts twice for their order",
        scenario=COUNTS,
        message=r"^\(item, order\) counted more than once",
        orchestrator="""
            from orchestrator.store.ledger import OpenOrder

            class Forgetful(set):
                def __contains__(self, key):
                    return False

            @instead_of(OpenOrder, "__init__")
            def init(original, self, *given, **named):
                original(self, *given, **named)
                self.named = Forgetful()
        """,
    ),
    Mutation(
        name="repeat-not-counted",
        breaks="an item that another order names too is not counted for that order",
        scenario=COUNTS,
        message=r"^counts of the items",
        orchestrator="""
            from orchestrator.store.store import _Intake

            @instead_of(_Intake, "write")
            def write(original, self):
                sightings, self.sightings = self.sightings, []
                original(self)
                self.sightings = sightings
        """,
    ),
    Mutation(
        name="retry-asks-for-everything",
        breaks="a retry asks for as many items as if nothing had come",
        scenario=FAULTS,
        message=r"asked for",
        orchestrator="""
            from orchestrator.orders import OpenOrder

            OpenOrder.missing = property(lambda self: self.size)
        """,
    ),
    Mutation(
        name="known-items-not-named",
        breaks="no prompt names what is known already",
        scenario=FAULTS,
        message=r"prompt",
        orchestrator="""
            import orchestrator.orders as orders

            orders.avoid_list = lambda *given, **named: ()
        """,
    ),
    Mutation(
        name="more-in-flight-than-allowed",
        breaks="a producer has two more open orders than --concurrency",
        scenario=FIRST_RUN,
        message=r"^concurrency of spans named 'order'.*: expected at most 4, saw",
        orchestrator="""
            import msgspec
            from orchestrator.orders import OrderDesk

            @instead_of(OrderDesk, "__init__")
            def init(original, self, settings, *given):
                original(self, msgspec.structs.replace(settings, concurrency=settings.concurrency + 2), *given)
        """,
    ),
    Mutation(
        name="limit-not-kept",
        breaks="the store takes in more than --max-attributes",
        scenario=LIMIT,
        message=r"^lines with --max-attributes: 50 was expected",
        orchestrator="""
            from orchestrator.store import Store

            @instead_of(Store, "open")
            def open_store(original, *given, **named):
                return original(*given, **{**named, "max_items": None})
        """,
    ),
    Mutation(
        name="held-item-forgotten",
        breaks="what is found beyond --max-attributes is not kept for a later run",
        scenario=LIMIT,
        message=r"held",
        orchestrator="""
            from orchestrator.store.store import _Intake

            _Intake._hold = lambda self, *given: None
        """,
    ),
    Mutation(
        name="first-ctrl-c-cuts",
        breaks="the first Ctrl-C cancels open streams",
        scenario=CTRL_C,
        message=r"^responses that were broken off: 0 was expected",
        orchestrator="""
            from orchestrator.run import Run

            @instead_of(Run, "_stop")
            def stop(original, self, reason, *, cancel):
                original(self, reason, cancel=cancel)
                self.supervisor.cancel(list(self.desk.open))
        """,
    ),
    Mutation(
        name="second-ctrl-c-ignored",
        breaks="a second Ctrl-C does no more than the first",
        scenario=CTRL_C_TWICE,
        message=r"expected each with error.type=cancelled, saw 4 of 4 otherwise",
        orchestrator="""
            from orchestrator.run import Run

            @instead_of(Run, "_stop")
            def stop(original, self, reason, *, cancel):
                original(self, reason, cancel=False)
        """,
    ),
)

_PROVENANCE = (
    Mutation(
        name="order-attributed-to-another-provider",
        breaks="run.db names another provider and model than were asked",
        scenario=PROVIDERS,
        message=r"^(in|out)put_tokens of \w+'s orders|^an item has \w+ for its provenance",
        orchestrator="""
            from orchestrator.store import Store

            others = {"openai": "anthropic", "anthropic": "gemini", "gemini": "openai"}

            @instead_of(Store, "issue_order")
            def issue_order(original, self, *, provider, model, **named):
                other = others[provider]
                return original(self, provider=other, model=f"{other}-model", **named)
        """,
    ),
    Mutation(
        name="item-attributed-to-another-order",
        breaks="a new item is noted as found by another order",
        scenario=PROVIDERS,
        message=r"^\(item, order\) counted more than once|new beside the items that it named first",
        orchestrator="""
            from orchestrator.store.store import _Intake

            @instead_of(_Intake, "_add")
            def add(original, self, key, text, description, order_id):
                original(self, key, text, description, max(1, order_id - 1))
        """,
    ),
    Mutation(
        name="usage-lost",
        breaks="a producer does not tell the tokens of its calls",
        scenario=PROVIDERS,
        message=r"^model, input and output tokens of",
        producers="""
            from producer.call import _Progress

            _Progress.usage_or_estimate = lambda self: None
        """,
    ),
    Mutation(
        name="usage-guessed",
        breaks="a producer counts characters though the provider told the tokens",
        scenario=PROVIDERS,
        message=r"^input_tokens of openai's orders",
        producers="""
            from producer.call import _Progress

            @instead_of(_Progress, "usage_or_estimate")
            def usage_or_estimate(original, self):
                self.usage = None
                return original(self)
        """,
    ),
    Mutation(
        name="usage-not-stored",
        breaks="run.db has no tokens",
        scenario=FIRST_RUN,
        message=r"^input tokens: 0 was expected",
        orchestrator="""
            from orchestrator.orders import OpenOrder

            OpenOrder.add_usage = lambda self, usage, cost_usd: None
        """,
    ),
    Mutation(
        name="request-made-twice",
        breaks="an answer is bought a second time and thrown away",
        scenario=PROVIDERS,
        message=r"^requests at the servers: 12 was expected",
        producers="""
            import producer.call as call_module

            @instead_of(call_module, "_stream")
            async def stream(original, order, call, provider, *given):
                if next(turns) == 1:
                    async for chunk in provider.stream(call):
                        pass
                await original(order, call, provider, *given)
        """,
    ),
)

_PROCESSES = (
    Mutation(
        name="child-leaked",
        breaks="a child process outlives the run",
        scenario=CLEAN_EXIT,
        message=r"^processes were left behind: .*sleep 60",
        orchestrator="""
            import subprocess

            subprocess.Popen(
                ["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        """,
    ),
    Mutation(
        name="producer-outlives-the-run",
        breaks="a producer goes on after it has told its end, and the orchestrator believes it",
        scenario=FIRST_RUN,
        message=r"^processes of the run that are alive: expected none, saw pid",
        orchestrator="""
            import atexit
            import multiprocessing.util
            from orchestrator.processes.process_manager import _ForkedProcess

            atexit.unregister(multiprocessing.util._exit_function)  # it would end them
            _ForkedProcess.exit_code = lambda self: 0
        """,
        producers="""
            import os
            import time
            import producer.main as main

            main.end_with_parent = lambda fd: None

            @instead_of(main, "run")
            def run(original, connection):
                original(connection)
                os.closerange(1, 1024)  # the fork server lives as long as somebody holds its pipe
                time.sleep(60)
        """,
    ),
    Mutation(
        name="dead-producer-not-replaced",
        breaks="nothing takes the place of a producer that was killed",
        scenario=KILL,
        message=r"^after \d kills no (further answer came|producer became ready)|did not end within",
        orchestrator="""
            from orchestrator.supervisor import Supervisor

            Supervisor.replace_dead = lambda self: None
        """,
        timeout_s=4.0,
    ),
    Mutation(
        name="orders-lost-with-their-producer",
        breaks="the open orders of a killed producer are given up",
        scenario=KILL,
        message=r"^states of the orders: \{'done'\} was expected",
        orchestrator="""
            import orchestrator.orders as orders
            from contract.errors import ErrorKind

            @instead_of(orders, "may_retry")
            def may_retry(original, kind, *given):
                return kind is not ErrorKind.PROCESS_CRASH and original(kind, *given)
        """,
    ),
    Mutation(
        name="too-few-producers",
        breaks="one producer less than asked for is started",
        scenario=FIRST_RUN,
        message=r"^orders in run.db: 30 was expected, 20 was seen",
        orchestrator="""
            import msgspec
            import orchestrator.cli as cli

            @instead_of(cli, "_run")
            def run(original, settings, *given, **named):
                return original(msgspec.structs.replace(settings, producers=settings.producers - 1), *given, **named)
        """,
    ),
    Mutation(
        name="orders-before-ready",
        breaks="a producer gets orders before it has said that it is ready",
        scenario=FIRST_RUN,
        message=r"^spans named 'spawn producer' happen before spans named 'send orders'",
        orchestrator="""
            from orchestrator.supervisor import Supervisor

            @instead_of(Supervisor, "_start")
            def start(original, self, producer):
                original(self, producer)
                producer.ready = True
        """,
    ),
    Mutation(
        name="producers-exit-code",
        breaks="producers end with an error",
        scenario=FIRST_RUN,
        message=r"process.exit.code",
        producers="""
            import sys
            import producer.main as main

            @instead_of(main, "run")
            def run(original, connection):
                original(connection)
                sys.exit(3)
        """,
    ),
    Mutation(
        name="temporary-file-left",
        breaks="a run leaves a temporary file",
        scenario=CLEAN_EXIT,
        message=r"^temporary files were left behind",
        orchestrator="""
            import tempfile

            tempfile.mkstemp()
        """,
    ),
    Mutation(
        name="stray-file",
        breaks="a run makes a file in the working directory",
        scenario=CLEAN_EXIT,
        message=r"^what the run made in its working directory",
        orchestrator="""
            from pathlib import Path

            Path("debug.log").touch()
        """,
    ),
    Mutation(
        name="failure-told-as-success",
        breaks="the exit code is 0 whatever happened",
        scenario=CLEAN_EXIT,
        message=r"^exit code 4 was expected, 0 was seen",
        orchestrator="""
            import orchestrator.cli as cli

            @instead_of(cli, "_run")
            def run(original, *given, **named):
                original(*given, **named)
                return 0
        """,
    ),
    Mutation(
        name="traceback-shown",
        breaks="a foreseeable fault shows a traceback",
        scenario=CLEAN_EXIT,
        message=r"^stderr holds a traceback",
        orchestrator="""
            import traceback
            import orchestrator.cli as cli

            @instead_of(cli, "_run")
            def run(original, *given, **named):
                try:
                    raise ValueError("a fault")
                except ValueError:
                    traceback.print_exc()
                return original(*given, **named)
        """,
    ),
    Mutation(
        name="hanging-collector-blocks-the-exit",
        breaks="the end waits for a collector that hangs (here for 15 s, which shows on a busy machine too)",
        scenario=HANGING_COLLECTOR,
        message=r"^a collector that does hang added \d",
        orchestrator="""
            import threading
            from telemetry.sdk import Telemetry

            @instead_of(Telemetry, "shut_down")
            def shut_down(original, self, budget_s):
                ending = threading.Thread(target=self._shut_down, daemon=True)
                ending.start()
                ending.join(15.0)
                if ending.is_alive():
                    self._exporter.tell()
        """,
    ),
)

_TRACES = (
    Mutation(
        name="producer-exited-not-told",
        breaks="no span tells of a producer's end",
        scenario=FIRST_RUN,
        message=r"^the trace is complete(.|\n)*has no 'producer exited'",
        orchestrator="""
            from orchestrator.otel_observer import OtelObserver

            OtelObserver.exited = lambda *given, **named: None
        """,
    ),
    Mutation(
        name="spans-of-the-orchestrator-lost",
        breaks="the exporter loses a batch of the orchestrator's spans",
        scenario=FIRST_RUN,
        message=r"^the trace is complete(.|\n)*orchestrator pid \d+: \d+ spans were emitted, \d+ received",
        orchestrator="""
            from opentelemetry.sdk.trace.export import SpanExportResult
            from telemetry.delivery import KeepingExporter

            @instead_of(KeepingExporter, "export")
            def export(original, self, spans):
                return SpanExportResult.SUCCESS if next(turns) == 1 else original(self, spans)
        """,
    ),
    Mutation(
        name="spans-of-producers-lost",
        breaks="the exporter loses a batch of a producer's spans",
        scenario=FIRST_RUN,
        message=r"^the trace is complete(.|\n)*producer pid \d+: \d+ spans were emitted, \d+ received",
        producers="""
            from opentelemetry.sdk.trace.export import SpanExportResult
            from telemetry.delivery import KeepingExporter

            @instead_of(KeepingExporter, "export")
            def export(original, self, spans):
                return SpanExportResult.SUCCESS if next(turns) == 1 else original(self, spans)
        """,
    ),
    Mutation(
        name="trace-parent-ignored",
        breaks="the run's spans do not belong to the trace of whoever started it",
        scenario=FIRST_RUN,
        message=r"^the trace is complete(.|\n)*no span has been received",
        orchestrator="""
            import telemetry.sdk
            from opentelemetry.context import Context

            telemetry.sdk.extract = lambda carrier: Context()
        """,
    ),
    Mutation(
        name="start-of-producers-not-told",
        breaks="a producer sends nothing before its first order has ended",
        scenario=FIRST_RUN,
        message=r"process started",
        producers="""
            from opentelemetry.sdk.trace import Tracer
            from opentelemetry.trace import INVALID_SPAN

            @instead_of(Tracer, "start_span")
            def start_span(original, self, name, *given, **named):
                return INVALID_SPAN if name == "process started" else original(self, name, *given, **named)
        """,
    ),
    Mutation(
        name="carrier-of-orders-cut",
        breaks="orders lead back to nothing",
        scenario=FIRST_RUN,
        message=r"^the trace is complete(.|\n)*has no link to a 'send orders'",
        orchestrator="""
            from orchestrator.otel_observer import OtelObserver

            @instead_of(OtelObserver, "giving")
            def giving(original, self, *given):
                original(self, *given)
                return {}
        """,
    ),
    Mutation(
        name="carrier-of-items-astray",
        breaks="batches lead back to a span that there never was",
        scenario=FIRST_RUN,
        message=r"^the trace is complete(.|\n)*process items.* links to #\w+, which has not been received",
        producers="""
            from producer.otel_tracing import OtelCallTrace

            @instead_of(OtelCallTrace, "sending")
            def sending(original, self, items):
                version, trace_id, _, flags = original(self, items)["traceparent"].split("-")
                return {"traceparent": f"{version}-{trace_id}-{'ab' * 8}-{flags}"}
        """,
    ),
    Mutation(
        name="carrier-of-an-earlier-order",
        breaks="an order bears the carrier of the one before",
        scenario=FIRST_RUN,
        message=r"is of order .*, but",
        orchestrator="""
            from orchestrator.otel_observer import OtelObserver

            earlier = []

            @instead_of(OtelObserver, "giving")
            def giving(original, self, *given):
                earlier.append(original(self, *given))
                return earlier[-2:][0]
        """,
    ),
    Mutation(
        name="carriers-of-two-orders-swapped",
        breaks="two orders lead back to each other's sending",
        scenario=FIRST_RUN,
        message=r"is of order .*, but",
        orchestrator="""
            import sys
            import msgspec
            from orchestrator.supervisor import Supervisor

            held = []

            @instead_of(Supervisor, "give")
            def give(original, self, producer, order):
                turn = next(turns) if "--iterations" in sys.argv else 3  # else perhaps no second one comes
                if turn == 1:
                    held.append((producer, order))
                    producer.open_orders[order.id] = self._clock()
                elif turn == 2:
                    (other, first), second = held[0], order
                    original(self, other, msgspec.structs.replace(first, carrier=second.carrier))
                    original(self, producer, msgspec.structs.replace(second, carrier=first.carrier))
                else:
                    original(self, producer, order)
        """,
    ),
    Mutation(
        name="call-under-another-order",
        breaks="the call of one order stands under another order's span",
        scenario=FIRST_RUN,
        message=r"is of order .*, but",
        producers="""
            from producer.otel_tracing import OtelCallTrace

            @instead_of(OtelCallTrace, "requested")
            def requested(original, self, call, provider):
                own = self._span
                self._span = next((one._span for one in self._producer._open if one is not self), own)
                original(self, call, provider)
                self._span = own
        """,
    ),
    Mutation(
        name="totals-of-the-run-wrong",
        breaks="the run's own span tells no tokens and no duplicates",
        scenario=FIRST_RUN,
        message=r"of 'orchestrator run'",
        orchestrator="""
            import msgspec
            from orchestrator.otel_observer import OtelObserver

            @instead_of(OtelObserver, "_describe_result")
            def describe(original, self, error):
                result = self._run.result()
                self._run.result = lambda: msgspec.structs.replace(
                    result, input_tokens=0, output_tokens=0, duplicates=0, calls=0, unique=0
                )
                original(self, error)
                del self._run.result
        """,
    ),
    Mutation(
        name="metrics-not-counted",
        breaks="the metrics know of no item",
        scenario=FIRST_RUN,
        message=r"app.items.new",
        orchestrator="""
            from orchestrator.metering import Metering

            Metering.ingested = lambda self, taken: None
        """,
    ),
    Mutation(
        name="exit-code-in-the-trace",
        breaks="the run's span tells another exit code than the process",
        scenario=FIRST_RUN,
        message=r"^exit code in the trace: 0 was expected, 7 was seen",
        orchestrator="""
            import msgspec
            from orchestrator.otel_observer import OtelObserver

            @instead_of(OtelObserver, "_describe_result")
            def describe(original, self, error):
                original(self, error)
                self._span.set_attribute("process.exit.code", 7)
        """,
    ),
    Mutation(
        name="generation-not-told",
        breaks="a producer that replaces another says that it is the first in its place",
        scenario=KILL,
        message=r"generation",
        orchestrator="""
            from orchestrator.otel_observer import OtelObserver

            @instead_of(OtelObserver, "spawning")
            def spawning(original, self, producer, generation):
                return original(self, producer, 0)
        """,
    ),
    Mutation(
        name="key-in-a-span",
        breaks="an API key stands in a span's attribute",
        scenario=SECRETS,
        message=r"^a part of the key stands in a span or a metric",
        producers="""
            from producer.otel_tracing import OtelCallTrace

            @instead_of(OtelCallTrace, "requested")
            def requested(original, self, call, provider):
                original(self, call, provider)
                self._span.set_attribute("app.key", self._setup.api_key.reveal())
        """,
    ),
    Mutation(
        name="key-in-the-producers-environment",
        breaks="producers inherit the API keys",
        scenario=SECRETS,
        message=r"^the key stands in the environment of child processes",
        orchestrator="""
            import orchestrator.composition as composition

            composition._SECRET_VARIABLES = frozenset()
        """,
    ),
)

_WEB_MODE = (
    Mutation(
        name="views-not-relayed",
        breaks="the web server never hears how a topic is",
        scenario=READ,
        message=r"^a pause: not within",
        timeout_s=30.0,
        orchestrator="""
            from contract.service import Relay, TopicView
            from orchestrator.processes.communicator import SocketCommunicator

            @instead_of(SocketCommunicator, "send")
            def send(original, self, channel, message):
                if not (isinstance(message, Relay) and isinstance(message.content, TopicView)):
                    original(self, channel, message)
        """,
    ),
    Mutation(
        name="resume-sends-nothing",
        breaks="after a lost connection nothing of what was missed comes",
        scenario=READ,
        message=r"^live (items|events): after number",
        web_server="""
            from contract.service import News
            from webserver.recent import Recent

            @instead_of(Recent, "missed")
            def missed(original, self, items_after, events_after):
                return (News(), False) if items_after else original(self, items_after, events_after)
        """,
    ),
    Mutation(
        name="resume-sends-everything",
        breaks="after a lost connection everything comes again",
        scenario=READ,
        message=r"^live (items|events): after number",
        web_server="""
            from webserver.recent import Recent

            @instead_of(Recent, "missed")
            def missed(original, self, items_after, events_after):
                return original(self, 0, 0)
        """,
    ),
    Mutation(
        name="pause-gives-orders",
        breaks="in a pause's first seconds orders are given as ever",
        scenario=STEERED,
        message=r"^number of spans named 'send orders' for which .+ holds: expected none",
        orchestrator="""
            import time
            from orchestrator.run import Run

            since = []

            @instead_of(Run, "_take_in")
            def take_in(original, self, happenings):
                original(self, happenings)
                if self.paused:
                    since.append(time.monotonic())
                    if since[-1] - since[0] < 2.0:  # the pause has been answered by then
                        self.desk.give_orders(self.stats.share_new)
        """,
    ),
    Mutation(
        name="too-many-producers-stay",
        breaks="producers that are too many are never asked to end",
        scenario=STEERED,
        message=r"^fewer producers: not within",
        timeout_s=30.0,
        orchestrator="""
            from orchestrator.supervisor import Supervisor

            @instead_of(Supervisor, "resize")
            def resize(original, self, count):
                original(self, max(count, len(self.producers)))
        """,
    ),
    Mutation(
        name="request-size-not-changed",
        breaks="another request size is shown, and not used",
        scenario=STEERED,
        message=r"^all spans named 'send orders'(.|\n)*with app.order.size=7",
        orchestrator="""
            import msgspec
            from orchestrator.run import Run

            @instead_of(Run, "adopt")
            def adopt(original, self, settings):
                before = self.settings.request_size
                original(self, settings)
                self.desk.settings = msgspec.structs.replace(settings, request_size=before)
        """,
    ),
    Mutation(
        name="budget-not-kept",
        breaks="a budget that is given while a topic runs is not kept",
        scenario=STEERED,
        message=r"^an end because of the budget: not within|^how it ended: \('finished', 'max_cost'\) was expected",
        timeout_s=30.0,
        orchestrator="""
            from orchestrator.run import Run

            @instead_of(Run, "adopt")
            def adopt(original, self, settings):
                original(self, settings)
                self.budget.limit_usd = None
        """,
    ),
    Mutation(
        name="export-drops-the-last-row",
        breaks="an export ends one item too early",
        scenario=READ,
        message=r"^items of jsonl",
        web_server="""
            import archive.export

            @instead_of(archive.export, "_rows")
            def rows(original, *given, **named):
                return iter(list(original(*given, **named))[:-1])
        """,
    ),
    Mutation(
        name="search-misses-case",
        breaks="a search finds small letters only",
        scenario=READ,
        message=r"^items with",
        web_server="""
            import archive.item_index

            archive.item_index.words_of = lambda search: tuple(search.split())
        """,
    ),
    Mutation(
        name="count-of-an-item-wrong",
        breaks="how often an item was named is not shown",
        scenario=READ,
        message=r"^items sorted by",
        web_server="""
            from archive.item_index import ItemIndex

            ItemIndex._read_sightings = lambda self, reader, last: None
        """,
    ),
    Mutation(
        name="spans-of-requests-lost",
        breaks="a request has no span",
        scenario=READ,
        message=r"^the span of .*: expected 1, saw 0",
        web_server="""
            from webserver.otel_tracing import OtelRequestTrace

            @instead_of(OtelRequestTrace, "ended")
            def ended(original, self, *given):
                if next(turns) == 5:
                    self._open.discard(self)
                else:
                    original(self, *given)
        """,
    ),
    Mutation(
        name="status-of-requests-wrong",
        breaks="the span of a refused request tells of a success",
        scenario=STRANGERS,
        message=r"^the span of .*'http.response.status_code': 403",
        web_server="""
            from webserver.otel_tracing import OtelRequestTrace

            @instead_of(OtelRequestTrace, "ended")
            def ended(original, self, route, status, error):
                original(self, route, 200 if status == 403 else status, error)
        """,
    ),
    Mutation(
        name="other-sites-may-call",
        breaks="pages of other sites may start topics",
        scenario=STRANGERS,
        message=r"^a page of another port: 403 was expected",
        web_server="""
            import webserver.security

            webserver.security.same_origin = lambda *given: True
        """,
    ),
    Mutation(
        name="any-host-may-be-called",
        breaks="a foreign name may lead to us",
        scenario=STRANGERS,
        message=r"^a foreign name that resolves to us: 403 was expected",
        web_server="""
            from webserver.access import KnownHosts

            KnownHosts.allows = lambda self, host: True
        """,
    ),
    Mutation(
        name="folders-outside",
        breaks="a request may write anywhere",
        scenario=STRANGERS,
        message=r"^a folder outside: 400 was expected",
        orchestrator="""
            from orchestrator.service.requests import TopicRequests

            TopicRequests._inside = lambda self, name: self._output / name
        """,
    ),
    Mutation(
        name="topic-exited-not-told",
        breaks="no span tells of a topic process's end",
        scenario=READ,
        message=r"^the trace is complete(.|\n)*has no 'topic exited'",
        orchestrator="""
            from orchestrator.service.otel_observer import OtelServiceObserver

            OtelServiceObserver.topic_exited = lambda *given, **named: None
        """,
    ),
    Mutation(
        name="spans-of-the-service-lost",
        breaks="the exporter loses a batch of the web server's spans",
        scenario=READ,
        message=r"^the trace is complete(.|\n)*webserver pid \d+: \d+ spans were emitted, \d+ received",
        web_server="""
            from opentelemetry.sdk.trace.export import SpanExportResult
            from telemetry.delivery import KeepingExporter

            @instead_of(KeepingExporter, "export")
            def export(original, self, spans):
                return SpanExportResult.SUCCESS if next(turns) == 2 else original(self, spans)
        """,
    ),
    Mutation(
        name="carrier-of-topics-cut",
        breaks="a topic's run does not belong to the request that started it",
        scenario=READ,
        message=r"^the trace is complete(.|\n)*does not stand under the 'spawn topic' of its process",
        orchestrator="""
            from orchestrator.service.otel_observer import OtelServiceObserver
            from telemetry.sdk import carrier_of

            @instead_of(OtelServiceObserver, "spawning_topic")
            def spawning_topic(original, self, id, carrier):
                original(self, id, carrier)
                return carrier_of(self._span)
        """,
    ),
    Mutation(
        name="end-kills",
        breaks="a service that is to end kills its topics instead of ending them",
        scenario=CRASHES,
        message=r"is open in run.db though the run has ended",
        orchestrator="""
            from orchestrator.service.service import Service

            @instead_of(Service, "_apply_wishes")
            def apply_wishes(original, self):
                if self._wishes:
                    for topic in self._live.values():
                        topic.handle.kill()
                original(self)
        """,
    ),
    Mutation(
        name="continued-topic-starts-anew",
        breaks="a topic that is continued loses what it had",
        scenario=CRASHES,
        message=r"^attributes.txt after the kill: line \d+ was",
        orchestrator="""
            import msgspec
            from orchestrator.service.requests import TopicRequests

            @instead_of(TopicRequests, "_continued")
            def continued(original, self, message):
                return msgspec.structs.replace(original(self, message), fresh=True)
        """,
    ),
    Mutation(
        name="continued-topic-forgets-its-settings",
        breaks="a topic that is continued has the service's settings, not its own",
        scenario=CRASHES,
        message=r"^request size of the continued run: 15 was expected, 60 was seen",
        orchestrator="""
            import orchestrator.service.requests as requests
            from contract.service import Continue
            from orchestrator.service.requests import TopicRequests

            @instead_of(TopicRequests, "_continued")
            def continued(original, self, message):
                return original(self, message).__class__(
                    **{**self._given, "topic": "Desert plants", "output": self._output / message.id}
                )
        """,
    ),
    Mutation(
        name="key-in-the-environment-of-topics",
        breaks="the processes of web mode inherit the API keys",
        scenario=WORKING,
        message=r"^the key stands in the environment of child processes",
        orchestrator="""
            import orchestrator.composition as composition

            composition._SECRET_VARIABLES = frozenset()
        """,
    ),
)

_CURATION = (
    Mutation(
        name="verdicts-are-forgotten",
        breaks="what one run has judged is judged again by the next",
        scenario=JUDGED,
        message=r"^judgements that the killed run had made",
        orchestrator="""
            from orchestrator.store.judgements import Judgements

            @instead_of(Judgements, "__init__")
            def begin(original, self, database, items):
                original(self, database, items)
                self._states = bytearray(items)
                self._tally = [items] + [0] * 255
        """,
    ),
    Mutation(
        name="repeats-are-read-to-the-end",
        breaks="a producer hears of no known item, and reads every answer to its end",
        scenario=IMPATIENT,
        message=r"^answers that openai could not end",
        producers="""
            from producer.repeats import KnownItems, Repeats

            @instead_of(Repeats, "take")
            def take(original, self, parsed):
                pass
        """,
    ),
    Mutation(
        name="audits-are-ended-early",
        breaks="answers that the estimates stand on are ended as well",
        scenario=IMPATIENT,
        message=r"^answers that openai could not end",
        producers="""
            from producer import call
            from producer.repeats import Repeats

            call.repeats_of = lambda order, known: Repeats(known, 6)
        """,
    ),
)

_EXHAUSTION = (
    Mutation(
        name="audits-have-lists",
        breaks="answers that the estimates stand on are told what is known",
        scenario=COVERED,
        message=r"app.order.mode=audit: expected each with app.order.avoid=0",
        orchestrator="""
            from orchestrator.exploration import Ask, Explorer
            from orchestrator.exploration.arms import Listed

            @instead_of(Explorer, "ask")
            def ask(original, self, *given):
                asked = original(self, *given)
                if asked is None or asked.mode != "audit" or not self.known:
                    return asked
                return Ask("audit", asked.arm, avoid=(Listed(1, 1.0),))
        """,
    ),
    Mutation(
        name="plan-is-forgotten",
        breaks="a continued run buys the plan of the topic again",
        scenario=KILLED,
        message=r"^the plan of the topic should be bought once; it was bought 2 times",
        orchestrator="""
            from orchestrator.exploration import Explorer

            @instead_of(Explorer, "settle")
            def settle(original, self, *given):
                original(self, *given)
                self._plans.made = False
        """,
    ),
    Mutation(
        name="first-answers-are-not-awaited",
        breaks="all places are filled before anything is known of the topic's size",
        scenario=FIRST_ANSWERS,
        message=r"^\d+ requests were open before 2 answers had come",
        orchestrator="""
            from orchestrator.exploration import Explorer

            Explorer.waits = property(lambda self: False)
        """,
    ),
    Mutation(
        name="prices-do-not-count",
        breaks="a dear provider is asked as often as a cheap one that knows the same",
        scenario=PRICES,
        message=r"^the cheap provider got",
        orchestrator="""
            from orchestrator.exploration.worth import Worth

            Worth.shares = lambda self, providers: {name: 1.0 for name in providers}
        """,
    ),
)

MUTATIONS = {
    mutation.name: mutation
    for mutation in (
        *_ITEMS_ON_THEIR_WAY,
        *_FILES,
        *_ORDERS,
        *_PROVENANCE,
        *_PROCESSES,
        *_TRACES,
        *_WEB_MODE,
        *_CURATION,
        *_EXHAUSTION,
    )
}
