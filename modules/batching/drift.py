"""`ShiftAlarm`: notices within a few samples that times have shifted for good. Pure.

Two one-sided cumulative sums of log ratios (Page, Continuous Inspection Schemes, Biometrika 41, 1954): each sample adds
how far it is off less an allowance, and a sum that passes a threshold is a shift. Allowance and threshold grow with the
scatter, so that a noisy model raises no false alarms: by Siegmund's approximation (Sequential Analysis, 1985) about one
in 20,000 samples or rarer.
"""

import math

_LEAST_ALLOWANCE = 0.1  # a shift below about 20 % is not worth relearning: running quantiles follow it
_LEAST_THRESHOLD = 1.6
_ALLOWANCE_SCATTERS, _THRESHOLD_SCATTERS = 0.5, 9.0
_MAX_STEP = 0.7  # one sample counts at most as twice or half its time: a single hiccup is no shift
_NEW_SHARE = 0.03
_FIRST_SCATTER = 0.1
_MAX_SCATTER = 0.5


class ShiftAlarm:
    """Told of each time as a ratio to what was expected; says when the expectation no longer holds."""

    __slots__ = ("_down", "_since_down", "_since_up", "_up", "scatter")

    def __init__(self) -> None:
        """Start with nothing off."""
        self.scatter = _FIRST_SCATTER
        """Relative scatter of single samples."""
        self.reset()

    def reset(self) -> None:
        """Begin again, after a shift has been dealt with; the scatter is remembered."""
        self._up = self._down = 0.0
        self._since_up = self._since_down = 0

    def observe(self, ratio: float) -> int:
        """How many samples ago a shift began, this one counted; 0 while there is none."""
        step = math.log(ratio)
        if not -_MAX_STEP < step < _MAX_STEP:
            step = math.copysign(_MAX_STEP, step)
        allowance = max(_LEAST_ALLOWANCE, _ALLOWANCE_SCATTERS * self.scatter)
        self.scatter += _NEW_SHARE * (min(1.25 * abs(step), _MAX_SCATTER) - self.scatter)
        threshold = max(_LEAST_THRESHOLD, _THRESHOLD_SCATTERS * self.scatter)
        self._up += step - allowance
        self._down -= step + allowance
        if self._up > 0:
            self._since_up += 1
            if self._up > threshold:
                return self._since_up
        else:
            self._up, self._since_up = 0.0, 0
        if self._down > 0:
            self._since_down += 1
            if self._down > threshold:
                return self._since_down
        else:
            self._down, self._since_down = 0.0, 0
        return 0
