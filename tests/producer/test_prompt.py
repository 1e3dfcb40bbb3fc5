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


SAID = (("Louvre", "Orsay"), (), (" ", "Sacré  Cœur"))


@pytest.mark.parametrize("style", STYLES)
def test_a_conversation_is_shown_again(style: str) -> None:
    """Each earlier answer stands behind a request for as many items as it has; then further ones are asked for."""
    turns = build_prompt(_order(said=SAID, scope=Scope("museums")), style).turns
    assert [turn.role for turn in turns] == ["user", "assistant"] * 2 + ["user"]
    requests, given = turns[::2], turns[1::2]
    assert all("Paris attractions" in turn.text and "museums" in turn.text for turn in requests)
    assert [size in turn.text for size, turn in zip(("List 2", "1", "25"), requests, strict=True)] == [True] * 3
    assert "above" not in requests[0].text
    assert all("one of those above" in turn.text for turn in requests[1:])
    lines = [[line.removeprefix(f"{at}. ") for at, line in enumerate(turn.text.split("\n"), 1)] for turn in given]
    assert lines == [["Louvre", "Orsay"], ["Sacré Cœur"]]
    assert (lines[0] == given[0].text.split("\n")) == (style == "standard")


@pytest.mark.parametrize("style", STYLES)
def test_a_longer_conversation_begins_as_the_shorter_did(style: str) -> None:
    """What was said before is the same text again, whatever is known besides: prompt caches live on that."""
    shorter = build_prompt(_order(said=SAID[:1], avoid=("Bastille",)), style)
    longer = build_prompt(_order(said=SAID), style)
    assert longer.turns[:2] == shorter.turns[:2]
    assert longer.system == shorter.system


@pytest.mark.parametrize("style", STYLES)
def test_what_is_known_besides_stands_in_the_last_message(style: str) -> None:
    """An attempt that broke off is continued: what it brought is named behind the conversation, and only there."""
    turns = build_prompt(_order(said=SAID, avoid=("Bastille", "Opéra")), style).turns
    assert [("Bastille" in turn.text, "Opéra" in turn.text) for turn in turns] == [(False, False)] * 4 + [(True, True)]
    assert "one of those above" in turns[-1].text


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("said", [(), ((),), (("", " "),)])
def test_an_empty_conversation_is_none(style: str, said: tuple[tuple[str, ...], ...]) -> None:
    """Nothing said is a first request."""
    assert build_prompt(_order(said=said), style) == build_prompt(_order(), style)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("mode", ["audit", "plan", "validate"])
def test_only_exploring_continues(style: str, mode: Mode) -> None:
    """An audit is asked afresh, and plans and judgements are no part of a conversation about items."""
    assert build_prompt(_order(mode=mode, said=SAID), style) == build_prompt(_order(mode=mode), style)


@given(st.lists(lists, max_size=4).map(tuple), untrusted, lists, st.sampled_from(STYLES))
def test_no_said_item_becomes_several_lines(
    said: tuple[tuple[str, ...], ...], topic: str, avoid: tuple[str, ...], style: str
) -> None:
    """Whatever a model said comes back as one line each, in turns that alternate and are not empty."""
    turns = build_prompt(Order(1, 0, "test:x", topic, 3, 100, said=said, avoid=avoid), style).turns
    answers = [
        items for items in ([" ".join(text.split()) for text in answer if text.split()] for answer in said) if items
    ]
    assert [turn.role for turn in turns] == ["user", "assistant"] * len(answers) + ["user"]
    assert all(turn.text for turn in turns)
    for items, turn in zip(answers, turns[1::2], strict=True):
        assert len(turn.text.splitlines()) == len(items)
        assert all(item in line for item, line in zip(items, turn.text.splitlines(), strict=True))


@pytest.mark.parametrize("style", STYLES)
def test_another_language_keeps_the_names(style: str) -> None:
    """A second language changes what is thought of, not how it is written: otherwise every item would come twice."""
    prompt = _prompt(style, scope=Scope(language="Japanese"))
    assert "Think in Japanese" in prompt
    assert "do not translate it into Japanese" in prompt
    assert "no other script" in prompt
