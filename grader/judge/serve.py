"""The judge as a process: takes one job a line, and tells stage by stage what comes of it.

Both ends of this channel are the kit's own; JSON keeps it plain all the same.

    {"lesson": "exercises/mlp", "seed": 7}          first, once; it does not pass through the warm process
    {"submission": {...}, "steps": [...], "is_check": true, ...}
      -> {"stage": "reading", "result": {...}}      a stage begins; the result is what counts if it is ended
      -> {"done": true, "page": "<html>..."}        the last result told stands; the page where one was asked for
      or {"ended": "memory"}                        the stage was over its memory
      or {"fault": "...", "detail": "...", "exit_code": 3}

Each stage is bounded: one that is over its processor time ends this process, with SIGXCPU.
"""

from __future__ import annotations

import gc
import json
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.bounds import enter, leave_no_core
from grader.errors import KIT_FAULT, KitError, fault_at
from grader.judge.job import Request, read_job
from grader.judge.stages import Progress, Stage, bound_of
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.report.pages import feedback_page
from grader.results.model import SubmissionResult
from grader.seal.layers import isolation_from_json
from grader.submission.sources import sources_of
from grader.warm.client import Forker


def main(channel: socket.socket, control: socket.socket, arguments: dict[str, Any]) -> None:
    """Serves jobs until the command hangs up."""
    leave_no_core()
    forker = Forker(control, isolation_from_json(arguments["isolation"]))
    settled = False
    with channel.makefile("r", encoding="utf-8") as jobs, channel.makefile("w", encoding="utf-8") as results:
        judge: Judge | None = None
        lesson: Lesson | None = None
        setup = json.loads(next(jobs, "null"))
        for line in jobs:
            try:
                lesson = lesson or load_lesson(Path(setup["lesson"]))
                judge = judge or Judge(lesson, setup["seed"], forker)
                for message in _messages(judge, lesson, read_job(line)):
                    results.write(json.dumps(message) + "\n")
                    results.flush()
            except MemoryError:
                results.write(json.dumps({"ended": "memory"}) + "\n")
                results.flush()
                return
            except Exception as fault:
                results.write(json.dumps(_fault(fault)) + "\n")
                results.flush()
            if not settled:
                settled = True
                _keep()


def _messages(judge: Judge, lesson: Lesson, request: Request) -> Iterator[dict[str, Any]]:
    """A message a stage, told before the stage begins, and the last one."""
    last: SubmissionResult | None = None
    stage: Stage | None = None
    for progress in judge.stages(request):
        last = progress.result or last
        yield _told(progress)
        if progress.stage is not stage:
            stage = progress.stage
            enter(bound_of(stage, lesson.limits))
    page = ""
    if request.page and last:
        page = feedback_page(last, lesson, sources_of(request.submission))
    yield {"done": True, "page": page}


def _told(progress: Progress) -> dict[str, Any]:
    return {"stage": progress.stage.value, "result": progress.result.as_json() if progress.result else None}


def _fault(fault: Exception) -> dict[str, Any]:
    """The kit's own, in one line and in full."""
    if isinstance(fault, KitError):
        return {"fault": str(fault), "detail": "", "exit_code": fault.exit_code}
    return {"fault": fault_at(fault), "detail": traceback.format_exc(), "exit_code": KIT_FAULT}


def _keep() -> None:
    """The references stay: no collection has to look through them again. And little else is made in circles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
