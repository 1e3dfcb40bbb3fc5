"""From topics to folder names."""

from __future__ import annotations

import itertools
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive.folder import canonical_topic, folder_name

TOPIC = st.text(alphabet=st.characters(), max_size=30) | st.text(alphabet="abAB10 -_./+", min_size=1, max_size=5)

NASTY = [
    *(
        "C",
        "c",
        "C++",
        "C#",
        "a/b",
        "a b",
        "A b",
        "A B",
        "a-b",
        "a_b",
        "..",
        ".",
        "CON",
        "con",
        "Con",
        "NUL",
        "Nul",
        "aux",
    ),
    *(
        "x" * 300,
        "x" * 301,
        "X" + "x" * 59,
        "X" + "x" * 60,
        "😀",
        "😀😀",
        "مدن باريس",
        "a\0b",
        "a.",
        "a",
        "a..",
        "/",
        "\\",
    ),
    *(
        "Städte",
        "Stadte",
        "städte",
        "Foo 0123456789",
        "~",
        "-",
        "--",
        "東京",
        "ß",
        "ss",
        "SS",
        "é",
        "e",
        "\ud800",
        "COM1",
    ),
    *(
        "Com1",
        "\u202ex",
        "..\\..\\x",
        "../../etc/passwd",
        "C:\\x",
        "x:y",
        "*?",
        "हिन्दी",
        "K",
        "k",
        "\u212a",
        "ﬁ",
        "fi",
        "İ",
        "i",
    ),
]


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("Paris attractions", "paris-attractions"),
        ("  Paris \t attractions ", "paris-attractions"),
        ("Programming languages", "programming-languages"),
        ("chemical elements", "chemical_elements"),
        ("Top 100 films", "top-100-films"),
        ("Colors", "colors"),
    ],
)
def test_plain_topics_get_plain_names(topic: str, name: str) -> None:
    """What most people type gives the folder they expect."""
    assert folder_name(topic) == name


@pytest.mark.parametrize(
    ("topic", "readable"),
    [
        ("C++", "c"),
        ("Städte in Österreich", "stadte-in-osterreich"),
        ("東京 の 名所", "東京-の-名所"),
        ("colors", "colors"),
        ("😀", "topic"),
        ("", "topic"),
        ("Mixed Case Words", "mixed-case-words"),
        ("../../etc/passwd", "etc-passwd"),
    ],
)
def test_other_topics_get_a_readable_part_and_a_hash(topic: str, readable: str) -> None:
    """Letters of any script stay readable; ten hexadecimal digits tell the topics apart."""
    assert re.fullmatch(re.escape(readable) + "-[0-9a-f]{10}", folder_name(topic))


def test_nasty_topics_have_different_folders() -> None:
    """No two different topics share a folder, also where file names ignore case and Unicode form."""
    topics = {canonical_topic(topic): topic for topic in NASTY}
    names = [unicodedata.normalize("NFKC", folder_name(topic).casefold()) for topic in topics.values()]
    assert len(topics) > 50
    assert len(set(names)) == len(topics)


@given(TOPIC, TOPIC)
@example("Foo", "foo")
@example("a b", "A b")
@example("a b", "a_b")
def test_different_topics_never_share_a_folder(first: str, second: str) -> None:
    """Two topics share a folder only if they differ in nothing but white space and Unicode form."""
    same_topic = canonical_topic(first) == canonical_topic(second)
    assert (folder_name(first).casefold() == folder_name(second).casefold()) is same_topic


def test_every_spelling_of_the_plain_forms_stays_apart() -> None:
    """All ways to capitalise and join two words are different topics with different folders."""
    words = ["".join(letters) for letters in itertools.product("aA", "bB")]
    topics = {f"{one}{joint}{two}" for one in words for two in words for joint in (" ", "-", "_", "/", "")} | set(words)
    assert len({folder_name(topic).casefold() for topic in topics}) == len(topics)


@given(TOPIC)
@example("x" * 300)
@example("字" * 300)
@example("Con")
def test_names_are_safe(topic: str) -> None:
    """A name is short, not hidden, not reserved, without separators, and the same for every spelling of white space."""
    name = folder_name(topic)
    assert 0 < len(name.encode()) <= 161
    assert not set(name) & set('/\\:*?"<>|.\0 \n\t')
    assert name[0] != "-"
    assert not re.fullmatch("con|prn|aux|nul|com[0-9]|lpt[0-9]", name.casefold())
    assert folder_name(f"  {topic}  ") == name
