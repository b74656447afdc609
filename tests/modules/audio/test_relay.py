"""Where one decoder fails, the next takes over without losing or doubling a frame."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.decoded import Decoded, Opener, Piece
from modules.audio.relay import Relay
from modules.errors import DecodeError

RATE_HZ = 1_000


def decoder(
    frames: int, *, piece: int = 70, fails: str | None = None, rate_hz: int = RATE_HZ, channels: int = 1
) -> Opener:
    """A decoder that gives the numbers 0, 1, ... up to `frames` in pieces, then ends or fails."""

    def pieces() -> Iterator[Piece]:
        for start in range(0, frames, piece):
            ramp = np.arange(start, min(start + piece, frames), dtype=np.float32)
            yield np.repeat(ramp[:, None], channels, axis=1)
        if fails:
            raise DecodeError(fails)

    @contextmanager
    def opener(_: object) -> Iterator[Decoded]:
        yield Decoded(rate_hz, channels, pieces())

    return opener


def relayed(*openers: Opener) -> list[float]:
    """All frames of mono decoders a, b, c, ..."""
    with Relay("x.wav", io.BytesIO(), dict(zip("abc", openers, strict=False))) as relay:
        return [float(value) for piece in relay.pieces() for value in piece[:, 0]]


@given(st.integers(1, 500), st.integers(1, 100), st.integers(1, 100))
def test_the_next_decoder_goes_on_at_the_very_frame(broken_after: int, first: int, second: int) -> None:
    """Whatever the pieces of the two are, nothing is lost or doubled."""
    assert relayed(decoder(broken_after, piece=first, fails="lost"), decoder(500, piece=second)) == list(range(500))


def test_a_decoder_that_fails_before_its_first_frame_is_passed_over() -> None:
    """So is one that has nothing to give."""
    with Relay("x", io.BytesIO(), {"a": decoder(0, fails="no"), "b": decoder(0), "c": decoder(5)}) as relay:
        assert relay.decoder == "c"
        assert repr(relay) == "<Relay x: 0 frames, now c, 2 gave up>"


def test_when_all_fail_one_line_says_what_each_said() -> None:
    """In the order in which they were tried."""
    with pytest.raises(DecodeError) as caught:
        relayed(decoder(0, fails="bad\nmagic"), decoder(0), decoder(0, rate_hz=0))
    expected = "cannot decode x.wav: a: bad magic; b: no audio in it; c: sample rate of 0 Hz, allowed are 1 to 768000"
    assert str(caught.value) == expected
    assert isinstance(caught.value.__cause__, DecodeError)


def test_breaking_off_says_how_far_it_got() -> None:
    """And why each of the others could not go on."""
    with pytest.raises(DecodeError) as caught:
        relayed(decoder(1_500, piece=500, fails="lost"), decoder(2_000, rate_hz=8_000), decoder(700))
    assert str(caught.value) == (
        "cannot decode x.wav beyond 1.500 s: a: lost; b: gives 8000 Hz and 1 channels instead; c: ends after 0.700 s"
    )


def test_a_decoder_that_ends_well_at_the_same_frame_agrees_that_this_is_the_end() -> None:
    """What the first stumbled over was not sound."""
    assert relayed(decoder(140, fails="lost"), decoder(140)) == list(range(140))


def test_no_decoder_stays_open() -> None:
    """Neither the one that failed nor the last, whether or not the recording opened."""
    still_open: list[int] = []

    def counted(opener: Opener) -> Opener:
        @contextmanager
        def counting(file: io.BytesIO) -> Iterator[Decoded]:
            still_open.append(1)
            with opener(file) as decoded:
                try:
                    yield decoded
                finally:
                    still_open.pop()

        return counting  # type: ignore[return-value] # any file will do

    makers: list[Callable[[], object]] = [
        lambda: relayed(counted(decoder(9, fails="lost")), counted(decoder(9))),
        lambda: relayed(counted(decoder(0)), counted(decoder(0))),
        lambda: relayed(counted(decoder(9, fails="lost"))),
    ]
    for make in makers:
        with suppress(DecodeError):
            make()
        assert still_open == []


def test_a_long_saying_is_cut_short() -> None:
    """One line stays readable."""
    with pytest.raises(DecodeError) as caught:
        relayed(decoder(0, fails="x" * 10_000))
    assert len(str(caught.value)) < 300
