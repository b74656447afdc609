import math
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.monitoring.cgroup import (
    CgroupMemory,
    CgroupVersion,
    SystemRoots,
    cpu_quota,
    find_groups,
    memory_limit,
    quota_groups,
)
from tests.modules.monitoring.machine import MIB, planted, v1_tree, v2_tree

V1, V2 = CgroupVersion.V1, CgroupVersion.V2
V1_UNLIMITED = "9223372036854771712\n"


def test_a_v2_quota_is_quota_over_period(tmp_path: Path) -> None:
    """150 ms in 100 ms are one and a half CPUs."""
    roots = v2_tree(tmp_path, {"app/cpu.max": "150000 100000\n"}, group="/app")
    assert cpu_quota(V2, find_groups(roots)) == pytest.approx(1.5)
    assert cpu_quota(V1, find_groups(roots)) is None


def test_the_tightest_ancestor_binds_in_v2(tmp_path: Path) -> None:
    """A group may ask for more than its parent has; it does not get it."""
    roots = v2_tree(
        tmp_path,
        {
            "pod/cpu.max": "60000 100000\n",
            "pod/app/cpu.max": "400000 100000\n",
            "pod/app/inner/cpu.max": "max 100000\n",
            "pod/memory.max": f"{256 * MIB}\n",
            "pod/app/memory.max": f"{512 * MIB}\n",
            "pod/app/inner/memory.max": "max\n",
        },
        group="/pod/app/inner",
    )
    assert cpu_quota(V2, find_groups(roots)) == pytest.approx(0.6)
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(256 * MIB)


def test_each_group_that_sets_a_quota_is_named(tmp_path: Path) -> None:
    """The own one first; one without a quota, or with one that makes no sense, can hold nothing up that is known."""
    files = {
        "a/cpu.max": "60000 100000\n",
        "a/b/cpu.max": "?",
        "a/b/c/cpu.max": "max 100000\n",
        "a/b/c/d/cpu.max": "9 9",
    }
    roots = v2_tree(tmp_path, files, group="/a/b/c/d")
    assert quota_groups(V2, find_groups(roots)) == [roots.cgroup / "a/b/c/d", roots.cgroup / "a"]
    assert quota_groups(V1, find_groups(roots)) == []


def test_a_neighbours_group_does_not_bind(tmp_path: Path) -> None:
    """Only the way from this process's group to the top is read."""
    roots = v2_tree(tmp_path, {"other/cpu.max": "10000 100000\n", "app/cpu.max": "200000 100000\n"}, group="/app")
    assert cpu_quota(V2, find_groups(roots)) == pytest.approx(2.0)


def test_unlimited_in_v2_is_known_and_infinite(tmp_path: Path) -> None:
    """The word max is an answer, not a missing one."""
    roots = v2_tree(tmp_path, {"app/cpu.max": "max 100000\n", "app/memory.max": "max\n"}, group="/app")
    assert cpu_quota(V2, find_groups(roots)) == math.inf
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(math.inf)


def test_a_cgroup_namespace_shows_the_own_group_at_the_top(tmp_path: Path) -> None:
    """With "/" in /proc/self/cgroup the limits stand at the mount itself."""
    roots = v2_tree(tmp_path, {"cpu.max": "50000 100000\n", "memory.max": f"{64 * MIB}\n"}, group="/")
    assert cpu_quota(V2, find_groups(roots)) == pytest.approx(0.5)
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(64 * MIB)


def test_a_group_outside_the_namespace_is_not_followed(tmp_path: Path) -> None:
    """The path /../other never leads out of the mount; what is mounted still counts."""
    roots = v2_tree(tmp_path, {"cpu.max": "50000 100000\n", "../other/cpu.max": "1000 100000\n"}, group="/../other")
    assert find_groups(roots).directories["cpu", V2] == (roots.cgroup,)
    assert cpu_quota(V2, find_groups(roots)) == pytest.approx(0.5)


def test_memory_high_limits_as_well(tmp_path: Path) -> None:
    """Above it the kernel throttles the group, so it is no room to work in."""
    roots = v2_tree(tmp_path, {"app/memory.max": f"{512 * MIB}\n", "app/memory.high": f"{384 * MIB}\n"}, group="/app")
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(384 * MIB)


def test_memory_in_use_leaves_out_cache_that_is_given_back_first(tmp_path: Path) -> None:
    """Used is current less inactive file pages, as Kubernetes counts its working set."""
    roots = v2_tree(
        tmp_path,
        {
            "app/memory.max": f"{100 * MIB}\n",
            "app/memory.current": f"{70 * MIB}\n",
            "app/memory.stat": f"anon 1\ninactive_file {30 * MIB}\nactive_file 5\n",
        },
        group="/app",
    )
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(100 * MIB, 40 * MIB, 60 * MIB)


def test_the_fullest_group_decides_what_is_available(tmp_path: Path) -> None:
    """The tightest limit is the own group's, the least left is its busy parent's."""
    roots = v2_tree(
        tmp_path,
        {
            "pod/memory.max": f"{1000 * MIB}\n",
            "pod/memory.current": f"{990 * MIB}\n",
            "pod/app/memory.max": f"{100 * MIB}\n",
            "pod/app/memory.current": f"{20 * MIB}\n",
        },
        group="/pod/app",
    )
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(100 * MIB, 20 * MIB, 10 * MIB)


