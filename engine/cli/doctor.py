"""`onbeat doctor`: what this installation has and what it may use of this machine. Looks only; loads no model."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.cli.config import ConfigFile
from engine.config import BatchProcessingConfig
from engine.config_sources import load_config
from engine.learnt_costs import LearntCosts, NothingLearnt
from engine.memory_sums import outlook_of
from engine.version import __version__
from modules.errors import ConfigError, ModelError
from modules.models.onnx import providers
from modules.monitoring.installation import Installation, installation
from modules.monitoring.resources import effective_cpus, effective_memory, unique_set_bytes, worker_count
from modules.stages.asr_vosk import cached_models, is_model
from modules.stages.recognisers import RecogniserChoice, RecogniserWish, choose, vosk_folders

MIB = 2**20


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder in which Vosk models are looked for, and the models for the language wanted that are there."""

    folder: str
    exists: bool
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecogniserFinding:
    """The recogniser a run would use, and why; `backend` is `None` where it could have none."""

    backend: str | None
    why: str


@dataclass(frozen=True, slots=True)
class LearntFinding:
    """What calls of a model cost on this machine: in calls as large as the knee, and how many a worker answers."""

    model: str
    chunks: str
    knee: int
    p50_ms: float
    p99_ms: float
    chunks_per_s: float


@dataclass(frozen=True, slots=True)
class MemoryFinding:
    """The memory sum of the settings, in words and in MB, the limit it is held under, and how many streams fit."""

    sum: str
    sum_mb: int
    limit_mb: int
    fitting_streams: int


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """What the doctor saw. A decoder or a package that is `None` is not there; otherwise it is a version or a path."""

    onbeat: str
    python: str
    platform: str
    settings_file: str | None
    settings_error: str | None
    effective_cpus: float
    cpus_limited_by: str | None
    effective_memory_mb: int
    memory_limited_by: str
    memory_sum: MemoryFinding
    recogniser: RecogniserFinding
    model_folders: tuple[ModelFolder, ...]
    decoders: Mapping[str, str | None]
    onnx_providers: tuple[str, ...]
    learnt: tuple[LearntFinding, ...]
    nothing_learnt: str | None
    packages: Mapping[str, str | None]


