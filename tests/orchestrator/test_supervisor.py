"""The producers' lives, with producers in threads whose behaviour each test chooses."""

import threading
from collections.abc import Callable

import pytest

from contract.errors import ErrorKind, ProducerStartError
from contract.messages import Cancel, Configure, Order, OrderDone, OrderFailed, ProviderSetup, Ready, Shutdown
from orchestrator.observer import RunObserver
from orchestrator.processes.communicator import MemoryCommunicator, MemoryEndpoint
from orchestrator.processes.process_manager import ThreadProcessManager
from orchestrator.producers import Became, Died, Happening, Said, describe_exit
from orchestrator.supervisor import LEAVE_S, MAX_FAILED_STARTS, READY_TIMEOUT_S, Supervisor
from tests.orchestrator.puppets import PuppetProcesses, Puppets

_SETUP = ProviderSetup("test:x", "simulated", "x")


def _supervisor(behaviour: Callable[[MemoryEndpoint], None], count: int = 1) -> Supervisor:
    return Supervisor(count, [_SETUP], "info", MemoryCommunicator(), ThreadProcessManager(behaviour))


def _until(supervisor: Supervisor, wanted: Callable[[list[Happening]], bool]) -> list[Happening]:
    seen: list[Happening] = []
    for _ in range(1000):
        if wanted(seen):
            return seen
        seen += supervisor.receive(1.0)
        supervisor.replace_dead()
    raise AssertionError(f"did not happen; seen: {seen}")


def _obedient(endpoint: MemoryEndpoint) -> None:
    """Ready, then each order is answered with nothing; `Cancel` and `Shutdown` are obeyed."""
    while True:
        message = endpoint.receive()
        if isinstance(message, Configure):
            endpoint.send(Ready(1, 0.0))
        elif isinstance(message, Order) and not message.patience:
            endpoint.send(OrderDone(message.id, message.attempt, None, "stop", 0, 0, 0.0, 0.0))
        elif isinstance(message, Cancel):
            endpoint.send(OrderFailed(message.order_id, 0, ErrorKind.CANCELLED, "cancelled", 0))
        elif message is None or isinstance(message, Shutdown):
            endpoint.close()
            return


def test_producers_are_configured_and_answer() -> None:
    """Each producer gets its configuration first, becomes ready, and its answers carry its number."""
    supervisor = _supervisor(_obedient, count=3)
    supervisor.start_all()
    _until(supervisor, lambda seen: len(seen) == 3)
    assert all(producer.ready for producer in supervisor.producers)
    supervisor.give(supervisor.producers[1], Order(5, 0, "test:x", "t", 1, 1))
    (said,) = _until(supervisor, lambda seen: len(seen) == 1)
    assert isinstance(said, Said)
    assert (said.producer, said.message.order_id) == (1, 5)
    assert not supervisor.producers[1].open_orders
    supervisor.shut_down()


def test_a_dead_producer_is_reported_with_its_orders_and_replaced() -> None:
    """Its open orders are named, a new process takes its place, and the count of restarts is kept."""
    lives = iter([True])

    def dies_once(endpoint: MemoryEndpoint) -> None:
        if next(lives, False):
            endpoint.receive()
            endpoint.send(Ready(1, 0.0))
            endpoint.receive()
            endpoint.close(torn=True)
            raise RuntimeError
        _obedient(endpoint)

    supervisor = _supervisor(dies_once)
    supervisor.start_all()
    _until(supervisor, lambda seen: Became(0) in seen)
    supervisor.give(supervisor.producers[0], Order(9, 0, "test:x", "t", 1, 1))
    seen = _until(supervisor, lambda seen: seen.count(Became(0)) == 1)
    (death,) = [event for event in seen if isinstance(event, Died)]
    assert death.orders == (9,)
    assert supervisor.producers[0].restarts == 1
    supervisor.shut_down()


def test_producers_that_cannot_start_end_the_run() -> None:
    """Deaths before readiness, several in a row, raise instead of respawning for ever."""

    def never_ready(endpoint: MemoryEndpoint) -> None:
        endpoint.close()

    supervisor = _supervisor(never_ready)
    supervisor.start_all()
    with pytest.raises(ProducerStartError, match="kept"):
        _until(supervisor, lambda seen: False)
    supervisor.shut_down()


def test_cancel_reaches_the_producer_that_has_the_order() -> None:
    """Only the order's own producer is told."""
    supervisor = _supervisor(_obedient, count=2)
    supervisor.start_all()
    _until(supervisor, lambda seen: len(seen) == 2)
    supervisor.give(supervisor.producers[0], Order(1, 0, "test:x", "t", 1, 1, patience=9))
    supervisor.cancel([1, 2])
    (said,) = _until(supervisor, lambda seen: len(seen) == 1)
    assert isinstance(said, Said)
    assert isinstance(said.message, OrderFailed)
    assert said.message.kind is ErrorKind.CANCELLED
    supervisor.shut_down()


