"""What a producer knows of the others' items, and when an answer has become mostly repeats."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import producer
from contract.identity import Identity, key_of
from contract.messages import KNOWN_KEY_BYTES, Item, Order, Refusal
from producer import repeats
from producer.parser import Parsed
from producer.repeats import FALSE_POSITIVE_RATE, FIRST_CAPACITY, KnownItems, Repeats, repeats_of


def keys_of(*texts: str, identity: Identity = Identity.NORMALIZED) -> bytes:
    """What a `KnownKeys` message about these items holds."""
    return b"".join(key_of(text, identity)[:KNOWN_KEY_BYTES] for text in texts)


def brought(*texts: str, repeated: int = 0) -> Parsed:
    """What a chunk brought: items, and repeats that the parser refused."""
    refused = (Refusal("again", "repetition", repeated),) if repeated else ()
    return Parsed(tuple(Item(text) for text in texts), refused)


def rows(patience: int, chunks: Sequence[Parsed], known: Sequence[str] = ()) -> list[bool]:
    """Whether it is enough, after each chunk."""
    items = KnownItems()
    items.add(keys_of(*known))
    counted, seen = Repeats(items, patience), []
    for chunk in chunks:
        counted.take(chunk)
        seen.append(counted.enough)
    return seen


@pytest.mark.parametrize("identity", Identity)
def test_what_was_told_is_known_under_the_runs_identity(identity: Identity) -> None:
    """A key that the orchestrator sent is found by the item's text, and another text is not."""
    known = KnownItems(identity)
    known.add(keys_of("The Louvre", "Orsay", identity=identity))
    assert known.key_of("The Louvre") in known
    assert (known.key_of("Louvre") in known) == (identity is not Identity.EXACT)
    assert known.key_of("Pompidou") not in known


@given(st.lists(st.binary(min_size=KNOWN_KEY_BYTES, max_size=KNOWN_KEY_BYTES), max_size=50), st.integers(0, 7))
def test_no_key_is_ever_forgotten(keys: list[bytes], left_over: int) -> None:
    """All keys of a message are known afterwards, whatever they are; bytes that make no whole key are ignored."""
    known = KnownItems()
    known.add(b"".join(keys) + b"x" * left_over)
    assert all(int.from_bytes(key, sys.byteorder) in known for key in keys)


@pytest.mark.parametrize("portion", [100, 1_000_000])
def test_the_filter_grows_and_stays_exact_enough(portion: int) -> None:
    """Far past its first capacity every key is found, and few others; in whatever portions they came."""
    told = range(6 * FIRST_CAPACITY)
    known = KnownItems()
    keys = keys_of(*(f"item {number}" for number in told))
    for start in range(0, len(keys), portion * KNOWN_KEY_BYTES):
        known.add(keys[start : start + portion * KNOWN_KEY_BYTES])
    assert all(known.key_of(f"item {number}") in known for number in told)
    wrong = sum(known.key_of(f"other {number}") in known for number in range(20_000))
    assert wrong / 20_000 < 2 * FALSE_POSITIVE_RATE


@pytest.mark.parametrize(
    ("patience", "chunks", "expected"),
    [
        (2, [brought("Apple"), brought("Banana")], [False, True]),
        (2, [brought("Apple", "Banana")], [True]),
        (2, [brought("Apple"), brought("New"), brought("Banana")], [False, False, False]),
        (2, [brought("Apple", "Banana", "New"), brought("Newer")], [True, True]),
        (3, [brought("New"), brought("new!"), brought("The New"), brought("NEW")], [False, False, False, True]),
        (3, [brought("New"), brought(repeated=2), brought("Apple")], [False, False, True]),
        (3, [brought("New"), brought("Newer", repeated=2), brought("Apple")], [False, False, False]),
        (1, [brought()], [False]),
    ],
)
def test_a_row_of_known_items_is_enough(patience: int, chunks: list[Parsed], expected: list[bool]) -> None:
    """Known is what was told, or what this answer said before; one new item begins the row anew; enough stays so."""
    assert rows(patience, chunks, known=("apple", "banana")) == expected


def test_other_refusals_do_not_count() -> None:
    """A heading or a sentence is neither known nor new."""
    heading = Parsed((), (Refusal("Fruit:", "heading", 5),))
    assert rows(2, [brought("Apple"), heading, heading, brought("Banana")], known=("Apple", "Banana")) == [
        *(False, False, False),
        True,
    ]


def test_an_endless_answer_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many of an answer's own items are remembered."""
    monkeypatch.setattr(repeats, "REMEMBERED_ITEMS", 10)
    counted = Repeats(KnownItems(), 3)
    for number in range(100):
        counted.take(brought(f"item {number}"))
        assert len(counted._own) <= 10


def _order(**fields: object) -> Order:
    return Order(1, 0, "test:x", "Fruit", 3, 100, **fields)  # type: ignore[arg-type] # by name, of any type


@pytest.mark.parametrize("mode", ["audit", "plan", "validate"])
def test_only_exploring_answers_are_counted(mode: str) -> None:
    """An audit is never cut short, and plans and judgements name known things on purpose."""
    assert repeats_of(_order(patience=3), KnownItems()) is not None
    assert repeats_of(_order(patience=3, mode=mode), KnownItems()) is None
    assert repeats_of(_order(), KnownItems()) is None


def test_nobody_pays_for_a_filter_that_is_not_asked_for() -> None:
    """Without keys, `rbloom` is not imported, not even to count an answer's own repeats."""
    script = (
        "import sys; from producer.session import Session; from producer.repeats import *\n"
        "known = KnownItems(); known.add(b''); counted = Repeats(known, 1)\n"
        "assert known.key_of('x') not in known and 'rbloom' not in sys.modules\n"
        "known.add(bytes(8)); assert 'rbloom' in sys.modules"
    )
    root = Path(producer.__file__).parents[1]
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True)
