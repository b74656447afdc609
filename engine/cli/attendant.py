"""What waits for the process that does a run's work: it passes on signals, and starts the run again if that crashes.

A program of its own, run by its path with little of the standard library and nothing else: 4 MB. The run's modules are
35 MB, and if the process that was forked from kept them, each page of them that the work writes to, be it only to count
a reference, would be there twice: that grows all along a run. `supervisor.py` says how it is begun.
"""

import os
import signal
import sys

CRASHES_VARIABLE = "_ONBEAT_CRASHES"
"""How often the work of this run has crashed, in the environment of a run that is started again."""

MAX_CRASHES = 100
"""After so many the run is given up; each recording that crashes it is found out after a few."""

HUNG = 75
"""What a child ends with that could not stop a decoder that hangs in it: EX_TEMPFAIL of sysexits.h."""

WAITED_FOR = (signal.SIGINT, signal.SIGTERM, signal.SIGTSTP, signal.SIGCHLD)
"""Blocked since before there was a child, so that none is missed."""

_CRASHED = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
_FAILED = 1  # as `engine.cli.exits.Exit` has it, which is not imported: nothing of ours is


def main(child: int, crashes: int, command: list[str]) -> int:  # noqa: RET503 - execv does not return
    """The code the child ended with; if that was a crash, `command` takes this program's place and does not return."""
    ended = _ended(child)
    if ended not in (HUNG, *(-number for number in _CRASHED)):
        return _code(ended)
    how = "a decoder hung" if ended == HUNG else f"native code crashed ({signal.strsignal(-ended)})"
    _say(f"{how}; going on from the journal")
    if crashes == MAX_CRASHES:
        _say(f"error: given up after {MAX_CRASHES} crashes")
        return _FAILED
    os.environ[CRASHES_VARIABLE] = str(crashes + 1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAITED_FOR)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def _ended(child: int) -> int:
    """Pass on signals until the child has ended; its exit code, or the number of the signal that ended it, below 0."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        number = signal.sigwait(WAITED_FOR)
        if number == signal.SIGTSTP:  # Ctrl-Z: stop both, and go on with both
            os.kill(child, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(child, signal.SIGCONT)
        elif number != signal.SIGCHLD:
            os.kill(child, number)  # it is there, if only to be waited for


def _code(ended: int) -> int:
    if ended >= 0:
        return ended
    _say(
        f"error: the run was ended from outside ({signal.strsignal(-ended)}), as it is when memory runs out; "
        "run it again to go on"
    )
    return _FAILED


def _say(text: str) -> None:
    sys.stderr.write(f"onbeat: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