def test_a_hung_producer_is_killed_and_its_order_comes_back() -> None:
    """Silence beyond all time-outs with an open order counts as death."""
    released = threading.Event()
    now = [0.0]

    def hangs(endpoint: MemoryEndpoint) -> None:
        endpoint.receive()
        endpoint.send(Ready(1, 0.0))
        while endpoint.receive() is not None:
            pass
        released.set()

    supervisor = Supervisor(
        1, [_SETUP], "info", MemoryCommunicator(), ThreadProcessManager(hangs), clock=lambda: now[0]
    )
    supervisor.start_all()
    _until(supervisor, lambda seen: Became(0) in seen)
    supervisor.give(supervisor.producers[0], Order(4, 0, "test:x", "t", 1, 1))
    assert supervisor.receive(0.0) == []
    now[0] += 1000.0
    (death,) = _until(supervisor, lambda seen: any(isinstance(event, Died) for event in seen))
    assert isinstance(death, Died)
    assert death.orders == (4,)
    assert "hung" in death.why
    assert released.wait(10)


# --- more and fewer while they work: puppets -----------------------------------------------------------------


class _Exits(RunObserver):
    """Keeps what it is told of starts and ends."""

    def __init__(self) -> None:
        self.starts: list[tuple[int, int]] = []
        self.exits: list[tuple[int, int | None, bool]] = []

    def spawning(self, producer: int, generation: int) -> None:
        self.starts.append((producer, generation))

    def exited(self, producer: int, pid: int | None, exit_code: int | None, *, expected: bool) -> None:
        self.exits.append((producer, exit_code, expected))


class _Troupe:
    """A supervisor of puppets."""

    def __init__(self, count: int) -> None:
        self.puppets = Puppets()
        self.told = _Exits()
        self.supervisor = Supervisor(
            count, [_SETUP], "info", self.puppets, PuppetProcesses(self.puppets), self.told, self.puppets.clock
        )
        self.supervisor.start_all()
        self.puppets.make_ready()
        self.round()

    def round(self) -> list[Happening]:
        """As a run does."""
        self.supervisor.replace_dead()
        return self.supervisor.receive(0.1)

    def rounds(self, number: int) -> list[Happening]:
        return [happening for _ in range(number) for happening in self.round()]

    def resize(self, count: int) -> None:
        self.supervisor.resize(count)
        self.round()

    @property
    def takers(self) -> list[int]:
        """Who may be given orders."""
        return [producer.index for producer in self.supervisor.producers if producer.takes_orders]


def _order(order_id: int) -> Order:
    return Order(order_id, 0, "test:x", "t", 1, 1)


def test_more_producers_are_started_a_few_at_a_time() -> None:
    """Starting many holds up what comes in no longer than starting a few; all of them get ready and take orders."""
    troupe = _Troupe(1)
    troupe.supervisor.resize(11)
    before = troupe.puppets.now
    alive = []
    while len(troupe.puppets.living) < 11:
        troupe.round()
        alive.append(len(troupe.puppets.living))
    assert alive == [5, 9, 11]
    assert troupe.puppets.now == pytest.approx(before + 0.1)  # only the last of the rounds waited for news
    troupe.puppets.make_ready()
    troupe.round()
    assert troupe.takers == list(range(11))
    assert troupe.told.starts == [(index, 0) for index in range(11)]
    troupe.supervisor.shut_down()
    assert not troupe.puppets.living


def test_too_many_producers_end_by_themselves() -> None:
    """An idle one is asked at once; one with an order finishes it first, gets no other, and is not replaced."""
    troupe = _Troupe(3)
    supervisor, puppets = troupe.supervisor, troupe.puppets
    supervisor.give(supervisor.producers[1], _order(5))
    troupe.resize(1)
    assert [puppet.index for puppet in puppets.living] == [0, 1]
    assert (supervisor.producers[1].leaving, troupe.takers) == (True, [0])
    puppets.all[1].answer(5, "Apple")
    said = [happening.message for happening in troupe.round() if isinstance(happening, Said)]
    assert [type(message).__name__ for message in said] == ["ItemBatch", "OrderDone"]
    assert troupe.rounds(5) == []
    assert [puppet.index for puppet in puppets.living] == [0]
    assert troupe.told.exits == [(2, 0, True), (1, 0, True)]
    gone = supervisor.producers[1]
    assert (gone.leaving, gone.wanted, gone.pid, gone.ready, gone.restarts) == (False, False, None, False, 0)
    supervisor.shut_down()
    assert troupe.told.exits[2:] == [(0, 0, True)]


def test_one_that_is_still_busy_is_taken_back() -> None:
    """Wanted again before it was asked to end, it goes on as if nothing had been."""
    troupe = _Troupe(2)
    supervisor = troupe.supervisor
    supervisor.give(supervisor.producers[1], _order(5))
    troupe.resize(1)
    troupe.resize(2)
    assert troupe.takers == [0, 1]
    troupe.puppets.all[1].answer(5)
    troupe.round()
    troupe.round()
    assert (len(troupe.puppets.living), troupe.told.exits) == (2, [])


