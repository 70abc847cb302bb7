"""The answers of tests/corpus/right, as data."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from grader.lesson import Lesson
from tests.support import PRELUDE, ROOT

RIGHT = ROOT / "tests" / "corpus" / "right"
# Steps that people write in the most different ways, and where a judge errs most easily.
HARD = frozenset(
    {
        *("ex1_chain.dlogprobs", "ex1_chain.dcounts", "ex1_chain.dlogit_maxes", "ex1_chain.dlogits"),
        *("ex1_chain.dbnvar", "ex1_chain.dbndiff", "ex1_chain.dhprebn", "ex1_chain.dC"),
        *("ex2_cross_entropy.dlogits", "ex3_batchnorm.dhprebn", "ex4_training.*"),
    }
)
_SINGLE = re.compile(r"\.float\(|float32|FloatTensor|torch\.float\b")


@dataclass(frozen=True)
class Form:
    """One right answer. `step` is "*" where one function answers all steps of its exercise."""

    exercise: str
    step: str
    name: str
    code: str

    @property
    def path(self) -> str:
        return f"{self.exercise}.{self.step}"

    @property
    def source(self) -> str:
        return PRELUDE + self.code

    @property
    def is_single(self) -> bool:
        """Whether its text says that it computes in float32, whatever it is given."""
        return bool(_SINGLE.search(self.code))

    def function(self, lesson: Lesson) -> str:
        """The name of the callable that it defines."""
        return lesson.exercise(self.exercise).function or self.step

    def asked(self, lesson: Lesson) -> list[str]:
        """The steps that it answers, as `exercise.step`; with the training where there is one."""
        return [step.path for step in lesson.exercise(self.exercise).steps if self.step in ("*", step.name)]


def right_forms() -> list[Form]:
    """All of them, in the order of their files."""
    return [
        Form(file.stem, answer["step"], answer["name"], answer["code"])
        for file in sorted(RIGHT.glob("*.toml"))
        for answer in tomllib.loads(file.read_text(encoding="utf-8"))["answer"]
    ]


def counted(forms: Iterable[Form]) -> Counter[str]:
    """How many forms there are of each step, by path."""
    return Counter(form.path for form in forms)


def all_paths(lesson: Lesson) -> list[str]:
    """What has to be answered, by path; one entry for a function that answers a whole exercise."""
    return [
        path
        for exercise in lesson.exercises
        for path in ([f"{exercise.name}.*"] if exercise.function else [s.path for s in exercise.gradient_steps])
    ]
