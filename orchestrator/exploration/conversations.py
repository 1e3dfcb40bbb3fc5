"""Conversations that can be continued: the model sees its earlier answers, and is asked for further items."""

from __future__ import annotations

from collections import deque

Conversation = tuple[tuple[int, ...], ...]
"""The item ids of each answer so far, oldest first; empty where it has not begun."""

_MOST_WAITING = 32


class Conversations:
    """Each conversation has one order on its way at a time; the longest waiting one is continued first.

    A conversation begins with an order of its own, not with a fresh response: what fresh responses alone found must not
    be shown (see `incidence`).

    Args:
        turns: Answers of a conversation at most: each is paid again with every one that follows.
    """

    def __init__(self, turns: int) -> None:
        self._turns = turns
        self._waiting: deque[Conversation] = deque(maxlen=_MOST_WAITING)

    def next(self) -> Conversation:
        """The conversation that the next order continues; an empty one begins."""
        return self._waiting.popleft() if self._waiting else ()

    def answered(self, conversation: Conversation, item_ids: tuple[int, ...]) -> None:
        """An order that continued it has come back."""
        if item_ids and len(conversation) + 1 < self._turns:
            self._waiting.append((*conversation, item_ids))
