"""Denoising: what its authors' own program gives, in the right place, however the audio arrives and is shared."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer
from modules.errors import ModelError
from modules.models.array_model import CallableModel
from modules.models.onnx import OnnxModel
from modules.models.onnx_graph import free_batch
from modules.models.tensors import Array, TensorSpec
from modules.stages.alone import alone
from modules.stages.denoise_dtln import DtlnDenoiser, Shifts, denoising
from modules.stages.sound import SoundAt
from tests.small_models import power_bands

Floats = NDArray[np.float32]


def leaking(width: int, batch: int | str) -> CallableModel:
    """A model whose output depends on all it heard: half of its signal and half of what leaks from its state."""

    def run(signal: Array, state: Array) -> list[Array]:
        total = 0.5 * state[:, :1, :1, :1] + signal.mean(axis=2)[:, :, np.newaxis, np.newaxis]
        return [signal * 0.5 + 0.1 * total[:, :, :, 0], np.repeat(total, 2, axis=1)]

    inputs = [TensorSpec("signal", "float32", (batch, 1, width)), TensorSpec("state", "float32", (batch, 2, 1, 1))]
    return CallableModel(f"leaking{width}", run, inputs=inputs)


def made_up(batch: int | str = "N") -> DtlnDenoiser:
    """A denoiser of such models."""
    return DtlnDenoiser(leaking(257, batch), leaking(512, batch))


def noise(frames: int, seed: int) -> AudioBuffer:
    """Half a second in."""
    samples = np.random.default_rng(seed).standard_normal(frames) * 0.1
    return AudioBuffer(samples.astype(np.float32), 16_000, 0.5)


def cleaned(denoiser: DtlnDenoiser, audio: AudioBuffer, *, frames: int) -> AudioBuffer:
    """The whole of it, fed in pieces of so many frames."""
    session = alone(denoising(denoiser))
    parts = [
        part for start in range(0, audio.frames, frames) for part in session.feed(audio.cut(start, start + frames))
    ]
    parts += session.finish()
    assert all(abs(a.end_s - b.start_s) < 1e-9 for a, b in pairwise(parts))
    return AudioBuffer.joined(parts)


@pytest.mark.parametrize("frames", [1, 127, 128, 129, 384, 2_000, 6_400])
def test_what_comes_out_is_as_long_as_what_went_in_and_stands_where_it_stood(frames: int) -> None:
    """The delay of the method shows nowhere, whatever the length."""
    out = cleaned(made_up(), noise(frames, 1), frames=500)
    assert (out.frames, out.start_s, out.sample_rate) == (frames, 0.5, 16_000)


def test_results_do_not_depend_on_how_the_audio_arrives() -> None:
    """To the bit."""
    denoiser, audio = made_up(), noise(10_000, 1)
    whole = cleaned(denoiser, audio, frames=10_000).samples
    for frames in (100, 128, 1_000, 3_333):
        np.testing.assert_array_equal(cleaned(denoiser, audio, frames=frames).samples, whole)


@pytest.mark.parametrize("batch", ["N", 1])
def test_streams_that_share_calls_get_what_they_would_get_alone(batch: int | str) -> None:
    """Within 1e-5, with payloads of different lengths; models fixed at 1 run one by one and say so."""
    denoiser = made_up(batch)
    assert denoiser.is_batched == (batch == "N")
    streams = [noise(128 * shifts, shifts) for shifts in (3, 9, 1, 6)]
    states, first = denoiser.process([denoiser.initial_state() for _ in streams], [Shifts(s) for s in streams])
    _, second = denoiser.process(states, [Shifts(s) for s in streams])
    for number, stream in enumerate(streams):
        (state,), (alone_first,) = denoiser.process([denoiser.initial_state()], [Shifts(stream)])
        _, (alone_second,) = denoiser.process([state], [Shifts(stream)])
        np.testing.assert_allclose(first[number].samples, alone_first.samples, atol=1e-5)
        np.testing.assert_allclose(second[number].samples, alone_second.samples, atol=1e-5)


def test_with_a_free_batch_axis_streams_share_every_call() -> None:
    """As many calls as the longest stream has shifts, and no more."""
    calls: list[int] = []

    def counted(width: int) -> CallableModel:
        model = leaking(width, "N")

        def run(signal: Array, state: Array) -> list[Array]:
            calls.append(len(signal))
            return model.run({"signal": signal, "state": state})

        return CallableModel("counted", run, inputs=model.inputs)

    denoiser = DtlnDenoiser(counted(257), counted(512))
    payloads = [Shifts(noise(128 * shifts, shifts)) for shifts in (2, 4, 3)]
    denoiser.process([denoiser.initial_state() for _ in payloads], payloads)
    assert calls == [3, 3, 2, 1] * 2


def test_an_empty_stream_is_nothing() -> None:
    """There is no sound to bring out."""
    assert alone(denoising(made_up())).finish() == []


def test_other_models_are_refused(tmp_path: Path) -> None:
    """By what they take."""
    bands = OnnxModel(power_bands(tmp_path / "bands.onnx", frames=800, classes=5))
    with pytest.raises(ModelError, match=r"is no DTLN model: it should take a signal of 257 and a state"):
        DtlnDenoiser(bands, bands)
    states = [TensorSpec("signal", "float32", (1, 1, 257)), TensorSpec("state", "float32", (1, 2, None, 2))]
    free = CallableModel("free", lambda signal, state: [signal, state], inputs=states)
    with pytest.raises(ModelError, match="its state state has free axes"):
        DtlnDenoiser(free, free)


def test_a_denoiser_breaks_off_both_models() -> None:
    """If they can be stopped."""
    stopped: list[str] = []

    def stoppable(width: int) -> CallableModel:
        model = leaking(width, "N")
        model.stop = lambda: stopped.append(model.name)
        return model

    DtlnDenoiser(stoppable(257), stoppable(512)).cancel()
    made_up().cancel()
    assert stopped == ["leaking257", "leaking512"]


# The real models.


@pytest.fixture(scope="module")
def dtln(shared: Path) -> DtlnDenoiser:
    """As they are published."""
    folder = shared / "models" / "onnx"
    return DtlnDenoiser(OnnxModel(folder / "dtln_1.onnx"), OnnxModel(folder / "dtln_2.onnx"))


def spoken(shared: Path) -> tuple[Floats, Floats]:
    """Four seconds of digits, and the same in noise."""
    clean, _ = soundfile.read(shared / "strings" / "digits_00_george.flac", dtype="float32", frames=64_000)
    hiss = np.random.default_rng(0).standard_normal(len(clean)) * 0.02
    return clean, (clean + hiss).astype(np.float32)


def by_its_authors(shared: Path, samples: Floats) -> Floats:
    """The loop of `real_time_processing_onnx.py`, its delay cut off."""
    folder = shared / "models" / "onnx"
    first, second = OnnxModel(folder / "dtln_1.onnx"), OnnxModel(folder / "dtln_2.onnx")
    heard, sums = np.zeros(512, np.float32), np.zeros(512, np.float32)
    states = [np.zeros((1, 2, 128, 2), np.float32), np.zeros((1, 2, 128, 2), np.float32)]
    out = []
    for shift in np.concatenate((samples, np.zeros(512, np.float32))).reshape(-1, 128):
        heard = np.concatenate((heard[128:], shift))
        spectrum = np.fft.rfft(heard)
        loudness = np.abs(spectrum).astype(np.float32).reshape(1, 1, -1)
        mask, states[0] = first.run({"input_2": loudness, "input_3": states[0]})
        rough = np.fft.irfft(np.abs(spectrum) * mask * np.exp(1j * np.angle(spectrum))).astype(np.float32)
        block, states[1] = second.run({"input_4": rough.reshape(1, 1, -1), "input_5": states[1]})
        sums = np.concatenate((sums[128:], np.zeros(128, np.float32))) + block.reshape(-1)
        out.append(sums[:128])
    return np.concatenate(out)[384 : 384 + len(samples)]


def test_dtln_gives_what_its_authors_program_gives(dtln: DtlnDenoiser, shared: Path) -> None:
    """Within 1e-5, aligned with what went in."""
    _, noisy = spoken(shared)
    ours = cleaned(dtln, AudioBuffer(noisy, 16_000), frames=3_200).samples
    np.testing.assert_allclose(ours, by_its_authors(shared, noisy), atol=1e-5)


def test_dtln_takes_noise_away(dtln: DtlnDenoiser, shared: Path) -> None:
    """Speech stands 5 dB or more further above it than before."""
    clean, noisy = spoken(shared)

    def above_noise_db(samples: Floats) -> float:
        return float(10 * np.log10(np.square(clean).sum() / np.square(samples - clean).sum()))

    ours = cleaned(dtln, AudioBuffer(noisy, 16_000), frames=16_000).samples
    assert above_noise_db(ours) > above_noise_db(noisy) + 5


def test_dtln_as_published_runs_one_by_one_and_streams_do_not_disturb_each_other(
    dtln: DtlnDenoiser, shared: Path
) -> None:
    """Each gets what it would get alone."""
    assert not dtln.is_batched
    clean, noisy = (Shifts(AudioBuffer(samples[:6_400], 16_000)) for samples in spoken(shared))
    _, together = dtln.process([dtln.initial_state()] * 2, [clean, noisy])
    for payload, shared_call in zip((clean, noisy), together, strict=True):
        _, (single,) = dtln.process([dtln.initial_state()], [payload])
        np.testing.assert_allclose(shared_call.samples, single.samples, atol=1e-5)


def test_dtln_with_its_batch_axis_freed_shares_calls_and_gives_the_same(
    dtln: DtlnDenoiser, shared: Path, tmp_path: Path
) -> None:
    """Streams of different lengths, within 1e-5 of the models as published."""
    pytest.importorskip("onnx", reason="needs the extra onbeat[models]")
    freed = []
    for name in ("dtln_1.onnx", "dtln_2.onnx"):
        free_batch(shared / "models" / "onnx" / name, tmp_path / name)
        freed.append(OnnxModel(tmp_path / name))
    denoiser = DtlnDenoiser(*freed)
    assert denoiser.is_batched
    payloads = [Shifts(noise(128 * shifts, shifts)) for shifts in (5, 20, 1, 13)]
    _, together = denoiser.process([denoiser.initial_state() for _ in payloads], payloads)
    _, one_by_one = dtln.process([dtln.initial_state() for _ in payloads], payloads)
    for ours, published in zip(together, one_by_one, strict=True):
        np.testing.assert_allclose(ours.samples, published.samples, atol=1e-5)


def test_a_row_begins_with_any_streams_audio() -> None:
    """The first stage makes it mono at 16 kHz."""
    first = denoising(made_up())[0]
    assert isinstance(first, SoundAt)
    assert first.sample_rate == 16_000
