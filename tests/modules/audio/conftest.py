"""Fixtures of the audio tests: recordings made once a session."""

from pathlib import Path

import pytest

from tests.modules.audio.sounds import write_all


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One mono recording in each format, by name."""
    return write_all(tmp_path_factory.mktemp("recordings"))
