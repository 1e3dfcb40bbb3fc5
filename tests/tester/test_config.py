from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tester.config import ConfigBuilder, ConfigError, OrchestratorConfig

ROOT = Path(__file__).parents[2]
Step = Callable[[ConfigBuilder], ConfigBuilder]

STEPS: dict[str, tuple[Step, list[str]]] = {
    "producers": (lambda b: b.producers(3), ["--producers", "3"]),
    "concurrency": (lambda b: b.concurrency(2), ["--concurrency", "2"]),
    "iterations": (lambda b: b.iterations(10), ["--iterations", "10"]),
    "request_size": (lambda b: b.request_size(40), ["--request-size", "40"]),
    "output": (lambda b: b.output("some/where"), ["--output", "some/where"]),
    "max_attributes": (lambda b: b.max_attributes(50), ["--max-attributes", "50"]),
    "max_cost": (lambda b: b.max_cost(0.25), ["--max-cost", "0.25"]),
    "max_time": (lambda b: b.max_time(90), ["--max-time", "90"]),
    "short max_time": (lambda b: b.max_time(0.001), ["--max-time", "0.001"]),
    "identity": (lambda b: b.identity("exact"), ["--identity", "exact"]),
    "filter": (lambda b: b.filter("rbloom"), ["--filter", "rbloom"]),
    "seed": (lambda b: b.seed(7), ["--seed", "7"]),
    "negative seed": (lambda b: b.seed(-7), ["--seed=-7"]),
    "strategy": (lambda b: b.strategy("letters"), ["--strategy", "letters"]),
    "until_coverage": (lambda b: b.until_coverage(0.95), ["--until-coverage", "0.95"]),
    "min_yield": (lambda b: b.min_yield(3), ["--min-yield", "3"]),
    "max_price_per_item_usd": (lambda b: b.max_price_per_item(0.01), ["--max-price-per-item", "0.01"]),
    "checks": (lambda b: b.checks("off"), ["--checks", "off"]),
    "avoid_share": (lambda b: b.avoid_share(0.5), ["--avoid-share", "0.5"]),
    "max_attempts": (lambda b: b.max_attempts(2), ["--max-attempts", "2"]),
    "connect_timeout": (lambda b: b.connect_timeout(1.5), ["--connect-timeout", "1.5"]),
    "read_timeout": (lambda b: b.read_timeout(100.0), ["--read-timeout", "100"]),
    "log_level": (lambda b: b.log_level("debug"), ["--log-level", "debug"]),
    "price": (lambda b: b.price("openai:m", 1, 2.5), ["--price", "openai:m=1,2.5"]),
    "fresh": (lambda b: b.fresh(), ["--fresh"]),
    "json": (lambda b: b.json(), ["--json"]),
    "quiet": (lambda b: b.quiet(), ["--quiet"]),
}

