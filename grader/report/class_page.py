"""The page of a class: index.html. How it went, which steps were hard, which mistakes are common, and everybody."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from urllib.parse import quote

from markupsafe import Markup

from grader.lesson import Lesson, Step
from grader.report.looks import FAMILIES, LOOKS
from grader.report.render import part, render, template_text
from grader.results.gradebook import number
from grader.results.names import safe_name
from grader.results.summary import Summary

_MOST_HARD_STEPS = 12
_MOST_BARS = 12


@dataclass(frozen=True)
class Row:
    """One student of the class."""

    summary: Summary
    link: str
    scores: tuple[str, ...]  # by exercise, in the lesson's order; '' for one without a result
    verdicts: tuple[str, ...]  # by step, in the lesson's order; '' for one without a result
    cells: Markup  # the same as elements of the table
    mistakes: str


@dataclass(frozen=True)
class Bar:
    """One bar of the distribution: scores from `low` to below `high`, the last one including it."""

    low: str
    high: str
    count: int
    share: float  # of the highest bar


@dataclass(frozen=True)
class HardStep:
    """How one step went in the class."""

    step: Step
    families: Mapping[str, int]
    mistake: str

    @property
    def tried(self) -> int:
        return sum(self.families.values()) - self.families.get("none", 0)

    @property
    def failed(self) -> int:
        return self.tried - self.families.get("pass", 0)


@dataclass(frozen=True)
class CommonMistake:
    """A tag of diagnosis, and where it was found."""

    tag: str
    times: int
    students: int
    where: str


def class_page(
    summaries: Sequence[Summary],
    lesson: Lesson,
    not_taken: Sequence[tuple[str, str]],
    faults: Sequence[tuple[str, str]],
    state: str = "",
) -> str:
    """The page of the class: index.html. `not_taken` and `faults` are names and reasons, `state` of a partial run."""
    rows = _rows(summaries, lesson)
    script = Markup(template_text("class.js"))  # ours, and the only script the page's policy lets run
    return render(
        "class.html",
        lesson=lesson,
        rows=rows,
        best_first=sorted(rows, key=lambda row: -row.summary.score),
        facts=_facts(summaries, lesson),
        bars=_bars([summary.score for summary in summaries], lesson.max_score),
        counts=Counter(verdict for row in rows for verdict in row.verdicts),
        hard_steps=_hard_steps(rows, lesson),
        mistakes=_common_mistakes(summaries),
        family_names=FAMILIES,
        not_taken=not_taken,
        faults=faults,
        state=state,
        ended=[(row, row.summary.notes[-1]) for row in rows if row.summary.ended],
        remarks=[(row, note) for row in rows for note in row.summary.notes],
        for_instructor=_for_instructor(rows),
        seeds=_distinct(str(summary.seed) for summary in summaries),
        kits=_distinct(summary.kit for summary in summaries),
        isolation=_distinct(", ".join(summary.isolation) for summary in summaries),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _firsts(lesson: Lesson) -> list[bool]:
    """By step: whether an exercise begins there, and another one ends."""
    before = [None, *(step.exercise for step in lesson.steps)]
    return [other is not None and step.exercise != other for other, step in zip(before, lesson.steps, strict=False)]


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _rows(summaries: Sequence[Summary], lesson: Lesson) -> list[Row]:
    columns = [(step.exercise, step.name) for step in lesson.steps]
    exercises = [exercise.name for exercise in lesson.exercises]
    firsts = _firsts(lesson)
    rows = []
    for summary in summaries:
        found = {(step.exercise, step.step): step.verdict for step in summary.steps}
        verdicts = tuple(found.get(column, "") for column in columns)
        row = Row(
            summary,
            f"submissions/{quote(safe_name(summary.submission))}/feedback.html",
            tuple(number(summary.scores[name]) if name in summary.scores else "" for name in exercises),
            verdicts,
            Markup("".join(part("cell", *cell) for cell in zip(verdicts, firsts, strict=True))),
            _counted(Counter(step.tag for step in summary.steps if step.tag)),
        )
        rows.append(row)
    return rows


def _counted(counter: Counter[str], most: int | None = None) -> str:
    """'sign ×3, keepdim', most frequent first."""
    found = counter.most_common(most)
    return ", ".join(key if times == 1 else f"{key}\N{NO-BREAK SPACE}×{times}" for key, times in found)


def _facts(summaries: Sequence[Summary], lesson: Lesson) -> list[tuple[str, str]]:
    """The class in four numbers."""
    scores = [summary.score for summary in summaries]
    if not scores:
        return [("0", "submissions")]
    full = sum(score >= lesson.max_score for score in scores)
    return [
        (str(len(scores)), "submission" if len(scores) == 1 else "submissions"),
        (number(round(median(scores), 2)), f"median score of {number(lesson.max_score)}"),
        (number(round(sum(scores) / len(scores), 2)), "mean score"),
        (str(full), "with full marks"),
    ]


def _bars(scores: Sequence[float], max_score: float) -> list[Bar]:
    """At most _MOST_BARS bars of a round width, from 0 to the highest possible score."""
    width = next(w for w in _round_widths() if w * _MOST_BARS >= max_score)
    bars = max(1, -int(-max_score // width))
    counts = Counter(min(int(score // width), bars - 1) for score in scores)
    highest = max(counts.values(), default=1)
    return [
        Bar(number(i * width), number(min((i + 1) * width, max_score)), counts[i], counts[i] / highest)
        for i in range(bars)
    ]


def _round_widths() -> Iterator[int]:
    """1, 2, 4, 5, 10, 20, 40, 50, ..."""
    power = 1
    while True:
        yield from (power, 2 * power, 4 * power, 5 * power)
        power *= 10


def _hard_steps(rows: Sequence[Row], lesson: Lesson) -> list[HardStep]:
    """The steps that most students tried and did not pass."""
    tags: dict[str, Counter[str]] = {step.path: Counter() for step in lesson.steps}
    for row in rows:
        for result in row.summary.steps:
            if result.tag and result.path in tags:
                tags[result.path][result.tag] += 1
    steps = []
    for place, step in enumerate(lesson.steps):
        verdicts = [row.verdicts[place] for row in rows if row.verdicts[place]]
        families = Counter(LOOKS[verdict].family for verdict in verdicts)
        steps.append(HardStep(step, families, _counted(tags[step.path], 2)))
    hard = sorted(steps, key=lambda step: -step.failed)
    return [step for step in hard if step.failed][:_MOST_HARD_STEPS]


def _common_mistakes(summaries: Sequence[Summary]) -> list[CommonMistake]:
    """Tags by how often they were found; a student counts once a tag."""
    times: Counter[str] = Counter()
    students: Counter[str] = Counter()
    where: dict[str, Counter[str]] = {}
    for summary in summaries:
        found = [(step.tag, step.step) for step in summary.steps if step.tag]
        times.update(tag for tag, _ in found)
        students.update({tag for tag, _ in found})
        for tag, step in found:
            where.setdefault(tag, Counter())[step] += 1
    return [CommonMistake(tag, count, students[tag], _counted(where[tag], 4)) for tag, count in times.most_common()]


def _for_instructor(rows: Sequence[Row]) -> list[tuple[Row, str, str, str]]:
    """(student, step, what, text) for all that only the instructor is told."""
    return [
        (row, step.path, what, text)
        for row in rows
        for step in row.summary.steps
        for what, text in (("suspected", step.suspected), ("mend", step.mend))
        if text
    ]
