"""What a notebook shows: rich where it can be shown, the same as plain text elsewhere."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from grader.jupyter.answer import shell
from grader.jupyter.session import Place, Written
from grader.lesson import Exercise, Lesson, Step
from grader.lesson.shapes import shown_shapes
from grader.report.hints import on_their_own
from grader.report.looks import COLOURS, LOOKS, clean
from grader.results.gradebook import number
from grader.results.model import Mistake, StepResult
from grader.wording import counted

_WIDTH = 80
_LINE = re.compile(r"\bline (\d+)\b")
_MOST_OUTPUT = 2000


@dataclass(frozen=True, repr=False)
class Shown:
    """One thing to show, and for nbgrader the points it stands for."""

    plain: str
    html: str
    points: float = 0.0

    def __repr__(self) -> str:
        return self.plain

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": self.plain, "text/html": self.html}


def show(shown: Shown) -> None:
    """In the notebook's output, or as text where there is none."""
    running = shell()
    if running is None:
        print(shown.plain)
        return
    from IPython.display import display

    display(shown)


@dataclass(frozen=True)
class Said:
    """Steps of which the same is to be said."""

    results: tuple[StepResult, ...]
    place: str
    picture: Picture | None
    url: str
    watch: str

    @property
    def result(self) -> StepResult:
        return self.results[0]

    @property
    def steps(self) -> str:
        return ", ".join(result.step for result in self.results)

    @property
    def points(self) -> str:
        got, most = (sum(values) for values in zip(*((r.score, r.points) for r in self.results), strict=True))
        return f"{number(got)} of {counted(most, 'point')}"

    @property
    def facts(self) -> list[str]:
        """The message and what mistake it is, one each; nothing for a step that passes."""
        result = self.result
        if result.passes:
            return []
        message = result.message.removeprefix(f"line {result.line}: ").removeprefix(f"line {result.line} ")
        return [fact for fact in (message, result.mistake.help if result.mistake else "") if fact]

    @property
    def float32(self) -> str:
        """The lecture's own comparison, of a single step."""
        row = self.result.float32
        if row is None or len(self.results) > 1:
            return ""
        difference = "-" if row.max_diff is None else f"{row.max_diff:.1e}"
        return f"exact: {row.exact}, approximate: {row.approximate}, maxdiff: {difference}"

    @property
    def printed(self) -> str:
        """What the step's code printed, where that may help."""
        return "" if self.result.passes else clean(self.result.output).strip("\n")[:_MOST_OUTPUT]


@dataclass(frozen=True)
class Picture:
    """Where an answer is off: for each level of error a path of squares, and what the axes are."""

    width: int
    height: int
    paths: tuple[tuple[float, str], ...]  # opacity, path
    rows: str
    columns: str


def verdicts(lesson: Lesson, exercise: Exercise, name: str, results: Sequence[StepResult], remark: str) -> Shown:
    """The verdicts of one answer."""
    said = [_said(lesson, exercise, group) for group in _together(results)]
    ask = f"hint({name})" if any(not result.passes for result in results) else ""
    html = _render("check.html", said=said, ask=ask, remark=remark)
    plain = "\n".join([*(line for each in said for line in _plain(each)), *_asked(ask), *([remark] if remark else [])])
    return Shown(plain, html, sum(result.score for result in results))


def hint(lesson: Lesson, step: Step, name: str, level: int, result: StepResult | None) -> Shown:
    """One level of a step's hints, and first what the last check says of the student's own answer."""
    own = _own(result, level) if result else ""
    lines = [f"{user.source}    (forward.py:{user.line})" for user in lesson.graph.users.get(step.tensor, ())]
    shown_lines = lines if level > 1 and not step.is_training else []
    is_clear = name == step.name and sum(name == other.name for other in lesson.steps) == 1
    asked = name if is_clear else f'"{step.path}"'
    following = f"hint({asked}, {level + 1})" if level < len(step.hints) else f"check({name})"
    title = f"{step.path}, hint {level} of {len(step.hints)}"
    text = step.hints[level - 1]
    html = _render("hint.html", title=title, own=own, lines=shown_lines, text=text, following=following,
                   watch=step.watch, url=lesson.watch_url(step))  # fmt: skip
    parts = [title, own, "\n".join(f"  {line}" for line in shown_lines), text, f"next: {following}"]
    return Shown("\n\n".join(_filled(part) for part in parts if part), html)


def progress(lesson: Lesson, results: Mapping[str, StepResult], svg: str) -> Shown:
    """How far this notebook is: points, what is next, and the picture."""
    score = sum(result.score for result in results.values())
    passed = sum(result.passes for result in results.values())
    steps, points = counted(len(lesson.steps), "step"), counted(lesson.max_score, "point")
    line = f"{passed} of {steps} pass, {number(score)} of {points}"
    following = next((step for step in lesson.steps if not _passes(step, results)), None)
    next_one = f"next: {following.path}" if following else "all done"
    rows = [
        f"  {LOOKS[results[step.path].verdict].sign} {step.path:<32} {results[step.path].verdict}"
        for step in lesson.steps
        if step.path in results
    ]
    html = _render("progress.html", line=line, next_one=next_one, svg=Markup(svg))
    return Shown("\n".join([*rows, f"{line}; {next_one}"]), html)


