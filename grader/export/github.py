"""GitHub: annotations and a summary for Actions, and the runner's result that GitHub Classroom reports.

Everything a student wrote is escaped: a line of a log that starts with `::` is a command, and a
summary is HTML within Markdown.
"""

from __future__ import annotations

import base64
import html
import json
from pathlib import PurePosixPath

from grader.export.words import cut, explanation, headline, one_line, plain, summary
from grader.lesson import Lesson
from grader.results.gradebook import number
from grader.results.model import ExerciseResult, StepResult, SubmissionResult
from grader.wording import counted

_MOST_ANNOTATIONS = 10  # of each kind that Actions shows for one step of a job
_MOST_MESSAGE = 2000


def log_annotations(result: SubmissionResult, under: str = "") -> str:
    """A workflow command a step that does not pass, at its line; missing steps have none, and share one notice."""
    failed = [step for step in _steps(result) if not step.passes and step.verdict != "missing"]
    shown = failed if len(failed) <= _MOST_ANNOTATIONS else failed[: _MOST_ANNOTATIONS - 1]
    lines = [_annotation(step, under) for step in shown]
    if len(failed) > len(shown):
        lines.append(f"::error title=and {len(failed) - len(shown)} more::all are listed in the summary of the job")
    missing = [step.step for step in _steps(result) if step.verdict == "missing"]
    if missing:
        lines.append(f"::notice title=not filled in::{_data(', '.join(missing))}")
    return "".join(f"{line}\n" for line in lines)


def step_summary(result: SubmissionResult, lesson: Lesson) -> str:
    """The score, and a row a step that does not pass. Blocks of HTML: in them Markdown means nothing."""
    title = f"{lesson.title}: {number(result.score)} of {counted(result.max_score, 'point')}"
    blocks = [f"<h2>{_html(title)}</h2>", *(f"<p>{_html(line)}</p>" for line in summary(result).splitlines()[1:])]
    for exercise in result.exercises:
        heading = f"{exercise.exercise}: {number(exercise.score)} of {number(exercise.max_score)}"
        blocks += [f"<h3>{_html(heading)}</h3>", _table(exercise)]
    return "".join(f"{block}\n\n" for block in blocks)


def runner_result(result: SubmissionResult) -> str:
    """The base64 that a runner hands to GitHub Classroom's reporter."""
    tests = [_test(exercise, step) for exercise in result.exercises for step in exercise.steps]
    document = {"version": 1, "status": runner_status(result), "max_score": round(result.max_score, 6), "tests": tests}
    return base64.b64encode(json.dumps(document, allow_nan=False).encode()).decode()


def runner_status(result: SubmissionResult) -> str:
    """`pass` if every step does."""
    return "pass" if all(step.passes for step in _steps(result)) else "fail"


def _steps(result: SubmissionResult) -> list[StepResult]:
    return [step for exercise in result.exercises for step in exercise.steps]


def _test(exercise: ExerciseResult, step: StepResult) -> dict[str, str | int | float]:
    return {
        "name": f"{exercise.exercise}.{step.step}",
        "status": "pass" if step.passes else "fail",
        "score": round(step.score, 6),
        "message": "" if step.passes else cut(f"{headline(step)}\n{explanation(step)}", _MOST_MESSAGE),
        "test_code": step.step,
        "filename": step.file or f"{exercise.exercise}.py",
        "line_no": step.line or 0,
    }


def _annotation(step: StepResult, under: str) -> str:
    properties = {"title": headline(step)}
    if step.file:
        properties = {"file": str(PurePosixPath(under, step.file)), "line": str(step.line or 1), **properties}
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::error {told}::{_data(cut(explanation(step) or headline(step), _MOST_MESSAGE))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")


def _table(exercise: ExerciseResult) -> str:
    lost = [step for step in exercise.steps if not step.passes]
    if not lost:
        return "<p>All of it is right.</p>"
    rows = [_row("th", ("step", "verdict", "points", "what"))]
    rows += [
        _row("td", (step.step, step.verdict, f"{number(step.score)} of {number(step.points)}", explanation(step)))
        for step in lost
    ]
    return f"<table>{''.join(rows)}</table>"


def _row(tag: str, cells: tuple[str, ...]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_html(cell)}</{tag}>' for cell in cells)}</tr>"


def _html(text: str) -> str:
    """Escaped, and without an empty line, which would end the block."""
    lines = [line for line in cut(plain(text), _MOST_MESSAGE).splitlines() if line.strip()]
    return "<br>".join(html.escape(line) for line in lines)
