"""What can go wrong under a job: each has a clear outcome, nothing is falsely done, and the next run makes it whole."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.jobs.journal_rows import State
from engine.jobs.outputs import OutputFolder
from engine.jobs.place import JOURNAL_NAME, STATE_FOLDER, Start
from engine.jobs.planned import Assignment
from engine.jobs.view import viewed
from modules.errors import JournalError, OutputError
from modules.results import FileResult
from tests.job_world import World

pytestmark = pytest.mark.anyio

COUNT = 30
SHM = Path("/dev/shm")  # noqa: S108 - another file system
NOBODY = 65_534


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Thirty recordings; what comes of them is longer than a disk block."""
    world = World(tmp_path)
    for number in range(COUNT):
        world.make(f"{number:02d}.wav", f"{number} " * 3_000)
    return world


@contextmanager
def disk_full_after(limit_bytes: int) -> Iterator[None]:
    """No file can grow beyond the limit, as if the disk were full: what does not fit is refused, what fits is kept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def after(world: World, count: int, then: Callable[[], object]) -> None:
    """Have something happen while the recording of that number is in hand."""

    def hear(_: Assignment) -> FileResult | None:
        if len(world.transcribed) == count:
            then()
        return None

    world.hear = hear


async def check_whole(world: World) -> None:
    """The next run ends well with the right texts; what was on record, which had to be right, is not done again."""
    with viewed(world.output) as job:
        on_record = {Path(file.shown).name for file in job.files(State.OK)}
    world.hear = lambda _: None
    summary = await world.run(in_hand=2)
    assert (summary.ok, summary.failed, summary.interrupted) == (COUNT, 0, False)
    assert not on_record & set(world.transcribed)
    assert world.texts() == {f"{number:02d}.wav": f"{number} " * 3_000 for number in range(COUNT)}
    for number in range(COUNT):
        assert (world.output / f"{number:02d}.wav.txt").read_text().split() == [f"{number}"] * 3_000
    with viewed(world.output) as job:
        assert job.journal.check() == "ok"


@pytest.mark.parametrize("limit_bytes", [3_000, 40_000, 70_000])
async def test_a_full_disk(world: World, limit_bytes: int) -> None:
    """Transcripts, results or the journal do not fit any more: the run says which, and stops."""
    with disk_full_after(limit_bytes), pytest.raises(OutputError, match=r"cannot (write|use)"):
        await world.run(in_hand=2)
    await check_whole(world)


async def test_an_output_folder_that_is_made_read_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Midway every write is refused."""

    def refuse(_path: Path, _content: bytes) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        after(world, 10, lambda: patch.setattr("engine.jobs.outputs.replace_whole", refuse))
        with pytest.raises(OutputError, match=r"cannot write .*Read-only file system"):
            await world.run(in_hand=2)
    await check_whole(world)


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of somebody whom permissions hold back, as they do not hold back root; the test runs as that one."""
    folder = SHM / f"onbeat-nobody-{os.getpid()}"
    folder.mkdir()
    user = os.geteuid()
    if user == 0:
        os.chown(folder, NOBODY, -1)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(user)
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


@pytest.mark.skipif(not SHM.is_dir(), reason="needs a folder at /dev/shm that everybody may enter")
async def test_an_output_folder_whose_permissions_are_taken_away(as_nobody: Path) -> None:
    """The kernel refuses midway what it allowed before: what is on record stays, the rest waits for the next run."""
    world = World(as_nobody)
    for number in range(COUNT):
        world.make(f"{number:02d}.wav", f"{number} " * 3_000)
    after(world, 10, lambda: world.output.chmod(0o555))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*Permission denied"):
            await world.run(in_hand=2)
        with pytest.raises(OutputError, match=r"cannot write to the output folder .*Permission denied"):
            await world.run(in_hand=2)
    finally:
        world.output.chmod(0o755)
    await check_whole(world)


async def test_a_disk_that_fails_when_it_is_synced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not surely on the disk is not put on record as written."""

    def refuse(_path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        after(world, 10, lambda: patch.setattr("engine.jobs.outputs.sync_folder", refuse))
        with pytest.raises(OutputError, match="Input/output error"):
            await world.run(in_hand=2)
    await check_whole(world)


async def test_a_journal_that_is_deleted_midway(world: World) -> None:
    """It is put back from the open file, and the run goes on as if nothing had been."""

    def delete() -> None:
        for path in (world.output / STATE_FOLDER).glob(f"{JOURNAL_NAME}*"):
            path.unlink()

    after(world, 10, delete)
    summary = await world.run(in_hand=2)
    assert summary.ok == COUNT
    await check_whole(world)
    assert world.transcribed == []


async def test_another_file_in_the_place_of_the_journal(world: World) -> None:
    """Nobody knows whose it is: the run ends rather than write into it."""

    def put_another() -> None:
        journal = world.output / STATE_FOLDER / JOURNAL_NAME
        (world.folder / "another").write_text("somebody's")
        (world.folder / "another").rename(journal)

    after(world, 10, put_another)
    with pytest.raises(JournalError, match="another file was put in its place"):
        await world.run(in_hand=2)
    assert (world.output / STATE_FOLDER / JOURNAL_NAME).read_text() == "somebody's"


async def test_a_clock_that_is_set_back_midway(world: World) -> None:
    """By years, twice: nothing is done twice, and a file that was replaced by one as large is noticed all the same."""
    now = iter([2e9, 1e9])
    await world.run(in_hand=2, clock=lambda: next(now, 5.0))
    changed = world.folder / "in" / "07.wav"
    os.utime(world.make("07.wav", "X" * changed.stat().st_size), (0, 0))
    await world.run(in_hand=2, clock=lambda: 1.0)
    assert world.transcribed == ["07.wav"]
    world.make("07.wav", "7 " * 3_000)
    await world.run(in_hand=2, clock=lambda: 3e9)
    assert world.transcribed == ["07.wav"]
    await check_whole(world)


async def test_a_journal_that_is_damaged_midway(world: World) -> None:
    """This run or the next one says so; nothing is taken from it, and doing everything anew is offered."""
    await world.run()
    journal = world.output / STATE_FOLDER / JOURNAL_NAME
    for number in range(COUNT):
        world.make(f"{number:02d}.wav", f"other {number}")

    def damage() -> None:
        with journal.open("r+b") as file:
            file.write(os.urandom(journal.stat().st_size))

    async def twice() -> None:
        await world.run(in_hand=2)
        world.hear = lambda _: None
        await world.run(in_hand=2)

    after(world, 20, damage)
    with pytest.raises(JournalError, match=r"is damaged.*--overwrite"):
        await twice()
    world.hear = lambda _: None
    assert (await world.run(start=Start.OVERWRITE)).ok == COUNT
    assert world.texts() == {f"{number:02d}.wav": f"other {number}" for number in range(COUNT)}


async def test_a_journal_that_is_deleted_between_runs(world: World) -> None:
    """Results without a journal are not gone on from: nobody knows what they were made of."""
    await world.run()
    for path in (world.output / STATE_FOLDER).iterdir():
        path.unlink()
    with pytest.raises(OutputError, match="without the journal"):
        await world.run()
    assert len(world.results()) == COUNT


@pytest.mark.skipif(not SHM.is_dir(), reason="needs a second file system at /dev/shm")
async def test_an_output_folder_on_another_file_system(world: World) -> None:
    """Files are written beside their place, so renaming them never crosses from one to the other."""
    other = SHM / f"onbeat-test-{os.getpid()}"
    try:
        world.output.symlink_to(other)
        other.mkdir()
        assert other.stat().st_dev != world.folder.stat().st_dev
        await world.run()
        await check_whole(world)
    finally:
        for path in sorted(other.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        other.rmdir()


async def test_nothing_is_on_record_as_written_that_is_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run dies between putting results on record and writing their transcripts: the next one writes them."""
    with monkeypatch.context() as patch:

        def die(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        patch.setattr(OutputFolder, "write", die)
        with pytest.raises(ZeroDivisionError):
            await world.run(in_hand=2)
    assert list(world.output.glob("*.txt")) == []
    with viewed(world.output) as job:
        assert list(job.files(State.OK))
    await check_whole(world)
    assert len(list(world.output.glob("*.txt"))) == COUNT
