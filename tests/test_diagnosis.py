"""The diagnosis against answers whose mistakes are known: named where it can be, never named wrongly.

Run with -s to see how many mistakes are named, which are not, and which are named wrongly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest

from grader.judge.tags import TAGS
from grader.lesson import Lesson
from tests.support import THOROUGH, step_of
from tests.wrong_answers import PARTS, JudgedPacks, WrongAnswer, WrongPack, parts, wrong_answers


@dataclass(frozen=True)
class Diagnosis:
    """What the judge said of the mistake in one answer, one tag a step that it answers."""

    answer: WrongAnswer
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


def _diagnoses(packs: Iterable[WrongPack], judged: JudgedPacks, lesson: Lesson) -> list[Diagnosis]:
    found: list[Diagnosis] = []
    for pack in packs:
        result = judged.result(pack)
        for answer in pack.answers:
            mistakes = [step_of(result, path).mistake for path in answer.gradients(lesson)]
            found.append(Diagnosis(answer, tuple(mistake.tag if mistake else None for mistake in mistakes)))
    return found


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
    for answer in wrong_answers():
        assert set(answer.tags) <= TAGS.keys(), answer
        assert len(set(answer.tags)) == len(answer.tags), answer


def test_what_only_slips_in_form_is_tagged_as_its_verdict_says() -> None:
    says = {"shape": {"keepdim", "flattened"}, "mutates": {"in-place"}, "hard-coded": {"hard-coded"}}
    for answer in wrong_answers():
        if answer.verdict in says:
            assert says[answer.verdict] & set(answer.tags), answer


@pytest.mark.xdist_group("wrong answers 0")
def test_nearly_all_of_the_well_known_mistakes_are_named_and_none_wrongly(
    judged_packs: JudgedPacks, lesson: Lesson
) -> None:
    listed = [found for found in _diagnoses(parts()[0], judged_packs, lesson) if found.answer.listed]
    assert len(listed) == sum(answer.listed for answer in wrong_answers()) > 0
    _assert_named(listed, "well known", at_least=0.95)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=pytest.mark.xdist_group(f"wrong answers {number}"))
        for number in range(PARTS + 1 if THOROUGH else 2)
    ],
)
def test_most_mistakes_of_the_corpus_are_named_and_none_wrongly(
    judged_packs: JudgedPacks, lesson: Lesson, number: int
) -> None:
    _assert_named(_diagnoses(parts()[number], judged_packs, lesson), f"part {number} of {PARTS}", at_least=0.75)
