"""The producers' lives, with producers in threads whose behaviour each test chooses."""

import threading
from collections.abc import Callable

import pytest

from contract.errors import ErrorKind, ProducerStartError
from contract.messages import Cancel, Configure, Order, OrderDone, OrderFailed, ProviderSetup, Ready, Shutdown
from orchestrator.processes.communicator import MemoryCommunicator, MemoryEndpoint
from orchestrator.processes.process_manager import ThreadProcessManager
from orchestrator.supervisor import Became, Died, Happening, Said, Supervisor, describe_exit

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
        elif isinstance(message, Order) and not message.directive:
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
    supervisor.give(supervisor.producers[0], Order(1, 0, "test:x", "t", 1, 1, directive="wait"))
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


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "SIGKILL"), (-250, "signal 250"), (None, "channel")],
)
def test_exits_are_told_in_words(code: int | None, words: str) -> None:
    """Exit codes and signals by name."""
    assert words in describe_exit(code)
