"""Downloads pinned packages through the user's own pip and its configured index, verified by SHA-256.

pip prints no byte counts when its output is no terminal, so progress is the growth of the folder it writes to.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from contract.errors import ConfigurationError
from orchestrator.local_model.guarded import GuardedProcess, child_environment
from orchestrator.local_model.logs import last_line
from orchestrator.local_model.pins import Package
from orchestrator.local_model.progress import REPORT_INTERVAL_S, Progress, Report

DOWNLOAD_TIMEOUT_S = 1800.0
"""Seconds for one package; pip's own time-outs catch a stalled connection much earlier."""

_PIP_PROBE_TIMEOUT_S = 60.0
_VENV_TIMEOUT_S = 300.0


class DownloadFailed(ConfigurationError):  # noqa: N818 - named like its siblings in the error tree
    """pip could not get the package: no network, not on the index, or not for this platform."""


def fetch(package: Package, work: Path, *, pip: Sequence[str], step: str, report: Report) -> Path:
    """Download one package into `work/download`.

    Args:
        package: What to fetch.
        work: An existing private folder; pip's temporary files go there too.
        pip: The command that is pip, e.g. from `pip_command`.
        step: Name of the step in the reports.
        report: Receives bytes done of bytes in all.

    Returns:
        The file, whose checksum is the pinned one.

    Raises:
        DownloadFailed: pip failed.
        ConfigurationError: The file is not the pinned one.
    """
    download, scratch = work / "download", work / "pip-tmp"
    for folder in (download, scratch):
        folder.mkdir(exist_ok=True)
    requirements = work / "requirements.txt"
    requirements.write_text(package.requirement + "\n", encoding="utf-8")
    log = work / "pip.log"
    # A hash in the requirements makes pip verify the file before it looks into it.
    command = [
        *pip,
        "download",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
    ]
    command += ["--no-binary", package.name] if package.is_source else ["--only-binary", ":all:"]
    command += ["--dest", str(download), "--requirement", str(requirements)]
    before = {path.name for path in download.iterdir()}
    with log.open("wb") as output:
        environment = child_environment({"TMPDIR": str(scratch)})
        process = GuardedProcess(command, output=output, environment=environment, directory=work)
        try:
            code = _watch(process, (download, scratch), package, step, report)
        finally:
            process.stop()
            shutil.rmtree(scratch, ignore_errors=True)
    if code != 0:
        reason = "it took too long" if code is None else last_line(log)
        raise DownloadFailed(f"cannot download {package.name}=={package.version} with pip: {reason}")
    report(Progress.of_bytes(step, package.size_bytes, package.size_bytes))
    found = [path for path in download.iterdir() if path.name not in before]
    if len(found) != 1 or not has_sha256(found[0], package.sha256):
        raise ConfigurationError(
            f"the package {package.name}=={package.version} that pip downloaded does not have the pinned checksum; "
            "it was thrown away. Check which package index pip is configured to use"
        )
    return found[0]


def _watch(
    process: GuardedProcess, folders: tuple[Path, ...], package: Package, step: str, report: Report
) -> int | None:
    deadline = time.monotonic() + DOWNLOAD_TIMEOUT_S
    already = _size(folders)
    while (code := process.wait(REPORT_INTERVAL_S)) is None and time.monotonic() < deadline:
        report(Progress.of_bytes(step, _size(folders) - already, package.size_bytes))
    return code


def _size(folders: tuple[Path, ...]) -> int:
    """Bytes of all files below `folders`; files that vanish meanwhile count as none."""
    total = 0
    for folder in folders:
        for parent, _, names in os.walk(folder):
            for name in names:
                try:
                    total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - four times a second
                except FileNotFoundError:
                    continue
    return total


def has_sha256(path: Path, expected: str) -> bool:
    """Whether the file's SHA-256 is `expected` (lower-case hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == expected


def pip_command(cache: Path) -> list[str]:
    """A command that is pip: this interpreter's, or that of a private environment made in `cache`.

    Raises:
        ConfigurationError: There is no pip here and none can be made.
    """
    if _runs([sys.executable, "-m", "pip", "--version"], _PIP_PROBE_TIMEOUT_S):
        return [sys.executable, "-m", "pip"]
    private = cache / "pip"
    python = private / "bin" / "python"
    makers = [[sys.executable, "-m", "venv", "--clear", str(private)]]
    if (uv := shutil.which("uv")) is not None:
        makers.append([uv, "venv", "--seed", "--clear", "--quiet", "--python", sys.executable, str(private)])
    for maker in [[], *makers]:  # first look whether an earlier run has made it
        if maker and not _runs(maker, _VENV_TIMEOUT_S):
            continue
        if python.exists() and _runs([str(python), "-m", "pip", "--version"], _PIP_PROBE_TIMEOUT_S):
            return [str(python), "-m", "pip"]
    raise ConfigurationError(
        f"the local model is downloaded with pip, and {sys.executable} has none; install it (python -m ensurepip) "
        "and start again, or use --provider test"
    )


def _runs(command: Sequence[str], timeout_s: float) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a list of our own, no shell
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, env=child_environment()
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
