"""Commands without their start-up: forked from a process that has imported torch and the kit already.

Most tests of commands ask what a command does, and importing torch twice, in the command and in its warm
process, takes longer than all of that. Here both are forks. What is asked of a start itself (paths of imports,
encodings, signals, an installed kit) is asked of a process of its own: `run_grader(..., fresh=True)`.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]


class Ready:
    """The process that commands are forked from, as tests see it."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tests.ready", str(theirs.fileno())]
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """As subprocess.run. Raises subprocess.TimeoutExpired."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
            asked = {"arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}
            line = json.dumps(asked).encode()
            socket.send_fds(self._ours, [len(line).to_bytes(4, "big")], [out.fileno(), error.fileno()])
            self._ours.sendall(line)
            pid = self._number()
            self._ours.settimeout(timeout)
            try:
                status = self._number()
            except TimeoutError:
                os.killpg(pid, signal.SIGKILL)
                self._ours.settimeout(None)
                self._number()
                raise subprocess.TimeoutExpired(list(arguments), timeout) from None
            finally:
                self._ours.settimeout(None)
            code = os.waitstatus_to_exitcode(status)
            return subprocess.CompletedProcess(list(arguments), code, _text(out), _text(error))

    def _number(self) -> int:
        said = self._ours.recv(8)
        if not said:
            raise RuntimeError("the process that commands are forked from is gone")
        return int.from_bytes(said, "big", signed=True)


@cache
def ready() -> Ready:
    """One for each process of the tests; it ends with that one."""
    return Ready()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8").replace("\r\n", "\n")


# In the process itself


def serve(channel: socket.socket) -> None:
    """Imports everything once, then forks a command for each line that comes."""
    import torch

    import grader

    torch.set_num_threads(1)
    for module in pkgutil.walk_packages(grader.__path__, "grader."):
        if not module.name.endswith(("__main__", "remote", "cluster")):
            importlib.import_module(module.name)
    while True:
        length, fds, _, _ = socket.recv_fds(channel, 4, 2)
        if not length:
            return
        asked = json.loads(_exactly(channel, int.from_bytes(length, "big")))
        pid = os.fork()
        if not pid:
            _become_command(channel, asked, fds)
        for fd in fds:
            os.close(fd)
        channel.sendall(pid.to_bytes(8, "big", signed=True))
        channel.sendall(os.waitpid(pid, 0)[1].to_bytes(8, "big", signed=True))


def _exactly(channel: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        found += channel.recv(length - len(found))
    return found


def _become_command(channel: socket.socket, asked: dict[str, Any], fds: Sequence[int]) -> NoReturn:
    code = 70
    try:
        channel.close()
        os.setsid()
        _redirect(fds)
        os.chdir(asked["cwd"])
        _live_in(asked["environment"])
        sys.argv = [str(ROOT / "grader" / "__main__.py"), *asked["arguments"]]
        sys.stdout, sys.stderr = open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8")  # noqa: SIM115
        from grader.cli import main
        from grader.warm import client

        vars(client)["subprocess"] = _Forking()
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


class _Forking:
    """What the client of the warm process uses of `subprocess`."""

    DEVNULL, TimeoutExpired = subprocess.DEVNULL, subprocess.TimeoutExpired

    @staticmethod
    def Popen(command: Sequence[str], *, pass_fds: Sequence[int], env: Mapping[str, str], **_: Any) -> _ForkedWarm:
        """The warm process, as a fork of this one."""
        return _ForkedWarm(command, pass_fds[0], env)


class _ForkedWarm:
    """As the subprocess.Popen of a warm process."""

    def __init__(self, command: Sequence[str], control: int, environment: Mapping[str, str]) -> None:
        self._status: int | None = None
        read, write = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            _become_warm(json.loads(command[-1]), control, environment)
        os.close(write)
        os.read(read, 1)  # ends when it has a session of its own, as a started process has from its first moment
        os.close(read)

    def wait(self, timeout: float | None = None) -> int:
        """As that of subprocess.Popen."""
        give_up = None if timeout is None else time.monotonic() + timeout
        while self._status is None:
            found, status = os.waitpid(self.pid, 0 if give_up is None else os.WNOHANG)
            if found:
                self._status = os.waitstatus_to_exitcode(status)
            elif give_up is not None and time.monotonic() > give_up:
                raise subprocess.TimeoutExpired("the warm process", timeout or 0)
            else:
                time.sleep(0.002)
        return self._status


def _become_warm(settings: dict[str, Any], control: int, environment: Mapping[str, str]) -> NoReturn:
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        for entry in list(Path("/proc/self/fd").iterdir()):
            if int(entry.name) > 2 and int(entry.name) != control:
                with suppress(OSError):
                    os.close(int(entry.name))
        _live_in(environment)
        from grader.warm.process import main

        main(control, settings)
    finally:
        os._exit(1)


def _redirect(fds: Sequence[int]) -> None:
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for place, fd in enumerate((nowhere, *fds)):
        os.dup2(fd, place)
        os.close(fd)


def _live_in(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
