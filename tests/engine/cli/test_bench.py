"""`onbeat bench`: what it measures is told as the user reads it; the measuring itself has tests of its own."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console
from typer.testing import CliRunner

from engine.bench.capacity import CapacityWish
from engine.cli import bench
from engine.cli.app import app
from engine.cli.bench_chart import StreamsAgainstP99
from engine.cli.bench_words import answer, begun
from engine.config import BatchProcessingConfig
from modules.measuring.figures import Figure
from modules.measuring.plots import Line, Mark, Plot
from modules.measuring.report_json import report_from_json
from modules.measuring.report_schema import report_schema
from modules.measuring.results import Machine, ScenarioResult, Side
from tests.fakes import ramp, write_wav
from tests.made_report import CDF, STREAMS

ROOT = Path(__file__).parents[3]
MACHINE = Machine("CPU", "Linux", cpus=4, effective_cpus=2.0, memory_mb=100.0)
FOUND = ScenarioResult(
    "capacity",
    "How many?",
    seconds=9.0,
    sides=(
        Side(
            "onbeat",
            (
                Figure("streams", 20.0, "streams"),
                Figure("p99", 60.0, "ms", low=50.0, high=70.0),
                Figure("on time", 99.8, "%"),
                Figure("pool hits", 98.2, "%", note="50 leases after the warm-up, eight in hand"),
            ),
        ),
    ),
    plots=(STREAMS, CDF),
    notes=("measured with made-up speech",),
)


class Measured:
    """Stands for the measurement: it remembers what was asked for, tells of one trial, and has found `FOUND`."""

    def __init__(self, found: ScenarioResult = FOUND) -> None:
        self.found = found
        self.asked: list[tuple[BatchProcessingConfig, CapacityWish]] = []

    async def __call__(
        self, config: BatchProcessingConfig, wish: CapacityWish, on_progress: Callable[[str], None]
    ) -> ScenarioResult:
        self.asked.append((config, wish))
        on_progress("20 streams: p99 60 ms")
        return self.found


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Measured:
    """The command measures nothing and is in an empty folder."""
    stand_in = Measured()
    monkeypatch.setattr(bench, "measure_capacity", stand_in)
    monkeypatch.setattr(bench, "this_machine", lambda: MACHINE)
    monkeypatch.chdir(tmp_path)
    return stand_in


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    result = CliRunner().invoke(app, ["bench", "--asr", "none", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_the_answer_is_told_in_sentences(measured: Measured, capfd: pytest.CaptureFixture[str]) -> None:
    """On stdout the answer, on stderr what goes on."""
    code, said, progress = run()
    progress += capfd.readouterr().err  # while native libraries are kept quiet
    assert code == 0
    assert said.splitlines() == [
        "This machine carries 20 live streams at once, 10 a CPU: 99 of 100 chunks are answered within 300 ms.",
        "With so many: p99 60 ms (50 to 70), on time 99.8 %.",
        "Buffer pool: 98.2 % of 50 leases after the warm-up, eight in hand found a block.",
        "Measured with made-up speech.",
    ]
    assert "measuring voice detection alone, p99 chunk latency at most 300 ms, for about 1 min" in progress
    assert "20 streams: p99 60 ms" in progress
    assert measured.asked[0][1] == CapacityWish(seconds=60.0)


def test_options_become_settings(measured: Measured, tmp_path: Path) -> None:
    """The target, the workers, the time and what the streams say."""
    write_wav(tmp_path / "talk.wav", ramp(2.0))
    code, _, progress = run("talk.wav", "--seconds", "30", "--target-ms", "120", "--workers", "1")
    assert code == 0, progress
    config, wish = measured.asked[0]
    assert (config.p99_chunk_latency_ms, config.workers, wish.seconds) == (120, 1, 30)
    assert wish.sound is not None
    assert wish.sound.duration_s == pytest.approx(2.0)


def test_files_are_written_and_named(measured: Measured, tmp_path: Path) -> None:
    """The JSON reads back and keeps to the schema, the page and the picture are what they are called."""
    code, _, progress = run("--json", "r.json", "--html", "r.html", "--png", "r.png")
    assert code == 0, progress
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    jsonschema.validate(json.loads(text), report_schema())
    assert report_from_json(text).scenarios == (measured.found,)
    assert (tmp_path / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    assert [line for line in progress.splitlines() if "written" in line] == [
        f"onbeat: written: r.{kind}" for kind in ("json", "html", "png")
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--html", "nowhere/r.html"), "no folder nowhere"),
        (("--json", "."), "is a folder"),
        (("--seconds", "1"), "--seconds"),
        (("--workers", "0"), "workers"),
        (("no.wav",), "no such file: no.wav"),
        (("short.wav",), "too short"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_is_refused_before_a_minute_is_spent(
    measured: Measured, tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    """Wrong usage: exit code 2, and nothing was measured."""
    write_wav(tmp_path / "short.wav", ramp(0.2))
    code, _, progress = run(*arguments)
    assert code == 2
    assert why in progress
    assert measured.asked == []


def test_without_matplotlib_a_picture_is_refused_at_once(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    """And everything else works."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, progress = run("--png", "r.png")
    assert code == 2
    assert "pip install 'onbeat[bench]'" in progress
    assert measured.asked == []
    assert run("--json", "r.json")[0] == 0


