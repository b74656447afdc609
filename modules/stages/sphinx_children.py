"""`SphinxChildren`: a bounded pool of recogniser processes, each lent to one utterance at a time.

Nothing here knows PocketSphinx or sound: bytes go to a child, the bytes of its answer come back. The program of a child
and the frames it speaks are in `sphinx_child.py`.
"""

import contextlib
import signal
import subprocess
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modules.errors import Cancelled, ConfigError, ModelError
from modules.stages.sphinx_child import read_frame, write_frame

MAX_PROCESSES = 256


class Child:
    """One process: asked in turn by whoever holds it, killed by anyone."""

    __slots__ = ("_is_ready", "_process")

    def __init__(self, command: Sequence[str]) -> None:
        # Its own session: a signal for our process group (Ctrl-C, `timeout`) is ours to pass on.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self._is_ready = False

    def __repr__(self) -> str:
        return f"<Child {self._process.pid}, {'ready' if self._is_ready else 'loading'}>"

    def has_ended(self) -> bool:
        """Whether the process is gone, which is nobody's doing while it is idle."""
        return self._process.poll() is not None

    def ready(self) -> None:
        """The child has loaded when this returns. Raises `ModelError` with its reason if it could not."""
        if not self._is_ready:
            if reason := self._read().decode():
                raise ModelError(f"the recogniser process could not begin: {reason}")
            self._is_ready = True

    def ask(self, body: bytes) -> bytes:
        """The child's answer to `body`. Raises `ModelError` if it could not load, or ended: then with its exit code."""
        self.ready()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # reading finds the end too, and tells why
            write_frame(self._process.stdin, body)
        return self._read()

    def kill(self) -> None:
        """End the process at once: it has nothing to save. Whoever waits for its answer gets `ModelError`."""
        self._process.kill()

    def end(self) -> None:
        """Kill the process, wait until it is gone and close its pipes. The holder does this, nobody else."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # closing flushes what a dead child did not take
                    pipe.close()

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        answer = read_frame(self._process.stdout)
        if answer is None:
            raise ModelError(f"the recogniser process ended while it was needed: {_how_it_ended(self._process.wait())}")
        return answer


@dataclass(slots=True, eq=False)
class Turn:
    """One utterance's claim on a child; its fields are read and written under the pool's lock only."""

    cancelled: bool = False
    child: Child | None = None


class SphinxChildren:
    """At most `max_processes` children, started when first needed, kept when idle, replaced when they die.

    Any thread may call any method. Children end with `close()`, when the pool is collected, or when Python exits.
    """

    def __init__(self, command: Sequence[str], *, max_processes: int) -> None:
        if not 1 <= max_processes <= MAX_PROCESSES:
            raise ConfigError(f"max_processes must be 1 to {MAX_PROCESSES}, got {max_processes}")
        self._command = tuple(command)
        self._max_processes = max_processes
        # A lock, as law 1 allows where it is explained: workers share the children, and one who finds them all busy
        # waits here until one is given back, until it is cancelled or until the pool is closed.
        self._changed = threading.Condition(threading.Lock())
        self._idle: list[Child] = []
        self._alive: set[Child] = set()
        self._places_taken = 0
        self._closed = False
        self._end_all = weakref.finalize(self, _end_each, self._alive)  # also runs when the interpreter exits

    def __repr__(self) -> str:
        busy = self._places_taken - len(self._idle)
        return f"<SphinxChildren {busy} busy, {len(self._idle)} idle, at most {self._max_processes}>"

    def ready(self) -> None:
        """A child has loaded when this returns; one is started if none is idle. Raises `ModelError`."""
        with self._lent(Turn()) as child:
            child.ready()

    def ask(self, body: bytes, turn: Turn) -> bytes:
        """A child's answer; waits for a free one. Raises `ModelError` if the child dies, `Cancelled` after `cancel`."""
        with self._lent(turn) as child:
            return child.ask(body)

    def cancel(self, turn: Turn) -> None:
        """Whoever waits or is answered under `turn`, now or later, gets `Cancelled`; its child is killed."""
        with self._changed:
            turn.cancelled = True
            if turn.child is not None:
                turn.child.kill()
            self._changed.notify_all()

    def close(self) -> None:
        """End all children; utterances in progress get `Cancelled`. Returns when no process is left."""
        with self._changed:
            self._closed = True
            for child in self._alive:
                child.kill()
            self._changed.notify_all()
            # Those that are lent out are ended by their holders, whose reads have just been broken off.
            self._changed.wait_for(lambda: self._places_taken == len(self._idle))
            self._idle.clear()
            self._places_taken = 0
        self._end_all()

    @contextlib.contextmanager
    def _lent(self, turn: Turn) -> Iterator[Child]:
        child = self._take(turn)
        try:
            yield child
        except BaseException as error:
            stopped = self._give_back(turn, usable=False)
            if stopped and isinstance(error, ModelError):
                raise Cancelled("recognition was cancelled and its process ended") from error
            raise
        if self._give_back(turn, usable=True):
            raise Cancelled("recognition was cancelled as it finished")

    def _take(self, turn: Turn) -> Child:
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopped(turn) or self._idle or self._places_taken < self._max_processes
            )
            if self._stopped(turn):
                raise Cancelled("recognition was cancelled before it began")
            while self._idle and self._idle[-1].has_ended():
                self._end(self._idle.pop())
            turn.child = self._idle.pop() if self._idle else self._start()
            return turn.child

    def _start(self) -> Child:
        try:
            child = Child(self._command)
        except OSError as error:
            raise ModelError(f"the recogniser process {self._command} could not be started: {error}") from error
        self._alive.add(child)
        self._places_taken += 1
        return child

    def _give_back(self, turn: Turn, *, usable: bool) -> bool:
        """Take the child back, ended unless it is usable. True if the turn was cancelled or the pool closed."""
        with self._changed:
            child, turn.child = turn.child, None
            assert child is not None
            stopped = self._stopped(turn)
            if usable and not stopped:
                self._idle.append(child)
            else:
                self._end(child)
            self._changed.notify_all()
            return stopped

    def _end(self, child: Child) -> None:
        child.end()  # quick: it is dead already or killed here
        self._alive.discard(child)
        self._places_taken -= 1

    def _stopped(self, turn: Turn) -> bool:
        return turn.cancelled or self._closed


def _end_each(children: set[Child]) -> None:
    while children:
        children.pop().end()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit code {code}; its messages are on stderr"
    hint = "; if nobody killed it, memory ran out: allow fewer processes" if -code == signal.SIGKILL else ""
    return f"exit code {code} ({signal.strsignal(-code)}){hint}"
