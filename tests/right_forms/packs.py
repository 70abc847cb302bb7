"""Many answers in few submissions: a judge forks a process for each submission, and that is what takes time.

A pack is what one student might hand in: at most one answer a step, and no two
top-level names that are in one another's way. Each answer is judged by itself all the
same, because only what it reaches is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.submission.find import submission_at
from grader.submission.program import parse_program
from tests.right_forms.forms import Form
from tests.support import PRELUDE


@dataclass(frozen=True)
class _Names:
    """The top-level names that a form binds, those that it takes from outside, and those that it imports."""

    binds: frozenset[str]
    needs: frozenset[str]
    imports: Mapping[str, str]  # a name, and the statement that brings it

    def clash(self, other: _Names) -> bool:
        in_the_way = self.binds & (other.binds | other.needs) or other.binds & self.needs
        if "*" in self.imports or "*" in other.imports:  # a program is one namespace: a star may shadow `range`
            return True
        both = self.imports.keys() & other.imports.keys()
        return bool(in_the_way) or any(self.imports[name] != other.imports[name] for name in both)


@dataclass
class Pack:
    """Forms that can stand in one submission, by path."""

    forms: dict[str, Form] = field(default_factory=dict)
    names: dict[str, list[_Names]] = field(default_factory=dict)  # by exercise: each has a file of its own

    def takes(self, form: Form) -> bool:
        """Puts the form in, if it fits."""
        names, there = _names(form), self.names.setdefault(form.exercise, [])
        if form.path in self.forms or any(names.clash(other) for other in there):
            return False
        self.forms[form.path] = form
        there.append(names)
        return True

    def write(self, folder: Path) -> None:
        """The pack as a submission in `folder`."""
        folder.mkdir(exist_ok=True)
        for exercise in self.names:
            codes = [form.code for form in self.forms.values() if form.exercise == exercise]
            (folder / f"{exercise}.py").write_text("\n".join([PRELUDE, *codes]), encoding="utf-8")

    def rejections(self, judge: Judge, lesson: Lesson, folder: Path) -> dict[Form, list[str]]:
        """What the judge holds against its forms, those to which it is right left out."""
        asked = {path: form for form in self.forms.values() for path in form.asked(lesson)}
        result = judge.judge(Request(submission_at(folder, lesson), frozenset(asked)))
        steps = {f"{found.exercise}.{step.step}": step for found in result.exercises for step in found.steps}
        found: dict[Form, list[str]] = {}
        for path, form in asked.items():
            step = steps.get(path)
            if step is None or not step.passes:
                fact = f"{path} is {step.verdict}: {step.message}" if step else f"{path} was not judged"
                found.setdefault(form, []).append(fact)
            elif step.instructor.suspected:
                found.setdefault(form, []).append(f"{path} is suspected: {step.instructor.suspected}")
        return found


def packed(forms: Iterable[Form]) -> list[Pack]:
    """All forms, each in the first pack that takes it."""
    packs: list[Pack] = []
    for form in forms:
        if not any(pack.takes(form) for pack in packs):
            packs.append(Pack())
            assert packs[-1].takes(form)
    return packs


def _names(form: Form) -> _Names:
    statements = parse_program(form.name, form.code).statements
    own = [statement for statement in statements if not isinstance(statement.node, ast.Import | ast.ImportFrom)]
    brought = [statement for statement in statements if statement not in own]
    return _Names(
        frozenset(name for statement in own for name in statement.binds),
        frozenset(name for statement in statements for name in statement.needs),
        {name: ast.unparse(statement.node) for statement in brought for name in statement.binds},
    )
