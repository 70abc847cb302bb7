"""The warm process itself: imports torch, then forks on request and buries the dead.

First it finds out which layers of isolation work here, and says so, once, on its first control socket:

    {"layers": ["process", "rlimits", ...], "missing": {"landlock": "why"}, "problem": ""}

Then requests come as JSON lines on control sockets; a fork request carries one file
descriptor, the new process's channel:

    {"do": "fork", "role": "judge" | "student", "arguments": {...}}  + fd   -> {"pid": 123}
    {"do": "time", "pid": 123}                                              -> {"seconds": 1.9 | null}
    {"do": "bury", "pid": 123, "wait": 0.5}                                 -> {"status": wait status | null}

Every forked process is told the isolation beside its arguments. Burying kills the process
and its group; `wait` gives it that many seconds to end by itself first, and its status is
null when it had to be killed. Its processor time is asked of its parent, because that one
knows it by its number in every namespace; it is null where the system does not tell.

A judge gets a control socket of its own, to fork its students with. When a control
socket closes, what was forked through it is killed; when the first one closes, the
process ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from grader.seal import bubblewrap, probe
from grader.seal.layers import BUBBLEWRAP, Isolation, SealError
from grader.seal.process import adopt_orphans, die_with, nowhere

_CPUCLOCK_SCHED = 2  # linux/posix-timers.h
_ROLES = {"judge": "grader.judge.serve", "student": "grader.runner.serve"}


@dataclass(eq=False)
class Control:
    """A control socket and the processes forked through it."""

    socket: socket.socket
    children: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        _controls.append(self)


_controls: list[Control] = []  # of this process, for telling its children from strays


@dataclass(frozen=True)
class _House:
    """What every request is answered with: the isolation, and what went wrong at the start ('' for nothing)."""

    isolation: Isolation
    problem: str


def main(control_fd: int, settings: Mapping[str, Any]) -> None:
    """Serves control sockets until the first one closes.

    Settings: `command` is how this process was started, `left_out` names layers to do without,
    `is_inside` says that bubblewrap is around it, `waits` that torch is imported once it is needed.
    """
    adopt_orphans()  # what a dead student process leaves behind becomes ours to bury
    isolation, problem = _isolation(control_fd, settings)
    first = Control(socket.socket(fileno=control_fd))
    with contextlib.suppress(OSError):
        first.socket.sendall(json.dumps({**isolation.as_json(), "problem": problem}).encode())
    house = None if settings["waits"] else _House(isolation, problem or _warm_up())
    with selectors.DefaultSelector() as selector:
        selector.register(first.socket, selectors.EVENT_READ, first)
        while True:
            for key, _ in selector.select():
                control: Control = key.data
                data, fds = _asked(control.socket)
                if data:
                    house = house or _House(isolation, problem or _warm_up())
                    _answer(control, json.loads(data), fds, selector, house)
                    continue
                selector.unregister(control.socket)
                control.socket.close()
                for pid in list(control.children):
                    _bury(control, pid, 0)
                _controls.remove(control)
                if control is first:
                    for orphaned in [(other, pid) for other in _controls for pid in list(other.children)]:
                        _bury(*orphaned, 0)
                    os._exit(0)  # nothing to clean up, and torch takes long to unload


def _asked(control: socket.socket) -> tuple[bytes, list[int]]:
    """The next request and its descriptors; nothing where the asker is gone, also in the middle of a question."""
    try:
        data, fds, _, _ = socket.recv_fds(control, 1 << 16, 1)
    except OSError:
        return b"", []
    return data, fds


def _isolation(control_fd: int, settings: Mapping[str, Any]) -> tuple[Isolation, str]:
    """The layers that work, and what is wrong ('' for nothing); moves into bubblewrap where one is missing."""
    left_out = settings["left_out"]
    try:
        found = probe.find(left_out)
    except SealError as error:
        return Isolation(()), str(error)
    if settings["is_inside"]:
        return Isolation((*found.layers, BUBBLEWRAP), found.missing), ""
    if not found.lacks:
        return found, ""
    why = "left out on request" if BUBBLEWRAP in left_out else bubblewrap.why_not()
    if not why:
        os.set_inheritable(control_fd, True)
        bubblewrap.become([*settings["command"], json.dumps({**settings, "is_inside": True})])
    return Isolation(found.layers, {**found.missing, BUBBLEWRAP: why}), ""


def _warm_up() -> str:
    """Imports what every fork needs. Returns what went wrong, or ''."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as torch's about a NumPy that is not there
            import torch

        torch.set_num_threads(1)  # a forked process cannot use a thread pool of its parent
        importlib.import_module(_ROLES["student"]).warm_up()
        gc.collect()
        gc.freeze()  # a collection in a fork would write to every page that the fork shares with this process
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _answer(
    control: Control, request: dict[str, Any], fds: list[int], selector: selectors.BaseSelector, house: _House
) -> None:
    reply: dict[str, Any]
    if house.problem:
        reply = {"problem": house.problem}
    elif request["do"] == "fork":
        try:
            reply = {"pid": _fork(control, request, fds.pop(), selector, house.isolation)}
        except OSError as error:
            reply = {"problem": f"fork failed: {error.strerror}"}
    elif request["do"] == "time":
        reply = {"seconds": _processor_seconds(control, int(request["pid"]))}
    else:
        reply = {"status": _bury(control, int(request["pid"]), float(request["wait"]))}
    for fd in fds:
        os.close(fd)
    with contextlib.suppress(OSError):  # the asker is gone; its socket's end comes next
        control.socket.sendall(json.dumps(reply).encode())


