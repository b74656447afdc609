"""The one ONNX Runtime door: a model file becomes an `OnnxModel` that maps named arrays to arrays.

Only what calls the library stands here. What its settings mean is in `onnx_options.py` and `knobs.py`.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modules.errors import Cancelled, ModelError
from modules.models import graph_cache
from modules.models.digest import onnx_digest
from modules.models.knobs import SHRINK_ENTRY, KnobReading, readings
from modules.models.onnx_file import ModelSummary, read_summary
from modules.models.onnx_options import GraphLevel, IoBinding, OnnxOptions
from modules.models.run_records import ModelIdentity, Shapes, TimedRun
from modules.models.session import open_session
from modules.models.tensors import TensorSpec, objections

__all__ = ["OnnxModel", "OnnxOptions", "library_version", "providers"]


class OnnxModel:
    """A loaded ONNX graph; `run` may be called from several threads at once.

    `inputs` and `outputs` are typed, `knobs` says which settings are in force, `from_graph_cache` whether the graph was
    read as the library had rewritten it before.
    """

    def __init__(self, path: Path, options: OnnxOptions | None = None) -> None:
        """Load the graph at `path`.

        Raises `ModelError` when it is missing or cannot be loaded, and when a setting is not in force afterwards.
        """
        import onnxruntime  # noqa: PLC0415 - 0.1 s, paid only by those who run an ONNX model

        self.path = path
        self.options = options or OnnxOptions()
        if not path.is_file():
            raise ModelError(f"no ONNX model at {path}")
        self._library: Any = onnxruntime
        self._session: Any = self._opened()
        self._call_options: Any = self._shrinking if self.options.arena_shrink else onnxruntime.RunOptions
        self._under_way: list[Any] = []  # the run options of calls that run, each added and removed by its own thread
        self._warm: set[Shapes] = set()
        self._binds: set[Shapes] = set()
        self.inputs = _specs(self._session.get_inputs())
        self.outputs = _specs(self._session.get_outputs())
        self.knobs = self._knobs()

    def __repr__(self) -> str:
        inputs, outputs = ("; ".join(map(str, specs)) for specs in (self.inputs, self.outputs))
        return f"<OnnxModel {self.path.name}: {inputs} -> {outputs}>"

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs in the order of `outputs`.

        Raises `ModelError` when the graph refuses the inputs, `Cancelled` when `stop` was called meanwhile.
        """
        options = self._call_options()
        self._under_way.append(options)
        try:
            result: list[NDArray[Any]] = self._session.run(None, feeds, options)
        except Exception as error:  # the library raises a family of its own without a common parent
            raise self._failure(error, feeds, options) from error
        finally:
            self._under_way.remove(options)
        return result

    def run_into(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]], *, bound: bool | None = None
    ) -> None:
        """Write each named output into the caller's array, such as a leased one.

        With `bound` the library writes there itself; by default where the options say so or `measure_binding` found
        it faster for these shapes. Otherwise the outputs are copied. Raises as `run` does, and `ModelError` for an
        array that an output does not fit.
        """
        if bound is None:
            bound = self.options.io_binding is IoBinding.ON or self.shapes(feeds) in self._binds
        if bound:
            self._run_bound(feeds, outputs)
            return
        by_name = dict(zip((spec.name for spec in self.outputs), self.run(feeds), strict=True))
        for name, target in outputs.items():
            if name not in by_name or by_name[name].shape != target.shape or by_name[name].dtype != target.dtype:
                raise ModelError(f"{self.path.name} has no output {name} of {target.dtype} {list(target.shape)}")
            target[...] = by_name[name]

    def timed(self, feeds: Mapping[str, NDArray[Any]]) -> TimedRun:
        """The outputs with how long they took and which model gave them. Raises as `run` does."""
        started_s = time.perf_counter()
        outputs = self.run(feeds)
        inference_ms = (time.perf_counter() - started_s) * 1e3
        return TimedRun(outputs, inference_ms, self.shapes(feeds) in self._warm, self.identity)

    def stop(self) -> None:
        """Break off all calls that run now, from any thread; each raises `Cancelled` soon."""
        for options in list(self._under_way):
            options.terminate = True

    def shapes(self, feeds: Mapping[str, NDArray[Any]]) -> Shapes:
        """The shapes of `feeds` in the order of `inputs`."""
        return tuple(feeds[spec.name].shape for spec in self.inputs if spec.name in feeds)

    def mark_warm(self, feeds: Mapping[str, NDArray[Any]]) -> None:
        """A warm-up has run these shapes."""
        self._warm.add(self.shapes(feeds))

    def mark_bound(self, feeds: Mapping[str, NDArray[Any]], *, is_faster: bool) -> None:
        """Binding was measured for these shapes."""
        (self._binds.add if is_faster else self._binds.discard)(self.shapes(feeds))

    @property
    def is_running(self) -> bool:
        """Whether a call runs now."""
        return bool(self._under_way)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the model's content in hexadecimal, weights in other files too; see `onnx_digest`."""
        return onnx_digest(self.path)

    @cached_property
    def summary(self) -> ModelSummary:
        """What the file says of itself."""
        return read_summary(self.path)

    @cached_property
    def identity(self) -> ModelIdentity:
        """Name, digest, format and provider, as they stand in results."""
        return ModelIdentity(self.path.stem, self.digest, self.summary.format, str(self._session.get_providers()[0]))

    def _opened(self) -> Any:  # noqa: ANN401 - untyped library
        """A session, of the graph as it was rewritten before where one was kept."""
        folder = self.options.graph_cache
        self.from_graph_cache = False
        if folder is None:
            return open_session(self._library, self.path, self.options)
        key = graph_cache.graph_key(self._digest_or_reason(), library_version(), self.options)
        kept = graph_cache.kept(folder, key)
        self.from_graph_cache = kept is not None
        if kept is None:
            kept = graph_cache.keep(folder, key, self._write_graph)
        return open_session(self._library, kept, replace(self.options, graph_level=GraphLevel.OFF))

    def _digest_or_reason(self) -> str:
        if self.summary.external:
            raise ModelError(f"{self.path} has weights in other files: its rewritten graph is not kept; no graph_cache")
        return self.digest

    def _write_graph(self, path: Path) -> None:
        open_session(self._library, self.path, self.options, write_graph_to=path)

    def _knobs(self) -> tuple[KnobReading, ...]:
        """What is in force. Raises `ModelError` where that is not what was asked for."""
        is_rewritten = self.options.graph_cache is not None
        loaded_with = replace(self.options, graph_level=GraphLevel.OFF) if is_rewritten else self.options
        found = readings(loaded_with, self._session, self._library)
        for reading in found:
            if not reading.is_in_force:
                raise ModelError(
                    f"{self.path.name}: {reading.knob} is not in force: {reading.wanted} was asked for, "
                    f"{reading.found} is what the session says"
                )
        return found

    def _shrinking(self) -> Any:  # noqa: ANN401 - untyped library
        options = self._library.RunOptions()
        options.add_run_config_entry(*SHRINK_ENTRY)
        return options

    def _run_bound(self, feeds: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> None:
        for name, target in outputs.items():
            if not target.flags.c_contiguous:
                raise ModelError(f"output {name} must lie in memory in one piece to be bound: make it contiguous")
        options = self._call_options()
        self._under_way.append(options)
        try:
            binding = self._session.io_binding()
            for name, given in feeds.items():
                binding.bind_cpu_input(name, np.ascontiguousarray(given))
            for name, target in outputs.items():
                binding.bind_output(name, "cpu", 0, target.dtype, target.shape, target.ctypes.data)
            self._session.run_with_iobinding(binding, options)
        except Exception as error:  # as in `run`
            raise self._failure(error, feeds, options) from error
        finally:
            self._under_way.remove(options)

    def _failure(self, error: Exception, feeds: Mapping[str, NDArray[Any]], options: Any) -> Exception:  # noqa: ANN401
        if options.terminate:
            return Cancelled(f"{self.path.name} was told to stop")
        wrong = "; ".join(objections(self.inputs, feeds))
        return ModelError(f"{self.path.name} failed while running: {wrong + ': ' if wrong else ''}{error}")


def providers() -> tuple[str, ...]:
    """The execution providers this installation of ONNX Runtime has, best first by its own order."""
    import onnxruntime  # noqa: PLC0415 - as above

    return tuple(onnxruntime.get_available_providers())


def library_version() -> str:
    """The version of ONNX Runtime."""
    import onnxruntime  # noqa: PLC0415 - as above

    return str(onnxruntime.__version__)


def quantisation() -> Any:  # noqa: ANN401 - untyped library
    """ONNX Runtime's quantisation. Raises `ModelError` where the `onnx` package, which it needs, is missing."""
    try:
        import onnxruntime.quantization.shape_inference  # noqa: PLC0415 - needs the optional onnx package
    except ImportError as error:
        raise ModelError(
            f"{error}: models are rewritten with the onnx package: pip install 'onbeat[models]'"
        ) from error
    return onnxruntime.quantization


def halving() -> Any:  # noqa: ANN401 - untyped library
    """ONNX Runtime's conversion to FP16. Raises `ModelError` as `quantisation` does."""
    try:
        import onnxruntime.transformers.float16  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ModelError(
            f"{error}: models are rewritten with the onnx package: pip install 'onbeat[models]'"
        ) from error
    return onnxruntime.transformers.float16


def _specs(nodes: Any) -> tuple[TensorSpec, ...]:  # noqa: ANN401 - untyped library
    return tuple(TensorSpec.of_onnx(node.name, node.type, node.shape) for node in nodes)
