"""Results as pages: one for each student, one for the instructor.

A page is one file that fetches nothing. All that a student wrote is taken for hostile: the
environment below cleans every value that a template shows, then escapes it, and a policy in
the page lets no script run but the class page's own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from statistics import median
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from grader.lesson import Exercise, Lesson, Step
from grader.report.looks import LOOKS
from grader.report.notebook import shown_cells
from grader.results.gradebook import number
from grader.results.model import Mistake, StepResult, SubmissionResult
from grader.results.names import safe_name

FAMILIES = {"pass": "pass", "part": "right in part", "fail": "not right", "barred": "forbidden", "none": "missing"}

_MOST_LINES = 4000  # of a student's file
_LONGEST_LINE = 1000
_MOST_OUTPUT = 8000  # characters of what one step printed; results.json has all that was kept
_MOST_HARD_STEPS = 12
_MOST_BARS = 12

_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC and the like: titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_END = re.compile(r"\r\n?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NO_CHARACTER = re.compile(r"[\ud800-\udfff\ufffe\uffff]")
_UNSEEN = re.compile(  # turns text around, or hides in it; joiners are left to the scripts that need them
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_PILE = re.compile(f"({_MARKS}{{3}}){_MARKS}+")


def clean(text: str) -> str:
    """`text` without what steers a terminal or deceives a reader; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPE_SEQUENCE.sub("", text)
    text = _CONTROL.sub("", _LINE_END.sub("\n", text))
    text = _PILE.sub(r"\1", _NO_CHARACTER.sub("\ufffd", text))
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


# ---- the student's page


@dataclass(frozen=True)
class Remark:
    """Steps that have the same to be said about them: their results, and what the lesson has on them."""

    steps: tuple[tuple[Step, StepResult], ...]

    @property
    def result(self) -> StepResult:
        return self.steps[0][1]

    @property
    def is_quiet(self) -> bool:
        """Nothing that asks to be read."""
        unread = self.result.passes or self.result.verdict == "missing"
        return unread and not self.result.note and not self.printed

    @property
    def printed(self) -> str:
        """What the student's own code printed, cut to what a page bears."""
        text = clean(self.result.output).strip("\n")
        left = len(text) - _MOST_OUTPUT
        return f"{text[:_MOST_OUTPUT]}\n… {left} more characters" if left > 0 else text


@dataclass(frozen=True)
class Segment:
    """Lines of a file, or of a cell of a notebook, from one remark to the next; or a notebook's prose."""

    first: int
    lines: tuple[str, ...]
    remarks: tuple[Remark, ...]
    cell: int | None = None
    prose: Markup | None = None

    @property
    def family(self) -> str:
        """The worst of its remarks."""
        seen = {LOOKS[remark.result.verdict].family for remark in self.remarks}
        return next((family for family in ("fail", "barred", "part", "none", "pass") if family in seen), "")


@dataclass(frozen=True)
class Part:
    """One file of the submission (or none), the exercises it answers, and what is to be said about them."""

    file: str
    exercises: tuple[Exercise, ...]
    loose: tuple[Remark, ...]  # about steps that have no line in the file
    segments: tuple[Segment, ...]
    lines_left_out: int


def feedback_page(result: SubmissionResult, lesson: Lesson, sources: Mapping[str, str]) -> str:
    """The page of one student: feedback.html. Shows nothing of StepResult.instructor."""
    pairs = list(_steps_of(result, lesson))
    first = next(((asked, step) for asked, step in pairs if not step.passes), None)
    return _render(
        "feedback.html",
        result=result,
        lesson=lesson,
        first=first,
        strips=_strips(pairs, lesson),
        parts=_parts(pairs, lesson, sources),
        has_chain=any(exercise.is_chain for exercise in lesson.exercises),
        verdicts=[verdict for verdict in LOOKS if any(step.verdict == verdict for _, step in pairs)],
        command_name=_Commands(lesson),
    )


class _Commands:
    """What to write after STEP= for a step: its name, with the exercise's where several have it."""

    def __init__(self, lesson: Lesson) -> None:
        self._count = Counter(step.name for step in lesson.steps)

    def __call__(self, step: Step) -> str:
        return step.name if self._count[step.name] == 1 else step.path


def _steps_of(result: SubmissionResult, lesson: Lesson) -> Iterator[tuple[Step, StepResult]]:
    """The lesson's steps that have a result, in the lesson's order."""
    found = {f"{exercise.exercise}.{step.step}": step for exercise in result.exercises for step in exercise.steps}
    return ((step, found[step.path]) for step in lesson.steps if step.path in found)


_Pairs = Sequence[tuple[Step, StepResult]]


