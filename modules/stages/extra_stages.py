"""`ExtraStages`: what a pipeline does beside recognising speech: cleaning its audio first, and listening for sounds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from modules.audio.buffer import AudioBuffer
from modules.audio.detection import Detection
from modules.batching.detections import joined
from modules.models.fallback import Fallback
from modules.models.identities import fallbacks_of, identities_of
from modules.models.run_records import ModelIdentity
from modules.stages.alone import alone
from modules.stages.hop import AnyStage


@dataclass(frozen=True, slots=True)
class ExtraStages:
    """`clean` goes from any audio to mono audio at 16 kHz, each row of `listeners` from any audio to detections.

    `fingerprint` changes with everything about them that affects results.
    """

    clean: tuple[AnyStage, ...] = ()
    listeners: tuple[tuple[AnyStage, ...], ...] = ()
    fingerprint: str = ""

    @property
    def models(self) -> tuple[ModelIdentity, ...]:
        """The models that answer now."""
        return identities_of(*self._stages)

    @property
    def fallbacks(self) -> list[Fallback[Any]]:
        """The roles in their models."""
        return fallbacks_of(*self._stages)

    @property
    def _stages(self) -> list[AnyStage]:
        return [stage for row in (self.clean, *self.listeners) for stage in row]

    def heard(self, blocks: Iterable[AudioBuffer], channel: int | None, facts: dict[str, Any]) -> Iterable[AudioBuffer]:
        """The same blocks, lazily; when they have ended, `facts` has the `detections` of all listeners, in order.

        The listeners hear `channel`, or the mean of all.
        """
        return self._listened(blocks, channel, facts) if self.listeners else blocks

    def _listened(
        self, blocks: Iterable[AudioBuffer], channel: int | None, facts: dict[str, Any]
    ) -> Iterator[AudioBuffer]:
        sessions = [alone(row) for row in self.listeners]
        found: list[Detection] = []
        for block in blocks:
            mono = block.mono(channel)
            for session in sessions:
                found += session.feed(mono)
            yield block
        for session in sessions:
            found += session.finish()
        facts["detections"] = joined(found)
