"""What counts as the same item."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contract.identity import KEY_BYTES, Identity, key_of, key_text
from contract.identity.plurals import singular
from contract.text import without_surrogates

TEXT = st.text(max_size=40) | st.text(
    alphabet="aAtTheEnN12 .,-*_`~'\"()[]+#:;!?&/\\<>•–é€ßİǆ♀①。、（）\u200d\ufe0f\u0301",  # noqa: RUF001
    max_size=14,
)


def normalized(text: str) -> str:
    """Short form."""
    return key_text(text, Identity.NORMALIZED)


@pytest.mark.parametrize(
    "spellings",
    [
        ("Eiffel Tower", "eiffel tower", "EIFFEL  TOWER ", "The Eiffel Tower", "Eiffel-Tower", "“Eiffel Tower”"),
        ("Eiffel Tower", "- Eiffel Tower", "* Eiffel Tower", "• Eiffel Tower", "1. Eiffel Tower", "12) Eiffel Tower"),
        ("Eiffel Tower", "**Eiffel Tower**", "_Eiffel Tower_", "`Eiffel Tower`", "# Eiffel Tower", "> Eiffel Tower"),
        (
            "Eiffel Tower",
            "1. **Eiffel Tower**",
            "**1.** Eiffel Tower",
            "- **Eiffel Tower** (Paris)",
            "(1) Eiffel Tower",
        ),
        (
            "Eiffel Tower",
            "Eiffel Tower (1889)",
            "Eiffel Tower (Paris) (France).",
            "Eiffel Tower [1]",
            "a) Eiffel Tower",
        ),
        (
            "Eiffel Tower",
            "[Eiffel Tower](https://example.org/x)",
            "Eiffel Tower.",
            "Eiffel Tower,",
            "Eif\u200bfel Tower",
        ),
        ("Musée d'Orsay", "Musee d’Orsay", "MUSÉE D'ORSAY", "Muse\u0301e d'Orsay", "musee dorsay"),
        ("Łódź", "Lodz", "LÓDŹ"),
        ("Ελλάδα", "Ελλαδα", "ΕΛΛΆΔΑ"),
        ("St. Peter", "St Peter"),
        ("U.S.A.", "USA"),
        ("rock'n'roll", "rock’n’roll"),
        ("AT&T", "AT and T", "AT & T"),
        ("1,000 islands", "1000 Islands"),
        ("C#", "c#", "Ｃ＃", "1. C#", "- C#"),  # noqa: RUF001
        ("F♯", "F#"),
        ("A*", "* A*", "1. a*"),
        ("東京", "「東京」", "1.東京", "① 東京", "東京（日本）"),  # noqa: RUF001
        ("Hawaiʻi", "Hawai'i", "Hawaii"),  # noqa: RUF001
        ("צה״ל", 'צה"ל'),
        ("♀️", "♀"),
        ("A-Team", "The A-Team"),
    ],
)
def test_spellings_of_one_item_share_a_key(spellings: tuple[str, ...]) -> None:
    """Case, white space, list marks, quotes, markdown, diacritics, articles and parentheses do not make a new item."""
    assert {text: normalized(text) for text in spellings} == dict.fromkeys(spellings, normalized(spellings[0]))


@pytest.mark.parametrize(
    "items",
    [
        ("C", "C++", "C#", "A"),
        ("Boeing 747", "Boeing 737", "Boeing"),
        ("Nidoran♀", "Nidoran♂", "Nidoran"),
        ("ice water", "water ice"),
        ("Python 3.1", "Python 31", "Python 3", "Python 3.11"),
        ("A*", "A"),
        ("A. Smith", "B. Smith", "Smith"),
        ("Iron(II)", "Iron(III)", "Iron"),
        ("й", "и"),
        ("が", "か"),
        ("हिन्दी", "हिनदी"),
        ("ไม้", "ไม"),
        ("שָׁלוֹם", "שלום"),
        ("😀", "😃"),
        (
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
            "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        ),
        ("$100", "€100", "100", "100%"),
        ("...", "!", "?"),
        ("x²", "x³", "x"),
        ("The The", "The Band"),
        ("A-Team", "Team"),
        ("1984", "2001", "7"),
        ("glasses", "glass"),
        ("<", ">", "=", "=="),
    ],
)
def test_different_items_keep_different_keys(items: tuple[str, ...]) -> None:
    """Digits, symbols, the order of words, initials and marks that spell a letter tell items apart."""
    keys = {text: normalized(text) for text in items}
    assert len(set(keys.values())) == len(items), keys


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("cities", "city", True),
        ("boxes", "Box", True),
        ("ice water", "water ice", True),
        ("movies", "movie", True),
        ("churches", "church", True),
        ("Museums of Paris", "museum of paris", True),
        ("glass", "glas", False),
        ("bus", "bu", False),
        ("James", "Jame", False),
        ("C++", "C", False),
        ("747s", "747", False),
    ],
)
def test_aggressive_folds_plurals_and_word_order(first: str, second: str, same: bool) -> None:
    """The aggressive identity merges plurals and other orders of the same words, and nothing else."""
    assert (key_text(first, Identity.AGGRESSIVE) == key_text(second, Identity.AGGRESSIVE)) is same


@pytest.mark.parametrize(
    "word", ["glass", "species", "bus", "James".lower(), "physics", "gas", "paris", "series", "its"]
)
def test_words_that_only_look_like_plurals_stay(word: str) -> None:
    """A final s alone is no plural."""
    assert singular(word) == word


def test_exact_keeps_everything_but_unicode_form_and_white_space() -> None:
    """The exact identity only collapses white space and composes letters."""
    assert key_text("  The\u00a0 Cafe\u0301 (1) ", Identity.EXACT) == "The Café (1)"
    assert key_text("A", Identity.EXACT) != key_text("a", Identity.EXACT)


@given(TEXT)
@example("(+) x")
@example("The The Band")
@example("- - 1. x")
@example("ΐ\u0345")
def test_normalized_is_idempotent(text: str) -> None:
    """The key of a key is that key."""
    once = normalized(text)
    assert normalized(once) == once


@given(TEXT)
def test_white_space_does_not_matter(text: str) -> None:
    """Outer and repeated white space changes no key."""
    padded = f" \t{text.replace(' ', '   ')}\n "
    assert normalized(padded) == normalized(text)


@given(st.text(alphabet="abcdefgxyzABCXYZ0123456789 éÉöÖñÑ-'.,", min_size=1).filter(lambda text: text.strip(" -'.,")))
def test_case_does_not_matter(text: str) -> None:
    """Upper, lower and title case have the same key."""
    assert normalized(text.upper()) == normalized(text) == normalized(text.lower())


WORDS = st.lists(st.text(alphabet="bcdefgxyzBXÉ0189", min_size=1, max_size=8), min_size=1, max_size=4).map(" ".join)


@given(WORDS, st.sampled_from(["- ", "* ", "• ", "1. ", "27) ", "**", '"', "(3) ", "# ", "> ", "– ", "[4] ", "+ "]))
def test_list_marks_do_not_matter(words: str, mark: str) -> None:
    """A mark before an item changes no key."""
    assert normalized(mark + words) == normalized(words)


@given(st.text(alphabet=st.characters(), max_size=20), st.sampled_from(list(Identity)))
@example("\ud800", Identity.NORMALIZED)
@example("\ud83d\ude00", Identity.EXACT)
def test_any_text_has_a_key(text: str, identity: Identity) -> None:
    """Every text, also with lone surrogates, has a 16-byte key, and text that is not blank never becomes empty."""
    assert len(key_of(text, identity)) == KEY_BYTES
    if without_surrogates(text).strip("\ufeff"):
        assert key_text(text, identity) or not text.split()


def test_surrogates_are_joined_or_replaced() -> None:
    """A pair of surrogates is the character it means; a lone one cannot be kept."""
    assert without_surrogates("\ud83d\ude00 \ud800") == "😀 \ufffd"
