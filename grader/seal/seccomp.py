"""No system call but those that computing and one open pipe need.

Everything else is refused with EPERM: files, sockets, programs, processes, threads, signals to
others, foreign memory, debuggers, and whatever the next kernel brings.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from functools import cache
from typing import Any

from grader.seal.layers import Limits, SealError

# Calls by what they are good for. The last reason that a call stands here is that torch or Python stops without it.
_ALLOWED = {
    "memory": "brk mmap mmap2 munmap mremap mprotect madvise",
    "waiting": "futex sched_yield nanosleep clock_nanosleep restart_syscall",
    "time": "clock_gettime clock_getres gettimeofday time times getrusage",
    "the pipe that is open": "read write readv writev recvfrom sendto recv send poll ppoll select pselect6 close lseek",
    "facts about itself": "getpid gettid getppid getuid geteuid getgid getegid sched_getaffinity getcpu getrandom",
    "signals to itself": "rt_sigaction rt_sigprocmask rt_sigreturn sigreturn sigaltstack",
    "the end": "exit exit_group",
}
_TO_ITSELF = ("kill", "tgkill")  # abort() needs one; the first argument has to be its own id
_FIONBIO = 0x5421  # the one ioctl that a socket with a timeout needs
_NO_SUCH_PROGRAM = "/nonexistent/program"


def load() -> None:
    """Prepares the filter, which a forked process then only loads. Raises SealError where this cannot work."""
    try:
        _filter()
    except (ImportError, OSError, RuntimeError) as error:
        raise SealError(f"pyseccomp cannot be used: {error}") from None


def close(_limits: Limits) -> None:
    """Loads the filter into this process, for good."""
    import pyseccomp

    made = _filter()
    for call in _TO_ITSELF:
        made.add_rule(pyseccomp.ALLOW, call, pyseccomp.Arg(0, pyseccomp.EQ, os.getpid()))
    try:
        made.load()
    except OSError as error:
        raise SealError(f"the seccomp filter cannot be loaded: {error}") from None


def why_open(_limits: Limits) -> str:
    """What works that the filter refuses; '' for nothing."""
    for what, attempt in _ATTEMPTS.items():
        try:
            attempt()
        except OSError as error:
            if error.errno == errno.EPERM:
                continue
            return f"{what} was not refused, but: {error.strerror}"
        return f"{what} is possible"
    return ""


@cache
def _filter() -> Any:
    import pyseccomp

    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for calls in _ALLOWED.values():
        for call in calls.split():
            with contextlib.suppress(OSError):  # not every processor's Linux has every call
                made.add_rule(pyseccomp.ALLOW, call)
    made.add_rule(pyseccomp.ALLOW, "ioctl", pyseccomp.Arg(1, pyseccomp.EQ, _FIONBIO))
    with contextlib.suppress(OSError):
        made.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # so that the C library asks for clone, and hears no
    return made


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


_ATTEMPTS: dict[str, Callable[[], object]] = {
    "a socket": lambda: socket.socket().close(),
    "a new process": _fork,
    "another program": lambda: os.execv(_NO_SUCH_PROGRAM, [_NO_SUCH_PROGRAM]),
    "a signal to another process": lambda: os.kill(os.getppid(), 0),
}
