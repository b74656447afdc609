"""`Pipeline`: the stages a recording passes, in order, put together from the settings."""

import hashlib
import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from engine.call_watch import CallWatch
from engine.config import BatchProcessingConfig
from engine.recovery import log_event
from modules.audio.buffer import AudioBuffer
from modules.audio.downmix import Downmix
from modules.audio.resample import Resampler
from modules.batching.segments import SegmentRules
from modules.errors import ConfigError
from modules.models.digest import tree_digest
from modules.models.fallback import BackendChoice, Fallback
from modules.models.fallback_order import FallbackRules
from modules.models.identities import identities_of
from modules.models.onnx import OnnxModel
from modules.models.onnx_options import FOR_STEPS
from modules.models.run_records import ModelIdentity
from modules.stages import recognisers
from modules.stages.alone import alone
from modules.stages.asr_vosk import VoskRecogniser
from modules.stages.beside import Beside
from modules.stages.extra_stages import ExtraStages
from modules.stages.fallback_recogniser import FallbackRecogniser
from modules.stages.fused import FusedSession, through
from modules.stages.hop import AnyStage
from modules.stages.live import LiveSegments, LiveVosk
from modules.stages.protocols import Session, SessionStage
from modules.stages.recognisers import Recogniser, RecogniserChoice, RecogniserWish
from modules.stages.rehearsal import rehearse
from modules.stages.segmenter import SpeechCutting, SpeechPiece, SpeechSegmenter, SpeechTimes, WholeGrains, WholeStream
from modules.stages.vad_silero import GRAIN_FRAMES, RATE_HZ, SileroDetector, packaged_model

_log = logging.getLogger(__name__)

_LIVE_MIN_SEGMENT_S = 0.5
"""Speech of a live stream this long ends at an ordinary pause."""

_RECOGNISER_RULES = FallbackRules(max_call_s=math.inf, tries_in_calls=False)
"""A recogniser is stopped between grains when it is cancelled, not when it is slow; loading one takes seconds."""

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
    affects: Mapping[str, object] = field(default_factory=dict)
    """What the fingerprint is made of."""
    extra: ExtraStages = field(default_factory=ExtraStages)
    """What is done beside recognising: audio is cleaned before speech is looked for, and listened to for sounds."""

    @property
    def backend(self) -> str:
        """The recogniser from which the answers come now: another than the chosen one when that has failed."""
        role = self.recogniser
        return role.fallback.answers if isinstance(role, FallbackRecogniser) else self.choice.backend

    @property
    def models(self) -> tuple[ModelIdentity, ...]:
        """The models that are asked: by stages beside the recogniser, for speech, and for words."""
        others = (*self.extra.models, *identities_of(self.segmenter))
        backend = self.backend
        if backend == "none":
            return others
        model = self.choice.model if backend == self.choice.backend else None
        digest = str(self.affects.get("model", "")) if model else ""
        return (*others, ModelIdentity(model.name if model else backend, digest, backend, "cpu"))

    @property
    def fallbacks(self) -> Sequence[Fallback[Any]]:
        """The roles whose backends that failed are to be tried again where nobody waits."""
        own = [self.recogniser.fallback] if isinstance(self.recogniser, FallbackRecogniser) else []
        return [*own, *self.extra.fallbacks]

    def close(self) -> None:
        """Give back what the recogniser holds outside this process."""
        self.recogniser.close()

    def live_stages(self) -> Sequence[AnyStage]:
        """The stages of a live stream, from mono audio at the stages' rate to events.

        Vosk hears endpoints itself. Otherwise speech is found first, in shorter segments than those of files, since
        somebody waits for them, and each segment is recognised when it has ended. The graph is loaded for live streams
        anew: breaking off their calls must not break off those of recordings. Stages that listen for sounds hear the
        same audio beside the recogniser, or without one; a stream then goes through all of them by itself.
        """
        hears_words = self.choice.backend != "none" or not self.extra.listeners
        rows = [self._live_words()] if hears_words else []
        rows += self.extra.listeners
        return rows[0] if len(rows) == 1 else (Beside(rows),)

    def _live_words(self) -> tuple[AnyStage, ...]:
        """From clean audio to what was said."""
        clean = self.extra.clean
        role = self.recogniser
        recogniser = role.fallback.load() if isinstance(role, FallbackRecogniser) else role
        if isinstance(recogniser, VoskRecogniser):
            return (*clean, LiveVosk(recogniser))
        rules = replace(_rules(self.config), min_segment_s=_LIVE_MIN_SEGMENT_S)
        return (*clean, WholeGrains(), _detector(), SpeechCutting(rules), LiveSegments(recogniser))

    def sound(self, sample_rate: int) -> Session[Any, Any]:
        """A session from a source's buffers at `sample_rate` Hz to mono buffers at the stages' rate."""
        downmix = Downmix(self.config.channel)
        if sample_rate == self.sample_rate:
            return downmix
        return FusedSession([downmix, Resampler(sample_rate, self.sample_rate, quality=self.config.resample_quality)])

    def heard(self, blocks: Iterable[AudioBuffer], sample_rate: int, facts: dict[str, Any]) -> Iterator[AudioBuffer]:
        """A recording's blocks at `sample_rate` Hz as clean mono audio at the stages' rate, lazily.

        `facts` gets the `detections` of the stages that listen for sounds, which hear the blocks at their own rate.
        """
        clean = [alone(self.extra.clean)] if self.extra.clean else []
        return through(
            self.extra.heard(blocks, self.config.channel, facts), FusedSession([self.sound(sample_rate), *clean])
        )