def test_one_that_has_been_asked_ends_and_another_takes_its_place() -> None:
    """Its place is free when its process has ended; generations count on, and nothing was a restart."""
    troupe = _Troupe(2)
    troupe.puppets.obedient = False
    troupe.resize(1)
    troupe.resize(2)
    assert troupe.takers == [0]
    assert troupe.supervisor.producers[1].leaving
    assert len(troupe.puppets.all) == 2
    troupe.puppets.all[1].end()
    troupe.rounds(2)
    troupe.puppets.make_ready()
    troupe.round()
    assert troupe.takers == [0, 1]
    assert troupe.told.starts == [(0, 0), (1, 0), (1, 1)]
    assert troupe.puppets.all[2].generation == 1
    assert troupe.told.exits == [(1, 0, True)]
    assert troupe.supervisor.producers[1].restarts == 0


def test_one_that_does_not_end_is_killed() -> None:
    """It was asked, and waited for; its end is an expected one all the same, and nobody waited in the meantime."""
    troupe = _Troupe(2)
    troupe.puppets.obedient = False
    troupe.resize(1)
    while len(troupe.puppets.living) == 2:
        assert troupe.round() == []
    assert troupe.puppets.now >= 1000.0 + LEAVE_S
    assert [puppet.index for puppet in troupe.puppets.living] == [0]
    troupe.round()
    assert troupe.told.exits == [(1, -9, True)]


def test_one_that_has_been_asked_while_it_started_has_its_time_to_end() -> None:
    """That it was slow to get ready does not make its end an unexpected one."""
    troupe = _Troupe(1)
    troupe.puppets.obedient = False
    troupe.resize(2)
    troupe.puppets.now += READY_TIMEOUT_S - 1
    troupe.resize(1)
    troupe.puppets.now += 2
    assert troupe.round() == []
    troupe.puppets.all[1].end()
    troupe.rounds(2)
    assert troupe.told.exits == [(1, 0, True)]


@pytest.mark.parametrize("ready", [True, False])
def test_a_leaving_one_that_dies_is_not_replaced(ready: bool) -> None:
    """Its orders are told as those of any other that dies; wanted again, its place is filled."""
    troupe = _Troupe(2)
    supervisor, puppets = troupe.supervisor, troupe.puppets
    if ready:
        supervisor.give(supervisor.producers[1], _order(5))
        puppets.all[1].end(-9)
        supervisor.resize(1)
    else:
        puppets.all[1].end(-9)
        supervisor.receive(0.0)
        supervisor.resize(1)
    seen = troupe.rounds(100)
    assert [happening.orders for happening in seen if isinstance(happening, Died)] == ([(5,)] if ready else [])
    assert len(puppets.living) == 1
    assert troupe.told.exits == [(1, -9, False)]
    troupe.resize(2)
    assert [puppet.index for puppet in puppets.living] == [0, 1]
    assert troupe.told.starts[-1] == (1, 1)


def test_a_leaving_one_that_hangs_is_killed_and_its_order_comes_back() -> None:
    """Silence beyond all time-outs counts as death, as ever."""
    troupe = _Troupe(2)
    troupe.supervisor.give(troupe.supervisor.producers[1], _order(5))
    troupe.resize(1)
    troupe.puppets.now += 1000.0
    (death,) = troupe.round()
    assert isinstance(death, Died)
    assert death.orders == (5,)
    assert troupe.told.exits == [(1, -9, False)]
    assert [puppet.index for puppet in troupe.puppets.living] == [0]


def test_the_end_of_all_takes_leaving_ones_along() -> None:
    """Each process's end is told once, whatever it was about to do."""
    troupe = _Troupe(4)
    supervisor, puppets = troupe.supervisor, troupe.puppets
    puppets.obedient = False
    supervisor.give(supervisor.producers[1], _order(5))
    troupe.resize(1)  # the second is busy, the third and fourth have been asked
    puppets.all[3].end()
    puppets.obedient = True
    supervisor.shut_down()
    assert not puppets.living
    assert sorted(troupe.told.exits) == [(0, 0, True), (1, 0, True), (2, -15, True), (3, 0, True)]


def test_a_run_goes_on_with_those_that_work() -> None:
    """More producers than can be started are no reason to end a run that has some."""
    troupe = _Troupe(1)
    troupe.puppets.startable = False
    troupe.supervisor.resize(3)
    troupe.rounds(100 * MAX_FAILED_STARTS)
    assert troupe.takers == [0]
    troupe.puppets.startable = True
    troupe.puppets.all[0].end(-9)
    troupe.rounds(100)
    troupe.puppets.make_ready()
    troupe.round()
    assert troupe.takers == [0, 1, 2]
    troupe.puppets.startable = False
    for puppet in troupe.puppets.living:
        puppet.end(-9)
    with pytest.raises(ProducerStartError, match="kept"):
        troupe.rounds(100 * MAX_FAILED_STARTS)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "SIGKILL"), (-250, "signal 250"), (None, "channel")],
)
def test_exits_are_told_in_words(code: int | None, words: str) -> None:
    """Exit codes and signals by name."""
    assert words in describe_exit(code)
