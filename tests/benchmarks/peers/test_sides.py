"""A side is started in its environment, reached, asked and ended; where it cannot be, the reason is told."""

import asyncio
import os
from array import array
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.peer_scenario import peers
from benchmarks.peers.sides import PEERS, VARIABLE, NoPeer, Peer, PeerStreams, Started, started, tried
from benchmarks.scale import SCALES, Stand
from modules.audio.buffer import AudioBuffer
from modules.measuring.schedules import drawn
from tests.modules.audio.sounds import tones

FAKE = Peer("fake", "", "tests.benchmarks.peers.fake_side")
MODEL = Path("encoder.onnx")


def sound(*samples: float) -> bytes:
    """Samples as a request has them."""
    return array("f", samples).tobytes()


async def answers(side: Started, *sounds: bytes, wanted: int) -> dict[int, float]:
    """What is said to these, asked all at once, until so many are answered."""
    said: dict[int, float] = {}
    enough = asyncio.Event()

    def answered(number: int, value: float) -> None:
        said[number] = value
        if len(said) == wanted:
            enough.set()

    async with side.line(answered) as line:
        for number, each in enumerate(sounds):
            line.ask(number, number % 3, each, 0.0)
        await asyncio.wait_for(enough.wait(), 20)
    return said


def test_a_side_answers_each_request_by_its_number() -> None:
    """However many are asked at once; what it gives up has no answer, nor what it never comes to."""
    with started(FAKE, MODEL) as side:
        assert (side.facts.version, side.facts.settings) == ("1.0", f"model {MODEL}")
        many = [sound(number, 1.0) for number in range(1, 90)]
        found = asyncio.run(answers(side, *many, sound(0.0), sound(99.0), sound(5.0), wanted=90))
        assert found == {number: number + 2.0 for number in range(89)} | {91: 5.0}


def test_a_side_ends_with_the_block() -> None:
    """And all its processes with it."""
    with started(FAKE, MODEL) as side:
        pids = side.processes()
        assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_side_that_answers_wrongly_is_not_measured() -> None:
    """What the model says is known before anything is timed."""
    with started(FAKE, MODEL) as side:
        asyncio.run(side.check(sound(2.0), 2.0))
        with pytest.raises(NoPeer, match=r"it answers 2\.0 where the model says 3\.0"):
            asyncio.run(side.check(sound(2.0), 3.0))


def test_a_side_that_does_not_start_says_why() -> None:
    """With the last line of what it said."""
    with pytest.raises(NoPeer, match="No module named"), started(Peer("none", "", "benchmarks.peers.none"), MODEL):
        pass


def test_a_trial_counts_every_piece_of_every_stream() -> None:
    """From the schedule's instants, by the generator that all scenarios use."""
    piece = AudioBuffer(tones(16_000, 1, 0.2)[:, 0] + 0.5, 16_000)
    with started(FAKE, MODEL) as side:
        schedule = drawn("steady", 3, 1.4, seed=1)
        trial = asyncio.run(tried(side, schedule, lambda *_: piece, warm_up_s=0.2, target_s=0.3))
    assert trial.outcome.sent > 3
    assert trial.outcome.latency.count + trial.outcome.lost == trial.outcome.sent
    assert (trial.outcome.doubled, trial.outcome.disordered) == (0, 0)
    assert trial.outcome.latency.count


def test_requests_carry_the_sound_of_their_piece() -> None:
    """And are known again by their number."""
    asked: list[tuple[int, int, bytes, float]] = []

    class FakeLine:
        def ask(self, *request: Any) -> None:  # noqa: ANN401 - whatever is asked
            asked.append(request)

    pieces: dict[int, tuple[int, int]] = {}
    sounds = {(4, 0): tones(16_000)[:160, 0], (4, 1): tones(16_000)[160:320, 0]}
    streams = PeerStreams(
        cast("Any", FakeLine()), lambda stream, number: AudioBuffer(sounds[stream, number], 16_000), pieces
    )
    for number in range(2):
        streams.push(4, number, number / 5)
    assert asked == [(number, 4, sounds[4, number].tobytes(), number / 5) for number in range(2)]
    assert pieces == {0: (4, 0), 1: (4, 1)}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.environment)
def test_a_peer_without_an_environment_is_skipped_with_the_reason(
    peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which says what to set, or what is missing there."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert peer.missing == f"{VARIABLE} names no folder of environments: see docs/benchmarks.md"
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert peer.missing == f"{VARIABLE} has no environment {peer.environment}: see docs/benchmarks.md"
    with pytest.raises(NoPeer, match=f"no environment {peer.environment}"), started(peer, MODEL):
        pass
    (tmp_path / peer.environment / "bin").mkdir(parents=True)
    (tmp_path / peer.environment / "bin" / "python").touch()
    assert not peer.missing


def test_without_peers_the_scenario_is_skipped_with_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is measured: ours alone would say nothing."""
    monkeypatch.delenv(VARIABLE, raising=False)
    stand = Stand(cast("Any", None), SCALES["default"])
    result = peers(stand)
    assert all(peer.name in result.skipped for peer in PEERS)
    assert not result.sides
