"""A recording decoded in a process of its own is the same recording; what it does to a decoder it does there."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from modules.audio.decode import open_audio
from modules.audio.decode_children import ChildLimits, DecodeChildren
from modules.errors import ConfigError, DecodeError, DecoderLost
from tests.fakes import ramp, write_wav

POISON = Path(__file__).parent.parent.parent / "poison"


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[DecodeChildren]:
    """Processes in which some recordings are poison."""
    monkeypatch.setenv("PYTHONPATH", str(POISON))
    children = DecodeChildren(ChildLimits(memory_mb=512, timeout_s=1.0, max_audio_s=100.0))
    yield children
    children.close()


def heard(children: DecodeChildren, path: Path) -> list[np.ndarray]:
    """The blocks of a recording."""
    with children.open(str(path), 0.3) as audio:
        return [block.samples for block in audio.blocks()]


def test_it_gives_to_the_sample_what_decoding_here_gives(children: DecodeChildren, tmp_path: Path) -> None:
    """The next recording is served by the same process; a good one harms nobody."""
    for number in range(2):
        path = write_wav(tmp_path / f"{number}.wav", ramp(1.0 + number))
        with open_audio(path) as reader:
            wanted = [block.samples for block in reader.blocks(0.3)]
        got = heard(children, path)
        assert len(got) == len(wanted)
        assert all(np.array_equal(one, other) for one, other in zip(got, wanted, strict=True))
        assert repr(children) == "<DecodeChildren 0 busy, 1 idle>"


def test_what_a_decoder_refuses_is_refused_with_the_same_words(children: DecodeChildren, tmp_path: Path) -> None:
    """And its process is kept: it did nothing wrong."""
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF????WAVE and no more")
    with pytest.raises(DecodeError) as here, open_audio(path):
        pass
    with pytest.raises(DecodeError) as there:
        heard(children, path)
    assert str(there.value) == str(here.value)
    assert not isinstance(there.value, DecoderLost)
    assert repr(children) == "<DecodeChildren 0 busy, 1 idle>"


@pytest.mark.parametrize(
    ("how", "words"),
    [("crash", "its decoder ended: Segmentation fault"), ("hang", "its decoder gave nothing for 1 s and was ended")],
)
def test_a_decoder_that_dies_is_lost_alone(children: DecodeChildren, tmp_path: Path, how: str, words: str) -> None:
    """The next recording gets another process."""
    (tmp_path / "bad.ogg").write_bytes(f"poison: {how}".encode())
    with pytest.raises(DecoderLost, match=words):
        heard(children, tmp_path / "bad.ogg")
    assert repr(children) == "<DecodeChildren 0 busy, 0 idle>"
    assert heard(children, write_wav(tmp_path / "good.wav", ramp(0.1)))


def test_more_sound_than_is_allowed_is_refused(children: DecodeChildren, tmp_path: Path) -> None:
    """By what is decoded, whatever a header says."""
    path = write_wav(tmp_path / "long.wav", ramp(101.0))
    with pytest.raises(DecodeError, match="more than 100 s of sound, the limit max_audio_s"):
        heard(children, path)


def test_a_recording_that_is_left_early_or_cancelled_takes_its_process_along(
    children: DecodeChildren, tmp_path: Path
) -> None:
    """Nothing goes on decoding what nobody wants."""
    path = write_wav(tmp_path / "a.wav", ramp(60.0))
    with children.open(str(path), 0.3) as audio:
        next(audio.blocks())
    assert repr(children) == "<DecodeChildren 0 busy, 0 idle>"
    with children.open(str(path), 0.3) as audio:
        audio.cancel()
        with pytest.raises(DecoderLost, match="Killed"):
            list(audio.blocks())


@pytest.mark.parametrize("wrong", [{"memory_mb": 0}, {"timeout_s": 0.0}, {"max_audio_s": 0.0}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    """With the field that is wrong."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ChildLimits(**wrong)  # type: ignore[arg-type] # what is tested