def test_what_is_not_to_be_trusted_says_so_and_fails(measured: Measured) -> None:
    """Exit code 1, so that no script takes the number."""
    measured.found = replace(FOUND, invalid=("other processes kept 1.2 CPUs busy, at most 0.2",))
    code, said, _ = run()
    assert code == 1
    assert "NOT TO BE TRUSTED: other processes kept 1.2 CPUs busy, at most 0.2. Close what else runs" in said


def test_too_little_time_is_no_answer(measured: Measured) -> None:
    """Some streams were in time, and no number was found: exit code 1."""
    measured.found = replace(FOUND, sides=(Side("onbeat", (Figure("streams", 0.0),)),))
    code, said, _ = run()
    assert code == 1
    assert "give it more with --seconds" in said


def test_words_for_machines_of_all_sizes() -> None:
    """A CPU's share where there are several, one stream, none."""
    assert answer(FOUND, MACHINE)[0].startswith("This machine carries 20 live streams at once, 10 a CPU: 99 of 100")
    one = replace(FOUND, sides=(Side("onbeat", (Figure("streams", 1.0),)),))
    assert answer(one, replace(MACHINE, effective_cpus=1.0))[0] == (
        "This machine carries 1 live stream at once: 99 of 100 chunks are answered within 300 ms."
    )
    none = replace(FOUND, sides=(Side("onbeat", (Figure("streams", 0.0),)),))
    assert "The time was too short" in answer(none, MACHINE)[0]
    hopeless = replace(none, plots=(replace(STREAMS, limit=1.0),))
    assert "does not carry a single such stream" in answer(hopeless, MACHINE)[0]


def test_it_says_which_model_is_measured() -> None:
    """As the settings choose it."""
    assert "recogniser sphinx" in begun(BatchProcessingConfig(asr="sphinx"), 60.0)


def drawn(plot: Plot = STREAMS, *, columns: int = 80, ascii_only: bool = False) -> list[str]:
    """The lines of the picture in a terminal of that width."""
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii" if ascii_only else "utf-8", write_through=True)
    console = Console(file=file, width=columns, force_terminal=True, color_system=None, legacy_windows=False)
    console.print(StreamsAgainstP99(plot))
    file.seek(0)
    return file.read().splitlines()


def test_the_picture_has_a_bar_a_trial_and_the_target_across() -> None:
    """Short bars leave the line free, long ones go over it, endless ones say so."""
    head, few, more, most, foot = drawn()
    assert head == "streams  p99 chunk latency"
    assert few.startswith("     10  ██")
    assert few.index("┊") == more.index("┊") == foot.index("┊")
    assert few.endswith("20 ms")
    assert "┊" not in most
    assert ">  900 ms" in most
    assert foot.endswith("┊ target 300 ms")


def test_streams_that_lose_chunks_are_marked_however_soon_the_rest_is_answered() -> None:
    """A p99 is of what was answered."""
    lines = drawn(replace(STREAMS, marks=(Mark(20.0, "8.1% late or lost"),)))
    assert lines[2].endswith("60 ms  8.1% late or lost")
    assert lines[1].endswith("20 ms")
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("columns", [30, 60, 200])
def test_the_picture_fits_the_terminal(columns: int) -> None:
    """However narrow."""
    assert max(map(len, drawn(columns=columns))) <= columns


def test_a_terminal_without_unicode_gets_a_picture_too() -> None:
    """In ASCII."""
    lines = drawn(ascii_only=True)
    assert "|" in lines[1]
    assert "#" in lines[1]
    assert all(line.isascii() for line in lines)


def test_a_picture_of_nothing_is_its_frame() -> None:
    """No trial came to an end."""
    assert len(drawn(replace(STREAMS, lines=()))) == len(drawn(replace(STREAMS, lines=(Line("onbeat", ()),)))) == 2


def test_ctrl_c_ends_it_with_130_and_leaves_nothing(tmp_path: Path) -> None:
    """A process of its own, interrupted while it measures: no file, no traceback, no generator left behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "bench", "--asr", "none", "--seconds", "60", "--json", "r.json"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert process.stderr is not None
    assert "measuring" in process.stderr.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():  # until there is a generator
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, progress = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in progress
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
