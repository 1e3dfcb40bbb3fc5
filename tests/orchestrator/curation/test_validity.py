from __future__ import annotations

import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.curation.scripts import scripts_of
from orchestrator.curation.validity import FEW, Validity
from producer.parser import ItemParser
from tests.orchestrator.curation.worlds import NAMES, world


def taught(topic: str, texts: list[str]) -> Validity:
    """A judge that knows these items."""
    validity = Validity(topic)
    for text in texts:
        validity.learn(text)
    return validity


NAMES_OF_A_TOPIC = [f"Name {chr(65 + number // 26)}{chr(97 + number % 26)}" for number in range(4 * FEW)]


@pytest.mark.parametrize("aliases", [False, True], ids=["names", "all spellings"])
@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_real_list_is_rejected(name: str, aliases: bool) -> None:
    """In whatever order the names of a closed list come, not one of them is rejected."""
    names = world(name, aliases=aliases)
    for seed in range(3):
        random.Random(seed).shuffle(names)
        validity = Validity(name)
        rejected = []
        for text in names:
            if validity.reason(text):
                rejected.append(text)
            validity.learn(text)
        assert rejected == []


ODD = [
    ("N/A", "placeholder"),
    ("etc.", "placeholder"),
    ("[Item name]", "placeholder"),
    ("Item 12", "placeholder"),
    ("Another example", "placeholder"),
    ("...", "placeholder"),
    ("Museums:", "heading"),
    ("## Europe", "heading"),
    ("以下は:", "heading"),
    ("I'm sorry, but I cannot think of any more", "remark"),
    ("there are no further items that fit", "remark"),
    ("(already listed above in the first part)", "remark"),
    ("the list above is complete as far as I know", "remark"),
    ("It was first described in 1898 by a traveller and named after his home", "sentence"),
    ("The language is spoken in the hills. Most of its speakers are farmers", "sentence"),
    ("This one is spoken by very few people.", "sentence"),
    ("東京都", "script"),
    ("Москва", "script"),
    ("한국어 말", "script"),
]


@pytest.mark.parametrize(("text", "reason"), ODD, ids=[text for text, _ in ODD])
@pytest.mark.parametrize("name", ["elements", "languages", "airports"])
def test_what_is_of_another_kind_is_rejected(name: str, text: str, reason: str) -> None:
    """Remarks, headings, sentences, placeholders and other scripts stand out from a list of names."""
    assert taught(name, world(name)).reason(text) == reason


@pytest.mark.parametrize(
    "text",
    [
        "I Still Haven't Found What I'm Looking For",
        "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb",
        "Here Comes the Sun",
        "It's a Mad, Mad, Mad, Mad World",
        "St. John's (disused)",
        "C#",
        "#1 Crush",
        "Ω",
        "1984",
        "?",
        "Tokyo (東京)",
        "😀",
        "Line 12",
        "U.S. Minor Outlying Islands",
        "This Is Us",
        "Never say die",
    ],
)
def test_odd_names_pass(text: str) -> None:
    """Titles that look like sentences, symbols, numbers and names with a gloss are items."""
    assert taught("languages", world("languages")).reason(text) is None


@pytest.mark.parametrize(("text", "reason"), [pair for pair in ODD if pair[0] not in ("N/A", "etc.", "[Item name]")])
def test_nothing_is_judged_by_a_short_list(text: str, reason: str) -> None:
    """Until enough items came nobody knows what the list is like; only forms without content are known to be none."""
    validity = taught("languages", world("languages")[: FEW - 2])
    assert validity.reason(text) is None
    validity = taught("languages", world("languages")[:FEW])
    assert validity.reason(text) == reason


def test_a_list_of_sentences_keeps_its_sentences() -> None:
    """Where the items are proverbs, a long one is no stranger."""
    proverbs = [f"A bird in hand number {index} is worth two of those in the old bush." for index in range(200)]
    assert taught("proverbs", proverbs).reason("It is no use crying over milk that was spilt by others.") is None


def test_a_list_of_long_phrases_keeps_its_long_phrases() -> None:
    """What is no longer than the list's other items is no sentence among names, whatever it ends with."""
    phrases = [f"how to cook a {word} and serve it to many guests" for word in world("languages")[:100]]
    assert taught("recipes", phrases).reason("how to cook an old hen and serve it to many guests.") is None
    assert (
        taught("languages", world("languages")).reason("how to cook an old hen and serve it to guests.") == "sentence"
    )


@pytest.mark.parametrize("form", ["Item {}", "{}:", "## {}"])
def test_a_list_of_odd_forms_keeps_them(form: str) -> None:
    """Where more than one item in twenty looks like a placeholder or a heading, such are items."""
    names = [f"City {'abcdefghij'[index % 10] * 3}" for index in range(94)]
    odd = [form.format(number if "Item" in form else f"Part {'abcdef'[number]}") for number in range(6)]
    new = form.format(77 if "Item" in form else "Part z")
    assert taught("anything", names + odd).reason(new) is None
    assert taught("anything", names + odd[:4]).reason(new) is not None


