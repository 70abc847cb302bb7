"""The exercises are cut from the solutions: one source, no drift.

What stands between `# BEGIN SOLUTION` and `# END SOLUTION` becomes a
NotImplementedError that names the function; everything else stays as it is. Where
lesson.toml names a notebook, there is one of the exercises and one of the solutions.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

from grader.errors import KitError
from grader.lesson.load import load_lesson
from grader.lesson.notebook import notebook_text

_BEGIN = re.compile(r"^(\s*)# BEGIN SOLUTION\s*$")
_END = re.compile(r"^\s*# END SOLUTION\s*$")
_DEF = re.compile(r"^def (\w+)\(")
_SUFFIXES = (".py", ".toml")
_STUDENTS_OWN = frozenset({"progress.json", "backup"})  # what the kit itself writes beside their answers


def stub_text(text: str, file: str) -> str:
    """The exercise for a solution's text. Raises KitError for markers that do not match."""
    kept: list[str] = []
    function, begun = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        defined, begin = _DEF.match(line), _BEGIN.match(line)
        if defined:
            function = defined.group(1)
        if begin:
            if begun or not function or not begin.group(1):
                raise KitError(
                    "# BEGIN SOLUTION stands outside a function or inside another solution", where=f"{file}:{number}"
                )
            begun = number
            kept.append(f'{begin.group(1)}raise NotImplementedError("{function}")')
        elif _END.match(line):
            if not begun:
                raise KitError("# END SOLUTION without # BEGIN SOLUTION", where=f"{file}:{number}")
            begun = 0
        elif not begun:
            kept.append(line)
    if begun:
        raise KitError("# BEGIN SOLUTION is never ended", where=f"{file}:{begun}")
    return "\n".join(kept) + "\n"


def solution_of(text: str, function: str) -> str | None:
    """What stands between the markers of `function`, at the left margin; None where there is nothing."""
    here, kept = "", list[str]()
    is_inside = False
    for line in text.splitlines():
        defined = _DEF.match(line)
        here = defined.group(1) if defined else here
        if _END.match(line):
            is_inside = False
        elif is_inside:
            kept.append(line)
        elif _BEGIN.match(line):
            is_inside = here == function
    return textwrap.dedent("\n".join(kept)) if kept else None


def cut_lesson(solutions: Path) -> dict[str, str]:
    """File name -> text of every file of the exercise folder."""
    if not solutions.is_dir():
        raise KitError(f"there is no {solutions}", mend="a lesson's exercises are cut from solutions/<lesson>")
    texts: dict[str, str] = {}
    for path in sorted(solutions.iterdir()):
        if path.suffix in _SUFFIXES:
            text = path.read_text(encoding="utf-8")
            texts[path.name] = stub_text(text, str(path)) if path.suffix == ".py" else text
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
        elif path.read_bytes() != text.encode():
            source = solutions / name if path.suffix in _SUFFIXES else solutions
            found.append(f"{path} differs from what is cut from {source}")
    for name, text in solution_notebook(solutions).items():
        path = solutions / name
        if not path.is_file() or path.read_bytes() != text.encode():
            found.append(f"{path} differs from what is made of the .py files beside it")
    present = {path.name for path in exercises.glob("*") if path.is_file()} if exercises.is_dir() else set()
    strangers = present - set(wanted) - _STUDENTS_OWN
    found += [f"{exercises / name} has no counterpart in {solutions}" for name in sorted(strangers)]
    return found
