"""The right answers that are mutated: every function of the solutions, and the other forms of seeds.toml."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.lesson import Lesson
from tests.mutation.cases import SOLUTIONS

_SOLUTION = "solution"  # the form of the lesson's own answers
_FURTHER = Path(__file__).parent / "seeds.toml"


@dataclass(frozen=True)
class Seed:
    """One right answer: a single function, without docstring and annotations."""

    exercise: str
    name: str  # of the function
    form: str
    source: str
    steps: tuple[str, ...]  # what it answers, in the order in which it returns them

    @property
    def is_solution(self) -> bool:
        return self.form == _SOLUTION

    @property
    def place(self) -> str:
        return f"{self.exercise}.{self.name}"

    @property
    def paths(self) -> tuple[str, ...]:
        """Its steps as the judge is asked for them."""
        return tuple(f"{self.exercise}.{step}" for step in self.steps)


def all_seeds(lesson: Lesson) -> tuple[Seed, ...]:
    """In the lesson's order; of one function the solution first."""
    further = tomllib.loads(_FURTHER.read_text(encoding="utf-8"))["seed"]
    found: list[Seed] = []
    for exercise in lesson.exercises:
        for name, source in _functions((SOLUTIONS / exercise.file).read_text(encoding="utf-8")):
            steps = tuple(step.name for step in exercise.gradient_steps) if exercise.function else (name,)
            found.append(Seed(exercise.name, name, _SOLUTION, source, steps))
            for other in further:
                if (other["exercise"], other["name"]) == (exercise.name, name):
                    ((_, text),) = _functions(other["code"])
                    found.append(Seed(exercise.name, name, other["form"], text, steps))
    return tuple(found)


def _functions(text: str) -> Iterator[tuple[str, str]]:
    """Name and bare source of each function at the top of `text`."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, _bare(node)


def _bare(function: ast.FunctionDef) -> str:
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:]
    for argument in function.args.args:
        argument.annotation = None
    function.returns = None
    return ast.unparse(function)
