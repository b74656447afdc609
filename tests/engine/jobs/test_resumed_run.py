"""A second run does what the first has not done, and nothing else."""

import os
from pathlib import Path

import anyio
import pytest

from engine.jobs.journal_rows import RunState, State
from engine.jobs.planned import Assignment
from engine.jobs.view import viewed
from modules.audio.transcript import TranscriptSegment
from modules.checkpoint import FinishedSegment
from modules.errors import OutputError
from modules.results import FileResult, Status
from tests.job_world import World, failed

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Three recordings, and a note that is none."""
    world = World(tmp_path)
    for name in ("a.wav", "b.wav", "sub/c.wav", "note.txt"):
        world.make(name)
    return world


def everything(folder: Path) -> dict[str, bytes]:
    """All files of the output but the journal's."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".onbeat" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


async def test_a_finished_job_has_nothing_left_to_do(world: World) -> None:
    """Not a byte of the outputs changes, and the counts are those of the whole job."""
    first = await world.run()
    before = everything(world.output)
    second = await world.run()
    assert world.transcribed == []
    assert world.kept == 4
    assert everything(world.output) == before
    assert (second.files, second.ok, second.skipped, second.audio_s) == (4, 3, 1, 3.0)
    assert (first.ok, first.interrupted, second.interrupted) == (3, False, False)


async def test_new_files_are_done_and_lines_stay_in_the_order_of_inputs(world: World) -> None:
    """Wherever they come in that order."""
    await world.run()
    world.make("0.wav")
    world.make("bb.wav")
    summary = await world.run()
    assert sorted(world.transcribed) == ["0.wav", "bb.wav"]
    assert [Path(line["path"]).name for line in world.results()] == [
        "0.wav", "a.wav", "b.wav", "bb.wav", "note.txt", "c.wav",
    ]  # fmt: skip
    assert summary.files == 6
    await world.run()
    assert world.transcribed == []


async def test_a_file_that_changed_is_done_again(world: World) -> None:
    """By its size or by its content; its transcript is replaced."""
    await world.run()
    world.make("a.wav", "another, longer text")
    world.make("b.wav", "B.wav")
    os.utime(world.folder / "in" / "b.wav", ns=(1, 1))
    await world.run()
    assert sorted(world.transcribed) == ["a.wav", "b.wav"]
    assert world.texts()["b.wav"] == "B.wav"
    assert (world.output / "a.wav.txt").read_text() == "another, longer text\n"


async def test_a_file_that_was_only_touched_or_copied_is_not_done_again(world: World) -> None:
    """Its content is read, and is the same; the time after next, its time is enough."""
    await world.run()
    os.utime(world.folder / "in" / "a.wav", ns=(10**18, 10**18))
    await world.run()
    assert world.transcribed == []
    with viewed(world.output) as job:
        (known,) = job.journal.known([str(world.folder / "in" / "a.wav")]).values()
    assert known.mtime_ns == 10**18


async def test_a_large_file_that_was_only_touched_is_compared_as_well(world: World) -> None:
    """It is read step by step, in its turn."""
    path = world.make("large.wav", "x" * 300_000)
    await world.run()
    os.utime(path, ns=(10**18, 10**18))
    await world.run()
    assert world.transcribed == []
    assert world.kept == 5
    os.utime(path, ns=(10**18, 10**18 + 1))
    path.write_text("y" * 300_000)
    await world.run()
    assert world.transcribed == ["large.wav"]


async def test_other_settings_do_everything_again_and_say_why(world: World) -> None:
    """What failed to decode stays failed: no setting of a model changes that."""
    world.hear = lambda assignment: failed(assignment) if assignment.path.name == "b.wav" else None
    await world.run()
    await world.run(fingerprint="two")
    assert sorted(world.transcribed) == ["a.wav", "c.wav"]
    assert world.told == ["changed since the last run: model one -> two; what depends on it is done again"]
    assert world.lines()[0]["fingerprint"] == "two"
    await world.run(fingerprint="two")
    assert world.transcribed == []


