"""What was asked before is known, nothing else is, and the bytes stay within their limit."""

from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.models.cache_folder import CacheFolder
from modules.models.result_cache import ENTRY_BYTES, CacheKey, ResultCache


def key(audio: str = "a", model: str = "m", **options: object) -> CacheKey:
    """A key with these parts."""
    return CacheKey.of(audio, model, options)


def test_every_repeat_hits() -> None:
    """And each first time misses."""
    cache = ResultCache(1_000_000)
    for number in range(100):
        assert cache.get(key(str(number))) is None
        cache.put(key(str(number)), b"%d" % number)
    assert [cache.get(key(str(number))) for number in range(100)] == [b"%d" % number for number in range(100)]
    counts = cache.statistics()
    assert (counts.hits, counts.misses, counts.entries, counts.evicted) == (100, 100, 100, 0)


@pytest.mark.parametrize(
    "other",
    [
        key("b"),
        key(model="n"),
        key(threshold=0.5),
        key(threshold=0.4, channel=1),
        key("am", ""),
        CacheKey("a", "m", '{"threshold":0.40}'),
    ],
)
def test_another_question_is_never_answered(other: CacheKey) -> None:
    """Other audio, another model, another option, an option more: and parts that only look the same together."""
    cache = ResultCache(1_000_000)
    cache.put(key(threshold=0.4), b"answer")
    assert cache.get(other) is None
    assert cache.get(key(threshold=0.4)) == b"answer"


def test_the_order_of_options_does_not_matter() -> None:
    """They are the same options."""
    assert CacheKey.of("a", "m", {"x": 1, "y": 2}) == CacheKey.of("a", "m", {"y": 2, "x": 1})


def test_an_option_that_has_no_text_is_refused() -> None:
    """Else two could have the same."""
    with pytest.raises(TypeError):
        CacheKey.of("a", "m", {"x": object()})


def test_what_was_not_asked_for_longest_goes_first() -> None:
    """Asking keeps an answer alive."""
    cache = ResultCache(3 * (ENTRY_BYTES + 10))
    for name in "abc":
        cache.put(key(name), bytes(10))
    cache.get(key("a"))
    cache.put(key("d"), bytes(10))
    assert [cache.get(key(name)) is not None for name in "abcd"] == [True, False, True, True]
    assert cache.statistics().evicted == 1


def test_an_answer_that_is_larger_than_all_room_is_not_kept() -> None:
    """It would push out everything for nothing; one that was there under the same key is gone."""
    cache = ResultCache(1_000)
    cache.put(key("a"), bytes(100))
    cache.put(key("a"), bytes(5_000))
    assert cache.get(key("a")) is None
    assert (cache.statistics().refused, cache.statistics().bytes_held) == (1, 0)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3_000), st.booleans()), max_size=60))
def test_the_limit_holds_at_every_moment_and_answers_are_the_last_given(
    asked: list[tuple[int, int, bool]],
) -> None:
    """Under any mix of sizes, repeats and replacements."""
    cache, given_last = ResultCache(8_000), dict[int, bytes]()
    for name, size, puts in asked:
        if puts:
            given_last[name] = bytes([name]) * size
            cache.put(key(str(name)), given_last[name])
        else:
            assert cache.get(key(str(name))) in (None, given_last.get(name))
        counts = cache.statistics()
        assert counts.bytes_held <= cache.max_bytes
        assert counts.bytes_held >= counts.entries * ENTRY_BYTES


def test_threads_may_share_it() -> None:
    """The bound and the counts hold."""
    cache = ResultCache(20_000)

    def work(seed: int) -> None:
        for number in range(400):
            name = str((number * seed) % 37)
            if cache.get(key(name)) is None:
                cache.put(key(name), bytes(500 + number))

    threads = [Thread(target=work, args=(seed,)) for seed in (1, 2, 3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    counts = cache.statistics()
    assert counts.hits + counts.misses == 1_600
    assert counts.bytes_held <= 20_000


def test_with_a_folder_answers_outlive_the_process(tmp_path: Path) -> None:
    """A new cache finds them, counts them as hits from disk, and has them in memory afterwards."""
    ResultCache(10_000, CacheFolder(tmp_path, 10_000)).put(key(), b"answer")
    cache = ResultCache(10_000, CacheFolder(tmp_path, 10_000))
    assert (cache.get(key()), cache.get(key())) == (b"answer", b"answer")
    counts = cache.statistics()
    assert (counts.hits, counts.disk_hits, counts.misses, counts.entries) == (2, 1, 0, 1)
    assert counts.disk_bytes == 38


def test_without_memory_the_folder_still_answers(tmp_path: Path) -> None:
    """With max_bytes of 0 only the disk is used."""
    cache = ResultCache(0, CacheFolder(tmp_path, 10_000))
    cache.put(key(), b"answer")
    assert cache.get(key()) == b"answer"
    assert (cache.statistics().entries, cache.statistics().refused) == (0, 0)


def test_clearing_forgets_what_is_in_memory() -> None:
    """All of it."""
    cache = ResultCache(10_000)
    cache.put(key(), b"answer")
    cache.clear()
    assert cache.get(key()) is None
    assert repr(cache) == "<ResultCache 0 answers, 0 of 10000 bytes>"


def test_a_limit_below_nothing_is_refused() -> None:
    """With the value."""
    with pytest.raises(ValueError, match="max_bytes must be at least 0, got -1"):
        ResultCache(-1)