def test_a_list_in_two_scripts_keeps_both() -> None:
    """Another script is strange only where nearly all items share one."""
    mixed = [f"City {'abcdefghij'[index % 10] * 3}" for index in range(90)] + [
        "東京",
        "大阪",
        "京都",
        "奈良",
        "神戸",
    ] * 2
    assert taught("cities", mixed).reason("横浜") is None


def test_the_topics_own_script_is_never_strange() -> None:
    """Names in the script of the topic itself pass, whatever the list is like."""
    validity = taught("Greek letters Ελλάδα", world("languages"))
    assert (validity.reason("ψι"), validity.reason("東京")) == (None, "script")


def test_a_check_gives_up_where_its_signs_are_common() -> None:
    """Rejected texts are counted too: when a twentieth of the list is written so, the check was wrong."""
    validity = taught("cities", [f"City {'abcdefghij'[index % 10] * 3}" for index in range(95)])
    judged = [validity.reason(f"{first}{second}") for first in "東西南北中" for second in "京都山川海"]
    assert judged[0] == "script"
    assert judged[-1] is None


def test_one_remark_said_again_and_again_stays_rejected() -> None:
    """Only different rejected texts count: a remark in every answer does not become an item by its persistence."""
    validity = taught("languages", world("languages")[:100])
    assert {validity.reason("there are no further items that fit") for _ in range(500)} == {"remark"}


def test_memory_does_not_grow_with_the_list() -> None:
    """What is remembered of a list is a few sums, and of rejected texts a bounded set."""
    validity = taught("numbers", [f"name {index}" for index in range(5000)])
    for index in range(5000):
        validity.reason(f"## heading {index}")
    assert sum(sys.getsizeof(value) for value in vars(validity).values()) < 100_000


@given(st.lists(st.text(max_size=60), max_size=120), st.text())
def test_any_text_is_judged(texts: list[str], topic: str) -> None:
    """No text or topic, however odd, makes the judge fail."""
    validity = Validity(topic)
    for text in texts:
        if validity.reason(text) is None:
            validity.learn(text)


def test_hostile_texts_take_no_time() -> None:
    """Texts made to drive a pattern into endless tries are judged all the same."""
    validity = taught("languages", world("languages"))
    for text in ("a " * 500_000, "[" * 100_000, "(item " * 50_000, "#" * 100_000, "a" * 10**6 + ":", ". A" * 10**5):
        validity.reason(text)
        validity.learn(text)


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("Tokyo", {"LATIN": 5}),
        ("Ａ", {"LATIN": 1}),  # noqa: RUF001 - full width on purpose
        ("東京タワー", {"EAST ASIAN": 5}),
        ("Москва 1", {"CYRILLIC": 6}),
        ("123 ?!", {}),
        ("😀\ud800", {}),
        ("ñandú", {"LATIN": 5}),
    ],
)
def test_scripts(text: str, scripts: dict[str, int]) -> None:
    """Letters are counted by script; digits, marks, pictures and lone surrogates have none."""
    assert scripts_of(text) == scripts


def test_slips_of_another_language_are_no_sign_of_the_topic() -> None:
    """Names in a strange script stay out, however many come, where orders asked in other languages brought them."""
    strange = [f"Москва {chr(0x430 + number // 30)}{chr(0x430 + number % 30)}" for number in range(300)]
    asked, unasked = (taught("anything", NAMES_OF_A_TOPIC) for _ in range(2))
    assert all(asked.reason(text, abroad=True) == "script" for text in strange)
    assert asked.reason("Москва") == "script"
    for text in strange:
        unasked.reason(text)
    assert unasked.reason("Москва") is None


SECOND_LANGUAGE = [
    "Musée d'Orsay", "Cimetière du Père-Lachaise", "L’Île Saint-Louis", "Fête de la Musique", "Straße des 17. Juni",
    "Kunsthaus Zürich", "Mezquita-Catedral de Córdoba", "¡Que viva México!", "Praça do Comércio", "Łazienki Królewskie",
    "Tokyo Tower (東京タワー)", "Sensō-ji", "Nguyễn Huệ", "Boğaziçi", "die Spree", "el Rastro", "São João", "Ōsaka-jō",
]  # fmt: skip


@pytest.mark.parametrize("text", SECOND_LANGUAGE)
def test_sensible_answers_of_a_second_language_pass(text: str) -> None:
    """Names that only another language's speakers would think of pass both the parser and the checks."""
    parser = ItemParser()
    parsed = parser.feed(f"{text}\nLouvre\n")
    rest = parser.finish(complete=True)
    assert [item.text for item in (*parsed.items, *rest.items)] == [text, "Louvre"]
    assert taught("Sights", NAMES_OF_A_TOPIC).reason(text, abroad=True) is None
