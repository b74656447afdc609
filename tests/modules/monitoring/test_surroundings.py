"""What is looked up from time to time: limits, groups with quotas, pressure files, processes and their threads."""

from pathlib import Path

import pytest

from modules.errors import ConfigError
from modules.monitoring.cgroup import find_groups
from modules.monitoring.resources import LimitSource, effective_cpus
from modules.monitoring.surroundings import MAX_CHILDREN, MAX_THREADS, UserCaps, look_around
from tests.modules.monitoring.machine import MIB, nothing, planted, pressure, thread, v1_tree, v2_tree

NO_CAPS = UserCaps()


def test_limits_come_from_the_groups_and_from_the_user(tmp_path: Path) -> None:
    """As `effective_cpus` and `effective_memory` find them."""
    roots = v2_tree(tmp_path, {"cpu.max": "60000 100000\n", "memory.max": f"{64 * MIB}\n"})
    around = look_around(NO_CAPS, roots)
    assert around.cpus == effective_cpus(groups=find_groups(roots))
    assert around.memory is not None
    assert (around.cpus.cpus, around.memory.limit_bytes) == (0.6, 64 * MIB)
    capped = look_around(UserCaps(0.5, 32 * MIB), roots)
    assert capped.memory is not None
    assert (capped.cpus.source, capped.memory.source) == (LimitSource.USER, LimitSource.USER)


@pytest.mark.parametrize("caps", [UserCaps(cpus=0), UserCaps(memory_bytes=0)])
def test_a_cap_of_nothing_is_refused(tmp_path: Path, caps: UserCaps) -> None:
    """A ConfigError, as where it is used elsewhere."""
    with pytest.raises(ConfigError, match="user_cap"):
        look_around(caps, nothing(tmp_path))


def test_every_group_with_a_quota_is_watched(tmp_path: Path) -> None:
    """In v2 and in v1, and only those on the way to the top."""
    v2 = v2_tree(
        tmp_path / "2",
        {"a/cpu.max": "9 9", "a/b/cpu.max": "max 9", "a/b/c/cpu.max": "9 9", "d/cpu.max": "9 9"},
        group="/a/b/c",
    )
    assert look_around(NO_CAPS, v2).quota_files == (f"{v2.cgroup}/a/b/c/cpu.stat", f"{v2.cgroup}/a/cpu.stat")
    v1 = v1_tree(tmp_path / "1", {"cpu/a/cpu.cfs_quota_us": "5", "cpu/a/cpu.cfs_period_us": "9"}, group="/a/b")
    assert look_around(NO_CAPS, v1).quota_files == (f"{v1.cgroup}/cpu/a/cpu.stat",)


def test_no_quota_is_told_from_an_unknown_one(tmp_path: Path) -> None:
    """Unlimited in one version, with nothing said in the other, is none."""
    assert look_around(NO_CAPS, v2_tree(tmp_path / "2", {"cpu.max": "max 100000\n"})).is_without_quota
    assert look_around(NO_CAPS, v1_tree(tmp_path / "1", {"cpu/cpu.cfs_quota_us": "-1\n"})).is_without_quota
    assert not look_around(NO_CAPS, v2_tree(tmp_path / "3", {"cpu.max": "9 9\n"})).is_without_quota
    assert not look_around(NO_CAPS, v2_tree(tmp_path / "4", {"cpu.max": "??\n"})).is_without_quota
    assert not look_around(NO_CAPS, nothing(tmp_path)).is_without_quota


def test_pressure_is_that_of_the_own_group_where_it_has_one(tmp_path: Path) -> None:
    """Not of one above it, which has other processes in it."""
    roots = v2_tree(tmp_path, {}, group="/a/b")
    host = (f"{roots.proc}/pressure/cpu", f"{roots.proc}/pressure/memory")
    planted(tmp_path, pressure("cgroup/a/cpu.pressure") | pressure("cgroup/a/memory.pressure"))
    assert look_around(NO_CAPS, roots).pressure_files == host
    planted(tmp_path, pressure("cgroup/a/b/cpu.pressure") | {"cgroup/a/b/memory.pressure": "?"})
    assert look_around(NO_CAPS, roots).pressure_files == host
    planted(tmp_path, pressure("cgroup/a/b/memory.pressure"))
    own = (f"{roots.cgroup}/a/b/cpu.pressure", f"{roots.cgroup}/a/b/memory.pressure")
    assert look_around(NO_CAPS, roots).pressure_files == own
    assert look_around(NO_CAPS, roots).host_pressure_files == host


def test_beside_v1_the_own_groups_pressure_is_in_the_unified_tree(tmp_path: Path) -> None:
    """Version 2 has pressure files without any controller."""
    files = pressure("cgroup/unified/a/cpu.pressure") | pressure("cgroup/unified/a/memory.pressure")
    roots = planted(tmp_path, {"proc/self/cgroup": "2:cpu:/a\n0::/a\n"} | files)
    unified = roots.cgroup / "unified" / "a"
    assert look_around(NO_CAPS, roots).pressure_files == (f"{unified}/cpu.pressure", f"{unified}/memory.pressure")


def test_processes_that_any_thread_started_are_this_ones(tmp_path: Path) -> None:
    """With their threads; what is no number is no process."""
    files = {
        "proc/self/task/7/children": "31 30 ",
        "proc/self/task/8/children": "100 \n",
        "proc/self/task/9/children": "x",
    }
    files |= thread(7) | thread(8) | thread(30, pid="30") | thread(33, pid="30")
    roots = planted(tmp_path, files | {"proc/self/task/odd/children": "55"})
    around = look_around(NO_CAPS, roots)
    assert around.process_files == tuple(f"{roots.proc}/{pid}/stat" for pid in ("self", 30, 31, 100))
    threads = ("self/task/7", "self/task/8", "self/task/9", "30/task/30", "30/task/33")
    assert around.schedule_files == tuple(f"{roots.proc}/{name}/schedstat" for name in threads)


def test_there_is_a_limit_to_what_is_watched(tmp_path: Path) -> None:
    """Of many threads the busiest, whether they ran or waited; of many children the first."""
    files = {"proc/self/task/1/children": " ".join(map(str, range(1000, 1200)))}
    for number in range(1, 101):
        files |= thread(number, ran_s=number % 2, waited_s=2 * number)
    files |= thread(7, ran_s=1000) | thread(1003, waited_s=1000, pid="1003") | {"proc/self/task/9/schedstat": "?"}
    around = look_around(NO_CAPS, planted(tmp_path, files))
    assert len(around.process_files) == 1 + MAX_CHILDREN
    numbers = {int(Path(name).parent.name) for name in around.schedule_files}
    assert len(around.schedule_files) == len(numbers) == MAX_THREADS
    assert numbers == {7, 1003, *range(55, 101)}


def test_without_any_files_nothing_is_watched(tmp_path: Path) -> None:
    """The names of files that are always the same are kept; they may appear."""
    roots = nothing(tmp_path)
    around = look_around(NO_CAPS, roots)
    assert (around.quota_files, around.schedule_files) == ((), ())
    assert around.pressure_files == around.host_pressure_files
    assert around.process_files == (f"{roots.proc}/self/stat",)