def doctor_command(
    *,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what is installed, which decoders, backends and models there are, and what of this machine may be used.

    Works offline and loads no model. What is missing is shown, it is no error: the exit code is 0.
    """
    report = examine(config)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    elif sys.stdout.isatty():
        Console().print(_table(report))
    else:
        typer.echo("\n".join("\t".join(row) for row in rows(report)))


def examine(config_file: Path | None = None) -> DoctorReport:
    """Look at this installation and this machine."""
    settings, file, error = _settings(config_file)
    installed, cpus, memory = installation(), effective_cpus(), effective_memory()
    learnt, nothing_learnt = _learnt()
    choice, recogniser = _recogniser(settings)
    return DoctorReport(
        onbeat=__version__,
        python=f"{installed.implementation} {installed.python}",
        platform=installed.platform,
        settings_file=file,
        settings_error=error,
        effective_cpus=cpus.cpus,
        cpus_limited_by=cpus.source,
        effective_memory_mb=memory.limit_bytes // MIB,
        memory_limited_by=memory.source,
        memory_sum=_memory_sum(settings, choice, workers=settings.workers or worker_count(cpus)),
        recogniser=recogniser,
        model_folders=_model_folders(settings),
        decoders=_decoders(installed),
        onnx_providers=_onnx_providers(),
        learnt=learnt,
        nothing_learnt=nothing_learnt,
        packages={package.name: package.version for package in installed.packages},
    )


def rows(report: DoctorReport) -> list[tuple[str, str]]:
    """The report as lines of a subject and a finding; a subject with several findings has a line for each."""
    return [
        ("Onbeat", f"{report.onbeat} on {report.python}, {report.platform}"),
        ("settings", report.settings_error or report.settings_file or "no onbeat.toml, so the defaults"),
        ("CPUs", f"{report.effective_cpus:g} may be used (limit: {report.cpus_limited_by or 'not known'})"),
        ("memory", f"{report.effective_memory_mb:,} MB may be used (limit: {report.memory_limited_by})"),
        ("memory", report.memory_sum.sum),
        ("memory", _memory_limit_line(report.memory_sum)),
        ("recogniser", f"{report.recogniser.backend or 'not to be had'}: {report.recogniser.why}"),
        *(("Vosk models", _folder_line(looked)) for looked in report.model_folders),
        *(("decoders", _line(name, found)) for name, found in report.decoders.items()),
        *(("ONNX providers", name) for name in report.onnx_providers),
        *(("learnt", _learnt_line(found)) for found in report.learnt),
        *((("learnt", report.nothing_learnt),) if report.nothing_learnt else ()),
        *(("packages", _line(name, version)) for name, version in report.packages.items()),
    ]


def _settings(config_file: Path | None) -> tuple[BatchProcessingConfig, str | None, str | None]:
    """The settings, the file they are from and what is wrong with them: a doctor treats the sick as well."""
    try:
        loaded = load_config(config_file=config_file)
    except ConfigError as error:
        return BatchProcessingConfig(), None, str(error)
    return loaded.config, None if loaded.file is None else str(loaded.file), None


def _recogniser(settings: BatchProcessingConfig) -> tuple[RecogniserChoice | None, RecogniserFinding]:
    wish = RecogniserWish(asr=settings.asr, vosk_model=settings.vosk_model, language=settings.language)  # no download
    try:
        choice = choose(wish)
    except ModelError as error:
        return None, RecogniserFinding(None, str(error))
    return choice, RecogniserFinding(choice.backend, choice.why)


def _memory_sum(settings: BatchProcessingConfig, choice: RecogniserChoice | None, *, workers: int) -> MemoryFinding:
    """The sum with this process, which has loaded no model, in the place of the one that will run."""
    outlook = outlook_of(settings, choice, workers=workers, idle_bytes=unique_set_bytes())
    sum_mb, limit_mb = round(outlook.total_bytes / MIB), round(outlook.limit_bytes / MIB)
    return MemoryFinding(str(outlook), sum_mb, limit_mb, outlook.fitting_streams)


def _memory_limit_line(found: MemoryFinding) -> str:
    return f"held under {found.limit_mb} MB (max_memory_mb and models), where {found.fitting_streams} streams fit"


def _decoders(installed: Installation) -> dict[str, str | None]:
    """The decoders in the order in which they are tried."""
    versions = {package.name: package.version for package in installed.packages}
    ffmpeg = None if installed.ffmpeg is None else str(installed.ffmpeg)
    return {"soundfile": versions["soundfile"], "PyAV": versions["av"], "ffmpeg": ffmpeg}


def _onnx_providers() -> tuple[str, ...]:
    """The execution providers of ONNX Runtime; none where it cannot be imported, as the packages then show."""
    try:
        return providers()
    except ImportError:
        return ()


def _learnt() -> tuple[tuple[LearntFinding, ...], str | None]:
    """What earlier runs measured, or why there is nothing."""
    try:
        costs = LearntCosts.usual().read()
    except NothingLearnt as why:
        return (), str(why)
    found = [cost for key in costs.keys if (cost := costs.learnt(key))]
    return tuple(
        LearntFinding(c.key.model, c.key.shape, c.batch, c.p50_s * 1e3, c.p99_s * 1e3, c.per_s) for c in found
    ), None


def _learnt_line(found: LearntFinding) -> str:
    calls = f"calls of {found.knee}: {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms"
    return f"{found.model}, {found.chunks}: {calls}, {found.chunks_per_s:,.0f} a second and worker"


def _model_folders(settings: BatchProcessingConfig) -> tuple[ModelFolder, ...]:
    """Where a model is looked for, in that order: a folder that was named is the only one."""
    if (named := settings.vosk_model) is not None:
        return (ModelFolder(str(named), named.is_dir(), (str(named),) if is_model(named) else ()),)
    return tuple(
        ModelFolder(str(folder), folder.is_dir(), tuple(map(str, cached_models(settings.language, [folder]))))
        for folder in vosk_folders()
    )


def _folder_line(looked: ModelFolder) -> str:
    if looked.models:
        return ", ".join(looked.models)
    return f"none in {looked.folder}" if looked.exists else f"no folder {looked.folder}"


def _line(name: str, found: str | None) -> str:
    return f"{name} {found or '(missing)'}"


def _table(report: DoctorReport) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    before = ""
    for subject, finding in rows(report):
        table.add_row("" if subject == before else subject, Text(finding))
        before = subject
    return table
