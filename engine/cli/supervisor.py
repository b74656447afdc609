"""`supervise`: the work is done in a child process, and when native code crashes it, another one goes on.

A decoder or a model that crashes takes its whole process along, whatever Python does. What survives is the journal, and
this process, which does nothing but wait, pass on signals, and start the next child.
"""

import ctypes
import os
import select
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from engine.cli.exits import Exit

MAX_CRASHES = 100
"""After so many the run is given up; each recording that crashes it is found out after a few."""

HUNG = 75
"""What a child ends with that could not stop a decoder that hangs in it: EX_TEMPFAIL of sysexits.h."""

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGTSTP)
_CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def supervise() -> int:
    """Return in a child process, which is to do the work: how often one has crashed before it.

    In this process it does not return: it raises `typer.Exit` with the code the last child ended with.
    """
    with _signals_heard() as heard:
        for crashes in range(MAX_CRASHES + 1):
            child = _fork()
            if child == 0:
                return crashes
            ended = _attend(child, heard)
            if ended not in (HUNG, *(-number for number in _CRASHES)):
                raise typer.Exit(_code(ended))
            how = "a decoder hung" if ended == HUNG else f"native code crashed ({signal.strsignal(-ended)})"
            typer.echo(f"onbeat: {how}; going on from the journal", err=True)
        typer.echo(f"onbeat: error: given up after {MAX_CRASHES} crashes", err=True)
        raise typer.Exit(Exit.FAILED)


def _fork() -> int:
    """A child that leads a process group of its own, so that each signal reaches it once, and dies with its parent."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which are NumPy's and know about forks
        child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(Exit.FAILED)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it may write to the terminal from behind
    return child


def _attend(child: int, heard: int) -> int:
    """Pass on signals until the child has ended; its exit code, or the number of the signal that ended it, below 0."""
    ending = os.pidfd_open(child)
    try:
        while True:
            ready, _, _ = select.select([ending, heard], [], [])
            if heard in ready:
                for number in os.read(heard, 64):
                    _pass_on(signal.Signals(number), child)
            if ending in ready:
                return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        os.close(ending)


def _pass_on(number: signal.Signals, child: int) -> None:
    with suppress(ProcessLookupError):
        if number is signal.SIGTSTP:  # Ctrl-Z: stop both, and go on with both
            os.kill(child, signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(child, signal.SIGCONT)
        else:
            os.kill(child, number)


@contextmanager
def _signals_heard() -> Iterator[int]:
    """Inside the block a descriptor gives the numbers of signals as they come; a child that leaves it hears its own."""
    heard, told = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = {number: signal.signal(number, lambda *_: None) for number in _PASSED_ON}
    wakeup = signal.set_wakeup_fd(told)
    try:
        yield heard
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(heard)
        os.close(told)


def _code(ended: int) -> int:
    if ended >= 0:
        return ended
    typer.echo(
        f"onbeat: error: the run was ended from outside ({signal.strsignal(-ended)}), as it is when memory runs out; "
        "run it again to go on",
        err=True,
    )
    return Exit.FAILED
