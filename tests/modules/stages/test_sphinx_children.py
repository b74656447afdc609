"""The pool of recogniser processes, with small processes of known behaviour in place of the recogniser."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modules.errors import Cancelled, ConfigError, ModelError
from modules.stages.sphinx_children import SphinxChildren, Turn

# It answers "pid" with its process id, ends for "exit 7" or "kill", and for a path opens that pipe and hangs.
PROGRAM = """
import os, signal, sys
def frame():
    size = int.from_bytes(sys.stdin.buffer.read(4), "little")
    return sys.stdin.buffer.read(size).decode()
def say(text):
    sys.stdout.buffer.write(len(text).to_bytes(4, "little") + text.encode())
    sys.stdout.buffer.flush()
say("")
while order := frame():
    if order == "exit 7": os._exit(7)
    if order == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if order.startswith("/"):
        open(order, "w").close()
        signal.pause()
    say(str(os.getpid()) if order == "pid" else order)
"""
COMMAND = (sys.executable, "-S", "-E", "-c", PROGRAM)


@pytest.fixture
def children() -> Iterator[SphinxChildren]:
    """At most two children."""
    pool = SphinxChildren(COMMAND, max_processes=2)
    yield pool
    pool.close()


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe: opening it waits until a child, told to hang, has opened it too."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def pid(children: SphinxChildren) -> int:
    """The process that answers now."""
    return int(children.ask(b"pid", Turn()))


def is_running(process: int) -> bool:
    """Whether there is such a process, be it a zombie."""
    return Path(f"/proc/{process}").exists()


def test_no_process_is_started_before_it_is_needed(children: SphinxChildren) -> None:
    """An idle recogniser costs nothing."""
    assert repr(children) == "<SphinxChildren 0 busy, 0 idle, at most 2>"


def test_one_after_the_other_is_answered_by_the_same_child(children: SphinxChildren) -> None:
    """A loaded decoder is used again."""
    assert pid(children) == pid(children)
    assert repr(children) == "<SphinxChildren 0 busy, 1 idle, at most 2>"


def test_two_at_once_are_answered_by_two_children(children: SphinxChildren, pipe: Path) -> None:
    """While one works another is started."""
    turn = Turn()
    with ThreadPoolExecutor(1) as worker:
        hanging = worker.submit(children.ask, str(pipe).encode(), turn)
        pipe.open().close()
        assert repr(children) == "<SphinxChildren 1 busy, 0 idle, at most 2>"
        assert children.ask(b"hello", Turn()) == b"hello"
        children.cancel(turn)
        with pytest.raises(Cancelled):
            hanging.result()


def test_many_callers_share_few_children(children: SphinxChildren) -> None:
    """Who finds all children busy waits for one, and everybody gets their own answer."""
    with ThreadPoolExecutor(8) as workers:
        answers = list(workers.map(lambda n: children.ask(b"%d" % n, Turn()), range(200)))
    assert answers == [b"%d" % n for n in range(200)]
    assert "0 busy" in repr(children)


def test_a_long_question_passes_whole(children: SphinxChildren) -> None:
    """Neither side waits for the other when the pipes are full."""
    body = b"x" * 3_000_000
    assert children.ask(body, Turn()) == body


def test_a_child_that_exits_is_named_with_its_code_and_replaced(children: SphinxChildren) -> None:
    """The next caller does not notice."""
    first = pid(children)
    with pytest.raises(ModelError, match="exit code 7"):
        children.ask(b"exit 7", Turn())
    assert pid(children) != first
    assert not is_running(first)


def test_a_child_killed_from_outside_is_a_model_error_that_speaks_of_memory(children: SphinxChildren) -> None:
    """That is what the kernel does when memory runs out."""
    with pytest.raises(ModelError, match=r"exit code -9 \(Killed\).*memory ran out"):
        children.ask(b"kill", Turn())


def test_a_child_that_died_while_idle_harms_nobody(children: SphinxChildren) -> None:
    """The next caller gets another one."""
    process = pid(children)
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert pid(children) != process
    assert repr(children) == "<SphinxChildren 0 busy, 1 idle, at most 2>"


def test_children_end_with_the_interpreter() -> None:
    """A program that forgets them leaves none behind, and ends quietly."""
    code = f"""
