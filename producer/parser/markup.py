"""Takes markup off an item: HTML, markdown emphasis, links, enclosing quotes, list punctuation at the end."""

# ruff: noqa: RUF001 - typographic and full-width marks are what is looked for here

from __future__ import annotations

import html
import re

from producer.parser.hygiene import clean

_BLOCK_NAMES = (
    "li|br|p|ul|ol|dl|dt|dd|tr|td|th|table|tbody|thead|div|hr|html|head|body|section|article|header|footer|main|nav|"
    "items?|list|entry|entries|answer|output|response|results?"
)
_CELL_EDGE = re.compile(r"</t[dh]>\s*<t[dh][^<>]*>", re.IGNORECASE)
_TERM_EDGE = re.compile(r"</dt>\s*<dd[^<>]*>", re.IGNORECASE)
_HTML_HEADING = re.compile(r"<h[1-6][^<>]*>", re.IGNORECASE)
_BLOCK = re.compile(rf"</?(?:{_BLOCK_NAMES}|h[1-6])\b[^<>]*>", re.IGNORECASE)
_INLINE = re.compile(
    r"</?(?:a|abbr|b|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|small|span|strong|sub|sup|u)\b[^<>]*>"
    r"|</[a-z_]+>|<!--[^<>]*-->|<\|[a-z_]+\|>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_LONE_TAG = re.compile(r"<[a-z][a-z0-9]*>", re.IGNORECASE)

_MARKED = re.compile(r"[\[*_`~\\]")
_LINK = re.compile(r"!?\[([^\[\]]{1,300})\](?:\([^()]{0,500}(?:\([^()]{0,200}\)[^()]{0,300})?\)|\[[^\[\]]{0,100}\])")
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|]{1,200}\|)?([^\[\]|]{1,300})\]\]")
_FOOTNOTE = re.compile(r"(?<=\S)\s?\[\^?\d{1,3}\]")
_CODE = re.compile(r"`+([^`]+)`+")
_BOLD = re.compile(r"\*\*\*?(?=\S)(.+?)(?<=\S)\*\*\*?")
_ITALIC = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]+?)(?<=\S)\*(?![\w*])")
_UNDERLINE = re.compile(r"(?<!\w)(_{1,3})(?=[^\s_])(.+?)(?<=[^\s_])\1(?!\w)")
_DUNDER = re.compile(r"__[a-z][a-z0-9_]*__")
_STRIKE = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~")
_ESCAPED = re.compile(r"\\([*_#\[\]()~`.!+|>-])")

_QUOTES = {
    '"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "’": "’", "‚": "‘’", "«": "»", "»": "«",
    "‹": "›", "›": "‹", "「": "」", "『": "』", "《": "》", "〈": "〉", "【": "】", "＂": "＂", "〝": "〞〟",
}  # fmt: skip
_SEPARATORS = " ,;，；、،؛"
_DOTTED = (
    "inc ltd co corp jr sr st ave blvd rd mt ft dr mr mrs ms prof rev gov gen col capt sgt lt bros no vol vs al dept "
    "univ assn intl mfg pt hwy sq pl llc plc esq ph.d hon sen rep pres pvt cie gmbh messrs"
)
_ABBREVIATIONS = frozenset(_DOTTED.split())


def to_segments(text: str) -> list[str]:
    """One line's clean segments: HTML block tags end a segment as a line end does, inline tags and entities go.

    A line in code ticks is left alone, and a single inline tag is an item (a list of HTML's elements has such lines).
    """
    if "`" in text:
        return [clean(text)]
    if "<" in text:
        text = _CELL_EDGE.sub(" | ", text)
        text = _TERM_EDGE.sub(": ", text)
        text = _HTML_HEADING.sub("\n## ", text)
        text = _BLOCK.sub("\n", text)
    return [segment for part in text.split("\n") if (segment := _strip_inline(part))]


def _strip_inline(text: str) -> str:
    stripped = text.strip()
    if "<" in text and not _LONE_TAG.fullmatch(stripped):
        text = _INLINE.sub("", text)
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    return clean(text)


def whole_bold(text: str) -> str | None:
    """What stands between the marks if the whole text is bold, else None."""
    for fence in ("**", "__"):
        if text.startswith(fence) and text.endswith(fence) and len(text) > 2 * len(fence):
            inner = text[2:-2].strip("*" if fence == "**" else " ").strip()
            if inner and fence not in inner and not _DUNDER.fullmatch(text):
                return inner
    return None


def code_span(text: str) -> str | None:
    """The literal if the whole text is one code span, else None."""
    if text[0] == "`" and text[-1] == "`":
        match = _CODE.fullmatch(text)
        if match:
            return match[1].strip()
    return None


def strip_emphasis(text: str) -> str:
    """The text without links, footnote marks, code ticks and emphasis; what is not paired stays ("*nix", "A*")."""
    if not _MARKED.search(text):
        return text
    if "[" in text:
        text = _WIKI_LINK.sub(r"\1", text)
        text = _LINK.sub(r"\1", text)
        text = _FOOTNOTE.sub("", text)
    if "`" in text:
        text = _CODE.sub(r"\1", text)
    if "*" in text:
        text = _ITALIC.sub(r"\1", _BOLD.sub(r"\1", text)).replace("**", "")
    if "_" in text and not _DUNDER.fullmatch(text):
        text = _UNDERLINE.sub(r"\2", text)
    if "~~" in text:
        text = _STRIKE.sub(r"\1", text)
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
        if text.endswith("\\") and not text.endswith((":\\", "\\\\")):
            text = text[:-1]  # markdown's hard line break
    return text


def trim(text: str) -> str:
    """The text without enclosing quotes and without the punctuation that separates list entries."""
    if text[:1].isalnum() and text[-1:].isalnum():
        return " ".join(text.split())
    for _ in range(4):
        before = text
        text = _strip_end(text.strip(_SEPARATORS))
        text = _unquote(text)
        if text == before:
            break
    return " ".join(text.split())


def _strip_end(text: str) -> str:
    if text.endswith((" -", " –", " —")):
        return text[:-2]
    if text.endswith("：") or (text.endswith(":") and not text.startswith(":")):
        return text[:-1]
    if text.endswith(("。", "…", "...")):
        return text.rstrip("。….")
    if text.endswith(("]", "}")) and "[" not in text and "{" not in text:
        return text[:-1]  # the end of an array whose beginning was lost
    if text.endswith(".") and not _is_abbreviation(text):
        return text[:-1]
    return text


def _is_abbreviation(text: str) -> bool:
    """Whether the final dot belongs to the word: "Inc.", "U.S.", "Washington D.C."."""
    word = text[:-1].rsplit(" ", 1)[-1].lstrip("(")
    return "." in word or word.casefold() in _ABBREVIATIONS


def _unquote(text: str) -> str:
    if len(text) < 2:
        return text
    closers = _QUOTES.get(text[0])
    if closers is None:
        return text
    inner = text[1:-1]
    if text[-1] in closers and not any(closer in _without_apostrophes(inner) for closer in closers):
        return inner.strip()
    if text[0] == '"' and text.count('"') == 1:
        return text[1:]
    return text


def _without_apostrophes(text: str) -> str:
    return re.sub(r"(?<=\w)['’](?=\w)", "", text)
