"""Takes chosen files out of wheels and source archives; a name that points outside the target is refused."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from contract.errors import ConfigurationError

Choose = Callable[[PurePosixPath], PurePosixPath | None]
"""From an archive member's path to its path below the target, or None to leave it out."""


def unpack_wheel(wheel: Path, target: Path, choose: Choose) -> list[Path]:
    """Extract the chosen regular files of a wheel.

    Args:
        wheel: The zip file.
        target: Existing folder to extract into.
        choose: Which members, and where to.

    Returns:
        The files written.

    Raises:
        ConfigurationError: The archive is damaged or a member would leave `target`.
    """
    written: list[Path] = []
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if member.is_dir() or stat.S_ISLNK(member.external_attr >> 16):
                    continue
                if (place := choose(PurePosixPath(member.filename))) is not None:
                    with archive.open(member) as source:
                        written.append(_write(source, target, place))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ConfigurationError(f"{wheel.name} is damaged: {error}") from error
    return written


def unpack_source(archive_path: Path, target: Path, choose: Choose) -> list[Path]:
    """Extract the chosen regular files of a tar archive; arguments, result and errors as `unpack_wheel`."""
    written: list[Path] = []
    try:
        with tarfile.open(archive_path) as archive:
            for member in archive:
                if not member.isreg() or (place := choose(PurePosixPath(member.name))) is None:
                    continue
                if (source := archive.extractfile(member)) is not None:
                    written.append(path := _write(source, target, place))
                    path.chmod(0o755 if member.mode & stat.S_IXUSR else 0o644)
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise ConfigurationError(f"{archive_path.name} is damaged: {error}") from error
    return written


def _write(source: IO[bytes], target: Path, place: PurePosixPath) -> Path:
    if place.is_absolute() or ".." in place.parts or not place.parts or "\\" in str(place):
        raise ConfigurationError(f"a package holds a file whose name points outside its folder: {str(place)!r}")
    path = target.joinpath(*place.parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    return path
