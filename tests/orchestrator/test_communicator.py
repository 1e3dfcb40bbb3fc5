"""One suite for every `Communicator`: no double drifts from the real thing."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from contract.framing import FrameReader, frame
from contract.messages import (
    Cancel,
    FromProducer,
    Item,
    ItemBatch,
    Order,
    Ready,
    ToProducer,
    decode_to_producer,
    encode,
)
from orchestrator.processes.communicator import (
    Closed,
    MemoryCommunicator,
    MemoryEndpoint,
    ProducerChannels,
    Received,
    producer_channels,
)

_WAIT_S = 10.0


class Child:
    """A producer's end, whatever the communicator."""

    def __init__(self, endpoint: object) -> None:
        self._endpoint = endpoint
        self._frames = FrameReader()
        self._waiting: list[bytes] = []
        if isinstance(endpoint, socket.socket):
            self._endpoint = endpoint.dup()  # as a child process has its own copy
            self._endpoint.settimeout(_WAIT_S)

    def send(self, message: ItemBatch | Ready) -> None:
        if isinstance(self._endpoint, MemoryEndpoint):
            self._endpoint.send(message)
        else:
            assert isinstance(self._endpoint, socket.socket)
            self._endpoint.sendall(frame(encode(message)))

    def receive(self) -> ToProducer | None:
        if isinstance(self._endpoint, MemoryEndpoint):
            return self._endpoint.receive(_WAIT_S)
        assert isinstance(self._endpoint, socket.socket)
        while not self._waiting:
            data = self._endpoint.recv(65536)
            if not data:
                return None
            self._waiting += self._frames.feed(data)
        return decode_to_producer(self._waiting.pop(0))

    def die(self) -> None:
        assert isinstance(self._endpoint, MemoryEndpoint | socket.socket)
        self._endpoint.close()


@pytest.fixture(params=[producer_channels, MemoryCommunicator])
def communicator(request: pytest.FixtureRequest) -> Iterator[ProducerChannels]:
    """Each implementation in turn."""
    make: Callable[[], ProducerChannels] = request.param
    made = make()
    yield made
    made.close_all()


def _open(communicator: ProducerChannels) -> tuple[int, Child]:
    channel, endpoint = communicator.open()
    child = Child(endpoint)
    communicator.started(channel)
    return channel, child


def _receive(communicator: ProducerChannels, count: int) -> list[Received[FromProducer]]:
    received: list[Received[FromProducer]] = []
    while len(received) < count:
        news = communicator.receive(_WAIT_S)
        assert news, "nothing came"
        received += news
    return received


def _batch(number: int) -> ItemBatch:
    return ItemBatch(number, 0, (Item(f"item {number}", "é"),))


def test_messages_go_both_ways_in_order(communicator: ProducerChannels) -> None:
    """What is sent arrives, in order, on its own channel."""
    channel, child = _open(communicator)
    other, sibling = _open(communicator)
    for number in range(50):
        child.send(_batch(number))
    sibling.send(Ready(1, 0.5))
    received = _receive(communicator, 51)
    assert [entry.message for entry in received if entry.channel == channel] == [_batch(n) for n in range(50)]
    assert [entry.message for entry in received if entry.channel == other] == [Ready(1, 0.5)]
    communicator.send(channel, Cancel(7))
    assert child.receive() == Cancel(7)


def test_a_dead_child_is_heard_after_its_last_words(communicator: ProducerChannels) -> None:
    """Everything that was sent before the death is received before the end of the channel."""
    channel, child = _open(communicator)
    child.send(_batch(1))
    child.die()
    assert _receive(communicator, 2) == [Received(channel, _batch(1)), Received(channel, Closed())]
    communicator.send(channel, Cancel(1))  # swallowed


def test_a_silent_sibling_holds_up_nobody(communicator: ProducerChannels) -> None:
    """A child that reads nothing, however much is sent to it, blocks neither us nor the others."""
    deaf, deaf_child = _open(communicator)
    channel, child = _open(communicator)
    big = Order(1, 0, "test:x", "t", 60, 100, avoid=tuple(f"item number {n}" for n in range(5000)))
    for _ in range(20):
        communicator.send(deaf, big)
    child.send(_batch(1))
    assert Received(channel, _batch(1)) in _receive(communicator, 1)
    reading = threading.Thread(target=lambda: [deaf_child.receive() for _ in range(20)], daemon=True)
    reading.start()
    while reading.is_alive():  # what waited is sent on as the child reads
        communicator.receive(0.01)
    assert not reading.is_alive()


def test_wake_ends_the_waiting(communicator: ProducerChannels) -> None:
    """A wake from another thread lets a waiting receive return with nothing."""
    timer = threading.Thread(target=communicator.wake)
    timer.start()
    assert communicator.receive(_WAIT_S) == []
    timer.join()


def test_closing_tells_the_child(communicator: ProducerChannels) -> None:
    """A producer whose channel is closed sees the end: so it dies with the orchestrator."""
    channel, child = _open(communicator)
    communicator.close(channel)
    assert child.receive() is None


def test_a_torn_message_is_dropped_whole() -> None:
    """A child killed within a message leaves no part of it."""
    communicator = producer_channels()
    channel, endpoint = communicator.open()
    child = endpoint.dup()
    communicator.started(channel)
    child.sendall(frame(encode(_batch(1))) + frame(encode(_batch(2)))[:-3])
    child.close()
    received = _receive(communicator, 2)
    assert received == [Received(channel, _batch(1)), Received(channel, Closed(torn=True))]
    communicator.close_all()


@pytest.mark.parametrize("data", [frame(b"\xc1garbage"), b"\xff\xff\xff\xff"])
def test_garbage_closes_the_channel_with_a_reason(data: bytes) -> None:
    """Bytes that are no message of ours end that channel, with an error in words, and no other."""
    communicator = producer_channels()
    channel, endpoint = communicator.open()
    child = endpoint.dup()
    communicator.started(channel)
    child.sendall(data)
    (received,) = _receive(communicator, 1)
    assert isinstance(received.message, Closed)
    assert received.message.error
    child.close()
    communicator.close_all()
