from __future__ import annotations

import pytest

from contract.service import OptionView
from orchestrator.service.options import option_views
from orchestrator.settings import OPTIONS, Settings, checked


def _views(**given: object) -> dict[str, OptionView]:
    return {view.name: view for view in option_views(given, {})}


def test_every_setting_is_offered_but_the_topic() -> None:
    """A form made from them can say everything that the command line can."""
    assert set(_views()) == set(Settings.__struct_fields__) - {"topic"}
    assert all(view.help and view.flag.startswith("--") for view in _views().values())


def test_secrets_are_not_offered() -> None:
    """A form's defaults are seen by everybody who may open the page."""
    assert _views(provider_options=("openai.api_key=sk-1",))["provider_options"].default == ["openai.api_key=***"]


@pytest.mark.parametrize(
    ("name", "kind", "minimum", "maximum"),
    [
        ("producers", "integer", 1, 256),
        ("request_size", "integer", 1, 1000),
        ("max_cost_usd", "number", 0, None),
        ("max_time_s", "duration", None, None),
        ("seed", "integer", -(2**53), 2**53),
        ("avoid_share", "number", 0, 0.9),
        ("identity", "choice", None, None),
        ("provider_options", "list", None, None),
        ("fresh", "flag", None, None),
    ],
)
def test_types_and_bounds_are_those_of_the_settings(
    name: str, kind: str, minimum: float | None, maximum: float | None
) -> None:
    """What is offered is what is taken."""
    view = _views()[name]
    assert (view.type, view.minimum, view.maximum) == (kind, minimum, maximum)
    if kind == "choice":
        assert [checked({name: word}) for word in view.choices]


def test_defaults_are_those_of_this_service() -> None:
    """What stands on the service's own command line is what a topic gets when nothing is said."""
    assert _views()["producers"].default == 5
    assert _views(producers=2)["producers"].default == 2
    assert {view.name: view for view in option_views({}, {"ORCHESTRATOR_PRODUCERS": "7"})}["producers"].default == 7


def test_a_trace_endpoint_with_a_password_is_not_shown() -> None:
    """Defaults reach every page."""
    assert "hunter2" not in repr(_views(trace_endpoint="http://me:hunter2@box:4318"))


def test_each_option_is_known_by_its_name_as_a_setting() -> None:
    """The table of options names fields that exist."""
    assert {option.field for option in OPTIONS} <= set(Settings.__struct_fields__)
