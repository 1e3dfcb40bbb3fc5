"""Why the item parser refused a piece of output: the fixed words that stand in `contract.messages.Refusal.reason`."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Low-cardinality reason of a refusal, as it is counted and shown."""

    PREAMBLE = "preamble"
    CLOSING = "closing"
    HEADING = "heading"
    PROSE = "prose"
    APOLOGY = "apology"
    REASONING = "reasoning"
    OVERLONG = "overlong"
    REPETITION = "repetition"
    COUNTER = "counter"
    CUT_OFF = "cut_off"
    EMPTY = "empty"
    MARKUP = "markup"


AGGREGATED = frozenset({Reason.REPETITION, Reason.COUNTER, Reason.EMPTY, Reason.MARKUP})
"""Reasons that come in long runs: consecutive ones become one `Refusal` with a count."""
