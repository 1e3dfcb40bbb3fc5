"""The parser of a subcommand such as `orchestrator export`."""

from __future__ import annotations

import argparse
from typing import NoReturn

from contract.errors import ExitCode
from contract.text import printable


class CommandParser(argparse.ArgumentParser):
    """Errors in one line, with the usage exit code; options are written out."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """See `argparse`."""
        self.exit(ExitCode.USAGE, f"{self.prog}: {printable(message)} (see {self.prog} --help)\n")
