"""`Pipeline`: the stages a recording passes, in order, put together from the settings."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from engine.config import BatchProcessingConfig
from modules.audio.buffer import AudioBuffer
from modules.audio.downmix import Downmix
from modules.audio.resample import Resampler
from modules.batching.segments import SegmentRules
from modules.models.digest import tree_digest
from modules.models.onnx import OnnxModel
from modules.stages import recognisers
from modules.stages.fused import FusedSession
from modules.stages.protocols import Session, SessionStage
from modules.stages.recognisers import Recogniser, RecogniserChoice, RecogniserWish
from modules.stages.segmenter import SpeechPiece, SpeechSegmenter, SpeechTimes, WholeStream
from modules.stages.vad_silero import RATE_HZ, SileroDetector, packaged_model

_AFFECTS_RESULTS = (
    "channel",
    "resample_quality",
    "segmenting",
    "min_segment_s",
    "max_segment_s",
    "min_silence_s",
    "segment_padding_s",
    "speech_threshold",
)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """decode -> downmix -> resample -> segmenter -> recogniser, each segment in a recogniser session of its own.

    `max_sessions` may be open at once: one more than workers keeps all of them busy, but a session of PocketSphinx is a
    process. `fingerprint` changes with everything that affects results: settings, backend, model contents, version.
    """

    segmenter: SessionStage[AudioBuffer, SpeechPiece]
    recogniser: Recogniser
    sample_rate: int
    max_sessions: int
    choice: RecogniserChoice
    config: BatchProcessingConfig
    fingerprint: str

    def close(self) -> None:
        """Give back what the recogniser holds outside this process."""
        self.recogniser.close()

    def sound(self, sample_rate: int) -> Session[Any, Any]:
        """A session from a source's buffers at `sample_rate` Hz to mono buffers at the stages' rate."""
        resampler = Resampler(sample_rate, self.sample_rate, quality=self.config.resample_quality)
        return FusedSession([Downmix(self.config.channel), resampler])


def build_pipeline(config: BatchProcessingConfig, *, workers: int, version: str) -> Pipeline:
    """Choose the stages and load their models, which may take seconds. Raises `ModelError`."""
    wish = RecogniserWish(
        asr=config.asr,
        vosk_model=config.vosk_model,
        vosk_download=config.vosk_download,
        language=config.language,
        vosk_log_level=config.vosk_log_level,
        endpoints=config.segmenting == "off",
        max_sessions=workers,
    )
    choice = recognisers.choose(wish)
    recogniser = recognisers.load(choice, wish) or SpeechTimes()
    rate = recogniser.sample_rate if config.segmenting == "off" else RATE_HZ
    return Pipeline(
        segmenter=_segmenter(config, rate),
        recogniser=recogniser,
        sample_rate=rate,
        max_sessions=workers if choice.backend == "sphinx" else workers + 1,
        choice=choice,
        config=config,
        fingerprint=_fingerprint(config, choice, version),
    )


def _segmenter(config: BatchProcessingConfig, rate: int) -> SessionStage[AudioBuffer, SpeechPiece]:
    if config.segmenting == "off":
        return WholeStream(rate)
    rules = SegmentRules(
        min_segment_s=config.min_segment_s,
        max_segment_s=config.max_segment_s,
        min_silence_s=config.min_silence_s,
        padding_s=config.segment_padding_s,
        threshold=config.speech_threshold,
    )
    return SpeechSegmenter(SileroDetector(OnnxModel(packaged_model())), rules)


def _fingerprint(config: BatchProcessingConfig, choice: RecogniserChoice, version: str) -> str:
    """A short digest of all that affects results."""
    settings = {name: getattr(config, name) for name in _AFFECTS_RESULTS}
    model = tree_digest(choice.model) if choice.model else ""
    text = json.dumps([version, choice.backend, model, settings], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
