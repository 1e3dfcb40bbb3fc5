from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contract.service import Change, Continue, Pause, Start, Stop, TopicView, Unpause
from orchestrator.service import service as service_module
from orchestrator.service import web_server as web_server_module
from tester.process_table import poll_until
from tests.orchestrator.service.harness import WAIT_S, RunningService, WebServer

ENDLESS = {"provider_options": ["test.universe_size=50000", "test.speed=2"], "producers": 2}
"""A run that goes on for as long as any test lasts."""
FAST = ["test.universe_size=50000", "test.speed=0"]
BACKLOG_BYTES = 64 * 1024
ITEMS = 8_000
"""So many items' news are more than that, and what the socket holds."""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Where the service keeps its topics."""
    return tmp_path / "output"


@pytest.fixture
def service(output: Path) -> Iterator[RunningService]:
    """A service that runs."""
    with RunningService(output) as running:
        yield running


@pytest.fixture
def web(service: RunningService) -> WebServer:
    """Its web server."""
    return service.web_server()


def _lines(folder: Path) -> list[str]:
    return (folder / "attributes.txt").read_text(encoding="utf-8").splitlines()


def _ended(view: TopicView) -> bool:
    return view.state in ("finished", "interrupted", "failed")


def test_a_topic_runs_to_its_end_in_a_process_of_its_own(web: WebServer, output: Path) -> None:
    """It is answered when it has begun, told of as it grows, and its files hold what was told."""
    answer = web.ask(Start, "River towns", {"iterations": 2, "producers": 2})
    assert (answer.status, answer.error, answer.id) == (200, "", "river-towns")
    view = web.view("river-towns", _ended)
    assert (view.state, view.stop_reason, view.calls) == ("finished", "iterations", 4)
    lines = _lines(output / "river-towns")
    assert view.unique == len(lines) > 0
    items = web.items["river-towns"]
    assert [item.id for item in items] == sorted(item.id for item in items)
    assert {item.text for item in items} <= set(lines)
    kinds = [event.kind for event in web.events["river-towns"]]
    assert (kinds[0], kinds[-1]) == ("started", "ended")


def test_several_topics_run_at_the_same_time(web: WebServer) -> None:
    """Each has its own process and producers; one's end is not the other's."""
    for topic in ("River towns", "Mountain lakes"):
        assert web.ask(Start, topic, ENDLESS).status == 200
    first = web.view("river-towns", lambda view: view.unique > 0 and view.producers_alive == 2)
    second = web.view("mountain-lakes", lambda view: view.unique > 0 and view.producers_alive == 2)
    pids = {producer.pid for view in (first, second) for producer in view.producers}
    assert len(pids) == 4
    assert web.steer("river-towns", Stop(now=True)).status == 200
    assert web.view("river-towns", _ended).state == "interrupted"
    before = second.unique
    assert web.view("mountain-lakes", lambda view: view.unique > before).state == "running"


def test_it_is_steered_while_it_runs(web: WebServer) -> None:
    """Pause, go on, another number of producers, another size of requests, stop: each is answered, and seen."""
    web.ask(Start, "River towns", ENDLESS)
    web.view("river-towns", lambda view: view.unique > 0)
    assert web.steer("river-towns", Pause()).error == ""
    paused = web.view("river-towns", lambda view: view.state == "paused" and view.open_orders == 0)
    assert web.steer("river-towns", Change(producers=3, request_size=7)).error == ""
    changed = web.view("river-towns", lambda view: view.producers_alive == 3)
    assert (changed.state, changed.settings["request_size"], changed.unique) == ("paused", 7, paused.unique)
    assert web.steer("river-towns", Unpause()).error == ""
    web.view("river-towns", lambda view: view.unique > paused.unique)
    refused = web.steer("river-towns", Change(weights={"nobody": 1.0}))
    assert (refused.status, "nobody" in refused.error) == (400, True)
    assert web.steer("river-towns", Stop()).error == ""
    web.view("river-towns", _ended)
    assert web.steer("river-towns", Pause()).status == 409


@pytest.mark.parametrize(
    ("topic", "options", "words"),
    [
        ("   ", {}, "topic is empty"),
        ("x" * 3000, {}, "too long"),
        ("A", {"producers": 0}, "too small"),
        ("A", {"producers": 10_000}, "at most 256"),
        ("A", {"produsers": 2}, "did you mean producers"),
        ("A", {"output": "../elsewhere"}, "within the service's output folder"),
        ("A", {"output": "/etc"}, "within the service's output folder"),
        ("A", {"output": ".."}, "within the service's output folder"),
        ("A", {"output": " \x1b[31m\n"}, "within the service's output folder"),
        ("A", {"output": "a\\b"}, "within the service's output folder"),
        ("A", {"seed": 2**60}, "too large"),
        ("A", {"provider": "nobody:x"}, "unknown provider"),
        ("A", {"provider_options": ["test.nonsense=1"]}, "nonsense"),
        ("A", {"provider": "anthropic"}, "no key for anthropic"),
        ("A", {"identity": "exact", "filter": "none"}, "not one of"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_in_words(
    web: WebServer, output: Path, topic: str, options: dict[str, object], words: str
) -> None:
    """A wrong value is answered with what is wrong, no folder is made, and nothing stays behind."""
    answer = web.ask(Start, topic, options)
    assert answer.status == 400
    assert words in answer.error
    assert "\n" not in answer.error
    assert not list(output.glob("*"))
    assert not web.views


def test_a_topic_runs_once(web: WebServer) -> None:
    """A second start of the same topic is refused, and the first goes on."""
    web.ask(Start, "River towns", ENDLESS)
    again = web.ask(Start, "River towns", ENDLESS)
    assert (again.status, again.id) == (409, "river-towns")
    assert web.ask(Continue, "river-towns").status == 409


def test_a_stopped_topic_is_continued_with_its_last_settings(web: WebServer, output: Path) -> None:
    """Its items stay, its settings too, as they were changed while it ran, but for those that are given."""
    web.ask(Start, "River towns", {**ENDLESS, "seed": 11})
    web.view("river-towns", lambda view: view.unique > 0)
    web.steer("river-towns", Change(request_size=13))
    web.steer("river-towns", Stop(now=True))
    web.view("river-towns", _ended)
    before = _lines(output / "river-towns")
    assert web.ask(Continue, "river-towns", {"producers": 1, "iterations": 2}).error == ""
    view = web.view("river-towns", lambda view: view.stop_reason == "iterations")
    kept = [view.settings[name] for name in ("seed", "request_size", "producers")]
    assert (kept, view.calls) == ([11, 13, 1], 2)
    assert web.ask(Continue, "river-towns", {"iterations": None, "max_attributes": view.unique + 1}).error == ""
    view = web.view("river-towns", lambda view: view.stop_reason == "max_attributes")
    assert view.settings["iterations"] is None
    assert _lines(output / "river-towns")[: len(before)] == before
    assert view.unique == len(_lines(output / "river-towns"))
    for stranger in ("never-seen", "../etc", "..", "a\0b"):
        assert web.ask(Continue, stranger).status == 404


def test_changed_weights_are_continued(web: WebServer) -> None:
    """A provider that was given no weight has none in the next run either, and is still there."""
    web.ask(Start, "River towns", {**ENDLESS, "provider": "test:a,test:b"})
    web.view("river-towns", lambda view: view.unique > 0)
    assert web.steer("river-towns", Change(weights={"test:a": 0.0, "test:b": 2.5})).error == ""
    web.steer("river-towns", Stop(now=True))
    web.view("river-towns", _ended)
    assert web.ask(Continue, "river-towns", {"iterations": 1}).error == ""
    view = web.view("river-towns", lambda view: view.stop_reason == "iterations")
    assert {one.name: (one.weight, one.calls) for one in view.providers} == {"test:a": (0.0, 0), "test:b": (2.5, 2)}


def test_a_secret_of_provider_options_is_neither_shown_nor_kept(output: Path) -> None:
    """Views and files have a mask; a continued run has the service's own again, and asks for any other."""
    ours = ('openai.extra_body={"api_key":"sk-ours"}', "test.speed=0")
    with RunningService(output, provider_options=ours) as service:
        web = service.web_server()
        web.ask(Start, "River towns", {"iterations": 1, "producers": 1})
        view = web.view("river-towns", _ended)
        assert view.settings["provider_options"] == ['openai.extra_body={"api_key":"***"}', "test.speed=0"]
        assert web.ask(Continue, "river-towns").error == ""
        theirs = {"provider_options": ["test.speed=0", 'openai.extra_body={"secret":"sk-theirs"}']}
        web.ask(Start, "Lakes", {"iterations": 1, "producers": 1, **theirs})
        web.view("lakes", _ended)
        refused = web.ask(Continue, "lakes")
        assert (refused.status, "give provider_options again" in refused.error) == (400, True)
        assert web.ask(Continue, "lakes", theirs).error == ""
    kept = b"".join(path.read_bytes() for path in output.rglob("*") if path.is_file())
    assert b"***" in kept
    assert b"sk-" not in kept


