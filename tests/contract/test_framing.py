"""How messages are cut out of a byte stream."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ChannelError
from contract.framing import FrameReader, frame
from contract.messages import MAX_MESSAGE_BYTES


@given(st.lists(st.binary(max_size=200), max_size=8), st.data())
def test_any_split_gives_the_same_messages(messages: list[bytes], data: st.DataObject) -> None:
    """Bytes may arrive in any split; the messages come out whole and in order."""
    stream = b"".join(frame(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = FrameReader()
    seen: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        seen += reader.feed(stream[start:end])
    assert seen == messages
    assert not reader.torn


def test_a_message_without_its_end_is_kept_back() -> None:
    """What a killed sender could not finish is never given out."""
    reader = FrameReader()
    assert reader.feed(frame(b"whole") + frame(b"torn")[:-1]) == [b"whole"]
    assert reader.torn


def test_an_absurd_length_is_an_error() -> None:
    """A length beyond the limit is refused before anything is allocated for it."""
    with pytest.raises(ChannelError, match="bytes"):
        FrameReader().feed(struct.pack(">I", MAX_MESSAGE_BYTES + 1))
