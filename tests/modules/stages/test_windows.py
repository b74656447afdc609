"""Windows are the same however the audio arrives, and every sample is in one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.audio.buffer import AudioBuffer
from modules.errors import AudioError
from modules.stages.windows import WindowRun, Windows, WindowShape, window_views

RATE_HZ = 1_000

shapes = st.builds(
    lambda frames, hop, lead: WindowShape(RATE_HZ, frames, min(hop, frames), min(lead, frames - min(hop, frames))),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 10),
)


def runs(shape: WindowShape, frames: int, cuts: list[int], start_s: float = 0.0) -> list[WindowRun]:
    """The runs of a ramp of so many frames, cut at `cuts`."""
    ramp = AudioBuffer(np.arange(1, frames + 1, dtype=np.float32), RATE_HZ, start_s)
    edges = [0, *sorted(min(cut, frames) for cut in cuts), frames]
    session = Windows(shape).open()
    found = [run for a, b in pairwise(edges) for run in session.feed(ramp.cut(a, b))]
    return found + session.finish()


@given(shapes, st.integers(0, 200), st.lists(st.integers(0, 200), max_size=6))
def test_windows_do_not_depend_on_how_the_audio_was_cut(shape: WindowShape, frames: int, cuts: list[int]) -> None:
    """Neither do the stretches that they speak for, which follow one another from the start to the end."""
    whole, pieces = runs(shape, frames, []), runs(shape, frames, cuts)
    rows = [np.concatenate([run.rows for run in found]) if found else np.empty((0, 0)) for found in (whole, pieces)]
    np.testing.assert_array_equal(rows[0], rows[1])
    spans = [[span for run in found for span in run.spans] for found in (whole, pieces)]
    np.testing.assert_allclose(np.array(spans[0]).ravel(), np.array(spans[1]).ravel(), atol=1e-9)
    edges = np.array(spans[1]).ravel()
    assert (np.diff(edges) >= -1e-9).all()
    if frames:
        assert edges[0] == pytest.approx(0.0, abs=1e-9)
        assert edges[-1] == pytest.approx(frames / RATE_HZ) or pieces[-1].end_s is None


@given(shapes, st.integers(1, 200))
def test_every_sample_is_in_a_window_and_nothing_but_silence_is_added(shape: WindowShape, frames: int) -> None:
    """The ramp begins at 1, so silence can be told from it."""
    heard = np.concatenate([run.rows for run in runs(shape, frames, [])])
    assert set(heard.ravel().tolist()) - {0.0} == set(range(1, frames + 1))


def test_windows_follow_at_the_hop() -> None:
    """The last one is filled up with silence."""
    (run, last) = runs(WindowShape(RATE_HZ, 4, 2), 7, [])
    np.testing.assert_array_equal(run.rows, [[1, 2, 3, 4], [3, 4, 5, 6]])
    np.testing.assert_array_equal(last.rows, [[5, 6, 7, 0]])
    assert last.end_s == pytest.approx(0.007)


def test_a_window_speaks_for_its_middle() -> None:
    """The first one also for the beginning, the last one for the end."""
    found = runs(WindowShape(RATE_HZ, 4, 2), 7, [])
    spans = [span for run in found for span in run.spans]
    np.testing.assert_allclose(spans, [(0.0, 0.003), (0.003, 0.005), (0.005, 0.007)], atol=1e-12)


def test_with_a_lead_a_window_speaks_for_what_follows_it() -> None:
    """The lead is silence before the stream, then what came before the hop."""
    found = runs(WindowShape(RATE_HZ, 6, 4, 2), 8, [], start_s=5.0)
    np.testing.assert_array_equal(np.concatenate([run.rows for run in found]), [[0, 0, 1, 2, 3, 4], [3, 4, 5, 6, 7, 8]])
    np.testing.assert_allclose([s for run in found for s in run.spans], [(5.0, 5.004), (5.004, 5.008)])


def test_rows_are_views() -> None:
    """Overlapping windows cost no copies."""
    (run,) = runs(WindowShape(RATE_HZ, 4, 2), 6, [])
    assert np.shares_memory(run.rows, run.audio.samples)


def test_an_empty_stream_has_no_windows() -> None:
    """Nothing was heard."""
    assert Windows(WindowShape(RATE_HZ, 4, 2)).open().finish() == []


def test_other_audio_is_refused() -> None:
    """A rate that is not the shape's, or several channels."""
    session = Windows(WindowShape(RATE_HZ, 4, 2)).open()
    with pytest.raises(AudioError, match="mono audio at 1000 Hz, got 1 channels at 8000 Hz"):
        session.feed(AudioBuffer.silence(10, 8_000))
    with pytest.raises(AudioError, match="got 2 channels"):
        session.feed(AudioBuffer(np.zeros((10, 2), np.float32), RATE_HZ))


@pytest.mark.parametrize(("frames", "hop", "lead"), [(4, 0, 0), (4, 5, 0), (4, 2, 3), (4, 2, -1)])
def test_wrong_shapes_are_refused(frames: int, hop: int, lead: int) -> None:
    """A hop leaves no sample out, and a lead fits beside it."""
    with pytest.raises(ValueError, match=r"hop must|lead must"):
        WindowShape(RATE_HZ, frames, hop, lead)


def test_a_shape_may_be_given_in_seconds() -> None:
    """Rounded to samples."""
    assert WindowShape.of_seconds(16_000, window_s=0.975, hop_s=0.48) == WindowShape(16_000, 15_600, 7_680)


@given(st.integers(0, 60), st.integers(1, 20), st.integers(1, 20), st.booleans())
def test_views_are_all_whole_windows_and_copy_nothing(length: int, frames: int, hop: int, is_strided: bool) -> None:  # noqa: FBT001 - drawn
    """As many as fit, each where it is; samples that do not lie in one piece are put into one first."""
    samples = np.arange(2 * length, dtype=np.float32)[::2] if is_strided else np.arange(length, dtype=np.float32)
    views = window_views(samples, frames, hop)
    assert [view.tolist() for view in views] == [
        samples[start : start + frames].tolist() for start in range(0, length - frames + 1, hop)
    ]
    if len(views) and not samples.flags.c_contiguous:
        assert not np.shares_memory(views, samples)
    elif len(views):
        assert np.shares_memory(views, samples)
    with pytest.raises(ValueError, match="read-only"):
        views[...] = 0
