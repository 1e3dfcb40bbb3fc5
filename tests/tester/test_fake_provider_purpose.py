"""The fake provider tells a request for a plan or a judgement from one for items, by the producer's own words."""

import asyncio
from typing import Any

import openai
import pytest

from contract.messages import Mode, Order, Scope
from producer.prompt import build_prompt
from tester.fake_provider import Entry, FakeProvider, Fault, FaultKind
from tester.fake_provider.purpose import Purpose, purpose_of

UNIVERSE = [f"Café № {number}" for number in range(1, 200)]


def prompt(mode: Mode = "explore", size: int = 5, **fields: object) -> str:
    """What the producer writes for an order."""
    return build_prompt(Order(1, 0, "openai:m", "Cafés of Paris", size, 100, mode=mode, **fields)).asked  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "purpose", "lines"),
    [
        (prompt(), Purpose.LIST, 0),
        (prompt("audit"), Purpose.LIST, 0),
        (prompt(scope=Scope("Inner part", ("Outer part",), "C", "French"), avoid=("Café № 1",)), Purpose.LIST, 0),
        (prompt("plan"), Purpose.PLAN, 5),
        (prompt("plan", 500), Purpose.PLAN, 24),
        (prompt("plan", scope=Scope("Inner part")), Purpose.PLAN, 5),
        (prompt("plan", 500, scope=Scope("Inner part", ("Outer part",))), Purpose.PLAN, 22),
        (prompt("validate", candidates=("Café № 1", "x")), Purpose.JUDGEMENT, 1),
        ("", Purpose.LIST, 0),
    ],
)
def test_a_purpose_is_read_from_the_producers_words(words: str, purpose: Purpose, lines: int) -> None:
    """Whatever the order, its purpose is understood; a plan names as many parts as it is asked for, all new."""
    found, answer = purpose_of(words)
    assert found is purpose
    assert len(set(answer)) == len(answer) == lines
    assert not [name for name in answer if name in words and purpose is Purpose.PLAN]


def test_the_last_message_decides() -> None:
    """A conversation whose earlier words look like a request for a plan is one about items; the ledger has it all."""

    async def scenario() -> None:
        plan = prompt("plan")
        async with FakeProvider(UNIVERSE, items_per_response=6) as fake:
            async with openai.AsyncOpenAI(base_url=fake.openai_base_url, api_key="k", max_retries=0) as client:
                talk = build_prompt(Order(1, 0, "openai:m", "Cafés", 5, 100, said=((plan, "Café № 1"),)))
                messages: Any = [{"role": turn.role, "content": turn.text} for turn in talk.turns]
                async for _ in await client.chat.completions.create(model="m", messages=messages, stream=True):
                    pass
            entry = fake.ledger.entries[-1]
            assert (entry.purpose, entry.prompt, len(entry.items)) == ("list", talk.asked, 6)
            assert entry.earlier == list(talk.turns[:-1])

    asyncio.run(scenario())


def test_a_judgement_is_answered_in_the_prompts_word() -> None:
    """All that the fake is shown is its own."""
    assert purpose_of(prompt("validate", candidates=("x",)))[1] == ["none"]


async def _asked(fake: FakeProvider, words: str) -> tuple[str, Entry]:
    async with openai.AsyncOpenAI(base_url=fake.openai_base_url, api_key="k", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": words}]
        stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    return text, fake.ledger.entries[-1]


@pytest.mark.parametrize(("mode", "lines", "purpose"), [("plan", 5, "plan"), ("validate", 1, "judgement")])
def test_what_is_no_list_brings_no_items_into_the_ledger(mode: Mode, lines: int, purpose: str) -> None:
    """Its lines are sent like any text, with a finish reason, and stand as no items in the ledger."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, items_per_response=6) as fake:
            text, entry = await _asked(fake, prompt(mode, candidates=("Café № 1",)))
            assert len(text.splitlines()) == lines
            assert not set(text.splitlines()) & set(UNIVERSE)
            assert (entry.purpose, entry.items, entry.finish_reason) == (purpose, [], "stop")
            text, entry = await _asked(fake, prompt())
            assert (entry.purpose, entry.items) == ("list", text.split("\n"))

    asyncio.run(scenario())


def test_a_plan_may_fail_as_any_answer() -> None:
    """Faults hit requests in their order, whatever they are for."""

    async def scenario() -> None:
        async with FakeProvider(UNIVERSE, faults=[Fault(FaultKind.CUT, after_items=2), None]) as fake:
            with pytest.raises(openai.APIConnectionError):
                await _asked(fake, prompt("plan"))
            assert (fake.ledger.entries[0].items, fake.ledger.entries[0].finish_reason) == ([], "")
            text, _ = await _asked(fake, prompt("plan"))
            assert len(text.splitlines()) == 5

    asyncio.run(scenario())
