"""The token that callers need where the web server listens to other machines."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from contract.errors import ConfigurationError
from contract.messages import Secret

_BYTES = 24
_SHORTEST = 16


class Token(NamedTuple):
    """A token, where it is kept, and whether it has just been made."""

    secret: Secret
    path: Path
    is_new: bool


def token_path(environment: Mapping[str, str]) -> Path:
    """Where it is kept: the user's folder for the state of programs (XDG). Raises `ConfigurationError`."""
    state = environment.get("XDG_STATE_HOME", "").strip()
    if state.startswith("/"):
        return Path(state) / "topic-orchestrator" / "token"
    try:
        base = Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise ConfigurationError("there is no home folder to keep the token in: set XDG_STATE_HOME") from error
    return base / "topic-orchestrator" / "token"


def read_or_make_token(path: Path) -> Token:
    """The token in this file; made, readable by this user alone, where there is none.

    Raises:
        ConfigurationError: It cannot be read or written, others can read it, or it is too short to be one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            return _read(path)
        made = secrets.token_urlsafe(_BYTES)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{made}\n")
        return Token(Secret(made), path, is_new=True)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"the token file {path} cannot be used: {reason}; remove it for a new one") from error


def _read(path: Path) -> Token:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, encoding="ascii") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ConfigurationError(f"the token file {path} is no file: remove it for a new one")
        if mode & 0o077:
            raise ConfigurationError(f"others can read the token file {path}: remove it for a new one")
        text = file.read(4096).strip()
    if len(text) < _SHORTEST or not text.isprintable() or " " in text:
        raise ConfigurationError(f"the token file {path} holds no token: remove it for a new one")
    return Token(Secret(text), path, is_new=False)
