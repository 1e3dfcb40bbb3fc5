"""Single questions to a model, real or simulated, with the prompts and the parser that producers use.

Answers are written down as they come, so that a measurement that broke off asks nothing twice.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from itertools import cycle
from pathlib import Path

import msgspec

from benchmarks.exhaustion.real_model import RealModel
from contract.messages import WHOLE, Mode, Order, Scope, Usage
from orchestrator.api_keys import EnvironmentKeys
from orchestrator.planner import build_order, request_size
from orchestrator.providers import ProviderSpec, build_specs, parse_provider_list
from orchestrator.settings import build_settings
from producer.parser import ItemParser, Parsed, Reason
from producer.prompt import build_prompt
from producer.providers.base import Call, Provider
from producer.providers.factory import make_provider

READ_TIMEOUT_S = 600.0
"""A question may wait for a slot of the local model's server as long as an answer takes there."""
_SIZE = 60
"""Items to ask for, where the model has no limit of its own: the program's default."""


class Question(msgspec.Struct, frozen=True):
    """What is asked; `seed` tells the same question's answers apart."""

    topic: str
    seed: int
    mode: Mode = "audit"
    scope: Scope = WHOLE
    avoid: tuple[str, ...] = ()
    size: int = _SIZE


class Response(msgspec.Struct, frozen=True):
    """One answer, parsed.

    Attributes:
        items: Each once, in their order; of a plan, the parts.
        repeats: Further times that an item came in the same answer.
        refused: Pieces of other kinds that were no items.
        input_tokens: As the server counts them.
        output_tokens: The same.
        cut: Whether it reached the limit of its length.
        looping: Whether it had come to repeat only itself.
    """

    items: tuple[str, ...]
    repeats: int
    refused: int
    input_tokens: int
    output_tokens: int
    cut: bool
    looping: bool


class _Asked(msgspec.Struct, frozen=True):
    question: Question
    response: Response


def ask_all(questions: Sequence[Question], models: Sequence[RealModel], record: Path, parallel: int) -> list[Response]:
    """The answers to some questions, in their order.

    Args:
        questions: Each another one.
        models: Whom to ask, in turn.
        record: File of earlier answers, which are not asked for again; new ones are added.
        parallel: Questions asked at the same time.

    Raises:
        ProviderError: A call failed.
        ConfigurationError: A model cannot be reached as it is described.
    """
    asked = _read(record)
    missing = [question for question in questions if question not in asked]
    asyncio.run(_ask_missing(missing, [_spec(model) for model in models], asked, record, parallel))
    return [asked[question] for question in questions]


def _read(record: Path) -> dict[Question, Response]:
    if not record.exists():
        return {}
    lines = record.read_bytes().splitlines()
    return {one.question: one.response for one in (msgspec.json.decode(line, type=_Asked) for line in lines)}


async def _ask_missing(
    questions: Sequence[Question],
    specs: Sequence[ProviderSpec],
    asked: dict[Question, Response],
    record: Path,
    parallel: int,
) -> None:
    providers = [make_provider(spec.setup) for spec in specs]
    turns = asyncio.Semaphore(parallel)

    async def one(question: Question, spec: ProviderSpec, provider: Provider) -> None:
        async with turns:
            response = await ask(question, spec, provider)
        asked[question] = response
        with record.open("ab") as file:
            file.write(msgspec.json.encode(_Asked(question, response)) + b"\n")

    try:
        async with asyncio.TaskGroup() as tasks:
            for question, (spec, provider) in zip(questions, cycle(zip(specs, providers, strict=True)), strict=False):
                tasks.create_task(one(question, spec, provider))
    finally:
        for provider in providers:
            await provider.close()


def _spec(model: RealModel) -> ProviderSpec:
    environment = {**os.environ, **model.environment}
    given = {"topic": "any", "provider": model.provider, "provider_options": model.options or None}
    settings = build_settings({**given, "read_timeout_s": READ_TIMEOUT_S}, environment)
    wanted = parse_provider_list(model.provider)[:1]

    def no_server() -> tuple[str, str, int, int]:
        raise AssertionError("the local model is reached by its address")

    return build_specs(wanted, settings, EnvironmentKeys(environment), environment, no_server)[0]


async def ask(question: Question, spec: ProviderSpec, provider: Provider) -> Response:
    """Ask a model and parse what it says. Answers that only repeat themselves are left as producers leave them."""
    order = _order(question, spec)
    prompt = build_prompt(order, str(spec.setup.options.get("prompt_style", "standard")))
    call = Call(
        prompt.system,
        prompt.turns,
        order.max_output_tokens,
        seed=order.seed,
        topic=order.topic,
        size=order.size,
        avoid=order.avoid,
        mode=order.mode,
        scope=order.scope,
    )
    parser, items, refused = ItemParser(), list[str](), Counter[str]()
    usage, finish, chars = Usage(), "", 0

    def take(parsed: Parsed) -> None:
        items.extend(item.text for item in parsed.items)
        for refusal in parsed.refused:
            refused[refusal.reason] += refusal.count

    async with aclosing(provider.stream(call)) as stream:  # type: ignore[type-var] # adapters are async generators
        async for chunk in stream:
            take(parser.feed(chunk.text))
            usage, finish, chars = chunk.usage or usage, chunk.finish_reason or finish, chars + len(chunk.text)
            if parser.looping and order.mode != "audit":
                break
    take(parser.finish(complete=finish not in ("", "length")))
    repeats = refused[Reason.REPETITION] + refused[Reason.COUNTER]
    return Response(
        items=tuple(items),
        repeats=repeats,
        refused=refused.total() - repeats,
        input_tokens=usage.input_tokens or call.chars // 4,
        output_tokens=usage.output_tokens or chars // 4,
        cut=finish == "length",
        looping=parser.looping,
    )


def _order(question: Question, spec: ProviderSpec) -> Order:
    return build_order(
        order_id=1,
        attempt=0,
        topic=question.topic,
        size=request_size(question.size, spec),
        spec=spec,
        avoid=question.avoid,
        seed=question.seed,
        mode=question.mode,
        scope=question.scope,
    )
