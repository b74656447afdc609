"""What an earlier run means for this one, decided from rows and facts alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.jobs.content import Content, FileFacts
from engine.jobs.journal_rows import KnownFile, State
from engine.jobs.resume import (
    CRASHED,
    RACY_NS,
    Action,
    Wish,
    attempts_before,
    changes,
    decide,
    is_blamed,
    is_worth_another,
    may_go_on,
    still_holds,
)
from modules.results import Failure

NOW_NS = 10**18
WISH = Wish("now")
FACTS = FileFacts(size_bytes=100, mtime_ns=NOW_NS - 10 * RACY_NS, device=1, inode=2)
DONE = KnownFile(
    7, "/a.wav", "a.wav", 0, State.OK, 100, FACTS.mtime_ns, NOW_NS, b"digest", "now", attempts=1, audio_s=2.0
)  # fmt: skip
CONTENT = Content(FACTS, b"digest", b"RIFF", NOW_NS)


def failed(kind: str, attempts: int = 1) -> KnownFile:
    """The same file, failed in that way."""
    return replace(DONE, state=State.FAILED, attempts=attempts, error=Failure(kind, "because"))


def test_a_new_file_is_done() -> None:
    """Nothing is known of it."""
    assert decide(None, FACTS, WISH) is Action.DO


def test_a_done_file_that_has_not_changed_is_kept() -> None:
    """Size and time are those on record, and the settings are the same."""
    assert decide(DONE, FACTS, WISH) is Action.KEEP


def test_another_size_is_another_content() -> None:
    """Nothing needs to be read to know that."""
    assert decide(DONE, replace(FACTS, size_bytes=101), WISH) is Action.DO


@pytest.mark.parametrize("by_ns", [1, -1, 10**15, -(10**15)])
def test_another_time_has_the_content_compared(by_ns: int) -> None:
    """Later or earlier, for a clock may have been set back: only equal times mean the same."""
    assert decide(DONE, replace(FACTS, mtime_ns=FACTS.mtime_ns + by_ns), WISH) is Action.COMPARE


@pytest.mark.parametrize("written_ns", [NOW_NS - RACY_NS + 1, NOW_NS, NOW_NS + 10**15])
def test_a_file_written_as_it_was_read_has_its_content_compared(written_ns: int) -> None:
    """It may have been written again within one tick of its clock; also when its time lies in the future."""
    facts = replace(FACTS, mtime_ns=written_ns)
    assert decide(replace(DONE, mtime_ns=written_ns), facts, WISH) is Action.COMPARE


def test_other_settings_do_what_depends_on_them() -> None:
    """A transcript does; that a file is broken does not."""
    other = Wish("other")
    assert decide(DONE, FACTS, other) is Action.DO
    assert decide(failed("ModelError"), FACTS, other) is Action.DO
    assert decide(failed("DecodeError"), FACTS, other) is Action.KEEP


def test_failed_files_are_tried_again_only_when_asked() -> None:
    """What failed stays failed as long as it is the same file."""
    assert decide(failed("DecodeError"), FACTS, WISH) is Action.KEEP
    assert decide(failed("DecodeError"), FACTS, replace(WISH, retry_failed=True)) is Action.DO
    assert decide(failed("DecodeError"), replace(FACTS, size_bytes=1), WISH) is Action.DO


@pytest.mark.parametrize("state", [State.BEGUN, State.SKIPPED])
def test_what_never_ended_is_done(state: State) -> None:
    """Also what was skipped and is a recording now."""
    assert decide(replace(DONE, state=state), FACTS, WISH) is Action.DO


def test_the_same_content_under_another_time_still_holds() -> None:
    """A copy, a restored backup or a `touch` costs no recognition."""
    assert still_holds(DONE, CONTENT, WISH)
    assert not still_holds(DONE, replace(CONTENT, digest=b"other"), WISH)
    assert not still_holds(DONE, CONTENT, Wish("other"))
    assert not still_holds(None, CONTENT, WISH)


def test_segments_are_good_for_the_same_content_and_settings() -> None:
    """Nothing else may go on from them."""
    begun = replace(DONE, state=State.BEGUN)
    assert may_go_on(begun, CONTENT, WISH)
    assert not may_go_on(begun, replace(CONTENT, digest=b"other"), WISH)
    assert not may_go_on(begun, CONTENT, Wish("other"))
    assert not may_go_on(DONE, CONTENT, WISH)
    assert not may_go_on(None, CONTENT, WISH)


@pytest.mark.parametrize("kind", ["DecoderLost", "SourceChanged", "ModelError"])
def test_what_may_be_chance_is_tried_again(kind: str) -> None:
    """As often as it may be."""
    assert is_worth_another(kind, 1, Wish("", max_attempts=2))
    assert not is_worth_another(kind, 2, Wish("", max_attempts=2))


@pytest.mark.parametrize("kind", ["DecodeError", "DeadlineExceeded", "ZeroDivisionError"])
def test_what_will_not_change_is_not_tried_again(kind: str) -> None:
    """A broken file stays broken, and a limit that was reached is reached again."""
    assert not is_worth_another(kind, 1, Wish("", max_attempts=9))


def test_a_file_in_hand_at_every_crash_is_given_up() -> None:
    """Not at the first, not when it has changed since, and not when it is to be tried again."""
    blamed = replace(DONE, state=State.BEGUN, attempts=2, error=Failure(CRASHED, "Segmentation fault"))
    assert is_blamed(blamed)
    assert decide(blamed, FACTS, WISH) is Action.GIVE_UP
    assert decide(replace(blamed, attempts=1), FACTS, WISH) is Action.DO
    assert decide(blamed, replace(FACTS, mtime_ns=1), WISH) is Action.DO
    assert decide(blamed, FACTS, replace(WISH, retry_failed=True)) is Action.DO
    assert not is_blamed(DONE)


def test_attempts_count_for_the_same_content_only() -> None:
    """A file that was mended begins anew; so does one that came to an end."""
    begun = replace(DONE, state=State.BEGUN, attempts=3)
    assert attempts_before(begun, CONTENT) == 3
    other = replace(CONTENT, digest=b"other", facts=replace(FACTS, mtime_ns=5))
    assert attempts_before(begun, other) == 0
    assert attempts_before(DONE, CONTENT) == 0
    assert attempts_before(None, CONTENT) == 0


def test_changes_are_said_in_words() -> None:
    """What there was, what there is; a digest by its beginning."""
    before = {"recogniser": "vosk", "model": "0123456789abcdef0", "min_segment_s": 10, "gone": 1}
    now = {"recogniser": "vosk", "model": "fedcba9876543210f", "min_segment_s": 5, "new": 0}
    assert changes(before, now) == [
        "model 0123456789ab... -> fedcba987654...",
        "min_segment_s 10 -> 5",
        "gone 1 -> none",
        "new none -> 0",
    ]
    assert changes(now, now) == []


def test_at_least_one_attempt_is_needed() -> None:
    """The record refuses what could never be carried out."""
    with pytest.raises(ValueError, match="max_attempts must be at least 1"):
        Wish("", max_attempts=0)


@given(
    state=st.sampled_from(State),
    same_size=st.booleans(),
    same_time=st.booleans(),
    same_settings=st.booleans(),
    retry_failed=st.booleans(),
)
def test_nothing_is_kept_unless_all_of_it_is_the_same(
    *, state: State, same_size: bool, same_time: bool, same_settings: bool, retry_failed: bool
) -> None:
    """Whatever the journal says: KEEP needs an end, the same size, the same time and a reason to trust it."""
    known = replace(DONE, state=state, error=Failure("ModelError", "x") if state is State.FAILED else None)
    facts = replace(FACTS, size_bytes=100 if same_size else 99, mtime_ns=FACTS.mtime_ns if same_time else 1)
    action = decide(known, facts, Wish("now" if same_settings else "other", retry_failed=retry_failed))
    if action is Action.KEEP:
        assert state in (State.OK, State.FAILED)
        assert same_size
        assert same_time
        assert same_settings
        assert state is State.OK or not retry_failed
