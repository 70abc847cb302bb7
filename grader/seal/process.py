"""What every student process is, on every system: without environment, folder, terminal, new rights or orphans."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
from functools import cache
from pathlib import Path

from grader.seal.layers import Limits, SealError

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38  # linux/prctl.h
_STANDARD = (0, 1, 2)
_TASKS = Path("/proc/self/task")
_libc = ctypes.CDLL(None)


@cache
def nowhere() -> int:
    """A descriptor of a folder that is gone already: it is empty, stays empty, and leaves nothing behind."""
    folder = _made()
    try:
        return os.open(folder, os.O_RDONLY)
    finally:
        Path(folder).rmdir()


def _made() -> str:
    """A new folder, in memory where no other can be written."""
    try:
        return tempfile.mkdtemp(prefix="grader-")
    except OSError as error:
        try:
            return tempfile.mkdtemp(prefix="grader-", dir="/dev/shm")
        except OSError:
            why = error.strerror or error
            raise SealError(f"no temporary folder can be written ({why}); TMPDIR= names one that can") from None


def load() -> None:
    """Makes what every process that is forked from here can use."""
    nowhere()


def close(_limits: Limits) -> None:
    """Empties the surroundings of this process."""
    os.setsid()  # a process group of its own, so that whatever it starts is killed with it
    _close_standard_streams()
    _go_nowhere()
    os.environ.clear()
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)  # nobody reads its memory, and it leaves no core


def why_open(_limits: Limits) -> str:
    """What is open that should not be; '' for nothing."""
    if os.environ:
        return "it still has an environment"
    if _TASKS.is_dir() and len(list(_TASKS.iterdir())) > 1:
        return "it has threads, which no layer would reach"
    return ""


def die_with(parent: int) -> None:
    """Lets this process be killed when its parent ends. To be said again after every change of user."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended just before
        os._exit(1)


def adopt_orphans() -> None:
    """What a dead child leaves behind becomes this process's to bury."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _close_standard_streams() -> None:
    """The terminal of the one who grades is no student's to write to, nor to read from."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in _STANDARD:
        os.dup2(nothing, stream)
    if nothing not in _STANDARD:
        os.close(nothing)


def _go_nowhere() -> None:
    os.fchdir(nowhere())
    os.close(nowhere())


def _prctl(option: int, value: int) -> None:
    """Linux's prctl; elsewhere nothing."""
    if sys.platform == "linux" and _libc.prctl(option, value, 0, 0, 0):
        raise OSError(f"prctl({option}, {value}) failed")
