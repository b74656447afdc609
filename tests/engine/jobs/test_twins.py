"""Of inputs with the same content the first is recognised, whoever is quicker."""

import anyio
import pytest

from engine.jobs.twins import Twins
from modules.results import Failure, FileResult, Status

pytestmark = pytest.mark.anyio

GOOD = FileResult("0", Status.OK, text="x")
BAD = FileResult("0", Status.FAILED, error=Failure("DecodeError", "broken"))


async def test_the_first_in_order_is_the_owner_even_if_it_is_read_last() -> None:
    """The second has the same size, so it waits until the first is read; then it waits for its result."""
    twins, told = Twins(), list[tuple[int, FileResult | None]]()

    async def one(number: int) -> None:
        told.append((number, await twins.result(number, 10, b"same")))

    for number in (0, 1):
        twins.expect(number, 10)
    async with anyio.create_task_group() as tasks:
        twins.read(1, 10)
        tasks.start_soon(one, 1)
        await anyio.wait_all_tasks_blocked()
        assert told == []
        twins.read(0, 10)
        await one(0)
        await anyio.wait_all_tasks_blocked()
        assert told == [(0, None)]
        twins.settle(0, b"same", GOOD)
    assert told == [(0, None), (1, GOOD)]


async def test_inputs_of_another_size_or_content_wait_for_nobody() -> None:
    """They are owners at once."""
    twins = Twins()
    for number, size in ((0, 10), (1, 11), (2, 10)):
        twins.expect(number, size)
    twins.read(0, 10)
    twins.read(2, 10)
    assert await twins.result(0, 10, b"a") is None
    assert await twins.result(1, 11, b"b") is None
    assert await twins.result(2, 10, b"c") is None


async def test_when_the_owner_fails_the_next_one_tries() -> None:
    """And those after it wait for that one."""
    twins, told = Twins(), list[tuple[int, FileResult | None]]()

    async def one(number: int) -> None:
        told.append((number, await twins.result(number, 10, b"same")))

    assert await twins.result(0, 10, b"same") is None
    async with anyio.create_task_group() as tasks:
        for number in (1, 2):
            tasks.start_soon(one, number)
        await anyio.wait_all_tasks_blocked()
        twins.settle(0, b"same", BAD)
        await anyio.wait_all_tasks_blocked()
        assert told == [(1, None)]
        twins.settle(1, b"same", GOOD)
    assert told == [(1, None), (2, GOOD)]


async def test_only_the_owner_settles() -> None:
    """Another's end changes nothing."""
    twins = Twins()
    assert await twins.result(0, 10, b"same") is None
    twins.settle(1, b"same", GOOD)
    twins.settle(0, b"other", GOOD)
    assert twins.must_wait(1, 10, b"same")
    twins.settle(0, b"same", GOOD)
    assert not twins.must_wait(1, 10, b"same")
