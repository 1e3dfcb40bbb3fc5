"""The real model that is measured: the local one on loopback, shared by all runs, or any endpoint that is named.

The environment variable `EXHAUSTION_PROVIDER` chooses another one: what `--provider` takes, such as `openai:MODEL`.
Its address (`OPENAI_BASE_URL`), key and options (`ORCHESTRATOR_PROVIDER_OPTIONS`) are read as by any run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from orchestrator.local_model import LocalModelServer
from orchestrator.local_model.serving import default_threads
from orchestrator.providers import LOCAL_OPTIONS, LOCAL_REQUEST_SIZE

PROVIDER = "EXHAUSTION_PROVIDER"
SLOTS = 4
"""Requests that a server of the local model answers at the same time: 1.4 times the tokens for a CPU second that one
at a time gives, and an answer of 1,000 tokens still ends within a call's ten minutes on a busy machine."""


class RealModel(NamedTuple):
    """How a run of the program reaches the model.

    Attributes:
        provider: For `--provider`.
        options: For `--provider-option`, each.
        environment: Variables to add.
    """

    provider: str
    options: tuple[str, ...]
    environment: dict[str, str]


@contextmanager
def real_models(servers: int | None = None) -> Iterator[list[RealModel]]:
    """The model that the environment names, else the local one, served until the block ends.

    Runs reach the local one by its address, with all that `--provider local` sets, and share its servers: one for each
    would take 40 times the memory.

    Args:
        servers: How many of the local model, of a thread each (two threads of one server wait for each other); None:
            one for each processor.

    Raises:
        ConfigurationError: It cannot be installed.
    """
    named = os.environ.get(PROVIDER, "local").strip()
    if named != "local":
        yield [RealModel(named, (), {})]
        return
    with ExitStack() as stack:
        models = []
        for _ in range(servers or default_threads() + 1):
            server = stack.enter_context(LocalModelServer(slots=SLOTS, threads=1))
            url = server.start()
            models.append(local_at(url, server.model, server.context_tokens))
        yield models


def local_at(url: str, model: str, context_tokens: int) -> RealModel:
    """The local model at an address, asked as `--provider local` asks it, but also about parts: do they pay?"""
    usual = {
        **LOCAL_OPTIONS,
        "context_tokens": context_tokens,
        "max_request_size": LOCAL_REQUEST_SIZE,
        "takes_avoid_list": False,
    }
    options = tuple(f"openai.{name}={json.dumps(value)}" for name, value in usual.items())
    return RealModel(f"openai:{model}", options, {"OPENAI_BASE_URL": url})
