"""The one door to PyTorch, for models that exist only there: a saved program with the same face as an `OnnxModel`.

Optional: `pip install 'onbeat[torch]'`. Pickled modules are not loaded, since loading one runs whatever it holds.
"""

import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from modules.errors import ModelError
from modules.models.digest import file_digest
from modules.models.run_records import ModelIdentity
from modules.models.tensors import Array, TensorSpec, objections

_MAX_THREADS: Final = 256
_EXPORTED: Final = {"archive_format", "serialized_exported_program.json"}  # of PyTorch 2.7 and later, and before


@dataclass(frozen=True, slots=True)
class TorchOptions:
    """How a program runs: on `device` (`cpu`, `cuda`, `cuda:1`, `mps`), in 16 bits with `autocast`, compiled or not.

    `threads` are PyTorch's own for the whole process, since it has no others; one, because workers are the parallelism.
    """

    device: str = "cpu"
    threads: int = 1
    autocast: bool = False
    compiled: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= _MAX_THREADS:
            raise ValueError(f"threads must be 1 to {_MAX_THREADS}, got {self.threads}")
        if not self.device:
            raise ValueError("device must be named, such as cpu or cuda:0")


class TorchModel:
    """A TorchScript file, or a program of `torch.export.save`; `run` may be called from several threads at once.

    A call cannot be broken off: PyTorch has no way to. The shapes of a TorchScript file's inputs are not known.
    """

    def __init__(self, path: Path, options: TorchOptions | None = None) -> None:
        """Load the program at `path`.

        Raises `ModelError` when PyTorch is not installed, when the file is missing or no such program, or when the
        device is not there or an option is not in force.
        """
        self.path = path
        self.options = options or TorchOptions()
        if not path.is_file():
            raise ModelError(f"no PyTorch program at {path}")
        self._torch = library()
        self._torch.set_num_threads(self.options.threads)
        is_exported = _is_exported(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that TorchScript is old is nothing its users can change here
                program, self.inputs = (self._exported if is_exported else self._scripted)(path)
                self._module: Any = self._torch.compile(program) if self.options.compiled else program
        except Exception as error:  # the library raises whatever its parsers and drivers do
            raise ModelError(f"{path} cannot be loaded as a PyTorch program: {_first_line(error)}") from error
        self.format = "torch-export" if is_exported else "torch-script"
        self.outputs: tuple[TensorSpec, ...] = ()
        if self._torch.get_num_threads() != self.options.threads:
            raise ModelError(f"threads are not in force: {self.options.threads} were asked for")

    def __repr__(self) -> str:
        return f"<TorchModel {self.path.name}: {'; '.join(map(str, self.inputs))}>"

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The outputs in order, as arrays. Raises `ModelError` when the program refuses the inputs."""
        torch = self._torch
        wrong = [name for name in (spec.name for spec in self.inputs) if name not in feeds]
        if wrong:
            raise ModelError(f"{self.path.name}: {', '.join(wrong)} is missing")
        try:
            with torch.inference_mode(), torch.autocast(self._device_kind, enabled=self.options.autocast):
                given = [torch.from_numpy(feeds[spec.name]).to(self.options.device) for spec in self.inputs]
                answer = self._module(*given)
        except Exception as error:  # as above
            is_known = all(spec.kind == "tensor" for spec in self.inputs)
            said = "; ".join(objections(self.inputs, feeds)) if is_known else ""
            raise ModelError(f"{self.path.name} failed while running: {said or _first_line(error)}") from error
        tensors = answer if isinstance(answer, tuple | list) else (answer,)
        if any(not isinstance(tensor, torch.Tensor) for tensor in tensors):
            raise ModelError(f"{self.path.name} gives {type(answer).__name__}, not tensors")
        return [_array(tensor) for tensor in tensors]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file in hexadecimal."""
        return file_digest(self.path)

    @cached_property
    def identity(self) -> ModelIdentity:
        """Name, digest, format and device, as they stand in results."""
        return ModelIdentity(self.path.stem, self.digest, self.format, f"torch {self.options.device}")

    @property
    def _device_kind(self) -> str:
        return self.options.device.partition(":")[0]

    def _exported(self, path: Path) -> tuple[Any, tuple[TensorSpec, ...]]:
        program = self._torch.export.load(str(path))
        names = set(program.graph_signature.user_inputs)
        nodes = [node for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
        return program.module().to(self.options.device), tuple(_spec(node.name, node.meta["val"]) for node in nodes)

    def _scripted(self, path: Path) -> tuple[Any, tuple[TensorSpec, ...]]:
        module = self._torch.jit.load(str(path), map_location=self.options.device).eval()
        arguments = module.forward.schema.arguments[1:]  # the first is the module itself
        return module, tuple(TensorSpec(argument.name, "float32", (), "shape unknown") for argument in arguments)


def library() -> Any:  # noqa: ANN401 - untyped library
    """The `torch` package. Raises `ModelError` when it is not installed."""
    try:
        import torch  # noqa: PLC0415 - optional, and seconds to import
        import torch.export  # noqa: PLC0415 - as above
    except ImportError as error:
        raise ModelError(f"{error}: to run PyTorch models, pip install 'onbeat[torch]'") from error
    return torch


def _is_exported(path: Path) -> bool:
    """Whether the file is one of `torch.export.save`, by its content. Raises `ModelError` for what is no archive."""
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path} is no PyTorch program: neither of torch.jit.save nor of torch.export.save")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not _EXPORTED.isdisjoint(name.rpartition("/")[2] for name in names):
        return True
    if not any("/code/" in name for name in names):
        raise ModelError(f"{path} holds weights or a pickled module; save the program with torch.jit or torch.export")
    return False


def _spec(name: str, value: Any) -> TensorSpec:  # noqa: ANN401 - untyped library
    sizes: Sequence[int | str] = [size if isinstance(size, int) else str(size) for size in value.shape]
    return TensorSpec(name, str(value.dtype).removeprefix("torch."), tuple(sizes))


def _array(tensor: Any) -> Array:  # noqa: ANN401 - untyped library
    is_brain_float = str(tensor.dtype) == "torch.bfloat16"  # NumPy has no such element
    found: Array = (tensor.float() if is_brain_float else tensor).cpu().numpy()
    return found


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
