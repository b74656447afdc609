"""Calls made of recordings, at the model's rate and in its windows, and calls that were saved."""

from pathlib import Path

import numpy as np
import pytest

from modules.errors import ModelError
from modules.models.real_calls import CallRecipe, calls_of_file, calls_of_recordings, constant
from modules.models.tensors import TensorSpec
from tests.fakes import ramp, write_wav

WAVE = TensorSpec("wave", "float32", ("n", 1_000))
RATE = TensorSpec("rate", "int64")
BANDS = TensorSpec("bands", "float32", ("n", 2, 3))


def test_recordings_become_windows(tmp_path: Path) -> None:
    """All samples in order, and what is constant in every call."""
    audio = ramp(0.25)
    path = write_wav(tmp_path / "a.wav", audio)
    recipe = CallRecipe(given={"rate": np.array(16_000)}, frames=1_000)
    replay = calls_of_recordings([RATE, WAVE], [path], recipe)
    assert [set(call) for call in replay.calls] == [{"wave", "rate"}] * 4
    np.testing.assert_array_equal(np.concatenate([call["wave"].ravel() for call in replay.calls]), audio.samples)


def test_recordings_are_resampled_and_mixed_and_share_the_room(tmp_path: Path) -> None:
    """Each gives as many calls as there is room for."""
    paths = [write_wav(tmp_path / f"{n}.wav", ramp(1.0, 8_000)) for n in range(2)]
    replay = calls_of_recordings([WAVE], paths, CallRecipe(hop=500, max_calls=10))
    assert len(replay.calls) == 10
    assert len(calls_of_recordings([WAVE], paths, CallRecipe()).calls) == 2 * 16


def test_what_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A recording that is too short, an input that there is not."""
    path = write_wav(tmp_path / "a.wav", ramp(0.01))
    with pytest.raises(ModelError, match="no recording is as long as a window"):
        calls_of_recordings([WAVE], [path], CallRecipe())
    with pytest.raises(ModelError, match="no input sound"):
        calls_of_recordings([WAVE], [path], CallRecipe(input="sound"))
    with pytest.raises(ModelError, match="no input of floats"):
        calls_of_recordings([RATE], [path], CallRecipe())


def test_saved_calls_come_back(tmp_path: Path) -> None:
    """With a batch axis of one where the saved ones have none, and constants in every call."""
    file = tmp_path / "calls.npz"
    bands = np.arange(24, dtype=np.float64).reshape(4, 2, 3)
    np.savez(file, bands=bands, rate=np.array(16_000))
    replay = calls_of_file([BANDS, RATE], file)
    assert [call["bands"].shape for call in replay.calls] == [(1, 2, 3)] * 4
    assert all(call["rate"] == 16_000 and call["bands"].dtype == np.float32 for call in replay.calls)
    np.savez(file, bands=bands[:, None])
    assert [call["bands"].shape for call in calls_of_file([BANDS], file).calls] == [(1, 2, 3)] * 4


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"other": np.ones((1, 2, 3))}, "has other, which the model does not take: bands"),
        ({"bands": np.ones((3, 3))}, "cannot be made of a saved array"),
        ({"bands": np.ones((0, 2, 3))}, "holds no call"),
        ({"bands": np.array(1.0)}, "must all have as many calls"),
    ],
)
def test_saved_calls_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    """With what is wrong."""
    np.savez(tmp_path / "calls.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=said):
        calls_of_file([BANDS], tmp_path / "calls.npz")


def test_a_file_that_holds_no_calls_is_refused(tmp_path: Path) -> None:
    """Also one with Python objects, which could run anything."""
    (tmp_path / "no.npz").write_text("hello")
    with pytest.raises(ModelError, match="holds no saved calls"):
        calls_of_file([BANDS], tmp_path / "no.npz")
    np.savez(tmp_path / "objects.npz", bands=np.array([None, None]))
    with pytest.raises(ModelError, match="holds no saved calls"):
        calls_of_file([BANDS], tmp_path / "objects.npz")


def test_a_constant_takes_the_inputs_type_and_rank() -> None:
    """From numbers as one types them."""
    assert constant([RATE], "rate", "16000").shape == ()
    assert constant([WAVE], "wave", "0.5,1").tolist() == [[0.5, 1.0]]
    with pytest.raises(ModelError, match="cannot be 'fast'"):
        constant([RATE], "rate", "fast")
    with pytest.raises(ModelError, match="takes no 'speed': rate: int64"):
        constant([RATE], "speed", "1")


def test_a_recipe_is_valid_on_birth() -> None:
    """Records are."""
    with pytest.raises(ValueError, match="sample_rate must be"):
        CallRecipe(sample_rate=0)
    with pytest.raises(ValueError, match="max_calls must be"):
        CallRecipe(max_calls=0)
