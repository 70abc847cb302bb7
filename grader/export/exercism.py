"""exercism: results.json of its test runner interface, version 3."""

from __future__ import annotations

import json
from typing import Any

from grader.export.words import cut, explanation, headline, plain
from grader.lesson import Exercise, Lesson, Step
from grader.results.model import StepResult, SubmissionResult

_MOST_OUTPUT = 500
_MOST_MESSAGE = 65_535
_NOT_RUN = frozenset({"missing", "error", "forbidden"})


def exercism_results(result: SubmissionResult, lesson: Lesson) -> str:
    """`error` where nothing could be run; else a test a step, in the order of the files."""
    steps = {f"{exercise.exercise}.{step.step}": step for exercise in result.exercises for step in exercise.steps}
    asked = [step for step in lesson.steps if step.path in steps]
    tests = [_test(lesson, step, steps[step.path]) for step in asked]
    document: dict[str, Any] = {"version": 3, "status": "pass" if all(s.passes for s in steps.values()) else "fail"}
    if all(step.verdict in _NOT_RUN for step in steps.values()):
        first = next((step for step in steps.values() if step.verdict != "missing"), None)
        said = f"{headline(first)}\n{explanation(first)}" if first else "no answer is filled in yet"
        document = {"version": 3, "status": "error", "message": cut(said, _MOST_MESSAGE)}
    return json.dumps({**document, "tests": tests}, indent=2) + "\n"


def _test(lesson: Lesson, asked: Step, step: StepResult) -> dict[str, Any]:
    exercise = lesson.exercise(asked.exercise)
    said = "" if step.passes else "\n".join(part for part in (headline(step), explanation(step)) if part)
    test: dict[str, Any] = {
        "name": asked.path,
        "status": _status(step),
        "test_code": _question(lesson, exercise, asked),
        "task_id": lesson.exercises.index(exercise) + 1,
    }
    if said:
        test["message"] = cut(said, _MOST_MESSAGE)
    if step.output:
        test["output"] = cut(plain(step.output), _MOST_OUTPUT)
    return test


def _status(step: StepResult) -> str:
    if step.passes:
        return "pass"
    return "error" if step.verdict in ("error", "timeout", "memory", "crashed") else "fail"


def _question(lesson: Lesson, exercise: Exercise, asked: Step) -> str:
    """What the step asks for: the gradient, and the forward lines that use its tensor."""
    if asked.is_training:
        return f"train with {exercise.function or exercise.name}, and follow the loss"
    uses = [user.source for user in lesson.graph.users.get(asked.tensor, ())]
    return "\n".join([*uses, f"{exercise.function or asked.name}  # the gradient of {lesson.loss} by {asked.tensor}"])
