"""A producer's life between its first message and its last: orders in, items and ends out."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from contract.errors import ErrorKind, OrchestratorError, ProviderError
from contract.messages import Cancel, Configure, KnownKeys, Order, OrderFailed, ProviderSetup, Ready, Shutdown
from producer.call import carry_out, describe
from producer.channel import Channel
from producer.outbox import Outbox
from producer.providers.base import Provider
from producer.repeats import KnownItems
from producer.tracing import ProducerTrace
from telemetry.logs import TRACE, CallbackHandler, set_up_logging

log = logging.getLogger(__name__)

_CLOSE_S = 0.5
"""Seconds for the providers' connections to close at the end."""


class Session:
    """Serves one channel until the orchestrator says `Shutdown` or is gone.

    Args:
        channel: The way to the orchestrator.
        make_provider: Makes an adapter from its setup.
        log_to_channel: Whether this process's log records travel to the orchestrator.
    """

    def __init__(
        self, channel: Channel, make_provider: Callable[[ProviderSetup], Provider], *, log_to_channel: bool = True
    ) -> None:
        self._channel = channel
        self._make_provider = make_provider
        self._log_to_channel = log_to_channel
        self._outbox = Outbox(channel)
        self._setups: dict[str, ProviderSetup] = {}
        self._providers: dict[str, Provider] = {}
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._known = KnownItems()
        self._started = time.monotonic()
        self.trace = ProducerTrace()

    async def run(self) -> None:
        """Serve until the end. Raises `ChannelError` if the orchestrator sends what is no message."""
        receiving = asyncio.create_task(self._receive())
        sending = asyncio.create_task(self._outbox.run())
        try:
            await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(receiving, sending)

    async def _receive(self) -> None:
        while True:
            message = await self._channel.receive()
            match message:
                case None | Shutdown():
                    return
                case Configure():
                    self._configure(message)
                case Order():
                    log.log(TRACE, "received %s", describe(message))
                    self._start(message)
                case KnownKeys():
                    self._known.add(message.keys)
                case Cancel():
                    await asyncio.sleep(0)  # an order that came in the same read has begun now, and will report its end
                    call = self._calls.get(message.order_id)
                    if call is not None:
                        call.cancel()

    def _configure(self, message: Configure) -> None:
        self._setups = {setup.name: setup for setup in message.providers}
        self._known = KnownItems(message.identity)
        if self._log_to_channel:
            from contract.messages import LogLine

            loop, own = asyncio.get_running_loop(), threading.get_ident()

            def put(*record: Any) -> None:
                line = LogLine(*record)
                if threading.get_ident() == own:
                    self._outbox.put(line)
                else:
                    loop.call_soon_threadsafe(self._outbox.put, line)

            handler = CallbackHandler(put)
            set_up_logging(message.log_level, [handler])
        if message.telemetry is not None:
            from producer.otel_tracing import OtelProducerTrace  # only where there is something to trace

            self.trace = OtelProducerTrace(message.telemetry, message)
        self._outbox.put(Ready(pid=os.getpid(), start_s=time.monotonic() - self._started))

    def _start(self, order: Order) -> None:
        setup = self._setups[order.provider]
        trace = self.trace.order(order, setup)
        try:
            provider = self._provider(order.provider)
        except (OrchestratorError, ImportError) as error:
            kind = error.kind if isinstance(error, ProviderError) else ErrorKind.REQUEST_REFUSED
            failed = OrderFailed(order.id, order.attempt, kind, f"{order.provider}: {error}", items=0, unsent=True)
            trace.ended(failed)
            self._outbox.put(failed, trace.sent)
            return
        task = asyncio.create_task(carry_out(order, setup, provider, self._outbox, trace, self._known))
        self._calls[order.id] = task
        task.add_done_callback(lambda _: self._forget(order.id, task))

    def _forget(self, order_id: int, task: asyncio.Task[None]) -> None:
        if self._calls.get(order_id) is task:  # a retry of the same order may have taken its place
            del self._calls[order_id]

    def _provider(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            provider = self._providers[name] = self._make_provider(self._setups[name])
        return provider

    async def _end(self, receiving: asyncio.Task[None], sending: asyncio.Task[None]) -> None:
        calls = list(self._calls.values())
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        self._outbox.close()
        receiving.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await self._channel.close()
        self.trace.ended()
        closing = [asyncio.wait_for(provider.close(), _CLOSE_S) for provider in self._providers.values()]
        await asyncio.gather(*closing, return_exceptions=True)
        if receiving.done() and not receiving.cancelled() and (error := receiving.exception()) is not None:
            raise error
