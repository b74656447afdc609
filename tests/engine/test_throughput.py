"""Calls of the engine's workers are counted, and what a call raises is not lost."""

import pytest

from engine.throughput import rows_per_s
from modules.errors import ModelError

pytestmark = pytest.mark.anyio


async def test_rows_are_counted() -> None:
    """Of every call there was, and at least one is made."""
    calls: list[int] = []
    rate = await rows_per_s(lambda: calls.append(1), rows=3, workers=2, seconds=0.05)
    assert calls
    assert rate > 0


async def test_what_a_call_raises_comes_out() -> None:
    """As it was raised."""

    def call() -> None:
        raise ModelError("broken")

    with pytest.raises(ModelError, match="broken"):
        await rows_per_s(call, rows=1, workers=1, seconds=0.1)