REFUSED: list[tuple[Step, str]] = [
    (lambda b: b.topic(""), "topic"),
    (lambda b: b.topic(" \n"), "topic"),
    (lambda b: b.topic("a\0b"), "topic"),
    (lambda b: b.topic("\ud800"), "topic"),
    (lambda b: b.topic("x" * 2001), "too long"),
    (lambda b: b.producers(0), "producers must be a whole number from 1 to 256, not 0"),
    (lambda b: b.producers(257), "producers"),
    (lambda b: b.producers(True), "producers"),
    (lambda b: b.producers(1.5), "producers"),  # type: ignore[arg-type] # what a person may write
    (lambda b: b.concurrency(0), "concurrency"),
    (lambda b: b.iterations(0), "iterations"),
    (lambda b: b.request_size(1001), "request_size"),
    (lambda b: b.max_attributes(-1), "max_attributes"),
    (lambda b: b.max_cost(0), "max_cost"),
    (lambda b: b.max_cost(float("nan")), "max_cost"),
    (lambda b: b.max_cost(float("inf")), "max_cost"),
    (lambda b: b.max_time(0), "max_time"),
    (lambda b: b.max_time("1h"), "max_time"),  # type: ignore[arg-type] # what a person may write
    (lambda b: b.read_timeout(-1), "read_timeout"),
    (lambda b: b.avoid_share(0.95), "avoid_share"),
    (lambda b: b.identity("same"), "exact, normalized, aggressive"),
    (lambda b: b.filter("none"), "rbloom"),
    (lambda b: b.strategy("none"), "letters"),
    (lambda b: b.checks("none"), "off"),
    (lambda b: b.until_coverage(1.0), "until_coverage"),
    (lambda b: b.min_yield(0), "min_yield"),
    (lambda b: b.max_price_per_item(-1), "max_price_per_item_usd"),
    (lambda b: b.log_level("loud"), "trace, debug, info, warn, error"),
    (lambda b: b.provider(" "), "provider"),
    (lambda b: b.provider_option("speed", 1), "provider_option"),
    (lambda b: b.provider_option("test.speed", object()), "provider_option"),
    (lambda b: b.provider_option("test.speed", "\0"), "provider_option"),
    (lambda b: b.price("openai:m", -1, 0), "input price"),
    (lambda b: b.fresh(1), "fresh"),  # type: ignore[arg-type] # what a person may write
    (lambda b: b.environment({"A=B": "c"}), "environment"),
    (lambda b: b.environment(PLACE="a\0b"), "environment variable PLACE"),
]


def _builder() -> ConfigBuilder:
    return OrchestratorConfig.builder().topic("test_topic")


def _pairs(arguments: list[str]) -> set[str]:
    return {f"{flag} {value}" for flag, value in zip(arguments, [*arguments[1:], ""], strict=True)}


@pytest.mark.parametrize("name", STEPS)
def test_each_step_is_an_option(name: str) -> None:
    """Each step of the builder adds its option, with the value as the command line takes it."""
    step, wanted = STEPS[name]
    bare, arguments = _builder().build().arguments(), step(_builder()).build().arguments()
    assert "\0".join(wanted) in "\0".join(arguments)
    assert len(arguments) == len(bare) + len(wanted)


@pytest.mark.parametrize(("step", "word"), REFUSED)
def test_what_cannot_be_is_refused_in_one_line(step: Step, word: str) -> None:
    """A value that the orchestrator would refuse is a `ConfigError`, at `build` and not before, with its name."""
    builder = step(_builder())
    with pytest.raises(ConfigError, match=re.escape(word)) as refused:
        builder.build()
    assert len(str(refused.value).splitlines()) == 1
    assert isinstance(refused.value, ValueError)


def test_a_topic_must_be_said() -> None:
    """Without a topic nothing is built, and the message says how to give one."""
    with pytest.raises(ConfigError, match="topic"):
        OrchestratorConfig.builder().producers(3).build()


def test_a_service_has_no_topic() -> None:
    """A service is built without a topic, on a port that is free unless one is said; what is said holds for topics."""
    built = OrchestratorConfig.builder().producers(3).build_service()
    assert (built.topic, built.port) == (None, 0)
    assert built.arguments()[0] != "--topic"
    assert {"--producers 3", "--port 0", "--provider test"} <= _pairs(built.arguments())
    asked = OrchestratorConfig.builder().port(8080).host("::1").allowed_hosts("lists.example").build_service()
    assert {"--port 8080", "--host ::1", "--allowed-hosts lists.example"} <= _pairs(asked.arguments())


