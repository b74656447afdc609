"""`CostProfile`: what a call of a made-up model costs: how batching, chunk length, caches, wear and noise change it."""

import math
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType
from typing import Self

from modules.batching.live_chunks import LIVE_LENGTHS_S

SWING_S = 0.5
"""How long a machine that others share is as fast as it is just then."""

_LARGEST = 64
_SCALE_STEPS = 40


@dataclass(frozen=True, slots=True)
class CostProfile:
    """CPU seconds of a call of `batch` chunks: fixed_s + batch * (item_s + audio_s * chunk length).

    - `fixed_s` is paid once a call, `item_s` once a chunk however short, `audio_s` for each second of audio.
    - Beyond `cliff_audio_s` seconds of audio in one call a cache overflows, and the call costs `cliff_factor` times.
    - `drift_share`: costs swing by this share up and down, once in `drift_period_s`.
    - from `slow_from_s` to `slow_until_s` all costs `slow_factor` times.
    - `swings`: all costs so many times, each for `SWING_S` seconds in turn, over and over; none, and nothing swings.
    - `noise`: standard deviation of the log of a call's cost.
    """

    name: str
    fixed_s: float
    item_s: float
    audio_s: float
    cliff_audio_s: float = math.inf
    cliff_factor: float = 1.0
    drift_share: float = 0.0
    drift_period_s: float = 40.0
    slow_factor: float = 1.0
    slow_from_s: float = math.inf
    slow_until_s: float = math.inf
    swings: tuple[float, ...] = ()
    noise: float = 0.1

    def __post_init__(self) -> None:
        if min(self.fixed_s, self.item_s, self.audio_s) < 0 or self.fixed_s + self.item_s + self.audio_s <= 0:
            raise ValueError(f"costs must be 0 or more and not all 0, got {self}")
        if not 0 <= self.drift_share < 1 or self.noise < 0:
            raise ValueError(f"drift_share must be 0 to 1 and noise 0 or more, got {self}")

    def mean_s(self, batch: int, chunk_s: float, *, now_s: float = 0.0) -> float:
        """CPU seconds of a call without noise."""
        cost_s = self.fixed_s + batch * (self.item_s + self.audio_s * chunk_s)
        if batch * chunk_s > self.cliff_audio_s:
            cost_s *= self.cliff_factor
        if self.drift_share:
            cost_s *= 1 + self.drift_share * math.sin(2 * math.pi * now_s / self.drift_period_s)
        if self.slow_from_s <= now_s < self.slow_until_s:
            cost_s *= self.slow_factor
        if self.swings:
            cost_s *= self.swings[int(now_s / SWING_S) % len(self.swings)]
        return cost_s

    def drawn_s(self, batch: int, chunk_s: float, *, now_s: float, chance: Random) -> float:
        """CPU seconds of one call."""
        return self.mean_s(batch, chunk_s, now_s=now_s) * math.exp(chance.gauss(0.0, self.noise))

    def per_core(self, chunk_s: float, *, cap: int, max_service_s: float = math.inf) -> float:
        """Seconds of audio per second that a core answers at most, in calls of up to `cap` within `max_service_s`."""
        sizes = [size for size in range(1, cap + 1) if size == 1 or self.mean_s(size, chunk_s) <= max_service_s]
        return max(size * chunk_s / self.mean_s(size, chunk_s) for size in sizes)

    def scaled(self, factor: float) -> Self:
        """The same shape, `factor` times as dear."""
        return replace(self, fixed_s=self.fixed_s * factor, item_s=self.item_s * factor, audio_s=self.audio_s * factor)

    def carrying(self, streams: float, *, max_service_s: float) -> Self:
        """The same shape, so dear that a core carries about that many steady streams in the best chunks and calls."""
        factor = 1.0
        for _ in range(_SCALE_STEPS):  # dearer calls may have to be smaller ones, so one step is not enough
            scaled = self.scaled(factor)
            carried = max(
                scaled.per_core(length_s, cap=_LARGEST, max_service_s=max_service_s) for length_s in LIVE_LENGTHS_S
            )
            factor *= math.sqrt(carried / streams)
        return self.scaled(factor)

    def slowed(self, factor: float, *, from_s: float, until_s: float = math.inf) -> Self:
        """The same, `factor` times as dear for a while."""
        return replace(self, slow_factor=factor, slow_from_s=from_s, slow_until_s=until_s)


PROFILES = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            CostProfile("overhead-bound", fixed_s=6e-3, item_s=0.6e-3, audio_s=2e-3),
            CostProfile("mixed", fixed_s=1.4e-3, item_s=0.3e-3, audio_s=3.5e-3),
            CostProfile(
                "flat with a cliff",
                fixed_s=0.02e-3,
                item_s=0.05e-3,
                audio_s=4.75e-3,
                cliff_audio_s=0.9,
                cliff_factor=1.35,
            ),
            CostProfile(
                "drifting", fixed_s=0.5e-3, item_s=0.3e-3, audio_s=3.5e-3, drift_share=0.25, drift_period_s=20.0
            ),
        )
    }
)
"""Four shapes, by name; scale them with `carrying`.

Overhead-bound: a call costs six chunks of 0.2 s, as where each call crosses a process or a slow interpreter. Mixed: as
measured of a small recurrent detector, 2.2 times the throughput at 16. Flat: a large convolution, whose data soon falls
out of the cache. Drifting: little overhead, and costs that swing by a quarter.
"""
