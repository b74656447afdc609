"""Each format is read as the kernel writes it, and anything else is unknown."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring import counters
from modules.monitoring.kernel_files import Counts
from tests.modules.monitoring import machine

Parse = Callable[[str], Counts | None]

PARSERS: tuple[Parse, ...] = (
    counters.pressure,
    counters.throttling,
    counters.schedule,
    counters.process_ticks,
    counters.host_ticks,
)
EXAMPLES: tuple[str, ...] = tuple(
    text
    for files in (
        machine.pressure("cpu.pressure", stalled_s=3.5),
        machine.throttling("cgroup/cpu/cpu.stat", (400, 20), lost_s=0.7),
        machine.throttling("cgroup/cpu.stat", (400, 20), lost_s=0.7),
        machine.thread(ran_s=2, waited_s=0.25),
        machine.process(cpu_s=9),
        machine.host(busy_s=500, stolen_s=3),
    )
    for text in files.values()
)
counts = st.integers(0, (1 << 64) - 1)


def test_pressure_is_the_time_in_which_some_task_waited() -> None:
    """In microseconds, from the line `some`; that of `full` stands beside it."""
    text = "some avg10=2.30 avg60=1.26 avg300=0.45 total=4968124\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=17\n"
    assert counters.pressure(text) == (4968124,)
    assert counters.pressure(text.partition("\n")[2]) is None


def test_throttling_is_in_nanoseconds_in_both_versions() -> None:
    """v2 writes microseconds among other things, v1 nanoseconds."""
    v1 = "nr_periods 120\nnr_throttled 30\nthrottled_time 4500000\nnr_bursts 0\nburst_time 0\n"
    v2 = "usage_usec 99\nuser_usec 66\nsystem_usec 33\nnr_periods 120\nnr_throttled 30\nthrottled_usec 4500\n"
    assert counters.throttling(v1) == counters.throttling(v2) == (120, 30, 4_500_000)


def test_a_group_without_the_cpu_controller_has_no_throttling() -> None:
    """Its `cpu.stat` tells the usage alone."""
    assert counters.throttling("usage_usec 99\nuser_usec 66\nsystem_usec 33\n") is None


def test_schedule_is_time_run_and_time_waited() -> None:
    """In nanoseconds; the third number counts time slices."""
    assert counters.schedule("736143 812 15\n") == (736143, 812)


def test_a_kernel_that_keeps_no_schedule_is_unknown() -> None:
    """It writes zeros, and a thread that reads them has run."""
    assert counters.schedule("0 0 0\n") is None
    assert counters.schedule("0 812 15\n") == (0, 812)


def test_a_process_is_found_behind_whatever_name_it_has() -> None:
    """Names may hold blanks and brackets; user and system time are fields 14 and 15."""
    fields = "S 1 1 1 0 -1 4194304 500 0 3 0 250 50 7 8 20 0 4 0 77 1000000"
    for name in ("python", "a b", "odd) S 1 2", "(((", ""):
        assert counters.process_ticks(f"4711 ({name}) {fields}\n") == (300,)


def test_busy_is_all_but_idle_waiting_for_disks_and_stolen() -> None:
    """Guests are in user and nice already, and are not counted twice."""
    text = "cpu  1000 200 30 9999 888 4 5 60 700 70\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
    assert counters.host_ticks(text) == (1000 + 200 + 30 + 4 + 5, 60)


@pytest.mark.parametrize("text", ["cpu  0 0 0 0 0 0 0 0 0 0\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 3 4\n", "cpu\n"])
def test_a_host_that_does_not_tell_is_unknown(text: str) -> None:
    """Zeros of a sandbox, a single CPU, and a line that is too short."""
    assert counters.host_ticks(text) is None


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@pytest.mark.parametrize("text", ["", "\n", "\x00", "some", "some total=", ")", "4711 (x", "nr_periods\n", "-1 -1 -1"])
def test_what_makes_no_sense_is_unknown(parse: Parse, text: str) -> None:
    """Nothing raises, and nothing is taken for 0."""
    assert parse(text) is None


@given(st.one_of(st.text(), st.text("0123456789 \n()-=.somefultacpuy_erdi"), st.sampled_from(EXAMPLES)), st.data())
def test_no_text_raises_or_gives_less_than_nothing(text: str, data: st.DataObject) -> None:
    """Made up, made of what such files hold, or cut out of one."""
    start, end = (data.draw(st.integers(0, len(text))) for _ in range(2))
    for parse in PARSERS:
        for piece in (text, text[start:end], text[:start] + text[end:]):
            parsed = parse(piece)
            assert parsed is None or min(parsed) >= 0


@given(counts, counts, counts, counts)
def test_any_count_is_read_as_it_was_written(first: int, second: int, third: int, fourth: int) -> None:
    """Up to the largest of 64 bits."""
    assert counters.pressure(f"some avg10=0.00 avg60=0.00 avg300=0.00 total={first}\n") == (first,)
    assert counters.throttling(f"nr_periods {first}\nnr_throttled {second}\nthrottled_time {third}\n") == (
        first,
        second,
        third,
    )
    assert counters.schedule(f"{first} {second} 1\n") == ((first, second) if first or second else None)
    assert counters.process_ticks(f"1 (x) S 1 1 1 0 -1 0 0 0 0 0 {first} {second} 0 0\n") == (first + second,)
    known = any((first, second, third, fourth))
    host = counters.host_ticks(f"cpu {first} {second} 0 {third} 0 0 0 {fourth}\n")
    assert host == ((first + second, fourth) if known else None)
