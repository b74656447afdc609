"""A folder job with a fake for transcribing and a list for an output."""

from collections.abc import Callable
from pathlib import Path, PurePath

import anyio
import pytest

from engine.inline_workers import InlineWorkers
from engine.jobs.parts import JobParts
from engine.jobs.planned import Assignment
from engine.jobs.request import JobOutput, JobRequest, Unobserved
from engine.jobs.run import FolderJob
from modules.audio.formats import TranscriptFormat
from modules.errors import ConfigError, OutputError
from modules.results import Failure, FileResult, Status, Summary
from modules.results_json import file_from_json

pytestmark = pytest.mark.anyio

Transcribe = Callable[[Path], "FileResult"]


class Listed:
    """An output that keeps what it is given, and fails when told to."""

    def __init__(self, *, fails_after: int = 1_000_000) -> None:
        self.lines: list[str] = []
        self.written: list[str] = []
        self.closed = False
        self._fails_after = fails_after

    def write(self, relative: PurePath, text: str) -> None:
        assert text
        self.written.append(relative.as_posix())

    def append(self, line: str) -> None:
        if len(self.lines) >= self._fails_after:
            raise OutputError("disk full")
        self.lines.append(line)

    def close(self) -> None:
        self.closed = True

    @property
    def names(self) -> list[str]:
        """The inputs whose lines were written, in order."""
        return [Path(file_from_json(line).path).name for line in self.lines if line.startswith('{"type":"file"')]


def inputs(folder: Path, count: int) -> Path:
    """A folder of files named like recordings."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:04d}.wav").touch()
    return folder


async def run(folder: Path, output: JobOutput, delays: Callable[[int], float], *, fail_fast: bool = False) -> Summary:
    """Run a job in which input number n takes `delays(n)` seconds, and fails when that is negative."""

    async def transcribe(assignment: Assignment) -> FileResult:
        path = assignment.path
        assignment.on_heard(0.0)
        delay = delays(int(path.stem))
        if delay < 0:
            return FileResult(str(path), Status.FAILED, error=Failure("Torn", "on purpose"))
        await anyio.sleep(delay)
        return FileResult(str(path), Status.OK, duration_s=1.0, text="x")

    request = JobRequest([folder], formats=[TranscriptFormat.JSON], fail_fast=fail_fast)
    parts = JobParts(transcribe, InlineWorkers(), output, '{"type":"header"}', Unobserved())
    return await FolderJob(request, parts).run()


async def test_lines_come_in_the_order_of_inputs_however_long_each_takes(tmp_path: Path) -> None:
    """The first is the slowest."""
    output = Listed()
    summary = await run(inputs(tmp_path / "in", 40), output, lambda n: 0.02 if n % 7 == 0 else 0.0)
    assert output.names == [f"{n:04d}.wav" for n in range(40)]
    assert (summary.files, summary.ok, summary.audio_s) == (40, 40, 40.0)
    assert not summary.interrupted
    assert output.closed
    assert '"summary"' in output.lines[-1]


async def test_a_cancelled_job_writes_what_is_finished(tmp_path: Path) -> None:
    """Also what was held back behind an input that will not come."""
    output = Listed()
    with anyio.move_on_after(0.3):
        await run(inputs(tmp_path / "in", 10), output, lambda n: 60 if n == 0 else 0)
    assert output.names == [f"{n:04d}.wav" for n in range(1, 10)]
    assert '"interrupted":true' in output.lines[-1]
    assert output.closed


async def test_fail_fast_cancels_the_others(tmp_path: Path) -> None:
    """The summary says that the run is not whole."""
    output = Listed()
    summary = await run(inputs(tmp_path / "in", 10), output, lambda n: -1 if n == 3 else 60, fail_fast=True)
    assert (summary.failed, summary.ok, summary.interrupted) == (1, 0, True)
    assert output.names == ["0003.wav"]


async def test_an_output_that_fails_ends_the_job_with_its_error(tmp_path: Path) -> None:
    """Nothing is said to be done that is not written."""
    output = Listed(fails_after=5)
    with pytest.raises(OutputError, match="disk full"):
        await run(inputs(tmp_path / "in", 10), output, lambda _: 0)
    assert len(output.lines) == 5
    assert output.closed


async def test_a_transcript_is_written_only_for_what_went_well(tmp_path: Path) -> None:
    """A failed input has a line and no file."""
    output = Listed()
    await run(inputs(tmp_path / "in", 3), output, lambda n: -1 if n == 1 else 0)
    assert sorted(output.written) == ["0000.wav.json", "0002.wav.json"]


async def test_a_missing_path_is_refused_before_anything_is_begun(tmp_path: Path) -> None:
    """The request is checked when the job is made."""
    with pytest.raises(ConfigError, match="no such file"):
        await run(tmp_path / "absent", Listed(), lambda _: 0)