def _strips(pairs: _Pairs, lesson: Lesson) -> list[tuple[Exercise, float, float, _Pairs]]:
    """For each exercise: score, what could be had, its steps."""
    strips: list[tuple[Exercise, float, float, _Pairs]] = []
    for exercise in lesson.exercises:
        own = [(asked, step) for asked, step in pairs if asked.exercise == exercise.name]
        if own:
            strips.append((exercise, sum(s.score for _, s in own), sum(s.points for _, s in own), own))
    return strips


def _parts(pairs: _Pairs, lesson: Lesson, sources: Mapping[str, str]) -> list[Part]:
    """The submission file by file; exercises without a file of their own are answered by the lone one, if any."""
    parts: list[Part] = []
    files = {exercise.name: _file_of(exercise, lesson, sources, pairs) for exercise in lesson.exercises}
    for file, exercises in groupby(lesson.exercises, lambda exercise: files[exercise.name]):
        together = tuple(exercises)
        names = {exercise.name for exercise in together}
        parts.append(
            _part(file, together, [pair for pair in pairs if pair[0].exercise in names], sources.get(file, ""))
        )
    return [part for part in parts if part.loose or part.segments]


def _file_of(exercise: Exercise, lesson: Lesson, sources: Mapping[str, str], pairs: _Pairs) -> str:
    """The file that its answers stand in; else that named after the exercise, one that is named after none, or ''."""
    told = [step.file for asked, step in pairs if asked.exercise == exercise.name and step.file in sources]
    if told and told[0]:
        return told[0]
    named = {other.file.lower() for other in lesson.exercises}
    own = [file for file in sources if file.lower() == exercise.file.lower()]
    lone = [file for file in sources if file.lower() not in named]
    return next(iter(own + lone), "")


def _part(file: str, exercises: tuple[Exercise, ...], pairs: _Pairs, source: str) -> Part:
    if file.lower().endswith(".ipynb"):
        return _notebook_part(file, exercises, pairs, source)
    # lines as Python counts them: not by form feeds and the like, as str.splitlines does
    lines = _LINE_END.sub("\n", source).removesuffix("\n").split("\n") if source else []
    shown = lines[:_MOST_LINES]
    placed = [(asked, step) for asked, step in pairs if step.line is not None and 0 < step.line <= len(shown)]
    loose = [pair for pair in pairs if pair not in placed]
    segments = tuple(_segments([_shortened(line) for line in shown], placed))
    return Part(file, exercises, tuple(_remarks(loose)), segments, len(lines) - len(shown))


def _notebook_part(file: str, exercises: tuple[Exercise, ...], pairs: _Pairs, source: str) -> Part:
    segments: list[Segment] = []
    placed: list[tuple[Step, StepResult]] = []
    for cell in shown_cells(source):
        own = [(asked, step) for asked, step in pairs if step.cell == cell.number and step.line]
        placed += own
        if cell.prose:
            segments.append(Segment(1, (), (), cell.number, cell.prose))
        else:
            lines = [_shortened(line) for line in cell.lines[:_MOST_LINES]]
            segments += [replace(segment, cell=cell.number) for segment in _segments(lines, own)]
    loose = [pair for pair in pairs if pair not in placed]
    return Part(file, exercises, tuple(_remarks(loose)), tuple(segments), 0)


def _shortened(line: str) -> str:
    return (
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} … {len(line) - _LONGEST_LINE} more characters"
    )


def _segments(lines: Sequence[str], placed: _Pairs) -> Iterator[Segment]:
    """The lines, cut before each one that has a remark."""
    by_line: dict[int, list[tuple[Step, StepResult]]] = {}
    for asked, step in placed:
        by_line.setdefault(step.line or 1, []).append((asked, step))
    if not lines:
        return
    starts = sorted({1, *by_line})
    for first, following in zip(starts, [*starts[1:], len(lines) + 1], strict=True):
        yield Segment(first, tuple(lines[first - 1 : following - 1]), tuple(_remarks(by_line.get(first, []))))


def _remarks(pairs: _Pairs) -> Iterator[Remark]:
    """Neighbours with the same verdict and words share one remark."""
    for _, group in groupby(pairs, lambda pair: _words(pair[1])):
        yield Remark(tuple(group))


def _words(step: StepResult) -> tuple[str, str, Mistake | None, str, str | None]:
    return step.verdict, step.message, step.mistake, step.output, step.note


# ---- the instructor's page


