"""Settings from command line, environment and `.env`."""

from pathlib import Path

import pytest

from contract.errors import ConfigurationError, UsageError
from contract.identity import Identity
from orchestrator.settings import OPTIONS, Settings, build_settings, duration, positive_int, read_environment


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("0.5s", 0.5), ("1H", 3600)]
)
def test_durations(text: str, seconds: float) -> None:
    """Seconds, minutes and hours, alone or together."""
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "5x", "m", "1h30", "nan", "99999999999h"])
def test_bad_durations(text: str) -> None:
    """Anything else says what a duration looks like; 1h30 is read as an hour and 30 seconds."""
    if text == "1h30":
        assert duration(text) == 3630
    else:
        with pytest.raises(ValueError, match=r"duration|longer"):
            duration(text)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "9" * 30])
def test_counts_start_at_one(text: str) -> None:
    """N ≤ 0 and what is no whole number is refused."""
    with pytest.raises(ValueError, match=r"number|small"):
        positive_int(text)


def test_command_line_beats_environment_beats_default() -> None:
    """The nearer source wins; `None` from the command line means not given."""
    environment = {"ORCHESTRATOR_PRODUCERS": "7", "ORCHESTRATOR_REQUEST_SIZE": "10"}
    settings = build_settings({"topic": "  Paris \n attractions ", "producers": 2, "request_size": None}, environment)
    assert (settings.topic, settings.producers, settings.request_size) == ("Paris attractions", 2, 10)
    assert (settings.concurrency, settings.identity) == (Settings(topic="x").concurrency, Identity.NORMALIZED)


@pytest.mark.parametrize("topic", ["", "   ", "\n\t", None])
def test_a_blank_topic_is_a_usage_error(topic: str | None) -> None:
    """There is nothing to list about nothing."""
    with pytest.raises(UsageError):
        build_settings({"topic": topic}, {})


def test_a_topic_of_any_bytes_is_a_text() -> None:
    """Bytes that are no UTF-8 become replacement marks; a topic without end is refused."""
    assert build_settings({"topic": "caf\udce9"}, {}).topic == "caf?"
    with pytest.raises(UsageError, match="too long"):
        build_settings({"topic": "x" * 3000}, {})


def test_a_bad_variable_names_itself() -> None:
    """The message says which variable is wrong."""
    with pytest.raises(ConfigurationError, match="ORCHESTRATOR_PRODUCERS"):
        build_settings({"topic": "t"}, {"ORCHESTRATOR_PRODUCERS": "many"})


def test_dotenv_lies_beneath_the_environment(tmp_path: Path) -> None:
    """`.env` is read; a variable of the process wins over it."""
    (tmp_path / ".env").write_text('# mine\nexport A="1 2"\nB=2\n', encoding="utf-8")
    assert read_environment(tmp_path, {"B": "3"}) == {"A": "1 2", "B": "3"}


@pytest.mark.parametrize("content", ["A=1\nthis is no assignment\n", 'A="open\n', "=x\n"])
def test_a_broken_dotenv_names_the_line_but_not_its_text(tmp_path: Path, content: str) -> None:
    """The line may hold a key: its number is shown, its text is not."""
    (tmp_path / ".env").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"\.env line \d") as caught:
        read_environment(tmp_path, {})
    assert "assignment" not in str(caught.value)
    assert "open" not in str(caught.value)


def test_a_dotenv_that_is_no_text_is_one_clear_error(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are a configuration error, not a traceback."""
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match=r"\.env"):
        read_environment(tmp_path, {})


def test_example_env_names_every_setting_with_its_default() -> None:
    """example.env and the declared settings cannot drift apart."""
    text = (Path(__file__).parents[2] / "example.env").read_text(encoding="utf-8")
    defaults = Settings(topic="x")
    for option in OPTIONS:
        value = getattr(defaults, option.field)
        line = f"#{option.variable}=" + (
            "" if value is None else f"{value:g}" if isinstance(value, float) else f"{value}"
        )
        assert line in text.splitlines(), line


@pytest.mark.parametrize("text", ["off", "on", "openai", "openai:gpt-5-mini", "openai:llama3.2:3b", " on "])
def test_who_may_judge(text: str) -> None:
    """Nobody, the run's own models, or one provider."""
    assert build_settings({"topic": "t"}, {"ORCHESTRATOR_VALIDATE": text}).validate == text.strip()


@pytest.mark.parametrize("text", ["yes please", "openai:a,openai:b", "OpenAI", "openai:", "openai:a b"])
def test_a_judge_that_is_none_is_refused(text: str) -> None:
    """The message says what can be given."""
    with pytest.raises(ConfigurationError, match=r"ORCHESTRATOR_VALIDATE: .* is not off, on, or one provider"):
        build_settings({"topic": "t"}, {"ORCHESTRATOR_VALIDATE": text})


def test_patience_is_off_unless_it_is_given() -> None:
    """And is a number of items."""
    assert build_settings({"topic": "t"}, {}).patience is None
    assert build_settings({"topic": "t"}, {"ORCHESTRATOR_PATIENCE": "15"}).patience == 15
    with pytest.raises(ConfigurationError, match="known items in a row are too many"):
        build_settings({"topic": "t"}, {"ORCHESTRATOR_PATIENCE": "1001"})
