from __future__ import annotations

import threading
from pathlib import Path
from typing import IO

from orchestrator.local_model.logs import fresh_log, last_line

RUNS, ROUNDS = 8, 50


def test_logs_that_are_begun_together_are_not_mixed(tmp_path: Path) -> None:
    """Servers of several runs that start at the same moment each keep their own last words."""
    path = tmp_path / "cache" / "server.log"
    together = threading.Barrier(RUNS, timeout=30.0)
    mixed: list[str] = []

    def run(number: int) -> None:
        for turn in range(ROUNDS):
            together.wait()
            with fresh_log(path) as log:
                words = f"run {number}, turn {turn}"
                log.write(f"{words}\n".encode())
                log.flush()
                together.wait()
                if last_line(log) != words or _size(log) != len(words) + 1:
                    mixed.append(words)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(RUNS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mixed == []
    assert sorted(file.name for file in path.parent.iterdir()) == ["server.log", "server.log.1"]


def _size(file: IO[bytes]) -> int:
    return file.seek(0, 2)
