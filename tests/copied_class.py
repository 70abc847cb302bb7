"""A class of honest submissions out of the corpus, and copies of some of them by students who tried to hide it."""

from __future__ import annotations

import ast
import random
import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader.copies.shape import given_names
from grader.lesson import Lesson
from tests.support import PRELUDE, ROOT

CORPUS = ROOT / "tests" / "corpus"
_WRONG_SHARE = 0.15  # of steps that a student of this class gets wrong
_OWN_SHARE = 0.2  # of the steps of a copy that its author did alone
_ROUTE = 1.0  # how much more usual the first ways in the corpus are than the later ones


@dataclass(frozen=True)
class Answer:
    """One way to answer one step."""

    step: str
    code: str


@cache
def ways(exercise: str, kind: str) -> dict[str, list[str]]:
    """For each step the corpus's answers."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    tables = tomllib.loads((CORPUS / kind / f"{exercise}.toml").read_text(encoding="utf-8"))["answer"]
    for answer in tables:
        found[answer["step"]].append(answer["code"].strip())
    return found


def honest(lesson: Lesson, random_: random.Random, zipf: float = _ROUTE) -> dict[str, list[str]]:
    """A student of their own: for each step one of the ways, the first ones more often; now and then a mistake."""
    files = {}
    for exercise in lesson.exercises:
        right, wrong = ways(exercise.name, "right"), ways(exercise.name, "wrong")
        answers = []
        for step in right:
            fails = step in wrong and random_.random() < _WRONG_SHARE
            forms = (wrong if fails else right)[step]
            weights = [1 / (place + 1) ** zipf for place in range(len(forms))]
            answers.append(random_.choices(forms, weights)[0])
        files[exercise.name] = answers
    return files


def disguised(answers: dict[str, list[str]], lesson: Lesson, random_: random.Random) -> dict[str, list[str]]:
    """Nearly the same answers: own names changed, comments too, + and * turned around, functions in another order."""
    given = given_names(lesson)
    alone = honest(lesson, random_)
    files = {}
    for exercise, functions in answers.items():
        taken = [
            own if random_.random() < _OWN_SHARE else code for own, code in zip(alone[exercise], functions, strict=True)
        ]
        changed = [_disguise(code, given, random_) for code in taken]
        random_.shuffle(changed)
        files[exercise] = changed
    return files


class _Disguise(ast.NodeTransformer):
    """Renames what the student chose, and swaps operands where it changes nothing."""

    def __init__(self, own: dict[str, str], random_: random.Random) -> None:
        self._own = own
        self._random = random_

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(self._own.get(node.id, node.id), node.ctx), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add | ast.Mult) and self._random.random() < 0.5:
            node.left, node.right = node.right, node.left
        return node


def _disguise(code: str, given: frozenset[str], random_: random.Random) -> str:
    tree = ast.parse(code)
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own = {name: f"{random_.choice('pqrstuvw')}_{place}" for place, name in enumerate(sorted(stored - given))}
    text = ast.unparse(_Disguise(own, random_).visit(tree))  # without the comments there were
    first, _, rest = text.partition("\n")
    return f"# {random_.choice(('my own way', 'see the lecture', 'took a while'))}\n{first}\n{rest}"


def write(folder: Path, answers: dict[str, list[str]]) -> None:
    folder.mkdir(parents=True)
    for exercise, functions in answers.items():
        text = PRELUDE + "\n\n" + "\n\n\n".join(functions) + "\n"
        (folder / f"{exercise}.py").write_text(text, encoding="utf-8")


def make_class(
    folder: Path, lesson: Lesson, seed: int, size: int = 60, copies: int = 5, zipf: float = _ROUTE
) -> set[frozenset[str]]:
    """Writes a class of `size`; returns the pairs of copy and original."""
    random_ = random.Random(seed)
    students = [honest(lesson, random_, zipf) for _ in range(size - copies)]
    originals = random_.sample(range(len(students)), copies)
    students += [disguised(students[original], lesson, random_) for original in originals]
    names = [f"s{place:02}" for place in range(size)]
    random_.shuffle(names)
    for name, answers in zip(names, students, strict=True):
        write(folder / name, answers)
    return {frozenset((names[original], names[size - copies + place])) for place, original in enumerate(originals)}


def is_disguised(text: str) -> bool:
    return bool(re.search(r"# (my own way|see the lecture|took a while)", text))
