"""A bare aiohttp client: `bare_aiohttp.py BASE_URL REQUESTS IN_FLIGHT`. Reads the stream and looks at no byte of it."""

import asyncio
import sys

import aiohttp


async def _main(base_url: str, requests: int, in_flight: int) -> None:
    left = iter(range(requests))
    body = {
        "model": "bench",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "List 60 distinct items."}],
    }

    async def worker(session: aiohttp.ClientSession) -> None:
        for _ in left:
            async with session.post(f"{base_url}/chat/completions", json=body) as response:
                async for _chunk in response.content.iter_any():
                    pass

    async with aiohttp.ClientSession(headers={"Authorization": "Bearer bench"}) as session:
        await asyncio.gather(*(worker(session) for _ in range(in_flight)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
