"""`python -m tester.fake_provider`: the fake provider as a process of its own.

Prints one JSON line with its URLs once it listens; `GET /ledger` gives the ledger; SIGTERM ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from tester.fake_provider.dialect import to_json
from tester.fake_provider.faults import Fault
from tester.fake_provider.server import FakeProvider


def _rate(text: str) -> tuple[Fault, float]:
    name, _, rate = text.rpartition("=")
    fault = Fault.parse(name)
    if fault is None:
        raise ValueError("a rate needs a fault")
    return fault, float(rate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tester.fake_provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0 takes a free one")
    parser.add_argument("--universe", type=int, default=2000, help="items there are: 'Item 0001' and so on")
    parser.add_argument("--universe-file", type=Path, help="file with one item a line, instead of --universe")
    parser.add_argument("--items", type=int, default=60, help="items an answer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ttfc", type=float, default=0.0, help="seconds to the first chunk")
    parser.add_argument("--duration", type=float, default=0.0, help="seconds from a request to its answer's end")
    parser.add_argument("--chunk-chars", type=int, default=4, help="characters a chunk")
    parser.add_argument("--key", action="append", help="a key that is accepted; without any all are")
    parser.add_argument("--thoughts", action="store_true", help="begin answers with thinking")
    parser.add_argument(
        "--fault",
        type=Fault.parse,
        action="append",
        default=[],
        help="KIND[:name=value,...] of the next request, or none",
    )
    parser.add_argument(
        "--fault-rate", type=_rate, action="append", default=[], help="KIND[:name=value,...]=PROBABILITY of the others"
    )
    parser.add_argument("--exit-with-parent", action="store_true", help="end when stdin closes")
    return parser


def universe(size: int) -> list[str]:
    """A universe of distinct items: `Item 0001`, `Item 0002` ..."""
    width = max(len(str(size)), 4)
    return [f"Item {number:0{width}d}" for number in range(1, size + 1)]


async def _serve(arguments: argparse.Namespace, items: list[str]) -> None:
    provider = FakeProvider(
        items,
        seed=arguments.seed,
        items_per_response=arguments.items,
        time_to_first_chunk_s=arguments.ttfc,
        duration_s=arguments.duration,
        chunk_chars=arguments.chunk_chars,
        faults=arguments.fault,
        fault_rates=dict(arguments.fault_rate),
        valid_keys=arguments.key,
        thoughts=arguments.thoughts,
        port=arguments.port,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with provider:
        urls = {
            "port": provider.port,
            "url": provider.url,
            "openai": provider.openai_base_url,
            "anthropic": provider.anthropic_base_url,
            "gemini": provider.gemini_base_url,
        }
        sys.stdout.write(to_json(urls).decode() + "\n")
        sys.stdout.flush()
        watch = asyncio.create_task(_stdin_closed(stop)) if arguments.exit_with_parent else None
        await stop.wait()
        if watch is not None:
            watch.cancel()


async def _stdin_closed(stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
    stop.set()


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.universe_file:
        try:
            lines = arguments.universe_file.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            parser.error(f"cannot read the universe: {error}")
        items = [line.strip() for line in lines if line.strip()]
    else:
        items = universe(arguments.universe)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments, items))
    return 0


if __name__ == "__main__":
    sys.exit(main())
