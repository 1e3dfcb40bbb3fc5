from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given as given_by_hypothesis
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.requests import Request

from contract.service import OptionView
from tests.webserver.serving import OPTIONS
from webserver.bodies import Bodies, LogIn, Nothing, StopTopic, given, read
from webserver.problems import Problem

_BODIES = Bodies((*OPTIONS, OptionView("json", "--json", "text", "a name that a model has, too")))


def _read(model: type[BaseModel], body: bytes) -> dict[str, Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    request = Request({"type": "http", "headers": []}, receive)
    return given(asyncio.run(read(request, model)))


def _error(model: type[BaseModel], body: bytes) -> str:
    with pytest.raises(Problem) as refused:
        _read(model, body)
    assert refused.value.status == 400
    assert "\n" not in refused.value.error
    return refused.value.error


@pytest.mark.parametrize(
    "options",
    [
        '{"producers": 3}',
        '{"producers": 3.0}',
        '{"producers": null}',
        '{"max_cost_usd": 1}',
        '{"max_cost_usd": 0.5, "max_time_s": "1h30m"}',
        '{"max_time_s": 90}',
        '{"identity": "exact", "fresh": true, "prices": ["a", "b"]}',
        '{"provider": "test", "json": "x", "seed": -7}',
        "{}",
    ],
)
def test_what_an_option_takes(options: str) -> None:
    """Each kind of option takes its JSON values, and what is given is passed on as it is, nothing else."""
    body = _read(_BODIES.start, b'{"topic": "Fruit", "options": %s}' % options.encode())

    assert body == {"topic": "Fruit", "options": json.loads(options)}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"topic":"x","options":{"producer":5}}', "options: 'producer' is unknown; did you mean producers?"),
        ('{"topic":"x","options":{"zzz":5}}', "options: 'zzz' is unknown; there are: producers, "),
        ('{"topic":"x","opts":{}}', "the body: 'opts' is unknown; did you mean options?"),
        ('{"topic":"x","options":{"producers":"5"}}', "options.producers: it should be a valid integer, not '5'"),
        ('{"topic":"x","options":{"producers":true}}', "options.producers: it should be a valid integer, not True"),
        ('{"topic":"x","options":{"producers":1.5}}', "options.producers: it should be a valid integer, not 1.5"),
        ('{"topic":"x","options":{"producers":0}}', "options.producers: it should be greater than or equal to 1"),
        ('{"topic":"x","options":{"producers":257}}', "options.producers: it should be less than or equal to 256"),
        ('{"topic":"x","options":{"seed":1e300}}', "options.seed: it should be less than or equal to 9007199254740992"),
        (
            '{"topic":"x","options":{"max_cost_usd":-1}}',
            "options.max_cost_usd: it should be greater than or equal to 0",
        ),
        ('{"topic":"x","options":{"max_cost_usd":1e999}}', "options.max_cost_usd: it should be a finite number"),
        ('{"topic":"x","options":{"max_cost_usd":NaN}}', "options.max_cost_usd: it should be a finite number"),
        ('{"topic":"x","options":{"max_time_s":[]}}', "options.max_time_s: it should be a valid string"),
        ('{"topic":"x","options":{"identity":"other"}}', "options.identity: it should be 'exact' or 'normalized'"),
        ('{"topic":"x","options":{"fresh":1}}', "options.fresh: it should be a valid boolean, not 1"),
        ('{"topic":"x","options":{"prices":"a"}}', "options.prices: it should be a valid array, not 'a'"),
        ('{"topic":"x","options":{"prices":[1]}}', "options.prices.0: it should be a valid string, not 1"),
        ('{"topic":"x","options":[]}', "options: it should be an object"),
        ('{"topic":"x","options":null}', "options: it should be an object"),
        ('{"topic":""}', "topic: it should have at least 1 character"),
        ('{"topic":null}', "topic: it should be a valid string"),
        ("{}", "topic: it is missing"),
        ("[]", "the request's body: it should be an object"),
        ("null", "the request's body: it should be an object"),
        ("", "the request has no body; where nothing is to be said, it is {}"),
        ("{", "the request's body is not JSON: EOF while parsing"),
        ("[" * 60_000, "the request's body is not JSON"),
        ('{"topic":"\\ud800"}', "the request's body is not JSON"),
        ('{"topic":"x","options":{"seed":1' + "0" * 5000 + "}}", "the request's body is not JSON: number out of range"),
    ],
)
def test_what_is_refused_and_why(body: str, words: str) -> None:
    """The name of the value, what it must be and, for a slip, what was meant: in one line."""
    assert words in _error(_BODIES.start, body.encode())


def test_bytes_that_are_no_text() -> None:
    """They are refused like any other garbage."""
    assert "not JSON" in _error(_BODIES.start, b'{"topic": "\xff"}')


def test_a_topic_may_not_be_endless() -> None:
    """As long as on the command line, and no longer."""
    assert len(_read(_BODIES.start, b'{"topic": "%s"}' % (b"x" * 2000))["topic"]) == 2000
    assert "at most 2000" in _error(_BODIES.start, b'{"topic": "%s"}' % (b"x" * 2001))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"producers": null}', "producers: it should be a valid integer"),
        ('{"request_size": 1001}', "request_size: it should be less than or equal to 1000"),
        ('{"max_cost_usd": 0}', "max_cost_usd: it should be greater than 0"),
        ('{"max_time_s": "5m"}', "max_time_s: it should be a valid number"),
        ('{"weights": {}}', "weights: "),
        ('{"weights": {"a": -1}}', "weights.a: it should be greater than or equal to 0"),
        ('{"weights": null}', "weights: it should be"),
        ('{"seed": 1}', "the body: 'seed' is unknown"),
    ],
)
def test_changes_that_are_refused(body: str, words: str) -> None:
    """A running topic's settings have the bounds that a new one's have."""
    assert words in _error(_BODIES.change, body.encode())


def test_null_takes_a_limit_away() -> None:
    """What is null is passed on as null, what is not there is not."""
    body = b'{"max_cost_usd": null, "max_time_s": null, "weights": {"a": 0, "b": 1.5}, "producers": 7}'
    expected = {"max_cost_usd": None, "max_time_s": None, "weights": {"a": 0.0, "b": 1.5}, "producers": 7}
    assert _read(_BODIES.change, body) == expected
    assert _read(_BODIES.change, b"{}") == {}


def test_small_bodies() -> None:
    """Those of the other requests."""
    assert _read(Nothing, b"{}") == {}
    assert _read(StopTopic, b'{"now": true}') == {"now": True}
    assert _read(LogIn, b'{"token": "x"}') == {"token": "x"}
    assert "did you mean now?" in _error(StopTopic, b'{"noww": true}')
    assert "there are" not in _error(Nothing, b'{"x": 1}')
    assert "it should be a valid boolean" in _error(StopTopic, b'{"now": "yes"}')


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given_by_hypothesis(st.dictionaries(st.sampled_from(["topic", "options", "producers", "weights", "x"]), _JSON))
def test_whatever_is_sent_is_taken_or_refused_in_words(body: dict[str, Any]) -> None:
    """No JSON of any shape makes anything but an answer."""
    for model in _BODIES.all:
        with suppress(Problem):
            _read(model, json.dumps(body).encode())
