"""Results as pages: the one of a student is made here, that of the class in class_page.

A page is one file that fetches nothing. All that a student wrote is taken for hostile: render
cleans every value that a template shows, then escapes it, and a policy in the page lets no
script run but the class page's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

from markupsafe import Markup

from grader.lesson import Exercise, Lesson, Step
from grader.report.graph import graph_svg, verdicts_of
from grader.report.looks import LINE_END, LOOKS, clean
from grader.report.notebook import shown_cells
from grader.report.render import as_markup, render
from grader.results.model import Mistake, StepResult, SubmissionResult
from grader.wording import counted

_MOST_LINES = 4000  # of a student's file
_LONGEST_LINE = 1000
_MOST_DRAWN = 500
_MOST_OUTPUT = 8000  # characters of what one step printed; results.json has all that was kept
_MOST_OUTPUTS = 80_000  # of all steps
_MOST_NOTES = 30
_ROOM = 1_200_000  # bytes of a page for what the student wrote; with all else it stays below 2 MB
_LINE_COST = 60  # bytes of markup around a line


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
        return clean(self.result.output).strip("\n")


@dataclass(frozen=True)
class Segment:
    """Lines of a file, or of a cell of a notebook, from one remark to the next; or a notebook's prose."""

    first: int
    lines: tuple[str, ...]
    remarks: tuple[Remark, ...]
    cell: int | None = None
    prose: Markup | None = None

    @property
    def listing(self) -> Markup:
        """The lines with their numbers. Put together here: no template fills in thousands of lines as quickly."""
        rows = [
            f'<div><span>{number}</span><code dir="ltr">{as_markup(line)}</code></div>'
            for number, line in enumerate(self.lines, self.first)
        ]
        if rows and self.remarks:
            rows[0] = rows[0].replace("<div>", f'<div class="mark is-{self.family}">', 1)
        return Markup("\n".join(rows))

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


class _Room:
    """The bytes of a page that are left for what the student wrote."""

    def __init__(self) -> None:
        self._left = _ROOM

    def takes(self, markup: str) -> bool:
        """Whether this much markup has room; from the first that has none, nothing has."""
        self._left -= len(markup.encode("utf-8", "replace")) + _LINE_COST
        return self._left >= 0

    def fitting(self, lines: Sequence[str]) -> list[str]:
        """The first lines that have room, long ones shortened."""
        shortened = (_shortened(line) for line in lines[:_MOST_LINES])
        return list(takewhile(lambda line: self.takes(as_markup(line)), shortened))


def feedback_page(result: SubmissionResult, lesson: Lesson, sources: Mapping[str, str]) -> str:
    """The page of one student: feedback.html. Shows nothing of StepResult.instructor."""
    pairs = _with_short_outputs(_steps_of(result, lesson))
    first = next(((asked, step) for asked, step in pairs if not step.passes), None)
    return render(
        "feedback.html",
        result=result,
        notes=result.notes[:_MOST_NOTES],
        lesson=lesson,
        first=first,
        strips=_strips(pairs, lesson),
        parts=_parts(pairs, lesson, sources),
        graph=_graph(result, lesson),
        has_chain=any(exercise.is_chain for exercise in lesson.exercises),
        verdicts=[verdict for verdict in LOOKS if any(step.verdict == verdict for _, step in pairs)],
        command_name=_Commands(lesson),
    )


def plain_page(result: SubmissionResult, lesson: Lesson) -> str:
    """The same with the verdicts alone: nothing of what the student wrote or printed has to be rendered."""
    bare = [replace(found, steps=tuple(_bare(step) for step in found.steps)) for found in result.exercises]
    return feedback_page(replace(result, exercises=tuple(bare)), lesson, {})


def _bare(step: StepResult) -> StepResult:
    return replace(step, message=step.message[:_LONGEST_LINE], output="", line=None, cell=None)


_drawn: dict[tuple[object, ...], Markup] = {}  # a class of hundreds has few different pictures


def _graph(result: SubmissionResult, lesson: Lesson) -> Markup:
    """The network with this student's verdicts; nothing where nothing was judged."""
    verdicts = verdicts_of(result)
    key = (lesson.folder, lesson.graph.text, *sorted(verdicts.items()))
    if key not in _drawn:
        if len(_drawn) >= _MOST_DRAWN:
            _drawn.clear()
        _drawn[key] = Markup(graph_svg(lesson, verdicts)) if verdicts else Markup()
    return _drawn[key]


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


def _with_short_outputs(pairs: Iterable[tuple[Step, StepResult]]) -> list[tuple[Step, StepResult]]:
    """The steps, with what each printed cut to what a page bears."""
    found: list[tuple[Step, StepResult]] = []
    room = _MOST_OUTPUTS
    for asked, step in pairs:
        most = min(_MOST_OUTPUT, room)
        left = len(step.output) - most
        room -= min(len(step.output), most)
        shown = f"{step.output[:most]}\n… {left} more characters" if left > 0 else step.output
        found.append((asked, replace(step, output=shown)))
    return found


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
    room = _Room()
    files = {exercise.name: _file_of(exercise, lesson, sources, pairs) for exercise in lesson.exercises}
    for file, exercises in groupby(lesson.exercises, lambda exercise: files[exercise.name]):
        together = tuple(exercises)
        names = {exercise.name for exercise in together}
        parts.append(
            _part(file, together, [pair for pair in pairs if pair[0].exercise in names], sources.get(file, ""), room)
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


def _part(file: str, exercises: tuple[Exercise, ...], pairs: _Pairs, source: str, room: _Room) -> Part:
    if file.lower().endswith(".ipynb"):
        return _notebook_part(file, exercises, pairs, source, room)
    # lines as Python counts them: not by form feeds and the like, as str.splitlines does
    lines = LINE_END.sub("\n", source).removesuffix("\n").split("\n") if source else []
    shown = room.fitting(lines)
    placed = [(asked, step) for asked, step in pairs if step.line is not None and 0 < step.line <= len(shown)]
    loose = _without(pairs, placed)
    segments = tuple(_segments(shown, placed))
    return Part(file, exercises, tuple(_remarks(loose)), segments, len(lines) - len(shown))


def _notebook_part(file: str, exercises: tuple[Exercise, ...], pairs: _Pairs, source: str, room: _Room) -> Part:
    segments: list[Segment] = []
    placed: list[tuple[Step, StepResult]] = []
    left_out = 0
    by_cell: dict[int | None, list[tuple[Step, StepResult]]] = {}
    for asked, step in pairs:
        by_cell.setdefault(step.cell, []).append((asked, step))
    for cell in shown_cells(source):
        if cell.prose:
            if room.takes(cell.prose):
                segments.append(Segment(1, (), (), cell.number, cell.prose))
            continue
        lines = room.fitting(cell.lines)
        left_out += len(cell.lines) - len(lines)
        own = [(asked, step) for asked, step in by_cell.get(cell.number, ()) if 0 < (step.line or 0) <= len(lines)]
        placed += own
        segments += [replace(segment, cell=cell.number) for segment in _segments(lines, own)]
    return Part(file, exercises, tuple(_remarks(_without(pairs, placed))), tuple(segments), left_out)


def _without(pairs: _Pairs, placed: _Pairs) -> _Pairs:
    there = {asked.path for asked, _ in placed}
    return [(asked, step) for asked, step in pairs if asked.path not in there]


def _shortened(line: str) -> str:
    left = len(line) - _LONGEST_LINE
    return line if left <= 0 else f"{line[:_LONGEST_LINE]} … {counted(left, 'more character')}"


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
