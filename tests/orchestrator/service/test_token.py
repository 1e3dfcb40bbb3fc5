from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigurationError
from orchestrator.service.token import read_or_make_token, token_path


def test_it_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    """The first call makes a token that nobody else can read, the second finds the same."""
    path = tmp_path / "state" / "token"
    made = read_or_make_token(path)
    found = read_or_make_token(path)
    assert (made.is_new, found.is_new) == (True, False)
    assert made.secret.reveal() == found.secret.reveal()
    assert len(made.secret.reveal()) >= 32
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert made.secret.reveal() not in repr(made)


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("x" * 40, 0o644, "others can read"),
        ("short", 0o600, "holds no token"),
        ("", 0o600, "holds no token"),
        ("two words that are long", 0o600, "holds no token"),
        ("schlüssel-der-lang-genug-ist", 0o600, "it is no text"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, content: str, mode: int, words: str) -> None:
    """A token that others may know, or that is none, is refused, without showing it."""
    path = tmp_path / "token"
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_or_make_token(path)
    assert not content or content not in str(caught.value)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link in its place is refused."""
    (tmp_path / "other").write_text("x" * 40)
    (tmp_path / "token").symlink_to(tmp_path / "other")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        read_or_make_token(tmp_path / "token")


def test_it_lives_in_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_STATE_HOME where it is an absolute path, else the home folder's."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert token_path({"XDG_STATE_HOME": "/s"}) == Path("/s/topic-orchestrator/token")
    for useless in ({}, {"XDG_STATE_HOME": "relative"}):
        assert token_path(useless) == tmp_path / ".local/state/topic-orchestrator/token"
