from pathlib import Path

from modules.measuring.this_machine import this_machine, versions
from modules.monitoring.installation import Installation, PackageVersion


def test_this_machine_is_described() -> None:
    """With what of it may be used."""
    found = this_machine()
    assert found.processor
    assert found.key
    assert found.cpus >= 1
    assert 0 < found.effective_cpus <= found.cpus
    assert found.memory_mb > 0
    assert found.load_before is not None


def test_versions_are_of_what_is_installed() -> None:
    """Python first; what is missing is left out."""
    found = Installation(
        python="3.11.7",
        implementation="CPython",
        executable="python",
        platform="Linux",
        machine="x86_64",
        packages=(PackageVersion("numpy", "2.0"), PackageVersion("vosk", None)),
        ffmpeg=Path("ffmpeg"),
    )
    assert [(each.name, each.version) for each in versions(found)] == [("CPython", "3.11.7"), ("numpy", "2.0")]
    assert "onnxruntime" in {each.name for each in versions()}
