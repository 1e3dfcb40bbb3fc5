"""The simulated model's options: defaults, conversion and refusal."""

import msgspec
import pytest

from contract.errors import ConfigurationError
from producer.providers.simulated.options import MESS_RATES, PROFILES, SimulationOptions, parse_options, with_mess


def test_no_options_are_the_defaults() -> None:
    """Nothing given means every default."""
    assert parse_options({}) == SimulationOptions()


def test_every_default_is_within_its_own_range() -> None:
    """The defaults, given explicitly, pass the check that users' values pass."""
    defaults = SimulationOptions()
    given = {name: getattr(defaults, name) for name in SimulationOptions.__struct_fields__}
    assert parse_options(given) == defaults


def test_numbers_may_come_as_text() -> None:
    """A command line gives text; a number in it is understood."""
    options = parse_options({"universe_size": "500", "noise_rate": "0.25", "speed": 0, "world": "elements"})
    assert (options.universe_size, options.noise_rate, options.speed, options.world) == (500, 0.25, 0.0, "elements")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("noise_rate", 1.5, "a number from 0 to 1"),
        ("noise_rate", -0.1, "a number from 0 to 1"),
        ("noise_rate", "many", "a number from 0 to 1"),
        ("noise_rate", float("nan"), "a number from 0 to 1"),
        ("noise_rate", None, "a number from 0 to 1"),
        ("universe_size", 0, "a whole number from 1 to 200000"),
        ("universe_size", 2.5, "a whole number from 1 to 200000"),
        ("world", "moons", "one of auto, elements, territories, languages, lexers, airports, generated"),
        ("popularity", "flat", "zipf or lognormal"),
        ("facets", -1, "a whole number from 0 to 1000"),
        ("facet_obedience", 1.1, "a number from 0 to 1"),
        ("plan_recall", "all", "a number from 0 to 1"),
        ("speed", -1, "a number from 0 (no waiting) to 1000000"),
        ("tokens_per_second", 0, "a number from 0.1 to 1000000"),
        ("time_to_first_chunk_s", float("inf"), "seconds from 0 to 3600"),
    ],
)
def test_a_value_out_of_range_is_refused_in_one_line(name: str, value: object, allowed: str) -> None:
    """The message names the option and what is allowed."""
    with pytest.raises(ConfigurationError) as refused:
        parse_options({name: value})
    message = str(refused.value)
    assert name in message
    assert allowed in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["input_price", "noise", "", "x" * 500])
def test_an_unknown_option_is_refused(name: str) -> None:
    """A misspelt option is never ignored; the message lists the known ones and stays short."""
    with pytest.raises(ConfigurationError, match="has no option") as refused:
        parse_options({name: 1})
    assert "noise_rate" in str(refused.value)
    assert len(str(refused.value)) < 1200


@pytest.mark.parametrize(("typed", "meant"), [("noise", "noise_rate"), ("univers_size", "universe_size")])
def test_a_misspelt_option_is_guessed(typed: str, meant: str) -> None:
    """Of so many options, the one that was probably meant stands first."""
    with pytest.raises(ConfigurationError, match=f"did you mean {meant}[?]"):
        parse_options({typed: 1})


def test_a_profile_sets_what_is_not_given() -> None:
    """What a user gives wins over the profile, and the profile over the defaults."""
    small = parse_options({"profile": "small", "noise_rate": 0.02})
    expected = {**PROFILES["small"], "noise_rate": 0.02, "profile": "small"}
    assert small == msgspec.structs.replace(SimulationOptions(), **expected)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_one_that_a_user_could_have_set(name: str) -> None:
    """A profile's values, given one by one, pass the check that users' values pass, and can be chosen by its name."""
    assert parse_options({**PROFILES[name], "profile": name}) == parse_options({"profile": name})


def test_failure_rates_are_at_most_1_together() -> None:
    """Rates of exclusive events cannot exceed 1 in sum."""
    with pytest.raises(ConfigurationError, match="together"):
        parse_options({"timeout_rate": 0.6, "overloaded_rate": 0.6})


def test_mess_multiplies_its_rates_up_to_1() -> None:
    """`mess` scales the habits, leaves the rest alone, and a rate never passes 1."""
    messy = with_mess(SimulationOptions(mess=10, noise_rate=0.05, case_rate=0.5, timeout_rate=0.01))
    assert (messy.noise_rate, messy.case_rate, messy.timeout_rate) == (0.5, 1.0, 0.01)
    clean = with_mess(SimulationOptions(mess=0))
    assert {getattr(clean, name) for name in MESS_RATES} == {0.0}


def test_every_rate_of_a_habit_is_governed_by_mess() -> None:
    """A rate added later is either a habit or a failure; none is forgotten."""
    rates = {name for name in SimulationOptions.__struct_fields__ if name.endswith("_rate")}
    failures = {"rate_limited_rate", "overloaded_rate", "stream_truncated_rate", "timeout_rate"}
    assert rates - failures == set(MESS_RATES)
