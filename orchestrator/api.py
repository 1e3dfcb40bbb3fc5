"""The Python API: the same job as the command, for a program.

::

    from orchestrator import explore, stream

    result = explore("Paris attractions", provider="test", iterations=2)
    for item in stream("Paris attractions", provider="test", max_attributes=100):
        print(item.text)
"""

from __future__ import annotations

import atexit
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from weakref import WeakSet

from orchestrator.composition import Seams, built_run
from orchestrator.events import ItemFound, Result
from orchestrator.settings import Settings, build_settings, checked, read_environment


class ItemStream:
    """Items as they are found. Iterate once; `result` is there when the iteration has ended.

    Leaving the iteration early (break, an exception, `close`) ends the run: all producers stop, everything found is
    kept in the topic's folder, and a later run continues there.

    Args:
        settings: The run.
        seams: Replacements of keys, processes, files.
    """

    def __init__(self, settings: Settings, seams: Seams) -> None:
        self._results: list[Result] = []
        self._items = _items(settings, seams, self._results)
        _open_streams.add(self)

    @property
    def result(self) -> Result | None:
        """What the run did, once the iteration has ended."""
        return self._results[0] if self._results else None

    def __iter__(self) -> Iterator[ItemFound]:
        return self._items

    def __next__(self) -> ItemFound:
        return next(self._items)

    def close(self) -> None:
        """End the run now."""
        self._items.close()


def _items(settings: Settings, seams: Seams, results: list[Result]) -> Generator[ItemFound, None, None]:
    """The run. Knows nothing of its `ItemStream`: dropping that, as `break` does, must end the run at once."""
    with built_run(settings, seams, progress=lambda text: None) as run:
        try:
            with closing(run.rounds()) as rounds:
                for events in rounds:
                    for event in events:
                        if isinstance(event, ItemFound):
                            yield event
        finally:
            results.append(run.result())
        if run.failure is not None:
            raise run.failure


_open_streams: WeakSet[ItemStream] = WeakSet()


@atexit.register
def _close_streams() -> None:
    """End streams that the program still holds: while the interpreter goes down nothing can be ended any more."""
    for one in list(_open_streams):
        one.close()


def stream(topic: str, *, seams: Seams | None = None, **settings: Any) -> ItemStream:
    """Start exploring a topic; yields each new item as it is found.

    Args:
        topic: What to list.
        seams: Replacements of keys, processes, files; rarely needed.
        **settings: Fields of `Settings`: `producers`, `provider`, `iterations`, `max_attributes`, `output` …

    Raises:
        UsageError: An unknown setting, or a value out of its bounds.
        OrchestratorError: While iterating, if the run ends by a fault; everything found before is kept.
    """
    seams = seams or Seams()
    environment = read_environment(Path.cwd()) if seams.environment is None else seams.environment
    return ItemStream(build_settings({"topic": topic, **checked(settings)}, environment), seams)


def explore(topic: str, *, seams: Seams | None = None, **settings: Any) -> Result:
    """Explore a topic to the end and return what was done; the items are in `result.folder / "attributes.txt"`.

    Takes the arguments of `stream`, and raises the same.
    """
    items = stream(topic, seams=seams, **settings)
    for _ in items:
        pass
    assert items.result is not None  # noqa: S101 - the iteration has ended
    return items.result
