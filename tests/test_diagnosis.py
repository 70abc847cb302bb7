"""The diagnosis against answers whose mistakes are known: named where it can be, never named wrongly.

Run with -s to see how many mistakes are named, which are not, and which are named wrongly.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.judge.tags import TAGS
from grader.lesson import Lesson
from grader.submission.find import submission_at
from tests.support import PRELUDE, step_of

WRONG = Path(__file__).parent / "corpus" / "wrong"

PARTS = 8  # of the corpus, so that several processes share the work


@dataclass(frozen=True)
class Answer:
    """A wrong answer of the corpus, and the tags that are true of its mistake."""

    exercise: str
    step: str
    name: str
    verdict: str
    tags: tuple[str, ...]
    listed: bool
    code: str

    def __str__(self) -> str:
        return f"{self.exercise}.{self.step}: {self.name}"


@dataclass(frozen=True)
class Diagnosis:
    """What the judge said of the mistake in one answer, one tag a step that it answers."""

    answer: Answer
    named: tuple[str | None, ...]

    @property
    def outcome(self) -> Literal["right", "silent", "wrong"]:
        """Silence is right where no tag is true; one false tag makes the whole wrong."""
        true = self.answer.tags
        if any(tag is not None and tag not in true for tag in self.named):
            return "wrong"
        return "silent" if true and None in self.named else "right"

    def __str__(self) -> str:
        named = ", ".join(dict.fromkeys(tag or "nothing" for tag in self.named))
        return f"{self.outcome}: {self.answer}: named {named}, true {' or '.join(self.answer.tags) or 'nothing'}"


def _answers() -> list[Answer]:
    return [
        Answer(
            file.stem, raw["step"], raw["name"], raw["verdict"],
            tuple(raw["tags"]), raw.get("listed", False), raw["code"],
        )
        for file in sorted(WRONG.glob("*.toml"))
        for raw in _tables(file)
    ]  # fmt: skip


def _tables(file: Path) -> list[dict[str, Any]]:
    tables: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["answer"]
    return tables


class Diagnoses:
    """Every answer judged alone, on its own step, once."""

    def __init__(self, judge: Judge, lesson: Lesson, folder: Path) -> None:
        self._judge = judge
        self._lesson = lesson
        self._folder = folder
        self._seen: dict[Answer, Diagnosis] = {}

    def of(self, answers: Iterable[Answer]) -> list[Diagnosis]:
        return [self._of(answer) for answer in answers]

    def _of(self, answer: Answer) -> Diagnosis:
        if answer not in self._seen:
            folder = self._folder / answer.exercise
            folder.mkdir(exist_ok=True)
            (folder / f"{answer.exercise}.py").write_text(PRELUDE + answer.code, encoding="utf-8")
            steps = self._lesson.exercise(answer.exercise).gradient_steps
            asked = [step.path for step in steps if answer.step in ("*", step.name)]
            result = self._judge.judge(Request(submission_at(folder, self._lesson), frozenset(asked)))
            mistakes = [step_of(result, path).mistake for path in asked]
            self._seen[answer] = Diagnosis(answer, tuple(mistake.tag if mistake else None for mistake in mistakes))
        return self._seen[answer]


@pytest.fixture(scope="module")
def diagnoses(judge: Judge, lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Diagnoses:
    return Diagnoses(judge, lesson, tmp_path_factory.mktemp("diagnosis"))


def _report(found: Sequence[Diagnosis], title: str) -> str:
    """How many were named, by exercise, and every one that was not, or not rightly."""
    lines = [f"\n{title:<20} {'answers':>8} {'right':>8} {'silent':>8} {'wrong':>8}"]
    for exercise in [*dict.fromkeys(one.answer.exercise for one in found), "all"]:
        of = [one for one in found if exercise in (one.answer.exercise, "all")]
        outcomes = Counter(one.outcome for one in of)
        right = f"{100 * outcomes['right'] / len(of):.0f} %"
        lines.append(f"{exercise:<20} {len(of):>8} {right:>8} {outcomes['silent']:>8} {outcomes['wrong']:>8}")
    for outcome in ("wrong", "silent"):
        lines += [str(one) for one in found if one.outcome == outcome]
    return "\n".join(lines)


def _assert_named(found: Sequence[Diagnosis], title: str, *, at_least: float) -> None:
    report = _report(found, title)
    print(report)
    outcomes = Counter(one.outcome for one in found)
    assert not outcomes["wrong"], report
    assert outcomes["right"] >= at_least * len(found), report


def test_every_tag_in_the_corpus_is_one_of_the_closed_list() -> None:
    for answer in _answers():
        assert set(answer.tags) <= TAGS.keys(), answer
        assert len(set(answer.tags)) == len(answer.tags), answer


def test_what_only_slips_in_form_is_tagged_as_its_verdict_says() -> None:
    says = {"shape": {"keepdim", "flattened"}, "mutates": {"in-place"}, "hard-coded": {"hard-coded"}}
    for answer in _answers():
        if answer.verdict in says:
            assert says[answer.verdict] & set(answer.tags), answer


def test_nearly_all_of_the_well_known_mistakes_are_named_and_none_wrongly(diagnoses: Diagnoses) -> None:
    listed = [answer for answer in _answers() if answer.listed]
    assert listed
    _assert_named(diagnoses.of(listed), "well known", at_least=0.95)


@pytest.mark.parametrize("part", range(PARTS))
def test_most_mistakes_of_the_corpus_are_named_and_none_wrongly(diagnoses: Diagnoses, part: int) -> None:
    _assert_named(diagnoses.of(_answers()[part::PARTS]), f"part {part + 1} of {PARTS}", at_least=0.75)