@pytest.mark.parametrize("step", [lambda b: b.topic("a"), lambda b: b.fresh(), lambda b: b.json(), lambda b: b.quiet()])
def test_what_is_a_runs_is_refused_for_a_service(step: Step) -> None:
    """A service takes neither a topic nor the switches that belong to one run."""
    with pytest.raises(ConfigError, match="is a run's"):
        step(OrchestratorConfig.builder()).build_service()


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda b: b.port(65536), "port must be a whole number from 0 to 65535"),
        (lambda b: b.port(-1), "port"),
        (lambda b: b.host(" "), "host"),
        (lambda b: b.producers(0), "producers"),
    ],
)
def test_what_a_service_cannot_be_is_refused(step: Step, words: str) -> None:
    """A value that the service would refuse is a `ConfigError` with its name."""
    with pytest.raises(ConfigError, match=words):
        step(OrchestratorConfig.builder()).build_service()


@pytest.mark.parametrize("step", [lambda b: b.port(1), lambda b: b.host("::1"), lambda b: b.allowed_hosts("a")])
def test_what_is_a_services_is_refused_for_a_run(step: Step) -> None:
    """A run listens nowhere."""
    with pytest.raises(ConfigError, match="is a service's"):
        step(_builder()).build()


def test_nothing_costs_money_by_accident() -> None:
    """The provider is the simulated model at full speed, unless another one is said."""
    assert {"--provider test", "--provider-option test.speed=0"} <= _pairs(_builder().build().arguments())
    slow = _builder().provider_option("test.speed", 2).build().arguments()
    assert "test.speed=2" in slow
    assert "test.speed=0" not in slow
    both = _builder().provider("test:simulated:2,openai:m").build().arguments()
    assert "test.speed=0" in both
    assert "test.speed=0" not in _builder().provider("openai:gpt-5-mini").build().arguments()


@pytest.mark.parametrize(
    ("value", "text"), [(500, "500"), (0.5, "0.5"), (True, "true"), (None, "null"), ("low", "low"), ([1], "[1]")]
)
def test_provider_options_are_written_as_json(value: object, text: str) -> None:
    """A provider's option stands as JSON would write it, a text as it is."""
    arguments = _builder().provider_option("test.option", value).build().arguments()
    assert f"test.option={text}" in arguments


def test_a_configuration_never_changes() -> None:
    """What was built stays as it is, also when its builder goes on."""
    builder = _builder().producers(1)
    first = builder.build()
    second = builder.producers(2).environment(A="b").build()
    assert (first.producers, first.environment) == (1, ())
    assert (second.producers, second.environment) == (2, (("A", "b"),))
    with pytest.raises(AttributeError):
        first.producers = 5  # type: ignore[misc] # that is the point


def test_environment_adds_up() -> None:
    """Variables of several calls are kept together; the later value of one wins; None is kept, to remove one."""
    built = _builder().environment({"A": "1", "B": "2"}).environment(B="3", C=None).build()
    assert dict(built.environment) == {"A": "1", "B": "3", "C": None}


@given(topic=st.text(min_size=1, max_size=50), seed=st.integers(-(2**63), 2**63 - 1))
def test_arguments_are_told_apart(topic: str, seed: int) -> None:
    """Whatever the topic is, it is either refused or found again behind its flag: it is never taken for an option."""
    try:
        arguments = OrchestratorConfig.builder().topic(topic).seed(seed).build().arguments()
    except ConfigError:
        return
    given_topic = arguments[1] if arguments[0] == "--topic" else arguments[0].removeprefix("--topic=")
    assert given_topic == topic
    assert not (arguments[0] == "--topic" and topic.startswith("-"))


def test_every_option_of_the_command_can_be_said() -> None:
    """The builder has every option of `orchestrator --help`, apart from those that are not a scenario's to say."""
    shown = subprocess.run(
        [sys.executable, "-m", "orchestrator", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    options = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", shown.stdout, re.MULTILINE))
    not_ours: set[Any] = {"--help", "--version", "--trace-ep", "--dry-run"}  # the last starts nothing
    methods = {f"--{name.replace('_', '-')}" for name in vars(ConfigBuilder) if not name.startswith("_")}
    assert options - not_ours <= methods
    assert methods - {"--build", "--build-service", "--environment"} <= options
