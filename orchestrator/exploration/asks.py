"""What an order is to ask, and what is known of it while it is on its way."""

from __future__ import annotations

import msgspec

from contract.messages import Mode, Scope
from orchestrator.exploration.arms import Arm, Listed


class Ask(msgspec.Struct, frozen=True):
    """What an order is to ask.

    Attributes:
        mode: See `contract.messages.Mode`.
        arm: Whose response it is; for a plan, the arm that is to be split, or the plain one.
        avoid: The items of the avoid-list, most useful first, each with the chance that it would come otherwise.
        parts: How many parts a plan asks for.
        continues: Item ids of the conversation that is continued: of each answer so far, in the order in which it
            named them, oldest answer first; empty where none is. Answers that are too long together lose the oldest.
    """

    mode: Mode
    arm: Arm
    avoid: tuple[Listed, ...] = ()
    parts: int = 0
    continues: tuple[tuple[int, ...], ...] = ()

    @property
    def scope(self) -> Scope:
        """The part of the topic that is asked about."""
        return self.arm.scope


class OpenAsk:
    """An order on its way.

    Args:
        ask: What it asks.
        provider: Whom it went to.
        listed: What of its list fitted into the prompt; None: it had one, in an earlier run, and nobody knows any more.
        expected: New items that its arm was expected to bring.
    """

    def __init__(self, ask: Ask, provider: str, listed: tuple[Listed, ...] | None = (), expected: float = 0.0) -> None:
        self.ask = ask
        self.provider = provider
        self.listed = listed
        self.expected = expected
        self.ids: dict[int, None] = {}
        self.new = 0
