"""Sound for measurements where no recording is given: vowels and pauses, the same for the same seed."""

import numpy as np
from numpy.typing import NDArray

from modules.audio.buffer import AudioBuffer

_FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""Of the vowels in "hod", "heed", "who'd", "head" and "hawed" (Peterson and Barney, 1952, men's means)."""


def speech_like(seconds: float, *, seed: int = 0, sample_rate: int = 16_000) -> AudioBuffer:
    """Syllables of a quarter of a second with a pause now and then, in 16 bits.

    No words are in it: recognising it costs about what speech does, not exactly.
    """
    chance = np.random.default_rng(seed)
    pieces: list[NDArray[np.float64]] = []
    frames = 0
    while frames < seconds * sample_rate:
        pieces.append(_pause(chance, sample_rate) if chance.random() < 1 / 6 else _syllable(chance, sample_rate))
        frames += len(pieces[-1])
    samples = np.concatenate(pieces)[: round(seconds * sample_rate)]
    return AudioBuffer.of_pcm16((samples * 9_000).astype(np.int16), sample_rate)


def _syllable(chance: np.random.Generator, rate: int) -> NDArray[np.float64]:
    seconds = chance.uniform(0.15, 0.35)
    t = np.arange(round(seconds * rate)) / rate
    pitch = chance.uniform(90, 180) * (1 + 0.1 * np.sin(2 * np.pi * t / seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = _FORMANTS_HZ[chance.integers(len(_FORMANTS_HZ))]
    harmonics = np.arange(1, 26)
    heights = sum(np.exp(-(((harmonics * pitch.mean() - formant) / 180) ** 2)) for formant in formants) + 0.02
    voice = np.sin(np.outer(harmonics, phase)).T @ heights / heights.sum()
    envelope = np.sin(np.pi * t / seconds) ** 0.5
    shaped: NDArray[np.float64] = (voice + 0.02 * chance.standard_normal(len(t))) * envelope
    return shaped


def _pause(chance: np.random.Generator, rate: int) -> NDArray[np.float64]:
    quiet: NDArray[np.float64] = 0.003 * chance.standard_normal(round(chance.uniform(0.3, 0.9) * rate))
    return quiet