async def test_failed_files_are_tried_again_when_asked(world: World) -> None:
    """A summary always counts them."""
    world.hear = lambda assignment: failed(assignment) if assignment.path.name == "b.wav" else None
    assert (await world.run()).failed == 1
    assert (await world.run()).failed == 1
    assert world.transcribed == []
    world.hear = lambda _: None
    assert (await world.run(retry_failed=True)).failed == 0
    assert world.transcribed == ["b.wav"]
    assert world.texts()["b.wav"] == "b.wav"


async def test_a_file_that_vanished_is_reported_and_left_out(world: World) -> None:
    """Its transcript stays; when it comes back, nothing has to be done."""
    await world.run()
    path = world.folder / "in" / "b.wav"
    path.rename(world.folder / "b.wav")
    summary = await world.run()
    (said,) = world.told
    assert said.startswith(f"vanished: {path} is no longer there")
    assert (summary.files, summary.ok) == (3, 2)
    assert "b.wav" not in world.texts()
    assert (world.output / "b.wav.txt").exists()
    await world.run()
    assert world.told == []
    (world.folder / "b.wav").rename(path)
    assert (await world.run()).ok == 3
    assert world.transcribed == []
    assert "b.wav" in world.texts()


async def test_other_inputs_leave_out_those_of_before(world: World) -> None:
    """They are still there, so they have not vanished; asked for again, they are done."""
    await world.run()
    await world.run(paths=[world.folder / "in" / "sub"])
    assert list(world.texts()) == ["c.wav"]
    assert world.told == ["3 files of earlier runs are not among these inputs and are left out of the results"]
    await world.run()
    assert world.transcribed == []
    assert len(world.results()) == 4


async def test_inputs_spelled_differently_are_the_same_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The results name them as they are spelled now."""
    await world.run()
    monkeypatch.chdir(world.folder)
    await world.run(paths=[Path("in")])
    assert world.transcribed == []
    assert world.results()[0]["path"] == "in/a.wav"


async def test_the_same_content_is_recognised_once(world: World) -> None:
    """In one run, in the next one, and whether it is small or large; each has its own line and transcript."""
    world.make("b.wav", "a.wav")
    for name in ("large1.wav", "large2.wav", "large3.wav"):
        world.make(name, "z" * 300_000)
    await world.run()
    assert sorted(world.transcribed) == ["a.wav", "c.wav", "large1.wav"]
    hits = {Path(line["path"]).name: line["cache_hit"] for line in world.results()}
    assert [name for name, is_hit in hits.items() if is_hit] == ["b.wav", "large2.wav", "large3.wav"]
    assert (world.output / "b.wav.txt").read_text() == "a.wav\n"
    world.make("sub/d.wav", "a.wav")
    await world.run()
    assert world.transcribed == []
    assert world.results()[-1]["cache_hit"] is True
    assert world.results()[-1]["path"].endswith("d.wav")


async def test_of_equal_files_that_fail_each_says_so_itself(world: World) -> None:
    """A failure names its file."""
    world.make("b.wav", "a.wav")
    world.hear = lambda assignment: failed(assignment, message=f"{assignment.path.name} is broken")
    await world.run()
    messages = {line["error"]["message"] for line in world.results()}
    assert {"a.wav is broken", "b.wav is broken"} <= messages


async def test_other_formats_are_written_without_recognising_again(world: World) -> None:
    """So are transcripts that were deleted; those that are there stay as they are, typed over or not."""
    await world.run()
    await world.run(formats=("txt", "srt"), word_times=True)
    assert world.transcribed == []
    assert (world.output / "a.wav.srt").exists()
    (world.output / "a.wav.srt").unlink()
    (world.output / "b.wav.txt").write_text("typed by hand")
    await world.run(formats=("txt", "srt"), word_times=True)
    assert world.transcribed == []
    assert (world.output / "a.wav.srt").exists()
    assert (world.output / "b.wav.txt").read_text() == "typed by hand"


async def test_a_file_of_somebody_elses_is_not_overwritten(world: World) -> None:
    """The run says so; what is on record stays, and when the file is out of the way the job goes on."""
    world.output.mkdir()
    (world.output / "b.wav.txt").write_text("typed by hand")
    for _ in range(2):
        with pytest.raises(OutputError, match=r"b\.wav\.txt is there already"):
            await world.run()
        assert (world.output / "b.wav.txt").read_text() == "typed by hand"
    (world.output / "b.wav.txt").unlink()
    await world.run()
    assert (world.output / "b.wav.txt").read_text() == "b.wav\n"


async def test_a_decoder_that_dies_gets_as_many_attempts_as_allowed(world: World) -> None:
    """Then the file has failed; one that dies once does no harm."""
    dying = {"a.wav": 99, "b.wav": 1}

    def hear(assignment: Assignment) -> FileResult | None:
        left = dying.get(assignment.path.name, 0)
        dying[assignment.path.name] = left - 1
        return failed(assignment, "DecoderLost", "Segmentation fault") if left > 0 else None

    world.hear = hear
    summary = await world.run(max_attempts=3)
    assert (summary.ok, summary.failed) == (2, 1)
    assert world.transcribed.count("a.wav") == 3
    assert world.transcribed.count("b.wav") == 2
    assert [one.is_suspect for one in world.assignments if one.path.name == "b.wav"] == [False, True]
    with viewed(world.output) as job:
        (file,) = job.files(State.FAILED)
    assert (file.shown.rpartition("/")[2], file.attempts) == ("a.wav", 3)


async def test_a_file_that_changes_while_it_is_read_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came of the first reading belongs to no file."""
    monkeypatch.setattr("engine.jobs.attempts.CHANGED_PAUSE_S", 0.0)
    changes = [b"first", b"second"]

    def hear(assignment: Assignment) -> FileResult | None:
        if assignment.path.name == "a.wav" and changes:
            assignment.path.write_bytes(changes.pop())
            try:
                assignment.check()
            except OSError as error:
                return failed(assignment, type(error).__name__, str(error))
        return None

    world.hear = hear
    await world.run(max_attempts=3)
    assert world.transcribed.count("a.wav") == 3
    assert world.texts()["a.wav"] == "first"
    changes += [b"third"] * 9
    world.make("a.wav", "a longer one")
    assert (await world.run()).failed == 1
    (error,) = [line["error"] for line in world.results() if line["error"] and line["status"] == "failed"]
    assert error["kind"] == "SourceChanged"
    assert "written to while it was read" in error["message"]


