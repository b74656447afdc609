"""Whether a measurement is to be trusted: the generator was on time and the machine was ours. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from modules.monitoring.pressure import ResourceSample


@dataclass(frozen=True, slots=True)
class ValidityLimits:
    """How late a generator and how disturbed a machine may be.

    - `max_late_s`: of the generator, at p99.
    - `max_stolen_share`, `max_others_share`: of the CPUs this process may use, given to other virtual machines, and
      kept busy by other processes.
    """

    max_late_s: float = 0.005
    max_stolen_share: float = 0.05
    max_others_share: float = 0.1


_LIMITS = ValidityLimits()


def doubts(
    late_p99_s: float | None, seen: ResourceSample, limits: ValidityLimits = _LIMITS, *, ours: float = 0.0
) -> list[str]:
    """Why the numbers are not to be trusted; none when they are.

    `late_p99_s` is the generator's, `None` without one; `seen` the machine over the whole time. `ours` are CPUs that
    `seen` counts as others' and which were ours: processes that have ended meanwhile.
    """
    late = () if late_p99_s is None or late_p99_s <= limits.max_late_s else (late_p99_s,)
    found = [
        f"the generator was late: p99 {each * 1e3:.1f} ms, at most {limits.max_late_s * 1e3:g} ms" for each in late
    ]
    return [*found, *_disturbances(seen, limits, ours)]


def _disturbances(seen: ResourceSample, limits: ValidityLimits, ours: float) -> Iterator[str]:
    cpus = seen.cpus or seen.host_cpus or 1.0
    if seen.stolen_cpus is not None and seen.stolen_cpus > limits.max_stolen_share * cpus:
        yield f"the host took {seen.stolen_cpus:.2f} CPUs, at most {limits.max_stolen_share * cpus:.2f}"
    others = seen.neighbour_cpus
    if others is not None and others - ours > limits.max_others_share * cpus:
        yield f"other processes kept {others - ours:.2f} CPUs busy, at most {limits.max_others_share * cpus:.2f}"
