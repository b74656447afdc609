"""Backends that have rested are tried where nobody waits."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
import pytest

from engine.inline_workers import InlineWorkers
from engine.recovery import recover_backends
from modules.models.fallback import BackendChoice, Fallback
from modules.models.fallback_order import FallbackRules
from tests.virtual_time import OPTIONS, now_s

Result = TypeVar("Result")


class LoopClock:
    """A watch whose clock is the loop's, and which trusts."""

    def now_s(self) -> float:
        return now_s()

    def within(self, limit_s: float, call: Callable[[], Result], *, stop: Callable[[], None] | None) -> Result:
        del limit_s, stop
        return call()


@pytest.fixture
def anyio_backend() -> tuple[str, object]:
    """Virtual time."""
    return "asyncio", OPTIONS


@pytest.mark.anyio
async def test_a_backend_comes_back_without_any_call() -> None:
    """Within a second of the end of its rest; roles that are added later are looked after too."""
    broken = True

    def ask(backend: str) -> str:
        if broken and backend == "a":
            raise ZeroDivisionError("no")
        return backend

    rules = FallbackRules(rest_s=5.0, tries_in_calls=False)
    choices: list[BackendChoice[str]] = [BackendChoice(name, partial(str, name)) for name in "ab"]
    role: Fallback[str] = Fallback("role", choices, LoopClock(), rules=rules)
    roles: list[Fallback[str]] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recover_backends, lambda: roles, InlineWorkers())
        assert role.call(ask) == "b"
        roles.append(role)
        broken = False
        await anyio.sleep(4.5)
        assert role.answers == "b"
        await anyio.sleep(2.0)
        assert role.answers == "a"
        assert role.call(ask) == "a"
        tasks.cancel_scope.cancel()
