"""Builds llama-server from its pinned source, for where the ready one cannot be had or does not run."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path, PurePosixPath

from contract.errors import ConfigurationError
from orchestrator.local_model.guarded import GuardedProcess, child_environment
from orchestrator.local_model.logs import last_line
from orchestrator.local_model.progress import REPORT_INTERVAL_S, Progress, Report
from orchestrator.local_model.unpack import unpack_source

BUILD_TIMEOUT_S = 3600.0
BUILD_STEP = "build llama-server"

_FORESEEABLE_PERCENT = 5
_COMPILERS = ("c++", "g++", "clang++")
_PERCENT = re.compile(rb"^\[\s*(\d{1,3})%\]", re.MULTILINE)
_FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    # With its page or TLS on, the build would try to download.
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DGGML_NATIVE=ON",
    "-DGGML_CCACHE=OFF",
)


def require_tools(reason: str) -> None:
    """Check for cmake and a compiler before anything is downloaded.

    Args:
        reason: Why the ready server is not used, for the message.

    Raises:
        ConfigurationError: One of them is missing.
    """
    missing = [] if shutil.which("cmake") else ["cmake"]
    if not any(shutil.which(compiler) for compiler in _COMPILERS):
        missing.append("a C++ compiler")
    if missing:
        raise ConfigurationError(
            f"no ready llama-server can be used here ({reason}), and building it needs "
            f"{' and '.join(missing)}; install {'it' if len(missing) == 1 else 'them'} "
            "(Debian: apt install cmake g++) and start again, or use --provider test"
        )


def build_server(archive: Path, source_root: str, work: Path, target: Path, report: Report) -> None:
    """Unpack the source, build the server and put it, with its licence, into `target`.

    Args:
        archive: The verified source archive.
        source_root: Folder of llama.cpp below the archive's top folder.
        work: Private folder for source and objects; about 400 MB.
        target: Existing empty folder for the result.
        report: Told the share that is built.

    Raises:
        ConfigurationError: The build failed or took longer than `BUILD_TIMEOUT_S`; the message names its log.
    """
    source, objects = work / "source", work / "objects"
    source.mkdir()
    report(Progress(BUILD_STEP, "unpacking the source"))

    def below_root(name: PurePosixPath) -> PurePosixPath | None:
        inside = PurePosixPath(*name.parts[1:])
        return inside.relative_to(source_root) if inside.is_relative_to(source_root) else None

    unpack_source(archive, source, below_root)
    log = work.parent / "build.log"
    log.unlink(missing_ok=True)
    report(Progress(BUILD_STEP, "configuring"))
    _run(["cmake", "-S", str(source), "-B", str(objects), *_FLAGS], log, 0, report)
    jobs = str(os.cpu_count() or 1)
    _run(["cmake", "--build", str(objects), "--target", "llama-server", "-j", jobs], log, log.stat().st_size, report)
    shutil.copy2(objects / "bin" / "llama-server", target / "llama-server")
    shutil.copy2(source / "LICENSE", target / "LLAMA_CPP_LICENSE.txt")
    log.unlink()


def _run(command: list[str], log: Path, offset: int, report: Report) -> None:
    deadline = time.monotonic() + BUILD_TIMEOUT_S
    started = time.monotonic()
    with log.open("ab") as output:
        process = GuardedProcess(command, output=output, environment=child_environment())
    try:
        while (code := process.wait(REPORT_INTERVAL_S)) is None and time.monotonic() < deadline:
            report(_progress(log, offset, time.monotonic() - started))
    finally:
        process.stop()
    if code != 0:
        reason = "it took too long" if code is None else last_line(log)
        raise ConfigurationError(f"building llama-server failed ({reason}); the build's log is {log}")


def _progress(log: Path, offset: int, elapsed_s: float) -> Progress:
    with log.open("rb") as file:
        file.seek(offset)
        shares = _PERCENT.findall(file.read())
    if not shares:
        return Progress(BUILD_STEP, "configuring")
    percent = min(100, int(shares[-1]))
    left = (
        f", about {elapsed_s * (100 - percent) / percent / 60:.0f} min left" if percent >= _FORESEEABLE_PERCENT else ""
    )
    return Progress(BUILD_STEP, f"{percent} %{left}; this is done once", percent / 100)
