"""What tests share: where the test material lies, when it is there."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The engine runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and models; tests that need it skip where it is not."""
    if not SHARED.is_dir():
        pytest.skip("needs the recordings and models of ../shared/data")
    return SHARED
