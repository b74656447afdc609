"""The one ONNX Runtime door: a model file becomes an `OnnxModel` that maps named arrays to arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from modules.errors import Cancelled, ModelError


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    """How a session runs. One intra-op thread and no spinning: the workers are the parallelism (FINDINGS, batching)."""

    intra_op_threads: int = 1
    spinning: bool = False

    def __post_init__(self) -> None:
        if self.intra_op_threads < 1:
            raise ValueError(f"intra_op_threads must be at least 1, got {self.intra_op_threads}")


class OnnxModel:
    """A loaded ONNX graph on the CPU; `run` may be called from several threads at once."""

    def __init__(self, path: Path, options: OnnxOptions | None = None) -> None:
        """Load the graph at `path`. Raises `ModelError` when it is missing or cannot be loaded."""
        import onnxruntime  # noqa: PLC0415 - 0.1 s, paid only by those who run an ONNX model

        chosen = options or OnnxOptions()
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = chosen.intra_op_threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        settings.add_session_config_entry("session.intra_op.allow_spinning", "1" if chosen.spinning else "0")
        if not path.is_file():
            raise ModelError(f"no ONNX model at {path}")
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library raises a family of its own without a common parent
            raise ModelError(f"{path} cannot be loaded as an ONNX model: {error}") from error
        self._run_options: Any = onnxruntime.RunOptions
        self._under_way: list[Any] = []  # the run options of calls that run, each added and removed by its own thread
        self.path = path
        self.inputs: tuple[str, ...] = tuple(node.name for node in self._session.get_inputs())
        self.outputs: tuple[str, ...] = tuple(node.name for node in self._session.get_outputs())

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs in the order of `outputs`.

        Raises `ModelError` when the graph refuses the inputs, `Cancelled` when `stop` was called meanwhile.
        """
        options = self._run_options()
        self._under_way.append(options)
        try:
            result: list[NDArray[Any]] = self._session.run(None, feeds, options)
        except Exception as error:  # as above
            if options.terminate:
                raise Cancelled(f"{self.path.name} was told to stop") from error
            raise ModelError(f"{self.path.name} failed while running: {error}") from error
        finally:
            self._under_way.remove(options)
        return result

    def stop(self) -> None:
        """Break off all calls that run now, from any thread; each raises `Cancelled` soon."""
        for options in list(self._under_way):
            options.terminate = True


def providers() -> tuple[str, ...]:
    """The execution providers this installation of ONNX Runtime has, best first by its own order."""
    import onnxruntime  # noqa: PLC0415 - as above

    return tuple(onnxruntime.get_available_providers())
