"""Questions about a student's files, answered in a process of their own: whatever the files hold, it costs only them.

The process starts with the first question, and anew after one that exceeded its bound. Questions and answers are
JSON in ASCII: names of files may be no valid Unicode.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

from grader.bounds import Bound

BOUND = Bound(10.0, 60.0)  # of one question
_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.append(sys.argv[1]); from grader.run.answering import main; main(sys.argv[2])"
_Answer = TypeVar("_Answer")


class Exceeded(Exception):
    """A question whose answer would take more than its bound; the text says of what."""


class Bounded:
    """Asks about the files of one lesson's submissions. A context manager."""

    def __init__(self, lesson_folder: Path, bound: Bound = BOUND) -> None:
        self._lesson_folder = lesson_folder
        self._bound = bound
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Bounded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, question: str, arguments: Sequence[str], kind: type[_Answer]) -> _Answer:
        """The answer to a question of `answering.QUESTIONS`. Raises Exceeded; RuntimeError for a fault of the kit's."""
        process = self._process = self._process or self._started()
        assert process.stdin
        with contextlib.suppress(OSError):  # one that is gone is noticed when its answer is read
            process.stdin.write(json.dumps([question, asdict(self._bound), list(arguments)]).encode() + b"\n")
            process.stdin.flush()
        line = self._line(process)
        if not line.endswith(b"\n"):
            raise self._failed(process)
        reply = json.loads(line)
        if reply.get("is_over_memory"):
            self._end()
            raise Exceeded(f"more than {self._bound.memory_mib} MiB of memory")
        if "fault" in reply:
            raise RuntimeError(reply["fault"])
        return msgspec.convert(reply["answer"], kind)

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-c", _START, str(_PACKAGE_PARENT), str(self._lesson_folder.resolve())]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """The next line, or what came of it until the process or its time ended."""
        assert process.stdout
        out, got = process.stdout.fileno(), bytearray()
        give_up = time.monotonic() + self._bound.wall_seconds
        while not got.endswith(b"\n"):
            ready, _, _ = select.select([out], [], [], max(0.0, give_up - time.monotonic()))
            part = os.read(out, 1 << 18) if ready else b""
            if not part:
                break
            got += part
        return bytes(got)

    def _failed(self, process: subprocess.Popen[bytes]) -> Exception:
        """Why there is no answer."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        code = process.returncode
        self._end()
        if code is None:
            return Exceeded(f"more than {self._bound.wall_seconds:g} s")
        if code == -signal.SIGXCPU:
            return Exceeded(f"more than {self._bound.processor_seconds:g} s of processor time")
        return RuntimeError(f"the process that reads students' files ended with {code}")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    assert pipe
                    pipe.close()
