"""What peers do enters the report as sides beside Onbeat's; what is missing, with the reason."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from benchmarks import peer_scenario
from benchmarks.peers.sides import PEERS, VARIABLE, Peer
from benchmarks.scale import SCALES, Stand
from modules.audio.buffer import AudioBuffer

FAKE = "tests.benchmarks.peers.fake_side"


class FakeRig:
    """A model that says the sum of the samples."""

    file = Path("encoder.onnx")
    stage: Any

    def __init__(self) -> None:
        self.stage = self

    def sounds(self, stream: int, number: int) -> AudioBuffer:  # noqa: ARG002 - any piece is like the others
        return AudioBuffer(np.full(160, 0.5, np.float32), 16_000)

    def process(self, sounds: list[AudioBuffer]) -> list[float]:
        return [float(sound.samples.sum()) for sound in sounds]


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    """A machine whose bare calls allow forty streams."""
    made = Stand(cast("Any", FakeRig()), replace(SCALES["quick"], trial_s=1.2))
    made._bounds = [40.0]
    monkeypatch.setattr(made, "bound_now", lambda: 40.0)
    return made


def test_sides_that_are_there_are_measured_and_the_others_are_not(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ours is the first; who answers nothing that is right is skipped too."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(peer_scenario, "OURS", Peer("onbeat", "", FAKE))
    monkeypatch.setattr(
        peer_scenario, "PEERS", (Peer("fake", "", FAKE), Peer("other", "", "benchmarks.none"), PEERS[1])
    )
    result = peer_scenario.peers(stand)
    assert [side.name for side in result.sides] == ["onbeat", "fake", "other", "LitServe"]
    for side in result.sides[:2]:
        assert side.latency is not None
        assert side.latency.count > 1
        assert {"on time", "p50", "p99", "unique set"} <= {figure.name for figure in side.figures}
    assert "No module named" in result.sides[2].skipped
    assert "no environment litserve" in result.sides[3].skipped
    assert {parameter.name for parameter in result.parameters} >= {"onbeat", "fake"}


def test_what_a_side_carries_is_searched_for(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """By doubling and bisecting; its share of the bare calls is told of the most that was carried."""
    asked = [32, 64, 128, 96, 112, 104, 96]
    monkeypatch.setattr(stand, "scale", SCALES["default"])
    monkeypatch.setattr(peer_scenario, "_trial", lambda *_, seed: seed)
    monkeypatch.setattr(peer_scenario, "is_carried", lambda trial: asked[trial - 2] <= 100)
    tries = peer_scenario.Tries(cast("Any", None), cast("Any", None))
    peer_scenario._search(stand, cast("Any", None), tries)
    assert [streams for streams, _ in tries.tried] == asked
    assert tries.found == 96
    assert tries.share == pytest.approx(96 / 40)