def trouble(text: str) -> Shown:
    """Something that is no verdict: what was expected, and what helps."""
    return Shown(text, _render("trouble.html", lines=text.splitlines()))


def in_cells(result: StepResult, written: Written | None) -> StepResult:
    """The result with the numbers of cells and their lines in place of the submission's lines."""
    if written is None:
        return result
    own = written.place(result.line or 0)

    def told(text: str) -> str:
        return _LINE.sub(lambda found: _cell_line(written.place(int(found.group(1))), own, found.group()), text)

    mistake = replace(result.mistake, help=told(result.mistake.help)) if result.mistake else None
    mend = result.instructor.mend
    return replace(
        result,
        message=told(result.message),
        mistake=mistake,
        instructor=replace(result.instructor, mend=told(mend) if mend else None),
        file=f"In [{own.cell}]" if own else None,
        line=own.line if own else None,
    )


def _cell_line(place: Place | None, own: Place | None, otherwise: str) -> str:
    if place is None:
        return otherwise
    return f"line {place.line}" if own and place.cell == own.cell else f"line {place.line} of In [{place.cell}]"


def _together(results: Sequence[StepResult]) -> Iterator[tuple[StepResult, ...]]:
    """Neighbours with the same verdict and words."""
    for _, group in groupby(results, _words):
        yield tuple(group)


def _words(result: StepResult) -> tuple[str, str, Mistake | None, str | None]:
    return result.verdict, "" if result.passes else result.message, result.mistake, result.note


def _said(lesson: Lesson, exercise: Exercise, results: tuple[StepResult, ...]) -> Said:
    result = results[0]
    step = next(step for step in exercise.steps if step.name == result.step)
    place = f"{result.file}, line {result.line}" if result.file and result.line and not result.passes else ""
    picture = _picture(lesson, step, result.error_map) if len(results) == 1 else None
    return Said(results, "" if result.verdict == "missing" else place, picture, lesson.watch_url(step), step.watch)


def _picture(lesson: Lesson, step: Step, rows: Sequence[str] | None) -> Picture | None:
    """Drawn where it helps: where some elements are right, and others not."""
    if not rows or not any("0" in row for row in rows) or all(set(row) == {"0"} for row in rows):
        return None
    side = max(3, min(9, 420 // len(rows[0])))
    paths = [(int(level) / 9, _squares(rows, level, side)) for level in "123456789"]
    shape = shown_shapes(lesson).get(step.tensor, ())
    columns = " × ".join(shape[1:]) if len(shape) > 1 else (shape or ("",))[0]
    return Picture(side * len(rows[0]), side * len(rows), tuple(path for path in paths if path[1]),
                   shape[0] if len(shape) > 1 else "", columns)  # fmt: skip


def _squares(rows: Sequence[str], level: str, side: int) -> str:
    """A path around every run of this digit."""
    return "".join(
        f"M{run.start() * side} {y * side}h{len(run.group()) * side}v{side}h{-len(run.group()) * side}z"
        for y, row in enumerate(rows)
        for run in re.finditer(f"{level}+", row)
    )


def _plain(said: Said) -> Iterator[str]:
    result = said.result
    yield f"{LOOKS[result.verdict].sign} {said.steps}  {result.verdict}  {said.points}"
    details = [said.float32, said.place, *said.facts, f"note: {result.note}" if result.note else ""]
    for detail in details:
        if detail:
            yield _filled(clean(detail), "  ")
    if said.printed:
        yield textwrap.indent(said.printed, "  | ")


def _asked(ask: str) -> list[str]:
    return [f"  {ask} for a nudge"] if ask else []


def _own(result: StepResult, level: int) -> str:
    """What the last check found; nothing where nothing was filled in."""
    return "" if result.verdict == "missing" else clean(on_their_own(result, level))


def _passes(step: Step, results: Mapping[str, StepResult]) -> bool:
    return step.path in results and results[step.path].passes


def _filled(text: str, indent: str = "") -> str:
    lines = [textwrap.fill(line, _WIDTH, initial_indent=indent, subsequent_indent=indent) for line in text.split("\n")]
    return "\n".join(lines)


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(looks=LOOKS, colours=COLOURS, **values)


@cache
def _environment() -> Environment:
    def cleaned(value: Any) -> Any:
        return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(
        loader=PackageLoader("grader.jupyter"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=cleaned,
        trim_blocks=True,
        lstrip_blocks=True,
    )