async def test_an_interrupted_run_keeps_the_lines_of_all_that_was_ever_done(world: World) -> None:
    """Also of what it had not reached yet."""
    await world.run()
    world.make("0.wav")
    world.hear = lambda _: (_ for _ in ()).throw(TimeoutError)
    with pytest.raises(TimeoutError):
        await world.run()
    assert sorted(world.texts()) == ["a.wav", "b.wav", "c.wav", "note.txt"]
    assert world.lines()[-1]["interrupted"] is True
    with viewed(world.output) as job:
        assert [run.state for run in job.runs] == [RunState.FINISHED, RunState.INTERRUPTED]
    world.hear = lambda _: None
    assert not (await world.run()).interrupted
    assert world.transcribed == ["0.wav"]


async def test_finished_segments_are_recalled_by_the_next_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same content only, and not once the recording is done."""
    monkeypatch.setattr("engine.jobs.attempts.LONG_S", 0.0)
    segment = FinishedSegment(3, 4.5, (TranscriptSegment(4.5, 14.0 / 3, "x"),))

    def hear(assignment: Assignment) -> FileResult | None:
        if assignment.path.name == "c.wav":
            assignment.on_segment(segment)
            raise TimeoutError
        return None

    world.hear = hear
    with pytest.raises(TimeoutError):
        await world.run()
    world.hear = lambda _: None
    await world.run()
    (again,) = [one for one in world.assignments if one.path.name == "c.wav"]
    assert dict(again.recalled) == {3: segment}
    with viewed(world.output) as job:
        assert all(job.journal.segments(file.id) == [] for file in job.files(State.OK))


async def test_segments_of_another_content_are_not_recalled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was replaced between two runs."""
    monkeypatch.setattr("engine.jobs.attempts.LONG_S", 0.0)

    def hear(assignment: Assignment) -> FileResult | None:
        if assignment.path.name == "c.wav":
            assignment.on_segment(FinishedSegment(0, 0.0, ()))
            raise TimeoutError
        return None

    world.hear = hear
    with pytest.raises(TimeoutError):
        await world.run()
    world.make("sub/c.wav", "something else")
    world.hear = lambda _: None
    await world.run()
    (again,) = [one for one in world.assignments if one.path.name == "c.wav"]
    assert dict(again.recalled) == {}


