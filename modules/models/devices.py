"""`DeviceManager`: where models run. Providers are tried with a real run; what fails is named, and the CPU takes over.

Nothing is set in the environment, and nothing is tried at import.
"""

import logging
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from modules.errors import ModelError
from modules.models.graph_bytes import Node, Port, model_bytes
from modules.models.onnx import OnnxModel, providers
from modules.models.onnx_options import OnnxOptions, Provider
from modules.monitoring.resources import effective_memory

LEAST_HALF_GAIN: Final = 1.2
"""FP16 has to be so many times faster than FP32 to be worth its error."""

_HALF_SIZE: Final = 512
_HALF_ROUNDS: Final = 5
_MIB: Final = 2**20
_QUERY_TIMEOUT_S: Final = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes a device has, and of these free ones; `None` where nobody says."""

    total_bytes: int | None = None
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A provider that has run a model here, and its memory."""

    provider: Provider
    memory: DeviceMemory


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider that was tried and is not used, and why."""

    provider: Provider
    cause: str

    def __str__(self) -> str:
        return f"{self.provider}: {self.cause}"


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """The device to use, and what was tried before it and refused, best first."""

    device: Device
    refused: tuple[Refusal, ...] = ()

    @property
    def warning(self) -> str | None:
        """Why it is not the one that was hoped for; `None` when it is."""
        if not self.refused:
            return None
        return f"models run on {self.device.provider}: {'; '.join(map(str, self.refused))}"

    @property
    def options(self) -> OnnxOptions:
        """Session options for the device."""
        return OnnxOptions(provider=self.device.provider)


@dataclass(frozen=True, slots=True)
class HalfGain:
    """FP32 beside FP16 on a device: milliseconds of a product of two 512 x 512 matrices; `None` where FP16 fails."""

    single_ms: float
    half_ms: float | None

    @property
    def is_worth_it(self) -> bool:
        """Whether FP16 is at least `LEAST_HALF_GAIN` times as fast."""
        return self.half_ms is not None and self.single_ms >= LEAST_HALF_GAIN * self.half_ms


class DeviceManager:
    """Which devices there are, in the order of `Provider`, and which of them runs models."""

    def __init__(
        self,
        *,
        available: Callable[[], Sequence[str]] = providers,
        trial: Callable[[Provider], None] | None = None,
        memory: Callable[[Provider], DeviceMemory] | None = None,
    ) -> None:
        """Ask `available` what is installed, `trial` whether it runs (it raises when not), `memory` what it holds."""
        self._available = available
        self._trial = trial or try_provider
        self._memory = memory or device_memory

    def candidates(self) -> tuple[Provider, ...]:
        """The providers that are installed and run on this machine's own devices, the fastest kind first."""
        installed = set(self._available())
        return tuple(provider for provider in Provider if provider in installed)

    def choose(self, wish: Provider | None = None) -> DeviceChoice:
        """The first provider that runs, `wish` before all others; the CPU in the end.

        What failed is logged as a warning with its cause. Raises `ModelError` when not even the CPU runs a model.
        """
        order = [provider for provider in self.candidates() if provider is not wish]
        refused = []
        if wish is not None:
            if wish in self.candidates():
                order.insert(0, wish)
            else:
                refused.append(Refusal(wish, "not in this installation of ONNX Runtime"))
        for provider in order:
            cause = self.failure(provider)
            if cause is None:
                choice = DeviceChoice(Device(provider, self._memory(provider)), tuple(refused))
                if choice.warning:
                    _log.warning(choice.warning)
                return choice
            refused.append(Refusal(provider, cause))
        raise ModelError(f"no device runs models: {'; '.join(map(str, refused)) or 'no provider is installed'}")

    def failure(self, provider: Provider) -> str | None:
        """Why the provider does not run a model; `None` when it does."""
        try:
            self._trial(provider)
        except Exception as error:  # noqa: BLE001 - a driver may raise anything: whatever it is, this is no device for us
            return " ".join(str(error).split()) or type(error).__name__
        return None


def try_provider(provider: Provider) -> None:
    """Run a tiny model on the provider and check its answer. Raises `ModelError` with the cause when that fails."""
    graph = model_bytes(
        [Node("MatMul", ["a", "b"], ["product"]), Node("Relu", ["product"], ["y"])],
        [Port("a", ["rows", 3])],
        [Port("y", ["rows", 2])],
        {"b": np.array([[1, -2], [3, 4], [-5, 6]], np.float32)},
    )
    (found,) = _run_once(graph, provider, np.array([[1, 1, 1], [2, 0, 1]], np.float32))
    if not np.allclose(found, [[0, 8], [0, 2]]):
        raise ModelError(f"a tiny model gave {found.tolist()} instead of [[0, 8], [0, 2]]")


def measure_half(provider: Provider) -> HalfGain:
    """Time a matrix product in FP32 and in FP16 on the device. Raises `ModelError` when FP32 fails."""
    single = _product_ms(provider, "float32")
    try:
        half = _product_ms(provider, "float16")
    except ModelError:
        return HalfGain(single, None)
    return HalfGain(single, half)


def device_memory(provider: Provider) -> DeviceMemory:
    """What the device holds: of the CPU what this process may use, of an NVIDIA card what `nvidia-smi` says."""
    if provider is Provider.CPU:
        memory = effective_memory()
        return DeviceMemory(memory.limit_bytes, memory.available_bytes)
    if provider in (Provider.CUDA, Provider.TENSORRT):
        return _nvidia_memory()
    return DeviceMemory()


def _nvidia_memory(search_path: str | None = None) -> DeviceMemory:
    """Of the first card, which is the one a session uses unless told otherwise."""
    program = shutil.which("nvidia-smi", path=search_path)
    if program is None:
        return DeviceMemory()
    query = [program, "--query-gpu=memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=_QUERY_TIMEOUT_S)
        total, free = (int(part) * _MIB for part in answer.stdout.splitlines()[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return DeviceMemory()
    return DeviceMemory(total, free)


def _product_ms(provider: Provider, element: str) -> float:
    square: list[int | str] = ["n", _HALF_SIZE]
    graph = model_bytes(
        [Node("MatMul", ["a", "b"], ["y"])],
        [Port("a", square, element)],
        [Port("y", square, element)],
        {"b": np.full((_HALF_SIZE, _HALF_SIZE), 0.5, element)},
    )
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        model = _loaded(graph, provider, Path(folder))
        given = {"a": np.full((_HALF_SIZE, _HALF_SIZE), 0.5, element)}
        model.run(given)
        for _ in range(_HALF_ROUNDS):
            started_s = time.perf_counter()
            model.run(given)
            rounds.append((time.perf_counter() - started_s) * 1e3)
    return statistics.median(rounds)


def _run_once(graph: bytes, provider: Provider, given: np.ndarray) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        return _loaded(graph, provider, Path(folder)).run({"a": given})


def _loaded(graph: bytes, provider: Provider, folder: Path) -> OnnxModel:
    file = folder / "trial.onnx"
    file.write_bytes(graph)
    return OnnxModel(file, OnnxOptions(provider=provider))
