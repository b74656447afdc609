"""Digests are found again, whatever they are and however many."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from engine.jobs.digest_map import DigestMap

digests = st.binary(min_size=8, max_size=32)


@given(st.lists(st.tuples(digests, st.integers(0, 2**32 - 1))))
def test_it_is_a_dictionary_that_keeps_the_first(pairs: list[tuple[bytes, int]]) -> None:
    """Told apart by their first eight bytes; all zeros are a digest too, taken for the one after them."""
    found, expected = DigestMap(), dict[bytes, int]()
    for digest, number in pairs:
        key = digest[:8] if any(digest[:8]) else b"\1" + bytes(7)
        assert found.add(digest, number) is (key not in expected)
        expected.setdefault(key, number)
        assert found.get(digest) == expected[key]
    assert len(found) == len(expected)


def test_many_are_found_and_others_are_not() -> None:
    """Also after it has grown several times."""
    found = DigestMap()
    for number in range(10_000):
        assert found.add(hashlib.sha256(b"%d" % number).digest(), number)
    assert all(found.get(hashlib.sha256(b"%d" % number).digest()) == number for number in range(10_000))
    assert not any(hashlib.sha256(b"x%d" % number).digest() in found for number in range(1_000))


def test_a_set_of_digests_takes_no_memory_for_numbers() -> None:
    """A job keeps one of names and one of contents, for every file: each byte counts."""
    sizes = []
    for number in (0, 1):
        found = DigestMap()
        for name in range(1_000):
            found.add(hashlib.sha256(b"%d" % name).digest(), number)
        sizes.append(found.size_bytes)
    assert sizes == [2_048 * 8, 2_048 * 12]
