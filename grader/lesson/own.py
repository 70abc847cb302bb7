"""What the kit has of its own beside a lesson's folder: the untouched stubs, and the solutions where they are.

In the kit as instructors have it both come from solutions/<lesson>. In the one that students get there are no
solutions, and the stubs lie in stubs/<lesson>.
"""

from __future__ import annotations

from pathlib import Path

from grader.lesson.model import Exercise, Lesson
from grader.lesson.stubs import solution_of, stub_text

SOLUTIONS, STUBS = "solutions", "stubs"


def untouched(lesson: Lesson, exercise: Exercise) -> str | None:
    """The text of an exercise's file as it was handed out; None where the kit does not have it."""
    solution = beside(lesson, SOLUTIONS) / exercise.file
    if solution.is_file():
        return stub_text(solution.read_text(encoding="utf-8"), str(solution))
    stub = beside(lesson, STUBS) / exercise.file
    return stub.read_text(encoding="utf-8") if stub.is_file() else None


def solution(lesson: Lesson, exercise: Exercise, function: str) -> str | None:
    """What stands in place of a stub in the solutions, with its explanation; None where there are no solutions."""
    path = solutions_of(lesson) / exercise.file
    return solution_of(path.read_text(encoding="utf-8"), function) if path.is_file() else None


def solutions_of(lesson: Lesson) -> Path:
    """Where the solutions are, if they are there."""
    return beside(lesson, SOLUTIONS)


def has_solutions(lesson: Lesson) -> bool:
    return solutions_of(lesson).is_dir()


def beside(lesson: Lesson, kind: str) -> Path:
    """solutions/mlp for exercises/mlp (and for solutions/mlp itself)."""
    folder = lesson.folder.resolve()
    return folder.parent.parent / kind / folder.name
