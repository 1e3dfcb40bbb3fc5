"""Producers that do nothing by themselves: each test says what they say, and when. Time is the test's too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from archive.filesystem import MemoryFileSystem
from contract.errors import ErrorKind, ProducerStartError
from contract.identity import Identity
from contract.messages import (
    Cancel,
    Configure,
    FromProducer,
    Item,
    ItemBatch,
    KnownKeys,
    Order,
    OrderDone,
    OrderFailed,
    ProviderSetup,
    Ready,
    Refusal,
    Shutdown,
    ToProducer,
    Usage,
)
from contract.service import Action, Stop
from orchestrator.events import RunEvent
from orchestrator.observer import UNOBSERVED, RunObserver
from orchestrator.pricing import FlatPrice, Price
from orchestrator.processes.communicator import Closed, Received
from orchestrator.processes.process_manager import ProcessHandle
from orchestrator.providers import ProviderSpec
from orchestrator.run import Run
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.supervisor import Supervisor
from tests.orchestrator.test_run import FOLDER

USAGE = Usage(10, 20)
FREE = FlatPrice(0.0, 0.0)


class Puppet:
    """One producer process and its end of the channel; also its `ProcessHandle`."""

    def __init__(self, pid: int, say: Callable[[FromProducer | Closed], None]) -> None:
        self.pid = pid
        self.index = -1
        self.generation = -1
        self.orders: dict[int, Order] = {}
        self.spoken = False
        self.asked = False
        self.known = b""
        self.full = False
        self._say = say
        self._exit_code: int | None = None

    @property
    def lives(self) -> bool:
        """Whether the process is there."""
        return self._exit_code is None

    def ready(self) -> None:
        """It has started."""
        self.spoken = True
        self._say(Ready(self.pid, 0.0))

    def answer(self, order_id: int, *texts: str, finish_reason: str = "stop", refused: Sequence[Refusal] = ()) -> None:
        """A complete response, or one that was ended for another reason."""
        order = self.orders.pop(order_id)
        self._say(ItemBatch(order_id, order.attempt, tuple(Item(text) for text in texts), tuple(refused)))
        self._say(OrderDone(order_id, order.attempt, USAGE, finish_reason, len(texts), 0, 0.1, 0.2))

    def fail(self, order_id: int, kind: ErrorKind, retry_after_s: float | None = None, *, unsent: bool = False) -> None:
        """A response that came to nothing."""
        order = self.orders.pop(order_id)
        said = OrderFailed(order_id, order.attempt, kind, "it failed", 0, retry_after_s=retry_after_s, unsent=unsent)
        self._say(said)

    def end(self, exit_code: int = 0) -> None:
        """The process ends."""
        if self.lives:
            self._exit_code = exit_code
            self.orders.clear()
            self._say(Closed())

    def exit_code(self) -> int | None:
        return self._exit_code

    def terminate(self) -> None:
        self.end(-15)

    def kill(self) -> None:
        self.end(-9)

    def join(self, timeout_s: float) -> bool:
        return not self.lives


class Puppets:
    """`ProducerChannels` whose other end is the test.

    Attributes:
        now: The time; waiting for what does not come lets it pass.
        obedient: Whether those that are asked to end do so at once.
        startable: Whether processes can be started.
        on_order: Called with each order before the puppet has it.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.obedient = True
        self.on_order: Callable[[Puppet, Order], None] = lambda puppet, order: None
        self.all: list[Puppet] = []
        self.startable = True
        self._by_channel: dict[int, Puppet] = {}
        self._received: deque[Received[FromProducer]] = deque()

    def clock(self) -> float:
        """The time, in seconds."""
        return self.now

    @property
    def living(self) -> list[Puppet]:
        """Those whose process is there."""
        return [puppet for puppet in self.all if puppet.lives]

    @property
    def open_orders(self) -> dict[int, Puppet]:
        """Every order that is not answered, and who has it."""
        return {order_id: puppet for puppet in self.living for order_id in puppet.orders}

    def make_ready(self) -> None:
        """All that have not said so are ready."""
        for puppet in self.living:
            if not puppet.spoken:
                puppet.ready()

    def open(self) -> tuple[int, Puppet]:
        channel = len(self.all)  # each has its number for its pid
        puppet = Puppet(channel, lambda message: self._received.append(Received(channel, message)))
        self.all.append(puppet)
        self._by_channel[channel] = puppet
        return channel, puppet

    def started(self, channel: int) -> None:
        pass

    def send(self, channel: int, message: ToProducer) -> None:
        puppet = self._by_channel.get(channel)
        if puppet is None or not puppet.lives:
            return
        match message:
            case Configure():
                puppet.index, puppet.generation = message.producer, message.generation
            case Order():
                self.on_order(puppet, message)
                puppet.orders[message.id] = message
            case KnownKeys():
                puppet.known += message.keys
            case Cancel() if message.order_id in puppet.orders:
                puppet.fail(message.order_id, ErrorKind.CANCELLED)
            case Shutdown():
                puppet.asked = True
                if self.obedient:
                    puppet.end()

    def receive(self, timeout_s: float) -> list[Received[FromProducer]]:
        if not self._received:
            self.now += timeout_s
        received = [one for one in self._received if one.channel in self._by_channel]
        self._received.clear()
        for one in received:
            if isinstance(one.message, Closed):
                del self._by_channel[one.channel]
        return received

    def unsent(self, channel: int) -> int:
        return 1 if self._by_channel[channel].full else 0

    def wake(self) -> None:
        pass

    def close(self, channel: int) -> None:
        self._by_channel.pop(channel, None)

    def close_all(self) -> None:
        self._by_channel.clear()


