"""One judge that stays, for question after question: its references are worked out once.

A stage of a submission that takes more than its bound is ended, and what was settled until then is the
answer; a question can also be dropped. A new judge takes the place of one that was ended.
"""

from __future__ import annotations

import contextlib
import json
import select
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from grader.errors import KIT_FAULT, WorkerFault, is_debugging
from grader.judge.job import Request, job
from grader.judge.stages import Cause, Stage, bound_of, ended
from grader.lesson import Lesson
from grader.results.model import SubmissionResult, result_from_json
from grader.warm.client import Forked, Warm

_LAST_BREATH = 0.5  # seconds that a judge which hung up gets to end by itself, so that we learn how


@dataclass(frozen=True)
class Fault:
    """A submission that could not be graded, through no fault of the student. `detail` is for those who debug."""

    reason: str
    exit_code: int = KIT_FAULT
    detail: str = ""

    @property
    def told(self) -> str:
        """The reason; with --debug the traceback, too."""
        return f"{self.reason}\n{self.detail}" if self.detail and is_debugging() else self.reason


@dataclass(frozen=True)
class Graded:
    """A result, and the student's page: '' where none was asked for, or none could be made."""

    result: SubmissionResult
    page: str = ""
    is_final: bool = True  # False where only the wall clock ended it: another time it may end otherwise


class StandingJudge:
    """A judge of one lesson, one question at a time. A context manager."""

    def __init__(self, lesson: Lesson, warm: Warm, seed: int) -> None:
        self._lesson = lesson
        self._setup = json.dumps({"lesson": str(lesson.folder.resolve()), "seed": seed}) + "\n"
        self._warm = warm
        self._process: Forked | None = None
        self._received = bytearray()
        self._request: Request | None = None
        self._stage = Stage.READING
        self._settled: SubmissionResult | None = None
        self._give_up = 0.0

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
        self._request, self._settled = request, None
        self._begin(Stage.READING)
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

    @property
    def seconds_left(self) -> float:
        """Until the stage it is at has to be done; then `overdue` has the answer."""
        return max(0.0, self._give_up - time.monotonic())

    def wait(self) -> Graded | Fault:
        """Waits for what comes of the question."""
        while True:
            ready, _, _ = select.select([self], [], [], self.seconds_left)
            found = self.answer() if ready else self.overdue()
            if found is not None:
                return found

    def answer(self) -> Graded | Fault | None:
        """What has come: a result, the kit's own fault, or None for not yet all of it."""
        assert self._process is not None
        try:
            part = self._process.channel.recv(1 << 18)
        except OSError:
            part = b""
        if not part:
            return self._autopsy()
        self._received += part
        while b"\n" in self._received:
            line, _, rest = self._received.partition(b"\n")
            self._received = bytearray(rest)
            if found := self._told(json.loads(line)):
                return found
        return None

    def overdue(self) -> Graded | Fault | None:
        """Ends a stage that has taken too long by the clock on the wall; None where there is time left."""
        if self.seconds_left > 0:
            return None
        self.drop()
        return self._ended("wall clock")

    def drop(self) -> None:
        """Ends the judge, and the student's process with it; the next question gets a new one."""
        process, self._process, self._received = self._process, None, bytearray()
        if process:
            with contextlib.suppress(WorkerFault):  # the warm process is gone, and its judges with it
                self._warm.bury(process)

    def _told(self, message: Mapping[str, Any]) -> Graded | Fault | None:
        """What a message settles; None where more is to come."""
        if "stage" in message:
            if message["result"]:
                self._settled = result_from_json(message["result"])
            if message["stage"] != self._stage:
                self._begin(Stage(message["stage"]))
            return None
        if "done" in message:
            assert self._settled is not None
            return Graded(self._settled, message["page"])
        if "ended" in message:
            self.drop()
            return self._ended("memory")
        return self._fault(message)

    def _fault(self, message: Mapping[str, Any]) -> Graded | Fault:
        if message["exit_code"] == KIT_FAULT:
            self.drop()
        if self._stage is Stage.PAGE and self._settled:  # everything is judged; only the page is not as it should be
            note = f"its page shows the verdicts alone, by the kit's own fault: {message['fault']}"
            notes = (*self._settled.notes, note)
            return Graded(replace(self._settled, notes=notes, ended=Stage.PAGE.value))
        return Fault(message["fault"], message["exit_code"], message["detail"])

    def _autopsy(self) -> Graded | Fault:
        """Why it hung up: at the bound of its processor time, or in a way that is the kit's own fault."""
        process, self._process, self._received = self._process, None, bytearray()
        assert process is not None
        died: object = None
        with contextlib.suppress(WorkerFault):  # the warm process is gone, and its judges with it
            died = self._warm.bury(process, _LAST_BREATH).signal
        if died == signal.SIGXCPU:
            return self._ended("processor time")
        return Fault("the judge's process died")

    def _ended(self, cause: Cause) -> Graded | Fault:
        """What is left of a submission whose stage was ended."""
        if self._settled is None or self._request is None:
            return Fault(f"the judge did not begin in {bound_of(self._stage, self._lesson.limits).wall_seconds:g} s")
        steps = self._request.steps
        asked = [step for step in self._lesson.steps if not steps or step.path in steps]
        bound = bound_of(self._stage, self._lesson.limits)
        return Graded(ended(self._settled, self._stage, cause, bound, asked), is_final=cause != "wall clock")

    def _begin(self, stage: Stage) -> None:
        self._stage = stage
        self._give_up = time.monotonic() + bound_of(stage, self._lesson.limits).wall_seconds

    def _send(self, line: str) -> None:
        assert self._process is not None
        with contextlib.suppress(OSError):  # a judge that is gone is noticed when its answer is read
            self._process.channel.sendall(line.encode())
