"""Gradescope: results.json of its autograder interface."""

from __future__ import annotations

import json
from typing import Any

from grader.export.words import cut, explanation, headline, plain, summary
from grader.results.model import ExerciseResult, StepResult, SubmissionResult

_MOST_OUTPUT = 4000


def gradescope_results(result: SubmissionResult) -> str:
    """A test a step, all visible: a hidden one would hide the total. Students see nothing of the seed."""
    tests = [
        _test(f"{place}.{number}", exercise, step)
        for place, exercise in enumerate(result.exercises, start=1)
        for number, step in enumerate(exercise.steps, start=1)
    ]
    document: dict[str, Any] = {
        "score": round(result.score, 6),
        "output": summary(result),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {"kit": result.kit, "lesson": result.lesson, "isolation": list(result.isolation)},
        "tests": tests,
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _test(number: str, exercise: ExerciseResult, step: StepResult) -> dict[str, Any]:
    parts = [headline(step), explanation(step)]
    if step.file and step.line and not step.passes:
        parts.append(f"{plain(step.file)}:{step.line}")
    if step.output:
        parts.append(f"what it printed:\n{cut(plain(step.output), _MOST_OUTPUT)}")
    tags = [step.verdict, *([step.mistake.tag] if step.mistake else [])]
    return {
        "number": number,
        "name": f"{exercise.exercise}.{step.step}",
        "score": round(step.score, 6),
        "max_score": round(step.points, 6),
        "status": "passed" if step.passes else "failed",
        "output": "\n".join(part for part in parts if part),
        "output_format": "text",
        "tags": tags,
        "visibility": "visible",
        "extra_data": {"verdict": step.verdict},
    }
