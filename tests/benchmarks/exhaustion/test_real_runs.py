"""Runs against a model: each ends once it has used its tokens, and goes on where it broke off."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.exhaustion.real_model import RealModel
from benchmarks.exhaustion.real_runs import Job, run_all, tokens_used
from contract.errors import ConfigurationError

JOB = Job("Chemical elements", "plain", 3)
MODEL = RealModel("test", ("test.time_to_first_chunk_s=0.05", "test.speed=2"), {})


def test_jobs_have_folders_of_their_own() -> None:
    """A topic, a strategy or a seed more is another folder."""
    jobs = [Job(topic, way, seed) for topic in ("A b", "A") for way in ("plain", "auto") for seed in (1, 2)]
    assert len({job.folder(Path()) for job in jobs}) == len(jobs)


def test_a_run_ends_with_its_tokens_and_is_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is stopped soon after the budget; with the budget used, nothing is started."""
    run_all([JOB], [MODEL], tmp_path, 500, 1)
    used = tokens_used(JOB.folder(tmp_path))
    assert used >= 500
    manifest = (JOB.folder(tmp_path) / "run.json").read_text()
    assert '"plain"' in manifest

    def start(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be started")

    monkeypatch.setattr(subprocess, "Popen", start)
    run_all([JOB], [MODEL], tmp_path, 500, 1)
    with pytest.raises(AssertionError):
        run_all([JOB], [MODEL], tmp_path, used + 1, 1)


def test_a_run_that_fails_is_told_with_its_log(tmp_path: Path) -> None:
    """A provider that there is not ends the measurement in one line."""
    with pytest.raises(ConfigurationError, match="exit code 3") as failure:
        run_all([JOB], [RealModel("nobody", (), {})], tmp_path, 500, 1)
    log = Path(str(failure.value).rpartition(" ")[2])
    assert "nobody" in log.read_text()


def test_a_failure_ends_the_runs_beside_it(tmp_path: Path) -> None:
    """Nobody waits an hour for runs whose measurement cannot be made; those not begun are not begun."""
    slow = RealModel("test", ("test.time_to_first_chunk_s=600",), {})
    jobs = [JOB, JOB._replace(seed=4), JOB._replace(seed=5)]
    with pytest.raises(ConfigurationError):
        run_all(jobs, [slow, RealModel("nobody", (), {}), slow], tmp_path, 500, 2)
    assert not jobs[2].folder(tmp_path).exists()
