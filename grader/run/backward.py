"""A learner's whole backward pass as a function: called by `train`, run in the student process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from grader.errors import KitError, WorkerFault
from grader.invocation import command
from grader.judge.budget import Budget, Lost
from grader.judge.desk import Desk
from grader.judge.flat import with_gradients
from grader.judge.inject import Impossible, resolve, written_call
from grader.judge.real_chain import RealChain
from grader.judge.situation import Situations, answer_key
from grader.judge.student import Student
from grader.lesson import Exercise, Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.submission.answers import Answer as Written
from grader.submission.answers import Answers
from grader.warm.client import Forker
from grader.wire.messages import Answer, Failed, Forbidden, Loaded

_YEAR = 365 * 24 * 3600.0
NOT_RIGHT = 1


class LearnersBackward:
    """Gradients by the learner's own function, or training loop, in float32. `close` it when done.

    Raises KitError, with the learner's file and line, where there is none that can be used.
    """

    def __init__(self, lesson: Lesson, exercise: Exercise, answers: Answers, forker: Forker) -> None:
        self._seconds = lesson.limits.step_seconds
        self._student = Student(forker, replace(lesson.limits, submission_seconds=_YEAR), lesson.vocabulary)
        self.written = written = self._ready(lesson, exercise, answers)
        self._key = answer_key(exercise.name, written.name)
        self._where = f"{written.file}:{written.line}"
        loaded = self._student.load(written, self._budget())
        if not isinstance(loaded, Loaded):
            raise self._failed(loaded)
        targets = [step.tensor for step in exercise.gradient_steps]
        injection = resolve(lesson, targets, loaded, written)
        if isinstance(injection, Impossible):
            raise KitError(injection.message, where=self._where, exit_code=NOT_RIGHT)
        if injection.cuts:
            asked = ", ".join(GRADIENT_PREFIX + tensor for tensor in sorted(injection.cuts))
            raise KitError(
                f"{written.name} asks for {asked}; in training there is no gradient but the learner's own",
                where=self._where,
                mend="work it out inside the function",
                exit_code=NOT_RIGHT,
            )
        self._injection = injection

    def _ready(self, lesson: Lesson, exercise: Exercise, answers: Answers) -> Written:
        """The answer, once a run has shown which gradients are variables."""
        if answers.flat:
            situations = Situations(lesson, 0)
            desk = Desk(lesson, situations, RealChain(lesson, situations.network))
            answers = with_gradients(desk, self._student, answers)
        written = answers.by_name[exercise.name, exercise.function or ""]
        problem = [written.message] if written.status != "ready" else [one.message for one in written.absent.values()]
        if problem:
            raise KitError(
                f"{written.name} cannot train yet: {problem[0]}",
                where=(written.file or exercise.file) + (f":{written.line}" if written.line else ""),
                mend=f"fill it in, then: {command('check', STEP=exercise.name)}",
                exit_code=NOT_RIGHT,
            )
        return written

    def gradients(self, values: Mapping[str, Tensor | int]) -> Sequence[Tensor]:
        """One call. Raises KitError, with the learner's line, for anything but a sequence of tensors."""
        sizes = {name: value for name, value in values.items() if isinstance(value, int)}
        tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        call = written_call(self._key, "float32", self._injection, sizes, tensors, lambda _: torch.ones(()))
        try:
            reply = self._student.call(self.written, call, self._budget())
        except WorkerFault:  # the warm process died, and the learner's with it; another one is started
            reply = self._student.call(self.written, call, self._budget())
        if isinstance(reply, Answer | Failed) and reply.refused:
            raise self._refused(reply.refused[0])
        if not isinstance(reply, Answer):
            raise self._failed(reply)
        returned = [item for item in reply.returned if isinstance(item, torch.Tensor)]
        if not reply.is_sequence or len(returned) != len(reply.returned):
            raise KitError(
                f"{self.written.name} did not return a tuple of tensors", where=self._where, exit_code=NOT_RIGHT
            )
        return returned

    def _refused(self, refusal: Forbidden) -> KitError:
        where = f"{self.written.file}:{refusal.line}" if refusal.line else self._where
        return KitError(refusal.message, where=where, exit_code=NOT_RIGHT)

    def close(self) -> None:
        """Ends the student process."""
        self._student.__exit__(None, None, None)

    def _budget(self) -> Budget:
        return self._student.budget(self._seconds)

    def _failed(self, reply: Failed | Lost | Loaded) -> KitError:
        if isinstance(reply, Failed) and reply.refused:
            return self._refused(reply.refused[0])
        if isinstance(reply, Failed):
            where = f"{self.written.file}:{reply.line}" if reply.line else self._where
            return KitError(reply.error, where=where, exit_code=NOT_RIGHT)
        message = reply.message if isinstance(reply, Lost) else "no answer"
        return KitError(message, where=self._where, exit_code=NOT_RIGHT)
