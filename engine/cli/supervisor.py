"""`supervise`: the work is done in a child process, and when native code crashes it, another one goes on.

A decoder or a model that crashes takes its whole process along, whatever Python does. What survives is the journal, and
the process that was started, in which a small program waits for the child and starts the next one: `attendant.py`.
"""

import ctypes
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import NoReturn

from engine.cli import attendant
from engine.cli.exits import Exit

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def supervise() -> int:
    """Return in a child process, which is to do the work: how often one has crashed before it.

    In this process it does not return: the attendant takes its place, and ends with the code the last child ended with.
    """
    crashes = int(os.environ.pop(attendant.CRASHES_VARIABLE, "0"))
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # who started this may ignore it, and nobody then hears of the end
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, attendant.WAITED_FOR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which are NumPy's and know about forks
        child = os.fork()
    if child:
        _attend(child, crashes)
    _be_child_of(parent)
    signal.pthread_sigmask(signal.SIG_SETMASK, heard)
    return crashes


def _attend(child: int, crashes: int) -> NoReturn:
    """Make this process the attendant, which can start the run again as it was started."""
    program = [sys.executable, "-I", "-S", str(Path(attendant.__file__)), f"{child}", f"{crashes}"]
    os.execv(sys.executable, [*program, sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted


def _be_child_of(parent: int) -> None:
    """Lead a process group of its own, so that each signal reaches this process once, and die with the parent."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(Exit.FAILED)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it may write to the terminal from behind
