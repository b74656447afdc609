"""What benchmarks run on: this machine as a record, and the versions of what is installed."""

import math
import os

from modules.measuring.results import Machine, Version
from modules.models.machine import machine_key, machine_name
from modules.monitoring.installation import Installation, installation
from modules.monitoring.resources import LimitSource, effective_cpus, effective_memory

_MB = 2**20


def this_machine() -> Machine:
    """This machine and what of it may be used, with the load of the last minute: what was busy before it began."""
    allowance, found = effective_cpus(), installation()
    affinity = allowance.reading(LimitSource.AFFINITY)
    return Machine(
        processor=machine_name(),
        platform=found.platform,
        cpus=round(affinity) if affinity and math.isfinite(affinity) else os.cpu_count() or 1,
        effective_cpus=allowance.cpus,
        memory_mb=round(effective_memory().limit_bytes / _MB),
        key=machine_key(),
        load_before=os.getloadavg()[0],
    )


def versions(found: Installation | None = None) -> tuple[Version, ...]:
    """Python and every package that Onbeat needs, as far as they are installed."""
    found = found or installation()
    python = Version(found.implementation, found.python)
    return python, *(Version(package.name, package.version) for package in found.packages if package.version)
