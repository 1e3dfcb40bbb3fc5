"""From a topic, which may be any text, to a folder name that is safe on every file system.

Two different topics never share a folder, also where file names ignore case or Unicode form. A plain topic gets a
plain name; all others get a readable part and ten hexadecimal digits of the topic's hash:

=============================================================================== =============================
topic                                                                           folder
=============================================================================== =============================
English words, digits; only the first letter may be, and is, a capital          `paris-attractions`
the same without a capital, two words or more                                   `chemical_elements`
all else: "colors", "C++", "a/b", "..", "CON", "Städte", 300 characters, emoji  `c-d3bef04a88`
=============================================================================== =============================

Outer and repeated white space and the Unicode form (NFC) of a topic do not matter; case does.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

MAX_SLUG_CHARACTERS = 60
MAX_SLUG_BYTES = 150
"""Leaves room for the hash, a time stamp and a suffix within the 255 bytes of common file systems."""

_PLAIN = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
_ENDS_LIKE_HASH = re.compile(r"-[0-9a-f]{10}")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")


def canonical_topic(topic: str) -> str:
    """The topic without the differences that do not matter: NFC, white space collapsed."""
    return " ".join(unicodedata.normalize("NFC", topic).split())


def folder_name(topic: str) -> str:
    """The name of the topic's folder: lower case, at most 161 bytes, never empty, hidden, or reserved.

    Args:
        topic: Any text, also with lone surrogates (as bytes from a command line may have).
    """
    topic = canonical_topic(topic)
    plain = _plain_name(topic)
    if plain is not None:
        return plain
    digest = hashlib.blake2b(topic.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return f"{_slug(topic)}-{digest}"


def _plain_name(topic: str) -> str | None:
    if len(topic) > MAX_SLUG_CHARACTERS or not _PLAIN.fullmatch(topic):
        return None
    lower = topic.lower()
    if topic == lower:
        return lower.replace(" ", "_") if " " in lower else None
    name = lower.replace(" ", "-")
    if (
        topic != lower[0].upper() + lower[1:]
        or _RESERVED.fullmatch(name)
        or _ENDS_LIKE_HASH.search(name, len(name) - 11)
    ):
        return None
    return name


def _slug(topic: str) -> str:
    """The topic's letters and digits of any script, lower case, Latin letters without diacritics, joined by hyphens."""
    decomposed = unicodedata.normalize("NFKD", topic)
    folded = re.sub(r"(?<=[A-Za-z])[\u0300-\u036f]+", "", decomposed)
    letters = unicodedata.normalize("NFC", folded).lower()
    slug = re.sub(r"-+", "-", "".join(c if unicodedata.category(c)[0] in "LNM" else "-" for c in letters))
    slug = slug[:MAX_SLUG_CHARACTERS].encode()[:MAX_SLUG_BYTES].decode(errors="ignore").strip("-")
    return slug or "topic"