@pytest.mark.parametrize(
    ("edited", "status", "words"),
    [
        ('{"producers": -3}', 400, "producers: -3 is too small"),
        ('{"producers": 400}', 400, "at most 256"),
        ('{"max_time_s": -1, "seed": 1}', 400, "max_time_s"),
        ('{"provider_options": 5}', 400, "provider_options"),
        ('{"seed": 1000000000000000000000000000}', 400, "too large"),
        ("[]", 404, "cannot be read"),
        ('{"of_a_later_version": 1, "seed": 7}', 200, ""),
    ],
)
def test_settings_that_were_edited_are_not_trusted(
    web: WebServer, output: Path, edited: str, status: int, words: str
) -> None:
    """What stands in a folder's database is held to the same bounds as a request; a limit is never left out."""
    web.ask(Start, "River towns", {"iterations": 1, "producers": 1})
    web.view("river-towns", _ended)
    with sqlite3.connect(output / "river-towns" / "run.db") as database:
        database.execute("UPDATE runs SET settings = ?", (edited,))
    answer = web.ask(Continue, "river-towns", {"iterations": 1})
    assert (answer.status, words in answer.error) == (status, True), answer.error
    if "producers" in edited:
        assert web.ask(Continue, "river-towns", {"iterations": 1, "producers": 1}).status == 200


