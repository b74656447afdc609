"""This machine's key is the same at every call and looks like one."""

import re

from modules.models.machine import machine_key, machine_name


def test_the_key_is_stable_and_the_name_is_for_people() -> None:
    """Sixteen hexadecimal digits; some words."""
    assert re.fullmatch(r"[0-9a-f]{16}", machine_key())
    assert machine_key() == machine_key()
    assert machine_name().strip()