def test_a_group_over_its_limit_has_nothing_left(tmp_path: Path) -> None:
    """Nothing is 0 bytes, not fewer."""
    roots = v2_tree(tmp_path, {"memory.max": "4096\n", "memory.current": "8192\n"})
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(4096, 8192, 0)


def test_a_v1_quota_is_quota_over_period(tmp_path: Path) -> None:
    """Found where `cpu` leads, or where both controllers are mounted together."""
    files = {"cpu.cfs_quota_us": "60000\n", "cpu.cfs_period_us": "100000\n"}
    for mount in ("cpu", "cpu,cpuacct", "cpuacct,cpu"):
        plain = {f"{mount}/app/{name}": text for name, text in files.items()}
        roots = v1_tree(tmp_path / mount, plain, group="/app")
        assert cpu_quota(V1, find_groups(roots)) == pytest.approx(0.6)
        assert cpu_quota(V2, find_groups(roots)) is None


def test_a_v1_controller_that_is_not_mounted_is_unknown(tmp_path: Path) -> None:
    """The process has a group, but its files cannot be seen."""
    assert cpu_quota(V1, find_groups(v1_tree(tmp_path, {}, group="/app"))) is None


def test_the_tightest_ancestor_binds_in_v1(tmp_path: Path) -> None:
    """Quota and memory limit of the parent, use of the parent."""
    roots = v1_tree(
        tmp_path,
        {
            "cpu,cpuacct/pod/cpu.cfs_quota_us": "125000\n",
            "cpu,cpuacct/pod/cpu.cfs_period_us": "50000\n",
            "cpu,cpuacct/pod/app/cpu.cfs_quota_us": "-1\n",
            "cpu,cpuacct/pod/app/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": V1_UNLIMITED,
            "memory/pod/memory.limit_in_bytes": f"{300 * MIB}\n",
            "memory/pod/memory.usage_in_bytes": f"{200 * MIB}\n",
            "memory/pod/memory.stat": f"inactive_file 7\ntotal_inactive_file {50 * MIB}\n",
            "memory/pod/app/memory.limit_in_bytes": V1_UNLIMITED,
        },
        group="/pod/app",
    )
    assert cpu_quota(V1, find_groups(roots)) == pytest.approx(2.5)
    assert memory_limit(V1, find_groups(roots)) == CgroupMemory(300 * MIB, 150 * MIB, 150 * MIB)


@pytest.mark.parametrize("text", [V1_UNLIMITED, "9223372036854710272", "9223372036854775807", "-1"])
def test_unlimited_in_v1_is_known_and_infinite(tmp_path: Path, text: str) -> None:
    """The largest number in whole pages of 4 or 64 KiB, the largest at all, and -1."""
    roots = v1_tree(tmp_path, {"memory/memory.limit_in_bytes": text, "cpu/cpu.cfs_quota_us": "-1\n"})
    assert memory_limit(V1, find_groups(roots)) == CgroupMemory(math.inf)
    assert cpu_quota(V1, find_groups(roots)) == math.inf


def test_a_v1_container_without_namespace_is_found_at_its_mount(tmp_path: Path) -> None:
    """The host's path does not exist inside; the container's own limits stand at the mount."""
    roots = v1_tree(tmp_path, {"memory/memory.limit_in_bytes": f"{128 * MIB}\n"}, group="/docker/4f1b")
    assert memory_limit(V1, find_groups(roots)) == CgroupMemory(128 * MIB)


def test_a_group_below_a_container_is_found_through_mountinfo(tmp_path: Path) -> None:
    """The mounted part is cut off the host's path, so the group's own tighter limit is seen as well."""
    mount = (tmp_path / "cgroup" / "memory").as_posix().replace(" ", "\\040")
    roots = v1_tree(
        tmp_path,
        {
            "memory/memory.limit_in_bytes": f"{128 * MIB}\n",
            "memory/job/memory.limit_in_bytes": f"{32 * MIB}\n",
            "../proc/self/mountinfo": (
                "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
                "a line that makes no sense\n"
                f"35 31 0:32 /docker/4f\\0401b {mount} ro,nosuid shared:1 - cgroup cgroup rw,memory\n"
            ),
        },
        group="/docker/4f 1b/job",
    )
    assert find_groups(roots).directories["memory", V1] == (
        roots.cgroup / "memory" / "job",
        roots.cgroup / "memory",
    )
    assert memory_limit(V1, find_groups(roots)) == CgroupMemory(32 * MIB)


