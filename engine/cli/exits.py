"""How the program ends, told to whoever started it."""

from enum import IntEnum

from modules.errors import OnbeatError


class Exit(IntEnum):
    """The exit codes; scripts may rely on them."""

    WELL = 0
    """Everything that was asked for was done."""
    FAILED = 1
    """The run failed as a whole."""
    USAGE = 2
    """The command line or the settings were wrong; nothing was begun."""
    SOME_FAILED = 3
    """The run went on to its end, but some files failed."""
    INTERRUPTED = 130
    """Ctrl-C: 128 and the number of SIGINT."""
    TERMINATED = 143
    """128 and the number of SIGTERM."""


class Interrupted(OnbeatError):
    """The user or the system asked the program to end; `code` is what it ends with."""

    def __init__(self, code: Exit) -> None:
        super().__init__("interrupted" if code is Exit.INTERRUPTED else "terminated")
        self.code = code
