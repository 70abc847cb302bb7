"""The exercises are cut from the solutions: one source, no drift.

Where lesson.toml names a notebook, there is one of the exercises and one of the solutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from grader.errors import KitError
from grader.lesson.load import load_lesson
from grader.lesson.notebook import notebook_text
from grader.lesson.stubs import SUFFIXES, cut_file, cut_files, is_same

_STUDENTS_OWN = frozenset({"progress.json", "backup"})  # what the kit itself writes beside their answers


def cut_lesson(solutions: Path) -> dict[str, str]:
    """File name -> text of every file of the exercise folder."""
    if not solutions.is_dir():
        raise KitError(f"there is no {solutions}", mend="a lesson's exercises are cut from solutions/<lesson>")
    texts = {path.name: cut_file(path) for path in cut_files(solutions)}
    return {**texts, **_notebook(solutions, texts)}


def solution_notebook(solutions: Path) -> dict[str, str]:
    """File name -> text of the solutions as a notebook; empty where the lesson has none."""
    return _notebook(solutions, {path.name: path.read_text(encoding="utf-8") for path in solutions.glob("*.py")})


def _notebook(solutions: Path, texts: Mapping[str, str]) -> dict[str, str]:
    lesson = load_lesson(solutions)
    missing = [exercise.file for exercise in lesson.exercises if exercise.file not in texts]
    if not lesson.notebook or missing:  # files that are missing are a finding of their own
        return {}
    return {lesson.notebook: notebook_text(lesson, texts)}


def drift(solutions: Path, exercises: Path) -> list[str]:
    """How the exercise folder differs from what the solutions give; empty if it does not."""
    wanted = cut_lesson(solutions)
    found: list[str] = []
    for name, text in wanted.items():
        path = exercises / name
        if not path.is_file():
            found.append(f"{path} is missing")
        elif not is_same(path, text):
            source = solutions / name if path.suffix in SUFFIXES else solutions
            found.append(f"{path} differs from what is cut from {source}")
    for name, text in solution_notebook(solutions).items():
        if not is_same(solutions / name, text):
            found.append(f"{solutions / name} differs from what is made of the .py files beside it")
    present = {path.name for path in exercises.glob("*") if path.is_file()} if exercises.is_dir() else set()
    strangers = present - set(wanted) - _STUDENTS_OWN
    found += [f"{exercises / name} has no counterpart in {solutions}" for name in sorted(strangers)]
    return found