@dataclass(frozen=True)
class Row:
    """One student of the class."""

    result: SubmissionResult
    link: str
    scores: tuple[str, ...]  # by exercise, in the lesson's order; '' for one without a result
    verdicts: tuple[str, ...]  # by step, in the lesson's order; '' for one without a result
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
    results: Sequence[SubmissionResult],
    lesson: Lesson,
    not_taken: Sequence[tuple[str, str]],
    faults: Sequence[tuple[str, str]],
) -> str:
    """The page of the class: index.html. `not_taken` and `faults` are names and reasons."""
    rows = [_row(result, lesson) for result in results]
    script = Markup(_template_text("class.js"))  # ours, and the only script the page's policy lets run
    return _render(
        "class.html",
        lesson=lesson,
        rows=rows,
        best_first=sorted(rows, key=lambda row: -row.result.score),
        facts=_facts(results, lesson),
        bars=_bars([result.score for result in results], lesson.max_score),
        counts=Counter(verdict for row in rows for verdict in row.verdicts),
        hard_steps=_hard_steps(rows, lesson),
        mistakes=_common_mistakes(results),
        family_names=FAMILIES,
        firsts=_firsts(lesson),
        not_taken=not_taken,
        faults=faults,
        remarks=[(row, note) for row in rows for note in row.result.notes],
        for_instructor=_for_instructor(rows),
        seeds=_distinct(str(result.seed) for result in results),
        kits=_distinct(result.kit for result in results),
        isolation=_distinct(", ".join(result.isolation) for result in results),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _firsts(lesson: Lesson) -> set[int]:
    """The places in lesson.steps where an exercise begins."""
    return {
        place for place, step in enumerate(lesson.steps) if place and step.exercise != lesson.steps[place - 1].exercise
    }


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _row(result: SubmissionResult, lesson: Lesson) -> Row:
    scores = {exercise.exercise: number(exercise.score) for exercise in result.exercises}
    verdicts = {asked.path: step.verdict for asked, step in _steps_of(result, lesson)}
    tags = Counter(step.mistake.tag for _, step in _steps_of(result, lesson) if step.mistake)
    return Row(
        result,
        f"submissions/{quote(safe_name(result.submission))}/feedback.html",
        tuple(scores.get(exercise.name, "") for exercise in lesson.exercises),
        tuple(verdicts.get(step.path, "") for step in lesson.steps),
        _counted(tags),
    )


def _counted(counter: Counter[str], most: int | None = None) -> str:
    """'sign ×3, keepdim', most frequent first."""
    found = counter.most_common(most)
    return ", ".join(key if times == 1 else f"{key}\N{NO-BREAK SPACE}×{times}" for key, times in found)


def _facts(results: Sequence[SubmissionResult], lesson: Lesson) -> list[tuple[str, str]]:
    """The class in four numbers."""
    scores = [result.score for result in results]
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
        for asked, result in _steps_of(row.result, lesson):
            if result.mistake:
                tags[asked.path][result.mistake.tag] += 1
    steps = []
    for place, step in enumerate(lesson.steps):
        verdicts = [row.verdicts[place] for row in rows if row.verdicts[place]]
        families = Counter(LOOKS[verdict].family for verdict in verdicts)
        steps.append(HardStep(step, families, _counted(tags[step.path], 2)))
    hard = sorted(steps, key=lambda step: -step.failed)
    return [step for step in hard if step.failed][:_MOST_HARD_STEPS]


def _common_mistakes(results: Sequence[SubmissionResult]) -> list[CommonMistake]:
    """Tags by how often they were found; a student counts once a tag."""
    times: Counter[str] = Counter()
    students: Counter[str] = Counter()
    where: dict[str, Counter[str]] = {}
    for result in results:
        found = [
            (step.mistake.tag, step.step) for exercise in result.exercises for step in exercise.steps if step.mistake
        ]
        times.update(tag for tag, _ in found)
        students.update({tag for tag, _ in found})
        for tag, step in found:
            where.setdefault(tag, Counter())[step] += 1
    return [CommonMistake(tag, count, students[tag], _counted(where[tag], 4)) for tag, count in times.most_common()]


def _for_instructor(rows: Sequence[Row]) -> list[tuple[Row, str, str, str]]:
    """(student, step, what, text) for all that only the instructor is told."""
    return [
        (row, f"{exercise.exercise}.{step.step}", what, text)
        for row in rows
        for exercise in row.result.exercises
        for step in exercise.steps
        for what, text in (("suspected", step.instructor.suspected), ("mend", step.instructor.mend))
        if text
    ]


# ---- templates


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(looks=LOOKS, **values)


def _shown(value: Any) -> Any:
    """What stands in place of a template's value: texts cleaned. Escaping comes after it."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("grader.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment


def _template_text(name: str) -> str:
    loader = _environment().loader
    assert loader is not None
    return loader.get_source(_environment(), name)[0]
