"""How many recordings are worked on at once: with a gate that is asked and told, and no recordings."""

from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.lowlevel
import pytest

from engine.files_at_once import MORE_A_WORKER, FilesAtOnce

pytestmark = pytest.mark.anyio


class Waiting:
    """Recordings that want a place each: how many have one."""

    def __init__(self, files: FilesAtOnce, tasks: anyio.abc.TaskGroup, *, count: int = 100) -> None:
        """All of them ask at once."""
        self._files = files
        self.began: list[int] = []
        for number in range(count):
            tasks.start_soon(self._one, number)

    async def _one(self, number: int) -> None:
        await self._files.acquire()
        self.began.append(number)


async def held(files: FilesAtOnce, then: Callable[[Waiting], None] = lambda _: None) -> list[int]:
    """The numbers of the recordings that have a place after `then`, in their order."""
    async with anyio.create_task_group() as tasks:
        waiting = Waiting(files, tasks)
        await anyio.wait_all_tasks_blocked()
        then(waiting)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    return waiting.began


async def test_before_anything_is_known_there_is_a_place_for_each_worker() -> None:
    """Whoever asks first has the first."""
    assert await held(FilesAtOnce(2, is_held_up=lambda: False)) == [0, 1]


async def test_each_search_lets_one_more_begin_up_to_a_limit() -> None:
    """Recordings that only wait for the voice detector make its calls cheaper when there are more of them."""
    files = FilesAtOnce(2, is_held_up=lambda: False)
    assert await held(files, lambda _: files.searched()) == [0, 1, 2]
    files = FilesAtOnce(2, is_held_up=lambda: False)

    def often(_: Waiting) -> None:
        for _number in range(100):
            files.searched()

    assert await held(files, often) == list(range(2 + 2 * MORE_A_WORKER))


async def test_where_nothing_has_to_be_learnt_all_begin_at_once() -> None:
    """As many as there may be."""
    files = FilesAtOnce(1, is_held_up=lambda: False, has_to_learn=False)
    assert await held(files) == list(range(1 + MORE_A_WORKER))


@pytest.mark.parametrize("has_to_learn", [False, True])
async def test_there_are_no_more_than_workers_while_something_else_holds_them_up(has_to_learn: bool) -> None:  # noqa: FBT001 - a parameter
    """Recognisers that are short, or live streams, which need the memory and the workers."""
    files = FilesAtOnce(2, has_to_learn=has_to_learn)
    assert await held(files, lambda _: files.searched()) == [0, 1]


async def test_places_that_are_of_no_use_any_more_are_given_up_as_they_come_back() -> None:
    """Then a place that comes back is not given out until only the workers' own are left."""
    is_held_up = [False]
    files = FilesAtOnce(2, is_held_up=lambda: is_held_up[0])

    def three_more_and_back(waiting: Waiting) -> None:
        for _ in range(3):
            files.searched()
        is_held_up[0] = True
        for _ in range(3):
            files.release()
        assert waiting.began == [0, 1]  # those that were let in have not run yet

    assert await held(files, three_more_and_back) == [0, 1, 2, 3, 4]
    is_held_up[0] = True
    files.release()
    assert await held(files) == [0]


async def test_one_more_is_not_begun_when_nobody_waits() -> None:
    """A place that nobody wants would be given out later, when it may be of no use."""
    files = FilesAtOnce(2, is_held_up=lambda: False)
    for _ in range(5):
        files.searched()
    assert await held(files) == [0, 1]


async def test_inside_the_block_is_a_place_and_it_comes_back() -> None:
    """Also when what happens inside fails."""
    files = FilesAtOnce(1)
    for _ in range(3):
        with suppress(KeyError):
            async with files:
                assert repr(files) == "<FilesAtOnce 0 more, 0 free>"
                raise KeyError
    assert repr(files) == "<FilesAtOnce 0 more, 1 free>"


async def test_whoever_stops_waiting_takes_no_place_with_him() -> None:
    """The next one gets it."""
    files = FilesAtOnce(1, is_held_up=lambda: False, has_to_learn=False)
    for _ in range(MORE_A_WORKER + 1):
        await files.acquire()
    with anyio.move_on_after(0):
        await files.acquire()
    files.release()
    with anyio.fail_after(5):
        await files.acquire()