async def test_a_drained_job_begins_nothing_more(world: World) -> None:
    """What is in hand ends well; the rest is the next run's."""
    for number in range(40):
        world.make(f"{number:02d}.wav")
    world.hear = lambda _: world.job.drain() if world.job and len(world.transcribed) == 3 else None
    summary = await world.run(in_hand=1)
    assert summary.interrupted
    assert 3 <= summary.ok < 40
    world.hear = lambda _: None
    done = list(world.texts())
    assert not (await world.run()).interrupted
    assert not set(done) & set(world.transcribed)


async def test_a_job_that_watches_takes_what_arrives(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once each, and again when it changes; then it is stopped."""
    monkeypatch.setattr("engine.jobs.run.POLL_S", 0.01)
    monkeypatch.setattr("engine.jobs.settling.SETTLED_S", 0.0)

    arrivals = [("new.wav", "1"), ("new.wav", "22"), ("sub/newer.wav", "3")]
    due = {"sub/c.wav", "1", "22", "3"}

    def on_finished(result: FileResult) -> None:
        if result.text not in due:
            return
        if arrivals:
            world.make(*arrivals.pop(0))
        else:
            assert world.job is not None
            world.job.drain()

    world.on_finished = on_finished
    with anyio.fail_after(20):
        await world.run(watch=True, in_hand=1)
    assert world.transcribed == ["a.wav", "b.wav", "c.wav", "new.wav", "new.wav", "newer.wav"]
    await world.run()
    assert world.transcribed == []
    assert world.texts() == {
        "a.wav": "a.wav", "b.wav": "b.wav", "new.wav": "22", "note.txt": "", "c.wav": "sub/c.wav", "newer.wav": "3",
    }  # fmt: skip


async def test_a_clock_that_was_set_back_changes_nothing(world: World) -> None:
    """Files are compared, never times with now."""
    await world.run(clock=lambda: 2_000_000.0)
    world.make("d.wav")
    await world.run(clock=lambda: 5.0)
    assert world.transcribed == ["d.wav"]
    with viewed(world.output) as job:
        assert [run.started_at for run in job.runs] == [2_000_000.0, 5.0]
        assert job.state is RunState.FINISHED


async def test_the_time_of_a_job_is_that_of_all_its_runs(world: World) -> None:
    """So audio seconds per wall second mean something after a resume."""
    first = await world.run()
    world.make("d.wav")
    second = await world.run()
    assert second.wall_s > first.wall_s
    assert second.audio_s == 4.0


async def test_a_recording_blamed_for_crashes_is_given_up(world: World) -> None:
    """It was in hand at each; the others are done."""
    for _ in range(2):
        await world.died_with("b.wav", crash="Fatal Python error: Segmentation fault")
    summary = await world.run()
    assert (summary.ok, summary.failed) == (2, 1)
    assert "b.wav" not in world.transcribed
    (error,) = [line["error"] for line in world.results() if line["status"] == "failed"]
    assert error["kind"] == "Crashed"
    assert "Segmentation fault" in error["message"]
    await world.run(retry_failed=True)
    assert world.transcribed == ["b.wav"]


async def test_what_a_killed_run_had_in_hand_is_a_suspect(world: World) -> None:
    """Nobody is blamed for a kill; it is only decoded apart."""
    await world.died_with("b.wav", crash="")
    assert (await world.run()).failed == 0
    assert {one.path.name: one.is_suspect for one in world.assignments} == {
        "a.wav": False, "b.wav": True, "c.wav": False,
    }  # fmt: skip
    assert any(said.startswith("going on from a run that was killed: process") for said in world.told)


def test_statuses_and_states_have_the_same_words() -> None:
    """The journal's states are those of results, and one more."""
    assert {state.value for state in State} == {status.value for status in Status} | {"begun"}
