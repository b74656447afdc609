"""How a session of ONNX Runtime is opened with given options. The library is handed in by its door, `onnx.py`."""

from pathlib import Path
from typing import Any

from modules.errors import ModelError
from modules.models.knobs import GROWTH_NUMBERS, attributes, entries, library_value
from modules.models.onnx_file import read_summary
from modules.models.onnx_options import ArenaGrowth, OnnxOptions

_shared_arena: list[tuple[ArenaGrowth, int]] = []  # the library has one environment a process, and so one shared arena


def open_session(library: Any, path: Path, options: OnnxOptions, *, write_graph_to: Path | None = None) -> Any:  # noqa: ANN401 - untyped library
    """A session of the graph at `path`; the rewritten graph is also written where `write_graph_to` says.

    Raises `ModelError` when it cannot be loaded or the provider is not installed.
    """
    settings = library.SessionOptions()
    settings.log_severity_level = 4  # what goes wrong is raised: it need not be on stderr too
    for name, value in attributes(options).values():
        setattr(settings, name, library_value(library, name, value))
    for key, value in entries(options).values():
        settings.add_session_config_entry(key, value)
    if write_graph_to is not None:
        settings.optimized_model_filepath = str(write_graph_to)
    if options.wants_shared_arena:
        _share_arena(library, options)
    installed = library.get_available_providers()
    if options.provider not in installed:
        raise ModelError(f"{options.provider} is not in this installation, which has {', '.join(installed)}")
    try:
        session = library.InferenceSession(str(path), settings, providers=[str(options.provider)])
    except Exception as error:  # the library raises a family of its own without a common parent
        raise ModelError(f"{path} cannot be loaded as an ONNX model: {_reason(path, error)}") from error
    session.disable_fallback()  # else it loads the graph anew on the CPU when a call fails, and only prints it
    return session


def _reason(path: Path, error: Exception) -> str:
    """The library's words, after our own where the file is no whole ONNX file."""
    try:
        read_summary(path)
    except ModelError as own:
        return f"{own}; ONNX Runtime says: {error}"
    return str(error)


def _share_arena(library: Any, options: OnnxOptions) -> None:  # noqa: ANN401 - untyped library
    """Set up the arena of the process. A second wish that differs is refused: the library would take it in silence."""
    wanted = (options.arena_growth or ArenaGrowth.POWER_OF_TWO, options.max_arena_bytes or 0)
    if not _shared_arena:
        kind = library.OrtAllocatorType.ORT_ARENA_ALLOCATOR
        place = library.OrtMemoryInfo("Cpu", kind, 0, library.OrtMemType.DEFAULT)
        growth = {"arena_extend_strategy": GROWTH_NUMBERS[wanted[0]], "max_mem": wanted[1]}
        library.create_and_register_allocator(place, library.OrtArenaCfg(growth))
        _shared_arena.append(wanted)
    if _shared_arena[0] != wanted:
        raise ModelError(f"this process shares one arena, set up with {_shared_arena[0]}: {wanted} would do nothing")