def _fork(
    control: Control,
    request: dict[str, Any],
    channel_fd: int,
    selector: selectors.BaseSelector,
    isolation: Isolation,
) -> int:
    ours, theirs = socket.socketpair() if request["role"] == "judge" else (None, None)
    arguments = {**request["arguments"], "isolation": isolation.as_json()}
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        keep = {channel_fd, theirs.fileno() if theirs else nowhere()}
        _become(request["role"], arguments, channel_fd, theirs, keep, parent)
    os.close(channel_fd)
    control.children.add(pid)
    if ours and theirs:
        theirs.close()
        selector.register(ours, selectors.EVENT_READ, Control(ours))
    return pid


def _become(
    role: str,
    arguments: dict[str, Any],
    channel_fd: int,
    control: socket.socket | None,
    keep: set[int],
    parent: int,
) -> NoReturn:
    """In the forked process: forget the parent's descriptors, run the role, leave without clean-up."""
    status = 1
    try:
        die_with(parent)  # no process outlives the warm one
        for fd in _open_descriptors():
            if fd > 2 and fd not in keep:
                with contextlib.suppress(OSError):
                    os.close(fd)
        channel = socket.socket(fileno=channel_fd)
        module = importlib.import_module(_ROLES[role])
        if control:
            warnings.simplefilter("ignore")  # of a student's text; their own process has them in its output
            module.main(channel, control, arguments)
        else:
            module.main(channel, arguments)
        status = 0
    except BaseException:
        if role == "judge" and "GRADER_DEBUG" in os.environ:
            traceback.print_exc()
    finally:
        os._exit(status)


def _open_descriptors() -> list[int]:
    """This process's file descriptors, the one used for looking included."""
    listing = Path("/proc/self/fd")
    return [int(entry.name) for entry in (listing if listing.is_dir() else Path("/dev/fd")).iterdir()]


def _processor_seconds(control: Control, pid: int) -> float | None:
    if sys.platform != "linux" or pid not in control.children:
        return None
    clock = (~pid << 3) | _CPUCLOCK_SCHED  # as the C library's clock_getcpuclockid has it
    try:
        return time.clock_gettime(clock)
    except OSError:
        return None


def _bury(control: Control, pid: int, wait: float) -> int | None:
    """Ends `pid` and its group. Its wait status if it ended by itself within `wait` seconds, else None."""
    if pid not in control.children:
        return None
    control.children.discard(pid)
    found, status = os.waitpid(pid, os.WNOHANG)
    give_up = time.monotonic() + wait
    while not found and time.monotonic() < give_up:
        time.sleep(0.002)
        found, status = os.waitpid(pid, os.WNOHANG)
    for kill in (os.killpg, os.kill):  # what it started may live on, also when it ended by itself
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if kill is os.killpg or not found:
                kill(pid, signal.SIGKILL)
    if not found:
        os.waitpid(pid, 0)
    _bury_strays()
    return status if found else None


def _bury_strays() -> None:
    """Kills what a dead process left behind in a session of its own: children of ours that nobody forked here."""
    known = {pid for control in _controls for pid in control.children}
    while strays := _children() - known:  # burying one may bring its own children
        for stray in strays:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(stray, signal.SIGKILL)
                os.waitpid(stray, 0)


def _children() -> set[int]:
    """The processes whose parent is this one; empty where the system does not list them."""
    try:
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_bytes()
    except OSError:
        return set()
    return {int(pid) for pid in listed.split()}
