"""Plans: orders that ask for the parts of the topic, or of a part that proved large; what becomes of their answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orchestrator.exploration.arms import Arm
from orchestrator.exploration.asks import Ask
from orchestrator.exploration.partitions import Letters, facet_arms, letter_arms, mostly_items, usable_facets

PLAN_PARTS = 40
SPLIT_PARTS = 8
_TRIES = 2
"""So many plans that came to nothing are asked for again."""


class Plans:
    """Asks for parts, once each, and makes arms of them; letters take their place where a model knows no parts.

    Args:
        topic: The topic.
        arms: The explorer's, the one of fresh responses first; those of the parts are added to it.
        letters: The first letters of the known items.
        texts: Some of the newest items.

    Attributes:
        made: Whether the parts of the topic were asked for.
        in_vain: Whether a plan has named items: the model does not know what a part is.
    """

    def __init__(self, topic: str, arms: list[Arm], letters: Letters, texts: Collection[str]) -> None:
        self.made = False
        self._topic = topic
        self._arms = arms
        self._letters = letters
        self._texts = texts
        self._on_their_way: set[int] = set()
        self._failed = 0
        self.in_vain = False
        self._to_split: list[Arm] = []

    @property
    def under_way(self) -> bool:
        """Whether the answer to one is awaited."""
        return bool(self._on_their_way)

    @property
    def split_waits(self) -> bool:
        """Whether a part is still to be split."""
        return bool(self._to_split) and not self.in_vain

    def due(self, *, of_topic: bool) -> Ask | None:
        """The next one.

        Args:
            of_topic: Whether the topic is large enough, as far as is known, for its parts to be asked for.
        """
        if self.split_waits:
            return Ask("plan", self._to_split[-1], parts=SPLIT_PARTS)
        if self.made or self.in_vain or not of_topic:
            return None
        return Ask("plan", self._arms[0], parts=PLAN_PARTS)

    def issued(self, order_id: int, arm: Arm) -> None:
        """One went out: only now it counts as bought."""
        self._on_their_way.add(order_id)
        self.made |= arm is self._arms[0]
        self._drop(arm)

    def named(self, arm: Arm, names: Sequence[str]) -> Sequence[str]:
        """Its answer has come; the parts that it named and that can be asked for."""
        if mostly_items(names, self._texts):
            self._no_more(arm)
            return ()
        return self._divide(arm, names)

    def ended(self, order_id: int, arm: Arm, *, complete: bool, stopped: bool, replaced: bool) -> None:
        """One has come to its end; where nothing came of it, it is asked for again.

        Args:
            order_id: Its order's.
            arm: What it was to divide.
            complete: Whether its parts have come.
            stopped: Whether the run's end, or a kill, broke it off: that is no failure.
            replaced: Whether another order has taken its place.
        """
        self._on_their_way.discard(order_id)
        if not complete and not replaced and arm is self._arms[0] and self._failed < _TRIES:
            self._failed += not stopped
            self.made = False

    def relive(self, arm: Arm, parts: Sequence[str], *, complete: bool, in_vain: bool) -> bool:
        """One of an earlier run, with the parts that it named; whether it counts as complete.

        A kill may have come between the parts and the order's end.
        """
        done = complete or bool(parts)
        self.made |= done
        arm.split = arm is not self._arms[0]
        if done:
            self._drop(arm)
        if in_vain:
            self._no_more(arm)
        elif done:
            self._divide(arm, parts)
        return done

    def split(self, arm: Arm) -> None:
        """A part has proved large: it is asked for its own parts, or divided by letters where those are not known."""
        if self.in_vain:
            self._arms += letter_arms(self._letters.prefixes(), arm)
        else:
            self._to_split.append(arm)

    def _divide(self, arm: Arm, names: Sequence[str]) -> Sequence[str]:
        parent = None if arm is self._arms[0] else arm
        facets = usable_facets(names, self._topic, self._arms)
        new = facet_arms(facets, parent)
        if any(one.scope.besides for one in self._arms):
            new = [one for one in new if not one.scope.besides]  # one catch-all is enough, whatever another plan says
        if not new and parent is not None:
            new = letter_arms(self._letters.prefixes(), parent)
        self._arms += new
        return facets

    def _no_more(self, arm: Arm) -> None:
        """The model does not know what a part is: what was to be split is divided by letters."""
        self.in_vain = True
        for parent in (arm, *self._to_split):
            if parent is not self._arms[0]:
                self._arms += letter_arms(self._letters.prefixes(), parent)
        self._to_split.clear()

    def _drop(self, arm: Arm) -> None:
        self._to_split = [one for one in self._to_split if one is not arm]