from modules.stages.sphinx_children import SphinxChildren, Turn
children = SphinxChildren({COMMAND!r}, max_processes=1)
print(children.ask(b"pid", Turn()).decode())
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not is_running(int(done.stdout))
    assert done.stderr == ""


def test_a_program_that_ends_at_once_is_a_model_error() -> None:
    """Even if it never said it was ready."""
    children = SphinxChildren((sys.executable, "-S", "-c", "raise SystemExit(3)"), max_processes=1)
    with pytest.raises(ModelError, match="exit code 3"):
        children.ask(b"x" * 1_000_000, Turn())
    children.close()


def test_a_child_that_cannot_load_says_why() -> None:
    """The reason reaches every caller, and each time it is tried again with a new child."""
    program = PROGRAM.replace('say("")', 'say(f"no model in {os.getpid()}"); sys.exit()')
    children = SphinxChildren((*COMMAND[:-1], program), max_processes=1)
    reasons = set()
    for ask in (children.ready, lambda: children.ask(b"hello", Turn())):
        with pytest.raises(ModelError, match="could not begin: no model in") as caught:
            ask()
        reasons.add(str(caught.value))
    assert len(reasons) == 2
    children.close()


def test_a_program_that_is_missing_is_a_model_error_and_takes_no_place() -> None:
    """The second attempt fails the same way and does not wait."""
    children = SphinxChildren(("/no/such/program",), max_processes=1)
    for _ in range(2):
        with pytest.raises(ModelError, match="/no/such/program"):
            children.ask(b"", Turn())
    children.close()


def test_cancelling_kills_the_child_at_work(children: SphinxChildren, pipe: Path) -> None:
    """The caller is let go, no process is left behind and the place is free again."""
    process, turn = pid(children), Turn()
    with ThreadPoolExecutor(1) as worker:
        hanging = worker.submit(children.ask, str(pipe).encode(), turn)
        pipe.open().close()
        children.cancel(turn)
        with pytest.raises(Cancelled):
            hanging.result()
    assert not is_running(process)
    assert children.ask(b"hello", Turn()) == b"hello"


def test_cancelling_lets_go_who_waits_for_a_child(pipe: Path) -> None:
    """Nobody has to wait for a stranger's utterance to end."""
    children = SphinxChildren(COMMAND, max_processes=1)
    working, waiting = Turn(), Turn()
    with ThreadPoolExecutor(2) as workers:
        hanging = workers.submit(children.ask, str(pipe).encode(), working)
        pipe.open().close()
        queued = workers.submit(children.ask, b"hello", waiting)
        children.cancel(waiting)
        with pytest.raises(Cancelled):
            queued.result()
        assert not hanging.done()
        children.cancel(working)
        with pytest.raises(Cancelled):
            hanging.result()
    children.close()


def test_a_cancelled_turn_never_begins(children: SphinxChildren) -> None:
    """Cancelling early is as good."""
    turn = Turn()
    children.cancel(turn)
    with pytest.raises(Cancelled):
        children.ask(b"hello", turn)
    assert repr(children) == "<SphinxChildren 0 busy, 0 idle, at most 2>"


def test_closing_ends_all_children_idle_and_busy(children: SphinxChildren, pipe: Path) -> None:
    """No process and no zombie is left, and callers are told."""
    process = pid(children)
    with ThreadPoolExecutor(1) as worker:
        hanging = worker.submit(children.ask, str(pipe).encode(), Turn())
        pipe.open().close()
        children.close()
        with pytest.raises(Cancelled):
            hanging.result()
    assert not is_running(process)
    with pytest.raises(Cancelled):
        pid(children)
    children.close()


def test_children_end_with_a_pool_that_is_forgotten() -> None:
    """Who forgets to close leaves no processes."""
    children = SphinxChildren(COMMAND, max_processes=1)
    process = pid(children)
    del children
    assert not is_running(process)


@pytest.mark.parametrize("max_processes", [0, 257])
def test_the_number_of_processes_has_limits(max_processes: int) -> None:
    """Zero would wait for ever."""
    with pytest.raises(ConfigError, match="max_processes must be 1 to 256"):
        SphinxChildren(COMMAND, max_processes=max_processes)
