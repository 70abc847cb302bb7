"""Whether a lesson's limits leave room for honest work on this machine, found in a sealed process.

The work is the lesson's own forward pass at the lecture's sizes, as often as a training run in a self-check calls a
function. It keeps as many tensors as a backward pass does, and it needs no solutions.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grader.judge.budget import Lost
from grader.judge.draw import PUBLIC, draw_inputs, key_of
from grader.judge.situation import answer_key
from grader.judge.student import Student
from grader.lesson import Lesson
from grader.submission.answers import Answer as Written
from grader.warm.client import Forker
from grader.wire import frames
from grader.wire.messages import Answer, Call, Failed, Loaded

_NAME = "trial"
_PASSES = 10  # three are the values, the gradients, and what is made on the way; not every answer is frugal
_USUAL_CALLS = 25
_MOST_MIB = 1 << 15
_KEYS = {"call": "call_seconds", "step": "training_seconds", "submission": "submission_seconds"}


@dataclass(frozen=True)
class Room:
    """What the trial found."""

    mapped_mib: int | None  # before a line of the student's runs; None where the system does not tell
    problem: str = ""  # '' for none
    key: str = ""  # of the table [limits] in lesson.toml, where a limit is the problem
    enough: int | None = None  # MiB with which it works, where memory is the problem


def try_limits(lesson: Lesson, forker: Forker) -> Room:
    """Works honestly under the lesson's limits, and looks for the memory it takes where they leave too little."""
    with Student(forker, lesson.limits, lesson.vocabulary) as student:
        reply = _work(lesson, student)
        mapped = student.mapped_mib
    if isinstance(reply, Answer):
        return Room(mapped)
    if isinstance(reply, Lost) and reply.verdict == "timeout":
        return Room(mapped, reply.message, _KEYS.get(reply.limit or "", ""))
    said = reply.message if isinstance(reply, Lost) else reply.error
    mib = lesson.limits.memory_mib
    while mib < _MOST_MIB:
        mib *= 2
        with Student(forker, replace(lesson.limits, memory_mib=mib), lesson.vocabulary) as student:
            if isinstance(_work(lesson, student), Answer):
                return Room(mapped, said, "memory_mib", mib)
    return Room(mapped, said)


def _work(lesson: Lesson, student: Student) -> Answer | Failed | Lost:
    """The last reply: a good one where all calls were answered."""
    case = lesson.public_case
    inputs: dict[str, Tensor | int] = {**case.sizes, **draw_inputs(case, key_of(PUBLIC, "", _NAME, case.name))}
    given = {name: value for name in lesson.graph.arguments if isinstance(value := inputs[name], torch.Tensor)}
    sizes = {name: value for name in lesson.graph.arguments if isinstance(value := inputs[name], int)}
    written = Written(_NAME, _NAME, "ready", file=lesson.graph.file.name, line=1, source=_source(lesson))
    call = frames.write(Call(answer_key(_NAME, _NAME), "float64", sizes, given))
    count = lesson.training.check.steps if lesson.training else _USUAL_CALLS
    budget = student.budget(lesson.limits.training_seconds)
    ready, replies = student.load_and_call(written, [call] * count, budget)
    return replies[-1] if replies else _no_answer(ready)


def _no_answer(ready: Loaded | Failed | Lost) -> Failed | Lost:
    return Failed(False, "there was no answer", None, "") if isinstance(ready, Loaded) else ready


def _source(lesson: Lesson) -> str:
    """forward.py, and a function that keeps all that it makes, some times over."""
    module = ast.parse(lesson.graph.text)
    made = ", ".join(f"{statement.tensor!r}: {statement.tensor}" for statement in lesson.graph.statements)
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == "forward":
            node.body[-1] = ast.parse(f"return {{{made}}}").body[0]
    arguments = ", ".join(lesson.graph.arguments)
    return (
        f"{ast.unparse(module)}\n\ndef {_NAME}({arguments}):\n"
        f"    kept = [forward({arguments}) for _ in range({_PASSES})]\n"
        f"    return kept[0][{lesson.loss!r}]\n"
    )
