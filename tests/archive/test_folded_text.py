"""Search in folded texts."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archive import folded_text
from archive.folded_text import FoldedTexts, fold, words_of

LETTERS = st.one_of(
    st.text(alphabet="ab c", max_size=12),
    st.text(alphabet="aAäÄßẞİıiſKKfiﬁ\u0301\u0307\u0345ΣσςΐᾳÅÅ½①東京ㇰ가각\u200d😀👨", max_size=8),  # noqa: RUF001
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=6),
)
SEARCHES = st.one_of(LETTERS, st.lists(LETTERS, max_size=4).map(" ".join), st.text(max_size=4))


def found(texts: FoldedTexts, search: str, start: int = 0) -> list[int]:
    """Numbers of the texts that match."""
    return texts.search(words_of(search), start).tolist()


def naive(texts: list[str], search: str) -> list[int]:
    """The same in plain Python."""

    def folded(text: str) -> str:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

    words = folded(search).split()
    return [number for number, text in enumerate(texts) if all(word in folded(text) for word in words)]


def filled(portions: list[list[str]]) -> FoldedTexts:
    """Texts that came in these portions."""
    texts = FoldedTexts()
    for portion in portions:
        if portion:
            assert texts.append("\n".join(portion).encode(), len(portion))
    return texts


@given(
    portions=st.lists(st.lists(LETTERS, max_size=8), max_size=4),
    search=SEARCHES,
    block=st.sampled_from([1, 7, 1 << 20]),
    start=st.integers(0, 20),
)
@example(portions=[["aaaaaaaaaaaa", "aaaaaaaaaab", ""]], search="aaaaaaaaaa b", block=1 << 20, start=0)
@example(portions=[["İstanbul", "istanbul", "Straße", "STRASSE", "ﬁsh", "FISH"]], search="i S", block=1, start=1)
@settings(deadline=None)
def test_search_is_that_of_plain_python(portions: list[list[str]], search: str, block: int, start: int) -> None:
    """Whatever the texts, the portions they came in and the blocks they lie in, a search finds what `in` finds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folded_text, "_BLOCK_BYTES", block)
        texts = filled(portions)
        everything = [text for portion in portions for text in portion]
        assert len(texts) == len(everything)
        expected = naive(everything, search)
        assert found(texts, search) == expected
        assert found(texts, search, start) == [number for number in expected if number >= start]


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("Straße", "STRASSE"),
        ("STRASSE", "straße"),
        ("İstanbul", "i̇stanbul"),
        ("ﬁsh", "FISH"),
        ("Ｔｏｋｙｏ", "tokyo"),  # noqa: RUF001
        ("Ὀδυσσεύς", "ΔΥΣΣΕΎΣ"),
        ("Cafe\u0301", "CAFÉ"),
        ("東京タワー", "京タ"),
        ("Eiffel Tower", "tow eif"),
        ("C++ (language)", "c++"),
        ("a.b*[c]", ".b*["),
    ],
)
def test_what_is_the_same_is_found(text: str, search: str) -> None:
    """Case, width, ligatures and composition do not matter; regular expressions' characters mean themselves."""
    assert found(filled([[text]]), search) == [0]


@pytest.mark.parametrize(("text", "search"), [("abc", "a.c"), ("ab", "ab c"), ("a b", "ab"), ("aXb", "a\\wb")])
def test_what_is_not_the_same_is_not_found(text: str, search: str) -> None:
    """Every word must occur as it is; nothing is a wildcard."""
    assert found(filled([[text]]), search) == []


def test_words_across_two_texts_are_not_found() -> None:
    """The end of one text and the beginning of the next make no word."""
    texts = filled([["ab", "cd"], ["ef"]])
    assert found(texts, "bc") == found(texts, "de") == found(texts, "b\nc") == []


def test_equal_searches_are_equal() -> None:
    """Order, case, repeats and words that others contain do not make another search."""
    assert words_of("Tower  eiffel TOWER tow") == words_of("eiffel tower") == ("eiffel", "tower")
    assert words_of(" \t") == ()


def test_a_wrong_number_of_texts_is_refused() -> None:
    """Texts whose number is not the given one are not taken in."""
    texts = FoldedTexts()
    assert not texts.append(b"a\nb", 1)
    assert len(texts) == 0
    assert found(texts, "a") == []


def test_broken_utf8_is_kept_apart() -> None:
    """Bytes that are no UTF-8 are shown as such and do not reach into the next text."""
    texts = FoldedTexts()
    assert texts.append(b"\xe6\x9d\nX\xff", 2)
    assert found(texts, "\ufffd") == [0, 1]
    assert found(texts, "x\ufffd") == [1]
    assert found(texts, "\udce6") == []


@pytest.mark.parametrize(
    ("search", "expected"), [("a" * 20, 300), ("a" * 20 + "b", 0), ("a" * 31, 0), ("a" * 29 + " b", 0)]
)
def test_texts_of_one_letter(search: str, expected: int) -> None:
    """Texts in which every place is a hit are searched as well."""
    assert len(found(filled([["a" * 30] * 300]), search)) == expected


def test_many_words_narrow_the_texts_down() -> None:
    """Words that few texts hold leave the right ones, whatever lies between them."""
    everything = [f"{'alpha' if n % 7 == 0 else 'x'} {'beta' if n % 5 == 0 else 'y'} {n}" for n in range(2000)]
    assert found(filled([everything]), "alpha beta 5") == naive(everything, "alpha beta 5") != []


def test_fold_of_ascii_is_that_of_any_text() -> None:
    """The short way for ASCII gives what the long one gives."""
    text = "".join(map(chr, range(128)))
    assert fold(text) == unicodedata.normalize("NFKC", text).casefold()
