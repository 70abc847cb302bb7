"""How other processes use the warm one: start it, fork a judge or a student process, bury it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from grader.errors import DEBUG, WorkerFault, is_debugging
from grader.seal.layers import Isolation, isolation_from_json

_FORKS_FAST = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # fewer, larger pages to copy; elsewhere without effect
_THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_NO_HOME = {"HOME": "/"}  # libraries look for one when they are imported, and some users have none
_DYING, _ENDING = 0.5, 1.0  # seconds
_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_START = """
import json, sys
sys.path.insert(0, sys.argv[2])
import grader
del sys.path[0]  # nothing else that lies beside the kit is imported
from grader.warm.process import main
main(int(sys.argv[1]), json.loads(sys.argv[3]))
"""


@dataclass(frozen=True)
class Forked:
    """A process forked from the warm one, and our end of its channel."""

    pid: int
    channel: socket.socket


@dataclass(frozen=True)
class Death:
    """How a process ended: by itself with `status`, by `signal`, or by our own hand."""

    status: int | None = None
    signal: int | None = None


class Forker:
    """A control socket to the warm process. One request at a time."""

    def __init__(self, control: socket.socket, isolation: Isolation) -> None:
        self._control = control
        self._isolation: Isolation | None = isolation

    @property
    def isolation(self) -> Isolation:
        """The layers around every student process that is forked from here."""
        assert self._isolation is not None
        return self._isolation

    def fork(self, role: str, arguments: dict[str, Any]) -> Forked:
        """Forks a process in that role. Raises WorkerFault when the warm process cannot."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                reply = self._ask({"do": "fork", "role": role, "arguments": arguments}, [theirs.fileno()])
            except WorkerFault:
                ours.close()
                raise
        return Forked(reply["pid"], ours)

    def processor_seconds(self, process: Forked) -> float | None:
        """The processor time that the process has used; None where the system does not tell."""
        seconds: float | None = self._ask({"do": "time", "pid": process.pid}, []).get("seconds")
        return seconds

    def bury(self, process: Forked, wait: float = 0.0) -> Death:
        """Ends the process and its group, after `wait` seconds at most, and says how it ended."""
        process.channel.close()
        # after Ctrl-C in the middle of a question its answer may come here, and says nothing about this process
        status = self._ask({"do": "bury", "pid": process.pid, "wait": wait}, []).get("status")
        if status is None:
            return Death()
        if os.WIFSIGNALED(status):
            return Death(signal=os.WTERMSIG(status))
        return Death(status=os.waitstatus_to_exitcode(status))

    def close(self) -> None:
        self._control.close()

    def _ask(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], fds)
            answer = self._control.recv(1 << 16)
        except OSError as error:
            raise WorkerFault(f"the warm process is gone: {error}") from None
        if not answer:
            raise WorkerFault("the warm process is gone")
        reply: dict[str, Any] = json.loads(answer)
        if "problem" in reply:
            raise WorkerFault(f"the warm process cannot start: {reply['problem']}")
        return reply


class Warm(Forker):
    """The warm process, started and owned by this one, and started anew when it is gone. A context manager.

    `left_out` names layers of isolation to do without, as on a machine that does not have them.
    One that `waits` imports torch when it is first asked for a process, and so perhaps never.
    """

    def __init__(self, left_out: Collection[str] = (), waits: bool = False) -> None:
        self._left_out = sorted(left_out)
        self._waits = waits
        self._start()

    @property
    def isolation(self) -> Isolation:
        """Known before torch is imported. Raises WorkerFault when the process did not come that far."""
        if self._isolation is None:
            try:
                said = self._control.recv(1 << 16)
            except OSError as error:
                raise WorkerFault(f"the warm process is gone: {error}") from None
            if not said:
                raise WorkerFault("the warm process did not start")
            greeting = json.loads(said)
            if greeting["problem"]:
                raise WorkerFault(f"the warm process cannot start: {greeting['problem']}")
            self._isolation = isolation_from_json(greeting)
        return self._isolation

    def fork(self, role: str, arguments: dict[str, Any]) -> Forked:
        """As every Forker; from a new warm process where the old one is gone."""
        try:
            return super().fork(role, arguments)
        except WorkerFault:
            if self.is_alive():
                raise
        before = self._isolation
        self.end()
        self._start()
        if before not in (None, self.isolation):
            raise WorkerFault("a new warm process found other layers of isolation than the one before")
        return super().fork(role, arguments)

    @property
    def pid(self) -> int:
        """Its number, for measuring."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still runs; one that is just dying gets a moment to be dead."""
        try:
            self._process.wait(timeout=_DYING)
        except subprocess.TimeoutExpired:
            return True
        return False

    def end(self) -> None:
        """Ends the process, and all that it forked; at once if it was asked for nothing and may still be importing."""
        self.close()
        try:
            self._process.wait(timeout=_ENDING if self._was_asked else 0)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Warm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        self._isolation = None
        self._was_asked = False
        command = [sys.executable, "-I", "-c", _START, str(theirs.fileno()), str(_PACKAGE_PARENT)]
        settings = {"command": command, "left_out": self._left_out, "is_inside": False, "waits": self._waits}
        with theirs:
            self._process = subprocess.Popen(
                [*command, json.dumps(settings)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**_THREADS, **_FORKS_FAST, **_NO_HOME, **_temporary_folder(), **_debug()},
                start_new_session=True,  # Ctrl-C is for the command, which then ends this one
            )

    def _ask(self, request: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        _ = self.isolation  # comes first on this socket
        self._was_asked = True
        return super()._ask(request, fds)


def _temporary_folder() -> dict[str, str]:
    """Where the user wants temporary files; nothing else of the environment goes there."""
    return {"TMPDIR": os.environ["TMPDIR"]} if "TMPDIR" in os.environ else {}


def _debug() -> dict[str, str]:
    return {DEBUG: "1"} if is_debugging() else {}
