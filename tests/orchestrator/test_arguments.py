"""The options of a run on a command line."""

from __future__ import annotations

import argparse

import pytest

from orchestrator.arguments import add_run_options, again, converter, given_settings
from orchestrator.settings import OPTIONS, build_settings, positive_int


def test_every_setting_can_be_given() -> None:
    """Each option of `settings`, but those that are left out; lists may be repeated."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_run_options(parser, besides=("iterations",))
    parsed = vars(parser.parse_args(["--producers", "2", "--price", "a:b=1,2", "--price", "c:d=1,2"]))
    assert set(parsed) == {one.field for one in OPTIONS} - {"iterations"} | {"provider_options", "prices"}
    settings = build_settings({"topic": "Fruit", **given_settings(parsed)}, {})
    assert (settings.producers, settings.prices) == (2, ("a:b=1,2", "c:d=1,2"))


def test_the_reason_of_a_refusal_is_shown() -> None:
    """By `argparse`, which shows no other error's words."""
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
        converter(positive_int)("0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--topic", "a\nb", "--fresh"], "--topic 'a b'"),
        (["--topic=a\nb", "--quiet"], "'--topic=a b' --quiet"),
        (["--trace-ep", "http://me:secret@host:4318"], "--trace-ep"),
        (["--trace-ep=http://me:secret@host:4318"], "--trace-ep="),
    ],
)
def test_a_run_is_continued_as_it_can_be_typed(arguments: list[str], words: str) -> None:
    """The topic as it was understood, no secret, and no second fresh beginning."""
    command = again(arguments, "a b")
    assert words in command
    assert "secret" not in command
    assert "--fresh" not in command