class PuppetProcesses:
    """`ProcessManager` of puppets: they are there as soon as they have a channel."""

    def __init__(self, puppets: Puppets) -> None:
        self._puppets = puppets

    def prepare(self) -> None:
        pass

    def start(self, name: str, endpoint: object) -> ProcessHandle:
        assert isinstance(endpoint, Puppet)
        if not self._puppets.startable:
            raise ProducerStartError("no process can be started")
        return endpoint

    def close(self) -> None:
        pass


def spec(name: str = "x", weight: float = 1.0) -> ProviderSpec:
    """A provider."""
    return ProviderSpec("test", weight, 8192, None, ProviderSetup(f"test:{name}", "simulated", name))


class Stage:
    """A run whose producers are puppets, one round at a time.

    Args:
        specs: Its providers.
        prices: By name of the model; free where not given.
        observer: Told by the run.
        judges: As a run takes them.
        filesystem: Where its folder is.
        **settings: Its settings.
    """

    def __init__(
        self,
        *specs: ProviderSpec,
        prices: dict[str, Price | None] | None = None,
        observer: RunObserver = UNOBSERVED,
        judges: Sequence[str] | None = (),
        filesystem: MemoryFileSystem | None = None,
        **settings: object,
    ) -> None:
        given = {"producers": 1, "concurrency": 1, **settings}
        made = Settings(topic="Fruit", **given)  # type: ignore[arg-type]
        used = specs or (spec(),)
        self.puppets = Puppets()
        self.filesystem = filesystem or MemoryFileSystem()
        store = Store.open(
            FOLDER, "Fruit", identity=Identity.NORMALIZED, filesystem=self.filesystem, max_items=made.max_attributes
        )
        supervisor = Supervisor(
            made.producers,
            [one.setup for one in used],
            "info",
            self.puppets,
            PuppetProcesses(self.puppets),
            observer,
            self.puppets.clock,
        )
        known = {one.name: (prices or {}).get(one.setup.model, FREE) for one in used}
        wake, clock = self.puppets.wake, self.puppets.clock
        self.run = Run(made, used, known, store, supervisor, wake, observer, clock=clock, judges=judges)
        self._rounds = self.run.rounds()
        self.events: list[RunEvent] = []
        self.over = False
        self._texts = 0

    def round(self) -> list[RunEvent]:
        """One round of the loop; what it told."""
        events = next(self._rounds, None)
        self.over |= events is None
        self.events += events or []
        return events or []

    def begin(self) -> Stage:
        """Until every producer is ready and has its first orders."""
        self.round()
        self.puppets.make_ready()
        self.round()
        self.round()
        return self

    def steer(self, action: Action) -> list[str]:
        """Ask; the answer will stand in the list."""
        answers: list[str] = []
        self.run.steer(action, answers.append)
        return answers

    def steered(self, action: Action) -> str:
        """Ask, let the loop take it up; the answer."""
        answers = self.steer(action)
        self.round()
        (answer,) = answers
        return answer

    def answer_all(self) -> None:
        """Every open order is answered with an item of its own."""
        for order_id, puppet in self.puppets.open_orders.items():
            self._texts += 1
            puppet.answer(order_id, f"Fruit {self._texts}")

    def run_out(self) -> None:
        """Answer whatever is asked until the run has ended."""
        for _ in range(1000):
            if self.over:
                return
            self.puppets.make_ready()
            self.answer_all()
            self.round()
        raise AssertionError("the run does not end")

    def end(self) -> None:
        """Stop, finish what is open, and run to the end."""
        self.steer(Stop())
        self.run_out()
