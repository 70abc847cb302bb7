"""Mutants through the real judge, and what came of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from unittest.mock import patch

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.results.model import StepResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.mutation.equality import (
    Agreement,
    agreements,
    agrees_in_single,
    is_right_at_home,
    is_zero,
    starts_elsewhere,
    vanishes_too,
)
from tests.mutation.mutators import Mutant
from tests.mutation.seeds import Seed
from tests.mutation.truths import true_tags
from tests.support import PRELUDE

SEED = 0  # of the judge's own cases


class Fate(Enum):
    """What became of a mutant, the worst first."""

    ESCAPED = "escaped"  # it differs from its original, and the verdict says that its values are right
    REFUSED = "refused though equal"  # it is its original, and does not pass
    CAUGHT = "caught"
    SINGLE = "float32 by the rule"  # worked out in float32, and judged as that
    ZERO = "zero in exact arithmetic, as the original"
    ELSEWHERE = "from another gradient"
    EQUAL = "equal"


@dataclass(frozen=True)
class StepOutcome:
    """One step of a mutant."""

    path: str
    fate: Fate
    verdict: str
    tag: str | None
    help: str
    mend: str | None
    message: str
    true_tags: frozenset[str]  # by the operator and by the numbers
    is_identical: bool


@dataclass(frozen=True)
class Outcome:
    """One mutant, judged."""

    mutant: Mutant
    steps: tuple[StepOutcome, ...]

    @property
    def fate(self) -> Fate:
        return next(fate for fate in Fate if any(step.fate is fate for step in self.steps))

    @property
    def telling(self) -> StepOutcome:
        """The first step with the mutant's fate."""
        return next(step for step in self.steps if step.fate is self.fate)


@dataclass(frozen=True)
class Workbench:
    """A judge, and a folder for one submission at a time.

    To look for the mistake and its mend takes longer than to judge; no verdict depends on it, so it can be left out.
    """

    lesson: Lesson
    judge: Judge
    folder: Path
    names_mistakes: bool = False

    def results(self, seed: Seed, source: str) -> tuple[StepResult, ...]:
        """The judge's results for one answer that stands alone in its file."""
        file = self.folder / f"{seed.exercise}.py"
        file.write_text(PRELUDE + source + "\n", encoding="utf-8")
        try:
            request = Request(submission_at(self.folder, self.lesson), frozenset(seed.paths), mends=self.names_mistakes)
            with nullcontext() if self.names_mistakes else patch("grader.judge.verdict.diagnose", return_value=None):
                result = self.judge.judge(request)
        finally:
            file.unlink()
        return tuple(step for exercise in result.exercises for step in exercise.steps)

    def outcomes(self, mutants: Iterable[Mutant]) -> Iterator[Outcome]:
        for mutant in mutants:
            results = self.results(mutant.seed, mutant.source)
            truths = true_tags(mutant.seed, mutant.source) if self.names_mistakes else None
            yield Outcome(mutant, step_outcomes(mutant, results, truths))


@contextmanager
def workbench(lesson: Lesson, names_mistakes: bool) -> Iterator[Workbench]:
    """A workbench with a warm process of its own."""
    with Warm() as warm, tempfile.TemporaryDirectory() as folder:
        yield Workbench(lesson, Judge(lesson, SEED, warm), Path(folder), names_mistakes)


def step_outcomes(
    mutant: Mutant, results: Sequence[StepResult], truths: Sequence[frozenset[str]] | None = None
) -> tuple[StepOutcome, ...]:
    """What came of each step of a mutant. `truths` are the mistakes that its numbers show."""
    found = agreements(mutant.seed, mutant.source)
    return tuple(
        StepOutcome(
            mutant.seed.paths[number],
            fate_of(mutant, number, result, agreement),
            result.verdict,
            result.mistake.tag if result.mistake else None,
            result.mistake.help if result.mistake else "",
            result.instructor.mend,
            result.message,
            mutant.tags | (truths[number] if truths else frozenset()),
            agreement.is_identical,
        )
        for number, (result, agreement) in enumerate(zip(results, found, strict=True))
    )


def fate_of(mutant: Mutant, step: int, result: StepResult, agreement: Agreement) -> Fate:
    """What became of one step, the judge's verdict held against what the mutant really returns."""
    if result.passes:
        if agreement.is_equal and not agreement.changes_input:
            return Fate.EQUAL
        return Fate.ESCAPED if agreement.changes_input else _fate_of_another(mutant, step)
    if result.verdict in ("shape", "mutates"):  # which say that the values are right
        right = agreement.is_equal_but_for_form or (_is_single(mutant) and _agrees_in_single(mutant, step, False))
        is_so = not agreement.is_equal if result.verdict == "shape" else agreement.changes_input
        return Fate.CAUGHT if right and is_so else Fate.ESCAPED if not right else Fate.REFUSED
    if result.verdict == "hard-coded":
        return Fate.CAUGHT if is_right_at_home(mutant.seed, mutant.source, step) else Fate.ESCAPED
    if not agreement.is_equal or agreement.changes_input:
        return Fate.CAUGHT
    return Fate.ZERO if is_zero(mutant.seed, step) else Fate.REFUSED


def _fate_of_another(mutant: Mutant, step: int) -> Fate:
    """Of an accepted mutant that has not its original's values."""
    if vanishes_too(mutant.seed, mutant.source, step):
        return Fate.ZERO
    if _is_single(mutant) and _agrees_in_single(mutant, step):
        return Fate.SINGLE
    return Fate.ELSEWHERE if starts_elsewhere(mutant.seed, mutant.source, step) else Fate.ESCAPED


def _is_single(mutant: Mutant) -> bool:
    return ".float()" in mutant.source


def _agrees_in_single(mutant: Mutant, step: int, with_shape: bool = True) -> bool:
    return agrees_in_single(mutant.seed, mutant.source, step, with_shape)
