"""This machine, as far as measurements and rewritten graphs depend on it: its processor and its instructions."""

import hashlib
import os
import platform
import re
from functools import cache


@cache
def machine_key() -> str:
    """Sixteen hexadecimal digits that change with the processor, its instructions and the kind of system."""
    return hashlib.sha256("\n".join([platform.machine(), os.name, *_processor()]).encode()).hexdigest()[:16]


@cache
def machine_name() -> str:
    """The processor in words."""
    names = [line.removeprefix("model name: ") for line in _processor() if line.startswith("model name: ")]
    return (names or [platform.processor() or platform.machine()])[0]


@cache
def _processor() -> tuple[str, ...]:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - no regular file
            found = re.findall(r"^(flags|Features|model name)\s*:\s*(.*)$", lines.read(), re.MULTILINE)
    except OSError:
        found = [("model name", platform.processor())]
    return tuple(sorted({f"{name}: {value}" for name, value in found}))
