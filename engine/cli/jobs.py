"""`onbeat jobs`: what became of folder runs, going on with them, and their results in other forms."""

import json
import os
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.folder_run import Order, carry_out
from engine.cli.progress import ProgressKind
from engine.config import BatchProcessingConfig
from engine.jobs.journal_rows import KnownFile, Run, State
from engine.jobs.request import JobRequest
from engine.jobs.view import Asked, JobView, find_jobs, viewed
from engine.jobs.whole_files import partial_of, sync_folder
from engine.stage_config import load_stages
from engine.version import __version__
from modules.audio.formats import TranscriptFormat
from modules.errors import ConfigError, JournalError, OutputError
from modules.results_json import file_from_json, header_json
from modules.results_parquet import write_parquet

jobs_app = typer.Typer(help="See, go on with and export folder runs.", no_args_is_help=True)

_SHOWN_FILES = 20
_STATES = {State.OK: "ok", State.FAILED: "failed", State.SKIPPED: "skipped", State.BEGUN: "under way"}

Folder = Annotated[Path, typer.Argument(help="The output folder of the job.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Show = Annotated[ProgressKind, typer.Option("--progress", help="How progress is shown on stderr.")]


class ExportFormat(StrEnum):
    """What results can be exported as."""

    JSONL = "jsonl"
    PARQUET = "parquet"


@jobs_app.command("list")
def list_jobs(
    top: Annotated[Path, typer.Argument(help="Where to look, with the folders below.")] = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """List the jobs whose output folders are here or below, a line each."""
    is_empty = True
    for folder in find_jobs(top):
        is_empty = False
        try:
            with viewed(folder) as job:
                facts = _facts(job)
                line = f"{folder}: {facts['state']}; {_counts(facts)}; last run {facts['last_run']}"
        except JournalError as error:
            facts = {"folder": str(folder), "state": "damaged", "message": str(error)}
            line = f"{folder}: damaged; {error}"
        typer.echo(json.dumps(facts) if as_json else line)
    if is_empty:
        typer.echo(f"no jobs in {top} and the folders below; a job is the output folder of `onbeat run -o`", err=True)


@jobs_app.command("show")
def show(folder: Folder, *, as_json: AsJson = False) -> None:
    """Show a job: its runs, how many files are in which state, what failed and why, what is under way."""
    with viewed(folder) as job:
        if as_json:
            runs = [_run(run) for run in job.runs]
            files = [_file(job, file) for file in job.files(State.FAILED, State.BEGUN)]
            typer.echo(
                json.dumps({**_facts(job), "check": job.journal.check(), "runs": runs, "files": files}, indent=2)
            )
            return
        typer.echo("\n".join(_lines(job)))


@jobs_app.command("resume")
def resume(folder: Folder, *, show: Show = ProgressKind.AUTO) -> None:
    """Go on with a job: what its last run was asked, from where it was started, with the same settings."""
    _again(folder, show, retry_failed=False)


@jobs_app.command("retry-failed")
def retry_failed(folder: Folder, *, show: Show = ProgressKind.AUTO) -> None:
    """Go on with a job, and try again what failed."""
    _again(folder, show, retry_failed=True)


@jobs_app.command("export")
def export(
    folder: Folder,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)],
    fmt: Annotated[ExportFormat, typer.Option("--format", help="jsonl or parquet.")] = ExportFormat.JSONL,
) -> None:
    """Write the results of a job, in the order of its inputs, to a file."""
    with viewed(folder) as job:
        writers: Mapping[ExportFormat, Callable[[JobView, Path], int]] = {
            ExportFormat.JSONL: _export_lines,
            ExportFormat.PARQUET: lambda job, path: write_parquet(path, map(file_from_json, job.lines())),
        }
        partial = partial_of(output)
        try:
            count = writers[fmt](job, partial)
            partial.replace(output)
            sync_folder(output.parent)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
        finally:
            partial.unlink(missing_ok=True)
    typer.echo(f"{count} results in {output}")


def _export_lines(job: JobView, path: Path) -> int:
    count = 0
    fingerprint = job.runs[-1].fingerprint if job.runs else ""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header_json(version=__version__, fingerprint=fingerprint) + "\n")
        for line in job.lines():
            file.write(line + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _again(folder: Path, show: ProgressKind, *, retry_failed: bool) -> None:
    with viewed(folder) as job:
        asked = job.asked
    output = folder.absolute()
    try:
        os.chdir(asked.folder)
    except OSError as error:
        raise ConfigError(f"the job was started in {asked.folder}, which is not there any more: {error}") from error
    request, config = _request(asked, output, retry_failed=retry_failed), BatchProcessingConfig(**asked.settings)
    described = load_stages(request.described_in) if config.stages and request.described_in else None
    raise typer.Exit(carry_out(Order(config, request, output, show=show, stages=described)))


def _request(asked: Asked, output: Path, *, retry_failed: bool) -> JobRequest:
    fields = dict(asked.request)
    try:
        file = fields.pop("described_in", None)
        return JobRequest(
            [Path(path) for path in fields.pop("paths")],
            formats=[TranscriptFormat(name) for name in fields.pop("formats")],
            exclude=Path(fields.pop("exclude") or output),
            retry_failed=retry_failed,
            described_in=Path(file) if file else None,
            **fields,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(
            f"{output} was made by another version, whose request is not understood: {error!r}"
        ) from error


def _facts(job: JobView) -> dict[str, Any]:
    counts = job.journal.counts()
    last = job.runs[-1] if job.runs else None
    return {
        "folder": str(job.folder),
        "state": job.state.value,
        **{
            state.value: counts.get(state, (0, 0.0))[0]
            for state in (State.OK, State.FAILED, State.SKIPPED, State.BEGUN)
        },
        "audio_s": round(sum(audio_s for _, audio_s in counts.values()), 3),
        "last_run": _clock(last.started_at) if last else "",
    }


def _counts(facts: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{facts[state.value]} {word}" for state, word in _STATES.items())
    return f"{counts}; {facts['audio_s']:.1f} s of audio"


def _lines(job: JobView) -> list[str]:
    facts = _facts(job)
    owner = f", {job.owner.described(time.time())}" if job.owner else ""
    lines = [
        f"{facts['folder']}: {facts['state']}{owner}",
        _counts(facts),
        f"journal: {job.journal.check()}",
        "runs:",
        *(
            f"  {_clock(run.started_at)}  {run.state}  {run.wall_s:.1f} s{_share(run)}  process {run.owner}"
            for run in job.runs
        ),
    ]
    for state, title in ((State.BEGUN, "under way"), (State.FAILED, "failed")):
        files = list(job.files(state))
        lines += [f"{title}:"] if files else []
        lines += [f"  {_said(job, file)}" for file in files[:_SHOWN_FILES]]
        lines += [f"  and {len(files) - _SHOWN_FILES} more"] if len(files) > _SHOWN_FILES else []
    return lines


def _said(job: JobView, file: KnownFile) -> str:
    facts = _file(job, file)
    message = facts["message"]
    said = message if facts["path"] in message else f"{facts['path']}: {message}" if message else facts["path"]
    tried = [f"tried {facts['attempts']} times"] if facts["attempts"] > 1 else []
    tried += [f"{facts['segments']} segments finished"] if facts["segments"] else []
    return f"{said} ({', '.join(tried)})" if tried else said


def _file(job: JobView, file: KnownFile) -> dict[str, Any]:
    return {
        "path": file.shown.encode("utf-8", "backslashreplace").decode(),
        "state": file.state.value,
        "attempts": file.attempts,
        "segments": len(job.journal.segments(file.id)),
        "kind": file.error.kind if file.error else "",
        "message": file.error.message if file.error else "",
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "started": _clock(run.started_at),
        "state": run.state.value,
        "wall_s": round(run.wall_s, 3),
        "journal_s": round(run.journal_s, 3),
        "process": run.owner,
        "fingerprint": run.fingerprint,
    }


def _share(run: Run) -> str:
    return f", the journal {run.journal_s / run.wall_s:.1%} of it" if run.wall_s else ""


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
