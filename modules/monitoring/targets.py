"""What is promised, `PerformanceTarget`, and how many chunks must be seen before a promise may be called kept."""

import math
from bisect import bisect_left
from dataclasses import dataclass
from types import MappingProxyType

from modules.errors import ConfigError

_ALLOWED = MappingProxyType(
    {
        "p99_chunk_latency_ms": (1, 60_000),
        "pipeline_latency_ms": (1, 600_000),
        "memory_mb": (64, 1_048_576),
        "cpu_percent": (1, 100),
        "throughput_chunks_per_s": (0.001, 1_000_000),
    }
)

_MISS_RATE = 0.01  # a p99 claim: one chunk in a hundred may miss
_MAX_DOUBT = 0.01  # at 99 % confidence
MAX_MISSES = 1_000_000
"""Most misses `samples_needed` takes: far beyond it a count of samples tells nothing new."""


@dataclass(frozen=True, slots=True)
class PerformanceTarget:
    """The promise the engine holds. A value out of its range raises `ConfigError`.

    - `p99_chunk_latency_ms`: chunk latency that 99 of 100 chunks stay within, 1 to 60,000 ms.
    - `pipeline_latency_ms`: latency through all stages, 1 to 600,000 ms.
    - `memory_mb`: memory beside the models in MB (2**20 bytes), a whole number from 64 to 1,048,576.
    - `cpu_percent`: share of the effective CPUs in percent, 1 to 100; 100 is all of them, however many.
    - `throughput_chunks_per_s`: chunks answered per second at least, 0.001 to 1,000,000.
    """

    p99_chunk_latency_ms: float = 300.0
    pipeline_latency_ms: float = 500.0
    memory_mb: int = 512
    cpu_percent: float = 80.0
    throughput_chunks_per_s: float = 2.0

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _ALLOWED.items():
            value = getattr(self, name)
            kinds = int if name == "memory_mb" else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not lowest <= value <= highest:
                number = "a whole number" if kinds is int else "a number"
                raise ConfigError(f"{name} must be {number} from {lowest:,} to {highest:,}, got {value!r}")


def samples_needed(misses: int) -> int:
    """The fewest samples that, with so many misses among them, show a p99 at 99 % confidence.

    Exact one-sided binomial bound (Clopper and Pearson, Biometrika 26, 1934; MLPerf LoadGen's early stopping asks the
    same): the least n for which at most `misses` misses would be seen with a chance of 1 % or less if one chunk in a
    hundred really missed. 459 without a miss, 662 with one. Raises `ValueError` outside 0 to `MAX_MISSES`.
    """
    if not 0 <= misses <= MAX_MISSES:
        raise ValueError(f"misses must be 0 to {MAX_MISSES:,}, got {misses}")
    fewest = round(misses / _MISS_RATE) + 1  # here the chance is still about a half: the bound lies beyond
    enough = 2 * fewest + 1000  # a rate below half the claimed one, or none in a thousand
    assert _is_shown(misses, enough), misses
    candidates = range(fewest, enough + 1)
    return candidates[bisect_left(candidates, x=True, key=lambda samples: _is_shown(misses, samples))]


def is_p99_shown(misses: int, samples: int) -> bool:
    """Whether so many misses among so many samples show, at 99 % confidence, that one in a hundred or fewer miss."""
    if not 0 <= misses <= samples:
        raise ValueError(f"misses must be 0 to {samples}, got {misses}")
    return samples * _MISS_RATE > misses and _is_shown(misses, samples)


def is_p99_refuted(misses: int, samples: int) -> bool:
    """Whether they show, at 99 % confidence, that more than one in a hundred miss.

    Exact one-sided binomial test: so many misses or more would be seen with a chance of 1 % or less if one in a hundred
    missed. 2 of 5 refute a p99, 1 of 5 do not: where neither is shown, there are not enough samples to say.
    """
    if not 0 <= misses <= samples:
        raise ValueError(f"misses must be 0 to {samples}, got {misses}")
    return misses > samples * _MISS_RATE and _log_chance_of_at_least(misses, samples) <= math.log(_MAX_DOUBT)


def _is_shown(misses: int, samples: int) -> bool:
    return _log_chance_of_at_most(misses, samples) <= math.log(_MAX_DOUBT)


def _log_chance_of_at_most(misses: int, samples: int) -> float:
    """Natural logarithm of P(X <= misses) for X binomial with `samples` draws and `_MISS_RATE`.

    Summed downwards from the term at `misses`, in units of that term, so that nothing underflows. More misses than
    `misses` are expected, so this term is the largest, and the sum ends when what is left can no longer be seen.
    """
    assert samples * _MISS_RATE > misses, (misses, samples)
    term = total = 1.0
    for k in range(misses, 0, -1):
        term *= k / (samples - k + 1) * (1 - _MISS_RATE) / _MISS_RATE
        total += term
        if term < total * 1e-18:
            break
    return _log_chance_of_exactly(misses, samples) + math.log(total)


def _log_chance_of_at_least(misses: int, samples: int) -> float:
    """Natural logarithm of P(X >= misses); summed upwards from the largest term, since fewer misses are expected."""
    assert samples * _MISS_RATE < misses, (misses, samples)
    term = total = 1.0
    for k in range(misses, samples):
        term *= (samples - k) / (k + 1) * _MISS_RATE / (1 - _MISS_RATE)
        total += term
        if term < total * 1e-18:
            break
    return _log_chance_of_exactly(misses, samples) + math.log(total)


def _log_chance_of_exactly(misses: int, samples: int) -> float:
    return (
        math.lgamma(samples + 1)
        - math.lgamma(misses + 1)
        - math.lgamma(samples - misses + 1)
        + misses * math.log(_MISS_RATE)
        + (samples - misses) * math.log1p(-_MISS_RATE)
    )
