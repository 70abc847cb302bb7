"""One judge that stays, for question after question: its references are worked out once.

A question that takes too long can be dropped, and a new judge takes its place.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from types import TracebackType

from grader.errors import KIT_FAULT, WorkerFault
from grader.judge.job import Request, job
from grader.lesson import Lesson
from grader.results.model import SubmissionResult, result_from_json
from grader.warm.client import Forked, Warm


@dataclass(frozen=True)
class Fault:
    """A submission that could not be graded, through no fault of the student."""

    reason: str
    exit_code: int = KIT_FAULT


class StandingJudge:
    """A judge of one lesson, one question at a time. A context manager."""

    def __init__(self, lesson: Lesson, warm: Warm, seed: int) -> None:
        self._setup = json.dumps({"lesson": str(lesson.folder.resolve()), "seed": seed}) + "\n"
        self._warm = warm
        self._process: Forked | None = None
        self._received = bytearray()

    def __enter__(self) -> StandingJudge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    def ask(self, request: Request) -> None:
        """Puts a question; `answer` has what comes of it. Raises WorkerFault where no process can be had."""
        if self._process is None:
            self._process = self._warm.fork("judge", {})
            self._send(self._setup)
        self._send(job(request))

    @property
    def pid(self) -> int:
        """Its number, for measuring."""
        assert self._process is not None
        return self._process.pid

    def fileno(self) -> int:
        """For select: readable when there may be an answer."""
        assert self._process is not None
        return self._process.channel.fileno()

    def answer(self) -> SubmissionResult | Fault | None:
        """What has come: a result, the kit's own fault, or None for not yet all of it."""
        assert self._process is not None
        try:
            part = self._process.channel.recv(1 << 18)
        except OSError:
            part = b""
        if not part:
            self.drop()
            return Fault("the judge's process died")
        self._received += part
        line, end, rest = self._received.partition(b"\n")
        if not end:
            return None
        self._received = bytearray(rest)
        reply = json.loads(line)
        if "result" in reply:
            return result_from_json(reply["result"])
        if reply["exit_code"] == KIT_FAULT:
            self.drop()
        return Fault(reply["fault"], reply["exit_code"])

    def drop(self) -> None:
        """Ends the judge, and the student's process with it; the next question gets a new one."""
        process, self._process, self._received = self._process, None, bytearray()
        if process:
            with contextlib.suppress(WorkerFault):  # the warm process is gone, and its judges with it
                self._warm.bury(process)

    def _send(self, line: str) -> None:
        assert self._process is not None
        with contextlib.suppress(OSError):  # a judge that is gone is noticed when its answer is read
            self._process.channel.sendall(line.encode())