def test_a_hybrid_system_has_each_controller_in_one_version(tmp_path: Path) -> None:
    """v2 stands in `unified` without controllers: unknown there, known in v1."""
    roots = planted(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/app\n1:cpu:/app\n0::/app\n",
            "cgroup/unified/cgroup.controllers": "\n",
            "cgroup/unified/app/cgroup.procs": "1\n",
            "cgroup/cpu/app/cpu.cfs_quota_us": "100000\n",
            "cgroup/cpu/app/cpu.cfs_period_us": "100000\n",
            "cgroup/memory/app/memory.limit_in_bytes": f"{MIB}\n",
        },
    )
    assert cpu_quota(V1, find_groups(roots)) == pytest.approx(1.0)
    assert memory_limit(V1, find_groups(roots)) == CgroupMemory(MIB)
    assert cpu_quota(V2, find_groups(roots)) is None
    assert memory_limit(V2, find_groups(roots)) is None


def test_a_hybrid_system_may_have_its_memory_in_v2(tmp_path: Path) -> None:
    """`unified` is read like any other v2 tree."""
    roots = planted(
        tmp_path,
        {
            "proc/self/cgroup": "1:cpu:/\n0::/app\n",
            "cgroup/unified/cgroup.controllers": "memory\n",
            "cgroup/unified/app/memory.max": f"{MIB}\n",
        },
    )
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(MIB)
    assert memory_limit(V1, find_groups(roots)) is None


def test_a_system_without_control_groups_is_unknown(tmp_path: Path) -> None:
    """No file at all, as on macOS."""
    roots = SystemRoots(cgroup=tmp_path / "none", proc=tmp_path / "none")
    for version in CgroupVersion:
        assert cpu_quota(version, find_groups(roots)) is None
        assert memory_limit(version, find_groups(roots)) is None


@pytest.mark.parametrize(
    "text", ["", "\n", "much 100000", "100000", "0 100000", "100000 0", "-5 100000", "1e5 100000", "1 2 3", "²3 100000"]
)
def test_a_malformed_quota_is_unknown(tmp_path: Path, text: str) -> None:
    """Neither 0 nor unlimited is made of it, not even when another group is unlimited."""
    roots = v2_tree(tmp_path, {"app/cpu.max": text, "cpu.max": "max 100000\n"}, group="/app")
    assert cpu_quota(V2, find_groups(roots)) is None


@pytest.mark.parametrize("text", ["", "lots", "0", "-4096", "12.5", "9" * 5000])
def test_a_malformed_memory_limit_is_unknown(tmp_path: Path, text: str) -> None:
    """Neither 0 nor unlimited is made of it."""
    roots = v2_tree(tmp_path, {"memory.max": text})
    assert memory_limit(V2, find_groups(roots)) is None


def test_a_known_limit_stands_beside_a_malformed_one(tmp_path: Path) -> None:
    """It is an upper bound whatever the other would have said."""
    roots = v2_tree(tmp_path, {"app/cpu.max": "?", "cpu.max": "70000 100000\n"}, group="/app")
    assert cpu_quota(V2, find_groups(roots)) == pytest.approx(0.7)


def test_a_v1_quota_without_its_period_is_unknown(tmp_path: Path) -> None:
    """A quota alone says nothing."""
    roots = v1_tree(tmp_path, {"cpu/cpu.cfs_quota_us": "60000\n"})
    assert cpu_quota(V1, find_groups(roots)) is None


def test_use_that_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    """The limit is still known."""
    roots = v2_tree(tmp_path, {"memory.max": "4096\n", "memory.current": "??\n"})
    assert memory_limit(V2, find_groups(roots)) == CgroupMemory(4096, None, None)


@pytest.mark.parametrize("membership", ["", "garbage", "0::", "0::relative/path", ":::", "x:cpu", "\x00"])
def test_a_malformed_membership_is_unknown(tmp_path: Path, membership: str) -> None:
    """A process in no group that can be named has no limit that can be named."""
    roots = v2_tree(tmp_path, {"cpu.max": "50000 100000\n", "../proc/self/cgroup": membership})
    assert cpu_quota(V2, find_groups(roots)) is None


def test_bytes_that_are_no_text_are_unknown(tmp_path: Path) -> None:
    """Reading never raises."""
    roots = v2_tree(tmp_path, {"cpu.max": ""})
    (roots.cgroup / "cpu.max").write_bytes(b"\xff\xfe 100000")
    assert cpu_quota(V2, find_groups(roots)) is None


def test_a_directory_in_place_of_a_file_is_unknown(tmp_path: Path) -> None:
    """Reading never raises."""
    roots = v2_tree(tmp_path, {"cpu.max/inside": ""})
    assert cpu_quota(V2, find_groups(roots)) is None


@given(st.text(alphabet="ab./\\0:, -", max_size=40))
def test_no_group_name_leads_out_of_the_mount(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Every directory that would be read is the mount or lies in it."""
    top = tmp_path_factory.getbasetemp() / "any"
    roots = v2_tree(top, {}, group=f"/{name}")
    for directory in find_groups(roots).directories["cpu", V2]:
        relative = PurePosixPath(directory).relative_to(roots.cgroup)
        assert ".." not in relative.parts


@pytest.mark.parametrize("wrong", [{"limit_bytes": 0}, {"used_bytes": -1}, {"available_bytes": -1}])
def test_a_memory_record_below_nothing_is_refused(wrong: dict[str, int]) -> None:
    """Unknown is None, so 0 is no limit and nothing is negative."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        CgroupMemory(**{"limit_bytes": 4096} | wrong)
