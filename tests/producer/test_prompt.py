"""From an order to the words a model reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import Mode, Order, Scope
from producer.prompt import STYLES, build_prompt

MODES: tuple[Mode, ...] = ("explore", "audit", "plan", "validate")


def _order(**fields: object) -> Order:
    return Order(1, 0, "test:x", "Paris  attractions", 25, 100, **fields)  # type: ignore[arg-type] # by name, of any type


def _prompt(style: str = "standard", **fields: object) -> str:
    return build_prompt(_order(**fields), style).asked


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope(facet="museums"), ["museums"]),
        (Scope(besides=("parks", "bridges")), ["none of these", "parks; bridges"]),
        (Scope(facet="museums", besides=("art museums",)), ["museums", "art museums"]),
        (Scope(prefix="Mu"), ['begins with "Mu"']),
        (Scope(language="French"), ["speakers of French"]),
        (Scope("museums", ("parks",), "Mu", "French"), ["museums", "parks", '"Mu"', "French"]),
    ],
)
def test_the_scope_is_told(style: str, scope: Scope, said: list[str]) -> None:
    """Whatever the style, the model is told what to list, how much, and which part of the topic is meant."""
    prompt = _prompt(style, scope=scope)
    assert all(part in prompt for part in ("Paris attractions", "25", *said))


@pytest.mark.parametrize("style", STYLES)
def test_without_a_scope_nothing_narrows_the_topic(style: str) -> None:
    """The whole topic is asked for with no word about parts, letters or languages, also where the scope is blank."""
    prompt = _prompt(style)
    assert prompt == _prompt(style, scope=Scope(facet=" ", besides=("", "\n"), prefix="\t", language=" "))
    assert not any(word in prompt for word in ("Only", "begins", "speakers"))


@pytest.mark.parametrize("style", STYLES)
def test_what_is_known_is_named_and_the_scope_said_again_behind_it(style: str) -> None:
    """The avoid-list stands in the prompt, and what is wanted comes last where a list is long."""
    prompt = _prompt(style, scope=Scope(facet="museums"), avoid=("Louvre", "Orsay"))
    assert "Louvre" in prompt
    assert "Orsay" in prompt
    if style == "standard":
        assert prompt.endswith("museums")


def test_an_audit_names_nothing_known() -> None:
    """Without an avoid-list the prompt does not speak of one."""
    assert "known" not in _prompt(mode="audit")
    assert _prompt(mode="audit") == _prompt()


@pytest.mark.parametrize("style", STYLES)
def test_a_plan_asks_for_parts(style: str) -> None:
    """A plan asks for parts of the topic or of the facet, beside those that there are."""
    assert "Paris attractions" in _prompt(style, mode="plan")
    within = _prompt(style, mode="plan", scope=Scope(facet="museums", besides=("art museums", "wax museums")))
    assert all(part in within for part in ("25", "museums", "Paris attractions", "art museums", "wax museums"))
    assert "none of" not in within


@pytest.mark.parametrize("style", STYLES)
def test_a_validation_shows_every_candidate_and_how_to_say_none(style: str) -> None:
    """The candidates stand in the prompt in their order, and a word for "all belong" is agreed on."""
    prompt = _prompt(style, mode="validate", candidates=("Louvre", "Sure, here you are", "42"))
    places = [prompt.index(text) for text in ("Louvre", "Sure, here you are", "42")]
    assert places == sorted(places)
    assert "none" in prompt


def test_candidates_have_a_line_each() -> None:
    """A candidate is asked for "exactly as it stands": it stands alone on its line."""
    candidates = tuple(f"Candidate {number}" for number in range(50))
    assert _prompt(mode="validate", candidates=candidates).splitlines()[-50:] == list(candidates)


def test_each_mode_has_an_instruction_of_its_own() -> None:
    """A model that is to name parts or wrong lines is not told to list items."""
    systems = {mode: build_prompt(_order(mode=mode, candidates=("x",))).system for mode in MODES}
    assert systems["explore"] == systems["audit"]
    assert len(set(systems.values())) == 3


LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
untrusted = st.text(st.one_of(st.characters(), st.sampled_from(LINE_ENDS)), max_size=30)
lists = st.lists(untrusted, max_size=4).map(tuple)


@given(
    topic=untrusted,
    mode=st.sampled_from(MODES),
    style=st.sampled_from(STYLES),
    scope=st.builds(Scope, untrusted, lists, untrusted, untrusted),
    avoid=lists,
    candidates=lists,
)
def test_no_untrusted_text_becomes_several_lines(
    topic: str, mode: Mode, style: str, scope: Scope, avoid: tuple[str, ...], candidates: tuple[str, ...]
) -> None:
    """Any topic, facet, item or candidate makes a prompt, and one with as many lines as harmless words would make."""

    def harmless(text: str) -> str:
        return "word" if text.split() else ""

    def lines(topic: str, scope: Scope, avoid: tuple[str, ...], candidates: tuple[str, ...]) -> tuple[int, int]:
        order = Order(1, 0, "test:x", topic, 3, 100, mode=mode, scope=scope, avoid=avoid, candidates=candidates)
        prompt = build_prompt(order, style).asked
        return prompt.count("\n"), len(prompt.splitlines())

    besides = tuple(map(harmless, scope.besides))
    plain = Scope(harmless(scope.facet), besides, harmless(scope.prefix), harmless(scope.language))
    expected = lines(harmless(topic), plain, tuple(map(harmless, avoid)), tuple(map(harmless, candidates)))
    assert lines(topic, scope, avoid, candidates) == expected


@given(untrusted, lists)
def test_what_was_said_stays_readable(topic: str, avoid: tuple[str, ...]) -> None:
    """White space alone is changed: topic and known items stand in the prompt as one line each."""
    prompt = build_prompt(Order(1, 0, "test:x", topic, 3, 100, avoid=avoid)).asked
    assert " ".join(topic.split()) in prompt
    assert all(" ".join(item.split()) in prompt for item in avoid)
