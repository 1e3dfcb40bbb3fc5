"""Runs of the program itself against a real model, each ended once it has used its tokens."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import NamedTuple

from benchmarks.exhaustion.asking import READ_TIMEOUT_S
from benchmarks.exhaustion.real_model import RealModel
from contract.errors import ConfigurationError

_LOOK_S = 2.0
_END_S = 60.0
_ORDERS = 10_000
"""A limit that is never reached: with one, a run does not stop because it thinks that it has seen all."""


class Job(NamedTuple):
    """One run to make."""

    topic: str
    strategy: str
    seed: int

    def folder(self, root: Path) -> Path:
        """Where its files are."""
        return root / f"{self.topic.replace(' ', '-').lower()}-{self.strategy}-{self.seed}"


def run_all(jobs: Sequence[Job], models: Sequence[RealModel], root: Path, tokens: int, parallel: int) -> None:
    """Run every job until it has used its tokens; one that has already is left alone, one that broke off continues.

    Args:
        jobs: The first ones come first.
        models: Whom to ask, in turn.
        root: Folder of the runs' folders.
        tokens: Of prompts and answers of complete responses, for each run.
        parallel: Runs at the same time.

    Raises:
        ConfigurationError: A run ended by an error of its own; the message names its log. The others are ended, too.
    """
    root.mkdir(parents=True, exist_ok=True)
    over = Event()
    with ThreadPoolExecutor(parallel) as pool:
        made = [pool.submit(_run, job, models[turn % len(models)], root, tokens, over) for turn, job in enumerate(jobs)]
        try:
            for run in as_completed(made):
                run.result()
        except BaseException:  # an error, or Ctrl-C
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def tokens_used(folder: Path) -> int:
    """Tokens of prompts and answers of a run's ended orders; 0 where there is no run yet."""
    database = folder / "run.db"
    if not database.exists():
        return 0
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30.0)
    try:
        total = connection.execute("SELECT total(input_tokens) + total(output_tokens) FROM orders").fetchone()[0]
    except sqlite3.OperationalError:  # it is being created
        return 0
    finally:
        connection.close()
    return int(total)


def _run(job: Job, model: RealModel, root: Path, tokens: int, over: Event) -> None:
    folder = job.folder(root)
    if tokens_used(folder) >= tokens:
        return
    command = [
        *(sys.executable, "-m", "orchestrator", "--topic", job.topic, "--provider", model.provider),
        *(part for option in model.options for part in ("--provider-option", option)),
        # One request after the other, so that each decision knows all answers before it.
        *("--producers", "1", "--concurrency", "1", "--strategy", job.strategy, "--seed", str(job.seed)),
        *("--iterations", str(_ORDERS), "--output", str(folder), "--json"),
        *("--read-timeout", f"{READ_TIMEOUT_S:.0f}s"),
    ]
    log_path = root / f"{folder.name}.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, **model.environment},
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
        try:
            while process.poll() is None and tokens_used(folder) < tokens and not over.wait(_LOOK_S):
                pass
        finally:
            if ours := process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(_END_S)
    if not ours and process.returncode != 0:
        raise ConfigurationError(f"a run ended with exit code {process.returncode}; its log is {log_path}")
