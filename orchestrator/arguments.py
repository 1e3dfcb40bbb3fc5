"""The options of a run on a command line, and a command line that goes on where another one ended."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.settings import OPTIONS, Option, ServiceSettings, Settings
from telemetry.configuration import without_secrets


def add_options(parser: argparse._ActionsContainer, options: Sequence[Option], besides: Collection[str] = ()) -> None:
    """Add declared options to a parser.

    Args:
        parser: A parser or a group of one.
        options: From `settings`.
        besides: Fields that are left out.
    """
    for option in options:
        if option.field in besides:
            continue
        flags = [option.flag, "--providers"] if option.flag == "--producers" else [option.flag]
        parser.add_argument(
            *flags,
            dest=option.field,
            metavar=option.metavar,
            type=converter(option.convert),
            help=(option.help + _default_text(option)).replace("%", "%%"),
        )


def add_run_options(parser: argparse.ArgumentParser, besides: Collection[str] = ()) -> None:
    """Add all options of a run but `--topic` and those on what is printed; `besides` are fields that are left out."""
    add_options(parser, OPTIONS, besides)
    parser.add_argument(
        "--provider-option",
        dest="provider_options",
        metavar="PROVIDER.NAME=VALUE",
        action="append",
        help="a setting of one provider, e.g. openai.temperature=0.8 or test.universe_size=500; may be repeated",
    )
    parser.add_argument(
        "--price",
        dest="prices",
        metavar="PROVIDER:MODEL=IN,OUT",
        action="append",
        help="US dollars a million input and output tokens, where the price is not known; may be repeated",
    )


def given_settings(parsed: dict[str, Any]) -> dict[str, Any]:
    """What `build_settings` takes of parsed arguments."""
    lists = {name: tuple(parsed[name]) if parsed[name] else None for name in ("provider_options", "prices")}
    return {**parsed, **lists}


def converter(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """A setting's converter as `argparse` takes it: the reason of a refusal is shown."""

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return converted


def _default_text(option: Option) -> str:
    fields = (*msgspec.structs.fields(Settings), *msgspec.structs.fields(ServiceSettings))
    default = next(field.default for field in fields if field.name == option.field)
    if default in (None, ()) or "default" in option.help:
        return ""
    return f" (default: {default})"


def again(arguments: Sequence[str], topic: str) -> str:
    """The command that continues a run, as it can be typed here.

    Args:
        arguments: Of the run's own command.
        topic: As it was understood: on one line, without bytes that cannot be typed.
    """
    program = "orchestrator" if shutil.which("orchestrator") else os.path.relpath(sys.argv[0])
    if program.endswith("__main__.py"):
        program = f"{Path(sys.executable).name} -m orchestrator"
    words: list[str] = []
    for word in arguments:
        if words and words[-1] == "--topic":
            words.append(topic)
        elif word.startswith("--topic="):
            words.append(f"--topic={topic}")
        elif words and words[-1] == "--trace-ep":
            words.append(without_secrets(word))
        elif word.startswith("--trace-ep="):
            words.append(f"--trace-ep={without_secrets(word.partition('=')[2])}")
        elif word != "--fresh":
            words.append(word)
    return f"{program} {shlex.join(words)}"
