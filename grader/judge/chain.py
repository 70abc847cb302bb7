"""End to end: the student's own chain, errors and all, from the loss back to the inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from grader.judge.budget import Budget, Lost
from grader.judge.compare import compare
from grader.judge.desk import Desk
from grader.judge.glance import right_at_a_glance
from grader.judge.inject import Injection, resolve, written_call
from grader.judge.situation import TOLERANCE, Situation, answer_key, keep_small
from grader.judge.student import Student
from grader.judge.verdict import ENDING
from grader.lesson import Exercise, Step
from grader.lesson.model import GRADIENT_PREFIX
from grader.results.model import StepResult
from grader.submission.answers import Answer as Written
from grader.wire.frames import Part
from grader.wire.messages import Answer, Failed, Loaded

Reply = Answer | Failed | Lost
_NO_CUTS: frozenset[str] = frozenset()  # the real chain


def chain_reaches(
    desk: Desk, student: Student, exercise: Exercise, answers: dict[str, Written], results: Sequence[StepResult]
) -> str | None:
    """The last step, in the exercise's order, up to which all of the student's own gradients are right.

    Each step is given the student's own answers to the steps before it. None if the first one fails.
    `results` are those of the steps by themselves; one that did not end there is not called here.
    """
    right = {result.step for result in results if result.passes}
    lost = {result.step for result in results if result.verdict in ENDING}
    chain = _Chain(desk, student, exercise, answers)
    own: dict[str, Tensor] = {}
    reaches: str | None = None
    first = _up_to_the_first_not_in(right, exercise.gradient_steps)
    ahead = chain.together(first)
    are_right = chain.are_right(first, ahead)
    for step in exercise.gradient_steps:
        reply = ahead.get(step.name) or (None if step.name in lost else chain.call(step, own))
        if (
            not isinstance(reply, Answer)
            or reply.refused
            or reply.is_sequence  # before its first thing is looked at: it may hold none
            or not isinstance(reply.returned[0], Tensor)
        ):
            break
        own[step.tensor] = reply.returned[0]
        is_right = are_right and step.name in ahead
        if not is_right and compare(own[step.tensor], chain.situation, step.tensor, _NO_CUTS).outcome == "wrong":
            break
        reaches = step.name
    return reaches


def _up_to_the_first_not_in(right: Collection[str], steps: Sequence[Step]) -> list[Step]:
    wrong = (place for place, step in enumerate(steps) if step.name not in right)
    return list(steps[: next(wrong, len(steps))])


@dataclass(frozen=True)
class _Chain:
    """The answers of one exercise, and how they are called one after the other."""

    desk: Desk
    student: Student
    exercise: Exercise
    answers: dict[str, Written]
    _runs: dict[tuple[str, ...], Part] = field(default_factory=dict)

    @property
    def situation(self) -> Situation:
        return self.desk.situations.public(self.exercise.name, "the chain")

    def are_right(self, steps: Sequence[Step], replies: Mapping[str, Reply]) -> bool:
        """Whether all numbers of what these steps returned together are right, at a glance."""
        came = [reply.returned for reply in replies.values() if isinstance(reply, Answer)]
        if len(came) < len(steps):
            return False
        kept, names = self.desk.chain_rights, (self.exercise.name, *(step.name for step in steps))
        if names not in kept:
            keep_small(kept)
            references = [self.situation.reference(step.tensor, _NO_CUTS) for step in steps]
            gradients, scales = [[r.gradient] for r in references], [[TOLERANCE * r.scale] for r in references]
            kept[names] = right_at_a_glance(gradients, scales)
        right = kept[names]
        return right is not None and right.errors(came) is not None

    def together(self, steps: Sequence[Step]) -> dict[str, Reply]:
        """What these steps return when each is given what those before it returned, in one burst; or nothing.

        Their own process passes the gradients on. Nothing comes where the process did not come that far.
        """
        if any(self.answers[step.name].flat for step in steps):
            return {}
        budget = self.student.budget(self.desk.lesson.limits.step_seconds)  # what is slower is asked one by one
        returned: dict[str, str] = {}
        calls: list[Part] = []
        for step in steps:
            injection = self._injection(step, budget)
            if injection is None:
                return {}
            calls.append(self._kept_call(step, injection, returned))
            returned[GRADIENT_PREFIX + step.tensor] = answer_key(self.exercise.name, step.name)
        replies = self.student.calls_of_several(calls, budget)
        return {step.name: reply for step, reply in zip(steps, replies, strict=False)}

    def call(self, step: Step, own: dict[str, Tensor]) -> Reply | None:
        """What a step returns when it is given these gradients of the student's own; None if it cannot be called."""
        budget = self.student.budget(self.desk.lesson.limits.step_seconds)
        if self.answers[step.name].flat:
            return self.student.call(self.answers[step.name], self._own_run(own), budget)
        injection = self._injection(step, budget)
        if injection is None:
            return None
        return self.student.call(self.answers[step.name], self._call(step, injection, own, {}), budget)

    def _own_run(self, own: Mapping[str, Tensor]) -> Part:
        """The run of a program as it stands, with no gradient given but those of functions."""
        functions = {step.tensor for step in self.exercise.gradient_steps if not self.answers[step.name].flat}
        given = {tensor: value for tensor, value in own.items() if tensor in functions}
        key = tuple(sorted(given))
        if key not in self._runs:
            everything = self.desk.everything
            gradients = {GRADIENT_PREFIX + tensor for tensor in everything.cuts - given.keys()}
            asked = Injection(tuple(n for n in everything.names if n not in gradients), frozenset(given))
            situation = self.situation
            values = {**situation.tape.values}
            self._runs[key] = written_call(
                answer_key("", ""), "float64", asked, situation.case.sizes, values, given.__getitem__
            )
        return self._runs[key]

    def _injection(self, step: Step, budget: Budget) -> Injection | None:
        written = self.answers[step.name]
        loaded = self.student.load(written, budget) if written.status == "ready" else None
        if not isinstance(loaded, Loaded):
            return None
        injection = resolve(self.desk.lesson, [step.tensor], loaded, written)
        return injection if isinstance(injection, Injection) else None

    def _kept_call(self, step: Step, injection: Injection, returned: Mapping[str, str]) -> Part:
        """The call with the real values, and with what was returned before; the same for every submission."""
        place = (self.exercise.name, step.name, injection)
        kept = self.desk.chain_calls
        if place not in kept:
            keep_small(kept)
            kept[place] = self._call(step, injection, {}, returned)
        return kept[place]

    def _call(self, step: Step, injection: Injection, own: Mapping[str, Tensor], returned: Mapping[str, str]) -> Part:
        """The call with these gradients of the student's own, and real values for all else that was not returned."""
        situation = self.situation

        def gradient(tensor: str) -> Tensor:
            return own[tensor] if tensor in own else situation.reference(tensor, frozenset()).gradient

        key = answer_key(self.exercise.name, step.name)
        return written_call(key, "float64", injection, situation.case.sizes, situation.tape.values, gradient, returned)
