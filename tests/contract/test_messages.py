"""The one encoding of messages between processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import messages as m
from contract.errors import ChannelError, ErrorKind

_texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
_items = st.builds(m.Item, _texts, _texts)


@given(
    st.one_of(
        st.builds(
            m.ItemBatch,
            order_id=st.integers(0, 2**53),
            attempt=st.integers(0, 9),
            items=st.lists(_items, max_size=4).map(tuple),
            refused=st.lists(st.builds(m.Refusal, _texts, _texts), max_size=2).map(tuple),
        ),
        st.builds(
            m.OrderFailed,
            order_id=st.integers(0, 99),
            attempt=st.just(0),
            kind=st.sampled_from(ErrorKind),
            message=_texts,
            items=st.integers(0, 99),
            usage=st.none() | st.builds(m.Usage, st.integers(0, 9), st.integers(0, 9)),
            retry_after_s=st.none() | st.floats(0, 99),
        ),
    )
)
def test_a_message_survives_the_way(message: m.FromProducer) -> None:
    """What is decoded equals what was encoded."""
    assert m.decode_from_producer(m.encode(message)) == message


def test_an_order_survives_the_way() -> None:
    """Orders keep every field, the avoid-list and the conversation included."""
    order = m.Order(7, 1, "test:x", "tópic", 60, 900, avoid=("a", "b"), said=(("c", "d"), ("e",)), seed=3)
    assert m.decode_to_producer(m.encode(order)) == order


@pytest.mark.parametrize("data", [b"", b"\xc1", b"garbage", m.encode(m.Ready(1, 0.1)), b"\x81\xa4type\xa3foo"])
def test_anything_else_is_a_channel_error(data: bytes) -> None:
    """Bytes that are no message to a producer are refused with our error, never with a traceback of the codec."""
    with pytest.raises(ChannelError):
        m.decode_to_producer(data)


def test_a_lone_surrogate_is_an_error_of_the_sender() -> None:
    """Text that is no valid Unicode cannot be sent, and says so."""
    with pytest.raises(ChannelError):
        m.encode(m.ItemBatch(1, 0, (m.Item("\ud800"),)))


def test_a_key_is_never_shown() -> None:
    """Neither repr nor str of a message holds the key in it."""
    setup = m.ProviderSetup("openai:x", "openai", "x", api_key=m.Secret("sk-very-secret"))
    configure = m.Configure(0, (setup,))
    for text in (repr(configure), str(configure), repr(setup.api_key), f"{setup.api_key}"):
        assert "very-secret" not in text
    decoded = m.decode_to_producer(m.encode(configure))
    assert isinstance(decoded, m.Configure)
    key = decoded.providers[0].api_key
    assert key is not None
    assert key.reveal() == "sk-very-secret"


@pytest.mark.parametrize(
    ("scope", "kind"),
    [
        (m.WHOLE, "whole"),
        (m.Scope(facet="Castles"), "facet"),
        (m.Scope(besides=("Castles",)), "rest"),
        (m.Scope(prefix="Ab"), "letter"),
        (m.Scope(facet="Castles", prefix="A"), "letter"),
        (m.Scope(language="French"), "language"),
    ],
)
def test_a_scope_tells_what_kind_of_part_it_is(scope: m.Scope, kind: str) -> None:
    """The last cut counts; the part's own name is no part of it."""
    assert scope.kind == kind
