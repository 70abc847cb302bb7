"""A class with results as hostile as results can be, for the tests of exporters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.lesson import Lesson
from grader.results.model import ExerciseResult, Instructor, Mistake, StepResult, SubmissionResult
from grader.results.names import safe_name
from grader.results.store import as_text

SECRET_SEED = 990_017_231
SECRET_MEND = "line 3: SECRET-MEND"
HOSTILE = (
    "]]></failure><script>alert(1)</script> | ::error::no %0A `x` \x1b[31m\x00\ud800\ufffe"
    "\n\n# h\n::set-output name=x::y"
)
# In the order of the lesson's steps; further steps are right.
VERDICTS = ("right", "wrong", "error", "missing", "shape", "timeout", "forbidden", "exact", "mutates", "crashed")


def result(name: str, lesson: Lesson, verdicts: tuple[str, ...] = VERDICTS, text: str = HOSTILE) -> SubmissionResult:
    """One submission with these verdicts on the lesson's first steps."""
    by_step = dict(zip((step.path for step in lesson.steps), verdicts, strict=False))
    exercises = []
    for exercise in lesson.exercises:
        steps = [
            _step(step.name, by_step.get(step.path, "right"), step.points, exercise.file, text)
            for step in exercise.steps
        ]
        exercises.append(ExerciseResult(exercise.name, tuple(steps)))
    return SubmissionResult("0.1.0", lesson.name, name, SECRET_SEED, ("process",), tuple(exercises), "probs", ())


def _step(name: str, verdict: str, points: float, file: str, text: str) -> StepResult:
    if verdict in ("right", "exact"):
        return StepResult(name, verdict, 1.0, points, file=file, line=3)
    credit = 0.5 if verdict in ("shape", "mutates") else 0.0
    mistake = Mistake("sign", "look for a lost minus") if verdict == "wrong" else None
    instructor = Instructor(SECRET_MEND, "SECRET-SUSPICION")
    line = None if verdict == "missing" else 7
    return StepResult(
        name, verdict, credit, points, text, mistake=mistake, file=file, line=line, output=text, instructor=instructor
    )


def write_class(
    folder: Path, results: Mapping[str, SubmissionResult], identities: Mapping[str, Any] | None = None
) -> Path:
    """The results as a class run leaves them in DIR."""
    for name, one in results.items():
        file = folder / "submissions" / safe_name(name) / "results.json"
        file.parent.mkdir(parents=True)
        extra = {"identity": identities[name]} if identities and name in identities else {}
        file.write_text(as_text({**one.as_json(), **extra}), encoding="utf-8")
    return folder
