"""The bare OpenAI SDK, streaming typed chunks: `bare_sdk.py BASE_URL REQUESTS IN_FLIGHT`."""

import asyncio
import sys

from openai import AsyncOpenAI


async def _main(base_url: str, requests: int, in_flight: int) -> None:
    left = iter(range(requests))
    client = AsyncOpenAI(api_key="bench", base_url=base_url, max_retries=0)

    async def worker() -> None:
        for _ in left:
            stream = await client.chat.completions.create(
                model="bench",
                stream=True,
                stream_options={"include_usage": True},
                messages=[{"role": "user", "content": "List 60 distinct items."}],
            )
            async for _chunk in stream:
                pass

    await asyncio.gather(*(worker() for _ in range(in_flight)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
