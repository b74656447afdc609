"""One that must be alone is; the others are side by side."""

from contextlib import AbstractAsyncContextManager

import anyio
import pytest

from engine.jobs.company import Company

pytestmark = pytest.mark.anyio


class Worked:
    """Workers that come in and go when they are told."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self._over: dict[str, anyio.Event] = {}

    async def work(self, name: str, company: AbstractAsyncContextManager[None]) -> None:
        """Be inside until told to go."""
        self._over[name] = anyio.Event()
        async with company:
            self.inside.append(name)
            await self._over[name].wait()
            self.inside.remove(name)

    async def go(self, name: str) -> list[str]:
        """Have one go; who is inside then."""
        self._over[name].set()
        await anyio.wait_all_tasks_blocked()
        return sorted(self.inside)


async def test_one_that_must_be_alone_waits_for_the_others_and_they_for_it() -> None:
    """Those that come later wait behind it, so that it is not kept waiting for ever; two of its kind take turns."""
    company, worked = Company(), Worked()
    async with anyio.create_task_group() as tasks:
        for name in ("a", "b"):
            tasks.start_soon(worked.work, name, company.joined())
        await anyio.wait_all_tasks_blocked()
        assert worked.inside == ["a", "b"]
        for name in ("x", "y"):
            tasks.start_soon(worked.work, name, company.left())
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(worked.work, "c", company.joined())
        await anyio.wait_all_tasks_blocked()
        assert repr(company) == "<Company 2 at work, 2 alone or waiting to be>"
        assert await worked.go("a") == ["b"]
        assert await worked.go("b") == ["x"]
        assert await worked.go("x") == ["y"]
        assert await worked.go("y") == ["c"]
        assert await worked.go("c") == []
    assert repr(company) == "<Company 0 at work, 0 alone or waiting to be>"


async def test_one_that_is_cancelled_while_it_waits_to_be_alone_holds_nobody_up() -> None:
    """Whether it waits for its turn or for the others."""
    company, worked = Company(), Worked()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worked.work, "a", company.joined())
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.01):
            await worked.work("x", company.left())
        tasks.start_soon(worked.work, "b", company.joined())
        await anyio.wait_all_tasks_blocked()
        assert worked.inside == ["a", "b"]
        tasks.cancel_scope.cancel()
