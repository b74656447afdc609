"""What a model hears of a window: its samples, or their log-mel features."""

from typing import Protocol

from numpy.lib.stride_tricks import sliding_window_view

from modules.audio.log_mel import LogMel
from modules.errors import ModelError
from modules.models.array_model import Axes
from modules.models.tensors import Array
from modules.stages.windows import WindowRun, WindowShape


class FrontEnd(Protocol):
    """How windows of samples become rows of what a model takes."""

    def rows(self, run: WindowRun) -> Array:
        """A row for each window of the run."""
        ...


class Waveform:
    """The samples themselves, with an axis of one where the model has it."""

    def __init__(self, shape: WindowShape, axes: Axes = ()) -> None:
        """Fit windows of `shape` to a model whose input has `axes`; empty means (batch, samples). Or `ModelError`."""
        if len(axes) == 1:
            raise ModelError(f"the model takes {axes} without a batch axis; it needs one before the samples")
        self._row = tuple(1 if axis == 1 else shape.frames for axis in axes[1:] or (None,))
        fixed = {axis for axis in axes[1:] if isinstance(axis, int)} - {1, shape.frames}
        if fixed or len(self._row) - self._row.count(1) > 1:
            raise ModelError(f"windows of {shape.frames} samples do not fit a model that takes {axes}")

    def rows(self, run: WindowRun) -> Array:
        """The windows, views of the samples where that is possible."""
        return run.rows.reshape(run.count, *self._row)


class LogMelPatches:
    """Log-mel features of each window; neighbouring windows share the frames that are in both."""

    def __init__(self, features: LogMel, shape: WindowShape, axes: Axes = ()) -> None:
        """Make `features` of windows of `shape`, in the order of axes of the model's input. Raises `ModelError`."""
        if shape.hop % features.hop_samples:
            raise ModelError(f"a hop of {shape.hop} samples is no whole number of frames of {features.hop_samples}")
        self._features = features
        self._step = shape.hop // features.hop_samples
        self._frames = (shape.frames - features.frame_samples) // features.hop_samples + 1
        if self._frames < 1:
            raise ModelError(f"a window of {shape.frames} samples holds no frame of {features.frame_samples}")
        self._is_turned, self._extra = self._layout(axes)

    def rows(self, run: WindowRun) -> Array:
        """(windows, frames, bins), or (windows, bins, frames), with an axis of one where the model has it."""
        frames = self._features.frames(run.audio.samples)
        patches = sliding_window_view(frames, self._frames, axis=0)[:: self._step]  # (windows, bins, frames)
        rows = patches if self._is_turned else patches.transpose(0, 2, 1)
        return rows.reshape(len(rows), *([1] * self._extra), *rows.shape[1:])

    def _layout(self, axes: Axes) -> tuple[bool, int]:
        """Whether bins come before frames, and how many axes of one come before both."""
        if not axes:
            return False, 0
        bins, last = self._features.options.bins, axes[-2:]
        wanted = {False: (self._frames, bins), True: (bins, self._frames)}
        for is_turned, shape in wanted.items():
            if len(axes) >= 3 and all(a == b for a, b in zip(last, shape, strict=True) if isinstance(a, int)):  # noqa: PLR2004 - batch, frames, bins
                return is_turned, len(axes) - 3
        raise ModelError(f"{self._frames} frames of {bins} bins do not fit a model that takes {axes}")
