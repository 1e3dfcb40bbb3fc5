"""Which other languages a topic is worth asking in: those of the place that it names, then the world's large ones.

What a model has read in another language names other things first: what people there know, and nobody else writes
about. Where the topic names a place, the languages spoken there come first, since most is written in them; then come
the languages of which most is written. The topic's own language is left out. It is told by its script, or by small
words and letters that few other languages have; with fewer than two such signs it is taken for English, for many an
English topic has a foreign name in it ("La Liga clubs"). A wrong guess costs little: the own language is asked for once
too often, or English once too seldom.

Pure. The table of places is made from Unicode CLDR by `scripts/make_places.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from orchestrator.curation.scripts import scripts_of

MAX_LANGUAGES = 8
PLACES = Path(__file__).with_name("places.tsv")

LARGE = (
    "English",
    "Spanish",
    "Chinese",
    "French",
    "German",
    "Japanese",
    "Russian",
    "Portuguese",
    "Arabic",
    "Italian",
    "Korean",
)
"""By presence on the web and by speakers, about: chosen by hand, as the two orders differ."""

_OF_PEOPLES = {
    "argentine": ("Spanish",),
    "argentinian": ("Spanish",),
    "austrian": ("German",),
    "bavarian": ("German",),
    "belgian": ("Dutch", "French"),
    "brazilian": ("Portuguese",),
    "chilean": ("Spanish",),
    "colombian": ("Spanish",),
    "cuban": ("Spanish",),
    "egyptian": ("Arabic",),
    "ethiopian": ("Amharic",),
    "filipino": ("Filipino",),
    "indian": ("Hindi",),
    "iranian": ("Persian",),
    "israeli": ("Hebrew",),
    "latin american": ("Spanish", "Portuguese"),
    "lebanese": ("Arabic",),
    "mexican": ("Spanish",),
    "moroccan": ("Arabic", "French"),
    "pakistani": ("Urdu",),
    "peruvian": ("Spanish",),
    "scandinavian": ("Swedish", "Norwegian", "Danish"),
    "sicilian": ("Italian",),
    "swiss": ("German", "French", "Italian"),
    "syrian": ("Arabic",),
    "taiwanese": ("Chinese",),
    "tunisian": ("Arabic", "French"),
}
"""Words for what belongs to a people, where they are not the name of its language."""

_OF_SCRIPTS = {
    "ARMENIAN": "Armenian",
    "BENGALI": "Bengali",
    "DEVANAGARI": "Hindi",
    "GEORGIAN": "Georgian",
    "GREEK": "Greek",
    "HANGUL": "Korean",
    "HEBREW": "Hebrew",
    "TAMIL": "Tamil",
    "THAI": "Thai",
}
_KANA = re.compile(r"[\u3041-\u30ff]")
_UKRAINIAN = re.compile(r"[іїєґ]")
_PERSIAN = re.compile(r"[پچژگ]")

_SMALL_WORDS = {
    "English": "the of and for with by from to on at about",
    "Spanish": "el los las la de del y en para con por una",
    "French": "le les la des du de d l et à en dans pour avec sur une aux",
    "German": "der die das und von in im für mit aus den dem zu",
    "Portuguese": "o os de do da dos das e em na para com",
    "Italian": "il gli la di del della dei delle e in per con nel",
    "Dutch": "de het een van en in voor met",
    "Polish": "w i z na do dla oraz",
    "Turkish": "ve ile için bir",
    "Swedish": "och av för med på från",
    "Danish": "og af for med på fra til",
    "Norwegian": "og av for med på fra til",
    "Indonesian": "di dan yang dari untuk",
    "Czech": "v a z na pro ze",
    "Romanian": "și în din pentru cu de",
    "Hungarian": "az és egy",
    "Finnish": "ja",
}
_LETTERS = {
    "Spanish": "ñ¿¡",
    "French": "œèêûç",
    "German": "äöüß",
    "Portuguese": "ãõç",
    "Polish": "ąęłśźż",
    "Turkish": "ğşıç",
    "Swedish": "åäö",
    "Danish": "åæø",
    "Norwegian": "åæø",
    "Czech": "ěřůč",
    "Romanian": "ăâîșț",
    "Hungarian": "őű",
    "Finnish": "äö",
    "Vietnamese": "ơưđạảấầẩậắằẳặẹẻẽếềểệỉịọỏốồổộớờởợụủứừửựỳỵỷỹ",
}


def _by_sign(signs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    languages: dict[str, list[str]] = {}
    for language, own in signs.items():
        for sign in own:
            languages.setdefault(sign, []).append(language)
    return languages


_BY_WORD = _by_sign({language: words.split() for language, words in _SMALL_WORDS.items()})
_BY_LETTER = _by_sign(_LETTERS)
_WORD_WEIGHT = 2.0
_LETTER_WEIGHT = 1.0
_ENGLISH_FIRST = 2.5
"""What speaks for English from the beginning: more than one word."""
_TEXTS_WEIGHT = 10.0
"""Of the share of items with a language's signs; at most `_LETTER_WEIGHT`: items are names, and names are foreign."""
_COMMON_WORDS = frozenset({"china", "guinea", "jersey", "nice", "polish", "turkey"})
"""Places and languages whose names mean something else as well: they count with a capital letter only."""
_MOST_TEXTS = 500
_LONGEST_PLACE = 4
_MAX_CHARS = 400
_WORD = re.compile(r"[^\W\d_]+")


