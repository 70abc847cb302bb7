"""The least that judging a submission can cost: a fork, the seal, and the same calls in that one process, no pipe."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

from grader.judge.budget import Budget
from grader.judge.job import Request
from grader.judge.student import Student
from grader.judge.submission import Judge
from grader.runner import autograd, serve
from grader.seal import probe
from grader.seal.close import seal
from grader.seal.layers import Limits
from grader.wire import frames
from grader.wire.messages import Call, Load, Run
from grader.wire.messages import Request as Question

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


def recorded(judge: Judge, request: Request) -> list[Question]:
    """Everything that a submission's process is asked."""
    asked: list[Question] = []
    ask = Student._ask_all

    def noted(student: Student, questions: Any, budget: Budget) -> Any:
        asked.extend(frames.read_requests(frames.join(questions)))
        return ask(student, questions, budget)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Student, "_ask_all", noted)
        judge.judge(request)
    return asked


def bare_run(asked: list[Question]) -> Callable[[], float]:
    """A function that does all of it once, and gives the seconds of processor time."""
    layers = probe.find().layers
    serve.warm_up()
    gc.collect()
    gc.freeze()

    def in_the_fork() -> None:
        autograd.switch_off()
        seal(layers, Limits(memory_mib=2048, cpu_seconds=85))
        _replay(asked)

    return lambda: fork_time(in_the_fork)


def fork_time(start: Callable[[], None]) -> float:
    """Seconds of processor time that a forked child takes to start and to end; a busy machine does not count."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            start()
            status = 0
        finally:
            os._exit(status)
    _, status, usage = os.wait4(child, 0)
    assert status == 0, "a child did not end well"
    return usage.ru_utime + usage.ru_stime


def _replay(asked: list[Question]) -> None:
    spaces: dict[str, dict[str, Any]] = {}
    loaded: dict[str, Any] = {}
    returned: dict[str, Any] = {}
    with torch.inference_mode():
        for question in asked:
            if isinstance(question, Run):
                spaces[question.key] = {"__name__": "submission"}
                exec(compile(question.text, question.file, "exec"), spaces[question.key])
            elif isinstance(question, Load):
                loaded[question.key] = spaces[question.program][question.name]
            elif isinstance(question, Call):
                torch.set_default_dtype(_DTYPES[question.dtype])
                given = {name: tensor.clone() for name, tensor in question.tensors.items()}
                given |= {name: returned[key].clone() for name, key in question.returned.items()}
                returned[question.key] = loaded[question.key](**given, **question.sizes)