def test_a_topic_that_hangs_is_ended_all_the_same(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not hear "stop now" is terminated, then killed, and the others go on."""
    monkeypatch.setattr(service_module, "_TERMINATE_S", 0.2)
    monkeypatch.setattr(service_module, "_KILL_S", 0.2)
    web.ask(Start, "River towns", ENDLESS)
    view = web.view("river-towns", lambda view: view.producers_alive == 2)
    topic = psutil.Process(view.producers[0].pid).parent().parent()
    topic.suspend()
    assert web.steer("river-towns", Stop(now=True)).error == ""
    assert web.view("river-towns", _ended).state == "interrupted"
    assert not topic.is_running()


def test_an_answer_goes_to_the_one_who_asked(service: RunningService, web: WebServer) -> None:
    """A request of a web server that died is not answered to its successor, which counts its requests anew."""
    web.ask(Start, "Warm up", {"iterations": 1, "producers": 1})
    web.send_start("River towns", ENDLESS)
    web.die()
    second = service.web_server()
    answer = second.ask(Start, "Mountain lakes", {"iterations": 1, "producers": 1})
    assert answer.id == "mountain-lakes"
    second.view("river-towns", lambda view: view.unique > 0)
    assert {one.id for one in second.answers.values()} == {"mountain-lakes"}


def test_a_killed_topic_is_told_and_can_be_continued(web: WebServer, output: Path) -> None:
    """Nothing that was told is lost, its producers end, and it goes on where it was."""
    web.ask(Start, "River towns", ENDLESS)
    view = web.view("river-towns", lambda view: view.unique > 0 and view.producers_alive == 2)
    producers = [psutil.Process(producer.pid) for producer in view.producers if producer.pid]
    os.kill(next(iter({psutil.Process(one.pid).parent().parent().pid for one in producers})), signal.SIGKILL)
    ended = web.view("river-towns", _ended)
    assert ended.state == "interrupted"
    assert "SIGKILL" in ended.explanation
    psutil.wait_procs(producers, timeout=10)
    assert not any(one.is_running() for one in producers)
    known = {item.text for item in web.items["river-towns"]}
    assert web.ask(Continue, "river-towns", {"iterations": 1}).error == ""
    web.view("river-towns", lambda view: view.state == "finished")
    lines = _lines(output / "river-towns")
    assert known <= set(lines)
    assert len(lines) == len(set(lines))


def test_a_dead_web_server_is_replaced_and_topics_go_on(service: RunningService, web: WebServer) -> None:
    """The next one is told of every topic, ended ones too."""
    web.ask(Start, "Short", {"iterations": 1, "producers": 1})
    web.ask(Start, "River towns", ENDLESS)
    web.view("river-towns", lambda view: view.unique > 0)
    done = web.until(lambda: [name for name, views in web.views.items() if _ended(views[-1])])
    web.die()
    second = service.web_server()
    assert second.view("river-towns", lambda view: view.unique > 0).state == "running"
    assert second.view(done[0], _ended).state == "finished"
    assert second.steer("river-towns", Stop(now=True)).error == ""


def _find_more_than_a_backlog(output: Path) -> None:
    database = output / "river-towns" / "run.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        poll_until(lambda: connection.execute("SELECT count(*) FROM items").fetchone()[0] >= ITEMS, WAIT_S)


def test_a_web_server_that_takes_nothing_slows_nobody(
    web: WebServer, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Topics go on; when it takes again, it is told how things are now."""
    monkeypatch.setattr(web_server_module, "_BACKLOG_BYTES", BACKLOG_BYTES)
    monkeypatch.setattr(web_server_module, "_STUCK_S", float("inf"))  # however slow the machine is
    web.ask(Start, "River towns", {"producers": 2, "provider_options": FAST})
    web.view("river-towns", lambda view: view.unique > 0)
    web.stop_reading()
    _find_more_than_a_backlog(output)
    web.read_again()
    assert web.view("river-towns", lambda view: view.unique >= ITEMS).state == "running"


def test_a_web_server_that_takes_nothing_for_long_is_replaced(
    service: RunningService, web: WebServer, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one is told how things are; the topic never ended."""
    monkeypatch.setattr(web_server_module, "_BACKLOG_BYTES", BACKLOG_BYTES)
    monkeypatch.setattr(web_server_module, "_STUCK_S", 0.1)
    web.ask(Start, "River towns", {"producers": 2, "provider_options": FAST})
    pids = [one.pid for one in web.view("river-towns", lambda view: view.producers_alive == 2).producers]
    web.stop_reading()
    _find_more_than_a_backlog(output)
    view = service.web_server().view("river-towns", lambda view: view.unique >= ITEMS)
    assert web.gone
    assert (view.state, [one.pid for one in view.producers]) == ("running", pids)


def test_the_services_end_is_its_topics_end(service: RunningService, web: WebServer, output: Path) -> None:
    """Ctrl-C finishes open responses; all that was told is in the files, and no process is left."""
    web.ask(Start, "River towns", ENDLESS)
    view = web.view("river-towns", lambda view: view.unique > 0 and view.producers_alive == 2)
    service.service.interrupt()
    service.joined()
    assert web.view("river-towns", _ended).state == "interrupted"
    assert {item.text for item in web.items["river-towns"]} <= set(_lines(output / "river-towns"))
    assert not any(producer.pid and psutil.pid_exists(producer.pid) for producer in view.producers)


def test_keys_stay_out_of_a_topic_processs_environment(web: WebServer) -> None:
    """Keys of the service reach a topic's process over its channel only."""
    web.ask(Start, "River towns", ENDLESS)
    view = web.view("river-towns", lambda view: view.producers_alive == 2)
    producer = psutil.Process(view.producers[0].pid)
    for process in (producer, *producer.parents()[:2]):
        assert "sk-secret" not in " ".join(process.environ().values())
        assert "sk-secret" not in " ".join(process.cmdline())