def build_pipeline(
    config: BatchProcessingConfig, *, workers: int, version: str, extra: ExtraStages | None = None
) -> Pipeline:
    """Choose the stages and load their models, which may take seconds. Raises `ModelError` and `ConfigError`."""
    wish = RecogniserWish(
        asr=config.asr,
        vosk_model=config.vosk_model,
        vosk_download=config.vosk_download,
        language=config.language,
        vosk_log_level=config.vosk_log_level,
        endpoints=config.segmenting == "off",
        max_sessions=workers,
    )
    choice, recogniser = _recogniser(recognisers.choose(wish), wish)
    rate = recogniser.sample_rate if config.segmenting == "off" else RATE_HZ
    extra = extra or ExtraStages()
    if extra.clean and rate != RATE_HZ:
        raise ConfigError(f"cleaned audio has {RATE_HZ} Hz, but with segmenting off the recogniser hears {rate} Hz")
    affects = _affecting(config, choice, version, extra)
    return Pipeline(
        segmenter=_segmenter(config, rate),
        recogniser=recogniser,
        sample_rate=rate,
        max_sessions=workers,
        choice=choice,
        config=config,
        fingerprint=_fingerprint(affects),
        affects=affects,
        extra=extra,
    )


def _recogniser(choice: RecogniserChoice, wish: RecogniserWish) -> tuple[RecogniserChoice, Recogniser]:
    """The recogniser loaded, with a spare one behind it where there may be one; and what was chosen in the end."""
    spare = recognisers.spare(choice, wish)
    if spare is None:
        return choice, _loaded(choice, wish)
    choices = [BackendChoice(one.backend, partial(_loaded, one, wish)) for one in (choice, spare)]
    fallback = Fallback("recogniser", choices, CallWatch(), rules=_RECOGNISER_RULES, on_event=log_event)
    recogniser = FallbackRecogniser(fallback)
    if fallback.answers == choice.backend:
        return choice, recogniser
    return replace(spare, why=f"{spare.why}: {fallback.events[-1].reason}"), recogniser


def _loaded(choice: RecogniserChoice, wish: RecogniserWish) -> Recogniser:
    return recognisers.load(choice, wish) or SpeechTimes()


def _segmenter(config: BatchProcessingConfig, rate: int) -> SessionStage[AudioBuffer, SpeechPiece]:
    if config.segmenting == "off":
        return WholeStream(rate)
    return SpeechSegmenter(_detector(), _rules(config))


def _detector() -> SileroDetector:
    """The voice detector with a graph of its own, which has heard some silence."""
    detector = SileroDetector(OnnxModel(packaged_model(), FOR_STEPS))
    rehearsed = rehearse([WholeGrains(), detector], AudioBuffer.silence(GRAIN_FRAMES, RATE_HZ))
    _log.debug("the voice detector is warm: %s", rehearsed)
    return detector


def _rules(config: BatchProcessingConfig) -> SegmentRules:
    return SegmentRules(
        min_segment_s=config.min_segment_s,
        max_segment_s=config.max_segment_s,
        min_silence_s=config.min_silence_s,
        padding_s=config.segment_padding_s,
        threshold=config.speech_threshold,
    )


def _affecting(
    config: BatchProcessingConfig, choice: RecogniserChoice, version: str, extra: ExtraStages
) -> dict[str, object]:
    """All that affects results, by names that a person knows."""
    settings = {name: getattr(config, name) for name in _AFFECTS_RESULTS}
    model = tree_digest(choice.model) if choice.model else ""
    others = {"stages": extra.fingerprint} if extra.fingerprint else {}
    return {"version": version, "recogniser": choice.backend, "model": model, **settings, **others}


def _fingerprint(affects: Mapping[str, object]) -> str:
    """A short digest of all that affects results."""
    text = json.dumps(affects, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
