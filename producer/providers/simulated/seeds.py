"""Numbers that stand for texts in the same way in every process, to seed random generators with."""

from __future__ import annotations

import hashlib
import unicodedata


def seed_of(*parts: str | int) -> int:
    """A 64-bit number that depends on all the parts and on their order; any text will do, even lone surrogates."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = str(part).encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(4, "big") + data)
    return int.from_bytes(digest.digest(), "big")


def plain_topic(topic: str) -> str:
    """A topic without what means nothing: case, Unicode's composition and surrounding or repeated white space."""
    return " ".join(unicodedata.normalize("NFC", topic).casefold().split())
