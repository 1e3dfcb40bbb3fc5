"""English plural folding for the aggressive identity: crude on purpose, equal forms are all that matters."""

from __future__ import annotations

import re

_IRREGULAR = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "feet": "foot",
    "teeth": "tooth",
    "geese": "goose",
    "mice": "mouse",
    "knives": "knife",
    "wives": "wife",
    "lives": "life",
    "wolves": "wolf",
    "leaves": "leaf",
    "loaves": "loaf",
    "shelves": "shelf",
    "halves": "half",
    "calves": "calf",
    "thieves": "thief",
    "gases": "gas",
    "atlases": "atlas",
    "shoes": "shoe",
    "canoes": "canoe",
    "toes": "toe",
}
# fmt: off
_UNCHANGED = frozenset((
    "species", "series", "news", "james", "charles", "hercules", "moses", "andes", "alps", "always", "gas", "bias",
    "alias", "atlas", "canvas", "texas", "kansas", "dallas", "arkansas", "christmas", "lens", "athens", "brussels",
    "wales", "naples", "hermes", "ulysses", "achilles", "pancreas", "diabetes", "rabies", "herpes", "chaos",
    "cosmos", "pathos", "ethos", "logos", "rhinoceros", "asbestos", "thomas", "nicolas", "nicholas", "lucas",
    "jonas", "douglas", "jones", "mars", "venus", "hades", "cannes", "versailles", "marseilles", "netherlands",
    "philippines",
))
# fmt: on
_NOT_PLURAL = re.compile(r"(?:ss|us|is|ics|ous)$")
_SIBILANT = re.compile(r"(?:x|ch|sh|ss|zz)es$")
_WITH_US = re.compile(r"(?<![oaefmc])uses$")


def singular(word: str) -> str:
    """The form that a word shares with its plural. Words with digits, symbols or other scripts stay as they are."""
    if len(word) < 4 or not word.isascii() or not word.isalpha() or word in _UNCHANGED:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("ie") and len(word) > 4:
        # "movies" became "movy" above; its singular must follow.
        return word[:-2] + "y"
    if _SIBILANT.search(word) or _WITH_US.search(word) or (word.endswith("oes") and len(word) > 5):
        return word[:-2]
    if word.endswith("s") and not _NOT_PLURAL.search(word):
        return word[:-1]
    return word
