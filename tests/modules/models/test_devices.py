"""Devices are tried with a real run; what fails is named and the CPU takes over."""

import logging
from pathlib import Path

import pytest

from modules.errors import ModelError
from modules.models.devices import DeviceManager, DeviceMemory, HalfGain, device_memory, measure_half, try_provider
from modules.models.devices import _nvidia_memory as nvidia_memory
from modules.models.onnx_options import Provider


def manager(installed: list[str], broken: dict[Provider, Exception]) -> DeviceManager:
    """A machine with these providers, of which some do not run."""

    def trial(provider: Provider) -> None:
        if provider in broken:
            raise broken[provider]

    return DeviceManager(available=lambda: installed, trial=trial, memory=lambda _: DeviceMemory(8, 4))


INSTALLED = ["AzureExecutionProvider", "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"]


def test_the_fastest_kind_comes_first_and_remote_ones_do_not_count() -> None:
    """Whatever the order in which the library lists them."""
    assert manager(INSTALLED, {}).candidates() == (Provider.TENSORRT, Provider.CUDA, Provider.CPU)


def test_the_first_that_runs_is_chosen() -> None:
    """Without a warning when it is the first."""
    choice = manager(INSTALLED, {}).choose()
    assert (choice.device.provider, choice.refused, choice.warning) == (Provider.TENSORRT, (), None)
    assert choice.device.memory == DeviceMemory(8, 4)
    assert choice.options.provider is Provider.TENSORRT


def test_the_cpu_takes_over_with_the_cause_in_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Each device that failed is named, with what it said."""
    broken = {Provider.TENSORRT: RuntimeError("no libnvinfer.so"), Provider.CUDA: ModelError("out\nof memory")}
    with caplog.at_level(logging.WARNING):
        choice = manager(INSTALLED, dict(broken)).choose()
    assert choice.device.provider is Provider.CPU
    assert choice.warning == (
        "models run on CPUExecutionProvider: TensorrtExecutionProvider: no libnvinfer.so; "
        "CUDAExecutionProvider: out of memory"
    )
    assert caplog.messages == [choice.warning]


def test_a_wish_comes_first_and_is_named_when_it_cannot_be() -> None:
    """One that is not installed too."""
    assert manager(INSTALLED, {}).choose(Provider.CPU).device.provider is Provider.CPU
    choice = manager(["CPUExecutionProvider"], {}).choose(Provider.CUDA)
    assert choice.device.provider is Provider.CPU
    assert "CUDAExecutionProvider: not in this installation" in str(choice.warning)


def test_no_device_at_all_is_an_error() -> None:
    """With what each said."""
    with pytest.raises(ModelError, match="no device runs models: CPUExecutionProvider: broken"):
        manager(["CPUExecutionProvider"], {Provider.CPU: RuntimeError("broken")}).choose()
    with pytest.raises(ModelError, match="no provider is installed"):
        manager([], {}).choose()


def test_the_cpu_here_runs_a_model() -> None:
    """For real; a provider that is not installed does not."""
    try_provider(Provider.CPU)
    assert DeviceManager().choose().device.provider in Provider
    assert "not in this installation" in str(DeviceManager().failure(Provider.MIGRAPHX))


def test_half_precision_has_to_gain() -> None:
    """A fifth at least; where it fails it gains nothing."""
    assert HalfGain(1.2, 1.0).is_worth_it
    assert not HalfGain(1.1, 1.0).is_worth_it
    assert not HalfGain(1.0, None).is_worth_it
    assert measure_half(Provider.CPU).single_ms > 0


def test_memory_is_unknown_where_nobody_says(tmp_path: Path) -> None:
    """And never 0."""
    cpu = device_memory(Provider.CPU)
    assert cpu.total_bytes is not None
    assert cpu.total_bytes > 0
    assert device_memory(Provider.COREML) == DeviceMemory(None, None)
    assert nvidia_memory(str(tmp_path)) == DeviceMemory(None, None)


@pytest.mark.parametrize(
    ("said", "memory"),
    [
        ("143771, 142000\n97000, 96000\n", DeviceMemory(143_771 * 2**20, 142_000 * 2**20)),
        ("No devices were found\n", DeviceMemory()),
        ("[N/A], [N/A]\n", DeviceMemory()),
        ("", DeviceMemory()),
    ],
)
def test_the_first_cards_memory_is_read(tmp_path: Path, said: str, memory: DeviceMemory) -> None:
    """From a program that says what a driver would."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{said}'\n")
    program.chmod(0o755)
    assert nvidia_memory(str(tmp_path)) == memory


def test_a_driver_that_fails_is_unknown(tmp_path: Path) -> None:
    """As when its module is not loaded."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    assert nvidia_memory(str(tmp_path)) == DeviceMemory()
