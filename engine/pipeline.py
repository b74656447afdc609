"""`Pipeline`: the stages a recording passes, in order, put together from the settings."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.config import BatchProcessingConfig
from modules.audio.buffer import AudioBuffer
from modules.audio.downmix import Downmix
from modules.audio.resample import Resampler
from modules.batching.segments import SegmentRules
from modules.models.digest import tree_digest
from modules.models.onnx import OnnxModel
from modules.stages import recognisers
from modules.stages.asr_vosk import VoskRecogniser
from modules.stages.fused import FusedSession
from modules.stages.hop import AnyStage
from modules.stages.live import LiveSegments, LiveVosk
from modules.stages.protocols import Session, SessionStage
from modules.stages.recognisers import Recogniser, RecogniserChoice, RecogniserWish
from modules.stages.segmenter import SpeechCutting, SpeechPiece, SpeechSegmenter, SpeechTimes, WholeGrains, WholeStream
from modules.stages.vad_silero import RATE_HZ, SileroDetector, packaged_model

_LIVE_MIN_SEGMENT_S = 0.5
"""Speech of a live stream this long ends at an ordinary pause."""

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

    `max_sessions` may be open at once, as many as there are workers: more would make sessions change workers all the
    time, and their memory with them from one core's cache to the other's. `fingerprint` changes with everything that
    affects results: settings, backend, model contents, version.
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

    def live_stages(self) -> Sequence[AnyStage]:
        """The stages of a live stream, from mono audio at the stages' rate to events.

        Vosk hears endpoints itself. Otherwise speech is found first, in shorter segments than those of files, since
        somebody waits for them, and each segment is recognised when it has ended. The graph is loaded for live streams
        anew: breaking off their calls must not break off those of recordings.
        """
        if isinstance(self.recogniser, VoskRecogniser):
            return (LiveVosk(self.recogniser),)
        rules = replace(_rules(self.config), min_segment_s=_LIVE_MIN_SEGMENT_S)
        detector = SileroDetector(OnnxModel(packaged_model()))
        return (WholeGrains(), detector, SpeechCutting(rules), LiveSegments(self.recogniser))

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
        max_sessions=workers,
        choice=choice,
        config=config,
        fingerprint=_fingerprint(config, choice, version),
    )


def _segmenter(config: BatchProcessingConfig, rate: int) -> SessionStage[AudioBuffer, SpeechPiece]:
    if config.segmenting == "off":
        return WholeStream(rate)
    return SpeechSegmenter(SileroDetector(OnnxModel(packaged_model())), _rules(config))


def _rules(config: BatchProcessingConfig) -> SegmentRules:
    return SegmentRules(
        min_segment_s=config.min_segment_s,
        max_segment_s=config.max_segment_s,
        min_silence_s=config.min_silence_s,
        padding_s=config.segment_padding_s,
        threshold=config.speech_threshold,
    )


def _fingerprint(config: BatchProcessingConfig, choice: RecogniserChoice, version: str) -> str:
    """A short digest of all that affects results."""
    settings = {name: getattr(config, name) for name in _AFFECTS_RESULTS}
    model = tree_digest(choice.model) if choice.model else ""
    text = json.dumps([version, choice.backend, model, settings], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