def languages_for(topic: str, known_texts: Iterable[str] = ()) -> list[str]:
    """English names of the languages to ask in, most promising first, without the topic's own.

    Args:
        topic: As typed.
        known_texts: Items of the topic; the first `_MOST_TEXTS` are looked at.

    Returns:
        At most `MAX_LANGUAGES`, none twice; each can stand in `contract.messages.Scope.language`.
    """
    spoken, rest = _places_in(_words(topic))
    own = _language_of(topic, rest, list(islice(known_texts, _MOST_TEXTS)), spoken)
    candidates = dict.fromkeys((*spoken, *LARGE))
    candidates.pop(own, None)
    return list(candidates)[:MAX_LANGUAGES]


def folded(text: str) -> str:
    """A name as places are looked up: small letters without accents, a blank between words."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
    return " ".join(_WORD.findall(plain))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text[:_MAX_CHARS]))


@lru_cache(maxsize=1)
def _places() -> Mapping[str, tuple[str, ...]]:
    """Languages by the words of a topic that point to them: places, peoples, and the languages' own names."""
    places = {}
    for line in PLACES.read_text(encoding="utf-8").splitlines():
        name, *languages = line.split("\t")
        places[name] = tuple(languages)
    named = {language for languages in places.values() for language in languages}.union(LARGE, _OF_SCRIPTS.values())
    return {**{folded(language): (language,) for language in named}, **places, **_OF_PEOPLES}


def _places_in(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The languages of all places that are named, in their order, and the words that name none."""
    plain = [folded(word) for word in words]
    spoken: dict[str, None] = {}
    rest = []
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST_PLACE, len(words) - at), 0, -1):
            name = " ".join(plain[at : at + length])
            languages = _places().get(name)
            if languages and (name not in _COMMON_WORDS or words[at][0].isupper()):
                spoken.update(dict.fromkeys(languages))
                at += length
                break
        else:
            rest.append(words[at])
            at += 1
    return list(spoken), rest


def _language_of(topic: str, words: Sequence[str], texts: Sequence[str], spoken: Sequence[str]) -> str:
    """The language that a topic is written in.

    Args:
        topic: As typed.
        words: Its words that name no place.
        texts: Items of the topic.
        spoken: The languages of its place: items from there say nothing about the topic's own language.
    """
    scripts = scripts_of(topic)
    script = max(scripts, key=scripts.__getitem__, default="LATIN")
    if script != "LATIN":
        return _by_script(script, topic, texts)
    scores = dict.fromkeys((*_SMALL_WORDS, *_LETTERS), 0.0)
    scores["English"] = _ENGLISH_FIRST
    for word in words:
        for language in _BY_WORD.get(word.casefold(), ()):
            scores[language] += _WORD_WEIGHT
    for language in _lettered(words):
        scores[language] += _LETTER_WEIGHT
    shares = Counter(language for text in texts for language in _signs_of(_words(text)))
    for language, count in shares.items():
        if language not in spoken:
            scores[language] += min(_LETTER_WEIGHT, _TEXTS_WEIGHT * count / len(texts))
    return max(scores, key=scores.__getitem__)


def _lettered(words: Iterable[str]) -> set[str]:
    """The languages whose letters are in the words."""
    letters = {letter for word in words if not word.isascii() for letter in word.casefold()}
    return {language for letter in letters for language in _BY_LETTER.get(letter, ())}


def _signs_of(words: Sequence[str]) -> set[str]:
    """The languages that any word or letter points to."""
    return _lettered(words).union(*(_BY_WORD.get(word.casefold(), ()) for word in words))


def _by_script(script: str, topic: str, texts: Sequence[str]) -> str:
    everything = "\n".join((topic, *texts)).casefold()
    match script:
        case "EAST ASIAN":
            return "Japanese" if _KANA.search(everything) else "Chinese"
        case "CYRILLIC":
            return "Ukrainian" if _UKRAINIAN.search(topic.casefold()) else "Russian"
        case "ARABIC":
            return "Persian" if _PERSIAN.search(everything) else "Arabic"
    return _OF_SCRIPTS.get(script, "")
