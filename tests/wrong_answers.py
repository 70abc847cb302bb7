"""The answers of tests/corpus/wrong, in packs: what one student might hand in, each judged once for all tests."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from grader.judge.job import Request
from grader.judge.mend import SearchBudget
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.results.model import SubmissionResult
from grader.submission.find import submission_at
from tests.right_forms.forms import Form
from tests.right_forms.packs import Pack
from tests.support import PRELUDE, ROOT, THOROUGH

WRONG = ROOT / "tests" / "corpus" / "wrong"
MOST = 13  # of the 26 steps of an exercise: at the others, what a wrong answer spoils beside its own step shows
PARTS = 6  # of the packs without well-known mistakes, so that several processes share the work


@dataclass(frozen=True)
class WrongAnswer(Form):
    """A wrong answer, the verdict it has to get, and the tags that are true of its mistake."""

    verdict: str
    tags: tuple[str, ...]
    listed: bool  # among the well-known mistakes

    def __str__(self) -> str:
        return f"{self.path}: {self.name}"

    def gradients(self, lesson: Lesson) -> list[str]:
        """The gradient steps that it answers, as `exercise.step`."""
        return [s.path for s in lesson.exercise(self.exercise).gradient_steps if self.step in ("*", s.name)]


@dataclass
class WrongPack(Pack):
    """Wrong answers that can stand in one submission, in place of the solution's."""

    def takes(self, form: Form) -> bool:
        if any(_is_partial(other) != _is_partial(form) for other in self.forms.values()):
            return False
        is_full = sum(other.exercise == form.exercise for other in self.forms.values()) >= MOST
        return not is_full and super().takes(form)

    @property
    def is_partial(self) -> bool:
        """Whether its answers spoil one of the gradients of a function: asked for alone, that gets no mend."""
        return any(map(_is_partial, self.forms.values()))

    @property
    def answers(self) -> list[WrongAnswer]:
        return [form for form in self.forms.values() if isinstance(form, WrongAnswer)]

    def write(self, folder: Path) -> None:
        """The solutions of its exercises, and below them the wrong answers that take their place."""
        for exercise in self.names:
            solution = (ROOT / "solutions" / "mlp" / f"{exercise}.py").read_text(encoding="utf-8")
            codes = [form.code for form in self.forms.values() if form.exercise == exercise]
            (folder / f"{exercise}.py").write_text("\n".join([solution, PRELUDE, *codes]), encoding="utf-8")


@cache
def _functions() -> frozenset[str]:
    """The exercises of one function."""
    return frozenset(answer.exercise for answer in wrong_answers() if answer.step == "*")


def _is_partial(form: Form) -> bool:
    return form.step != "*" and form.exercise in _functions()


@cache
def wrong_answers() -> tuple[WrongAnswer, ...]:
    """All of them; the well-known ones first."""
    found = [
        WrongAnswer(
            file.stem, raw["step"], raw["name"], raw["code"],
            raw["verdict"], tuple(raw["tags"]), raw.get("listed", False),
        )
        for file in sorted(WRONG.glob("*.toml"))
        for raw in _tables(file)
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda answer: not answer.listed))


def _tables(file: Path) -> list[dict[str, Any]]:
    tables: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["answer"]
    return tables


@cache
def parts() -> tuple[tuple[WrongPack, ...], ...]:
    """The packs: first those with well-known mistakes, then the others in parts of one size."""
    packs: list[WrongPack] = []
    for answer in wrong_answers():
        if not any(pack.takes(answer) for pack in packs):
            packs.append(WrongPack())
            assert packs[-1].takes(answer)
    known = [pack for pack in packs if any(answer.listed for answer in pack.answers)]
    others = packs[len(known) :]
    return (tuple(known), *(tuple(others[place::PARTS]) for place in range(PARTS)))


def with_fixes(pack: WrongPack) -> bool:
    """Whether fixes are looked for: of those without a well-known mistake, `make test` takes one part."""
    return not pack.is_partial and (THOROUGH or any(pack is one for part in parts()[:2] for one in part))


def _as_if_alone() -> SearchBudget:
    """So much that each search takes what it may take in a submission of its own."""
    return SearchBudget(tries=10**6, seconds=3600.0, lost=1000)


class JudgedPacks:
    """The results of packs, each judged once."""

    def __init__(self, judge: Judge, lesson: Lesson, folder: Path) -> None:
        self._judge = judge
        self._lesson = lesson
        self._folder = folder
        self._results: dict[int, SubmissionResult] = {}

    def result(self, pack: WrongPack) -> SubmissionResult:
        """What the judge says of every gradient step of the exercises that the pack answers."""
        if id(pack) not in self._results:
            folder = self._folder / str(len(self._results))
            folder.mkdir()
            pack.write(folder)
            asked = [step.path for name in pack.names for step in self._lesson.exercise(name).gradient_steps]
            request = Request(submission_at(folder, self._lesson), frozenset(asked), mends=with_fixes(pack))
            with patch("grader.judge.submission.SearchBudget", _as_if_alone):
                self._results[id(pack)] = self._judge.judge(request)
        return self._results[id(pack)]
