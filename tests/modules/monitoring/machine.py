"""A machine made of files: trees of control groups and of `/proc`, as the kernel writes them."""

import os
from pathlib import Path

from modules.monitoring.cgroup import SystemRoots

MIB = 1 << 20
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def planted(root: Path, files: dict[str, str]) -> SystemRoots:
    """A tree with these files, and the roots that lead to it: "cgroup/..." and "proc/..."."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return SystemRoots(cgroup=root / "cgroup", proc=root / "proc")


def v2_tree(root: Path, files: dict[str, str], *, group: str = "/") -> SystemRoots:
    """A system with cgroup v2 alone and this process in `group`; file names are relative to the top."""
    plain = {f"cgroup/{name}": text for name, text in files.items()}
    return planted(root, {"cgroup/cgroup.controllers": "cpu memory\n", "proc/self/cgroup": f"0::{group}\n", **plain})


def v1_tree(root: Path, files: dict[str, str], *, group: str = "/") -> SystemRoots:
    """A system with cgroup v1 alone and this process in `group`; file names begin with the controller."""
    plain = {f"cgroup/{name}": text for name, text in files.items()}
    membership = f"9:memory:{group}\n3:cpu,cpuacct:{group}\n1:name=systemd:{group}\n"
    return planted(root, {"proc/self/cgroup": membership, **plain})


def nothing(root: Path) -> SystemRoots:
    """A system without control groups and without /proc."""
    return SystemRoots(cgroup=root / "none", proc=root / "none")


def host(*, busy_s: float = 0, stolen_s: float = 0) -> dict[str, str]:
    """`/proc/stat` after so many seconds, summed over CPUs; as much idle time on top, some of it waiting for a disk."""
    busy, stolen = round(busy_s * TICKS_PER_S), round(stolen_s * TICKS_PER_S)
    nice, system, irq, softirq = (busy // 10 for _ in range(4))
    user = busy - nice - system - irq - softirq
    fields = (user, nice, system, busy + 1, 7, irq, softirq, stolen, user // 2, 0)
    line = " ".join(map(str, fields))
    return {"proc/stat": f"cpu  {line}\ncpu0 {line}\nintr 12345 0 0\nctxt 99\n"}


def process(pid: str = "self", *, cpu_s: float = 0) -> dict[str, str]:
    """`/proc/PID/stat` after so many seconds of CPU time, a third of it in the kernel; its name is meant to confuse."""
    ticks = round(cpu_s * TICKS_PER_S)
    system = ticks // 3
    fields = f"S 1 1 1 0 -1 4194304 500 0 3 0 {ticks - system} {system} 5555 6666 20 0 4 0 77 1000000 900"
    return {f"proc/{pid}/stat": f"4711 (a b) R 1 (odd) {fields}\n"}


def thread(number: int = 1, *, ran_s: float = 0, waited_s: float = 0, pid: str = "self") -> dict[str, str]:
    """`schedstat` of one thread after so many seconds on a CPU and in the run queue."""
    text = f"{round(ran_s * 1e9)} {round(waited_s * 1e9)} 12\n"
    return {f"proc/{pid}/task/{number}/schedstat": text}


def pressure(name: str, *, stalled_s: float = 0) -> dict[str, str]:
    """A pressure file, by its path in the tree, after so many seconds in which some task waited."""
    averages = "avg10=1.50 avg60=0.20 avg300=0.00"
    stalled_us = round(stalled_s * 1e6)
    return {name: f"some {averages} total={stalled_us}\nfull {averages} total={stalled_us // 2}\n"}


def throttling(name: str, counts: tuple[int, int], *, lost_s: float = 0) -> dict[str, str]:
    """A group's `cpu.stat`, by its path in the tree, after so many (periods, throttled periods); v1 below `cpu`."""
    periods, throttled = counts
    lost = f"throttled_time {round(lost_s * 1e9)}" if "/cpu/" in name else f"throttled_usec {round(lost_s * 1e6)}"
    usage = "" if "/cpu/" in name else "usage_usec 900\nuser_usec 600\nsystem_usec 300\n"
    return {name: f"{usage}nr_periods {periods}\nnr_throttled {throttled}\n{lost}\nnr_bursts 0\n"}
