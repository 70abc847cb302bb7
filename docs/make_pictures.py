"""Draws the pictures of the README from real runs: `make docs-pictures`."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from grader.judge.job import Request
from grader.lesson import Lesson, Step, find_lesson, load_lesson
from grader.report.glance import show_glance
from grader.report.graph import graph_file, verdicts_of
from grader.report.hints import hint_text, on_their_own
from grader.report.terminal import show_class
from grader.results.model import StepResult, SubmissionResult
from grader.results.summary import summary_of
from grader.run.pool import Pool
from grader.submission.answers import read_answers
from grader.submission.find import Submission, find_submissions, submission_at
from grader.watch.picture import Clock, picture
from grader.watch.session import Session, judged, looking_at, opened, pressed

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
CLASS = ROOT / "data" / "class"
SHOWN = "s07"  # the student who forgets paths
WATCHED = "ex1_chain.dcounts"  # the first of these
COLUMNS = 80
MOST_LINES = 34
LINES = 24  # of the terminal that watch runs in


def main() -> int:
    """Grades the sample class with a fixed seed and saves what the terminal shows."""
    os.chdir(ROOT)
    lesson = load_lesson(find_lesson("mlp"))
    submissions = find_submissions([CLASS], lesson).submissions
    shown = submission_at(CLASS / SHOWN, lesson)
    requests = [Request(submission) for submission in submissions]
    requests.append(Request(shown, is_check=True))
    with Pool(lesson, seed=0, jobs=2) as pool:
        outcomes = dict(pool.judge(requests))
    *results, own = [outcome for _, outcome in sorted(outcomes.items()) if isinstance(outcome, SubmissionResult)]
    _draw("make check", "check.svg", lambda console: show_glance(console, own, lesson, f"data/class/{SHOWN}"))
    _draw(
        "make grade",
        "grade.svg",
        lambda console: show_class(console, [summary_of(result) for result in results], lesson),
    )
    step = next(step for step in lesson.steps if step.path == WATCHED)
    _draw(
        f"make hint STEP={step.name} LEVEL=2",
        "hint.svg",
        lambda console: console.print(hint_text(step, lesson, 2, on_their_own(_found(own, step), 2))),
    )
    session = _watched(shown, lesson, requests[-1], own, step)
    layout = picture(session, Clock(took=None, is_warm=True))
    _draw("make watch", "watch.svg", lambda console: console.print(layout, height=LINES))
    (DOCS / "map.svg").write_text(graph_file(lesson, verdicts_of(own)), encoding="utf-8")
    return 0


def _watched(submission: Submission, lesson: Lesson, request: Request, result: SubmissionResult, step: Step) -> Session:
    """The screen of `watch` on this submission, after its first look and a press of h."""
    session = opened(submission, lesson, read_answers(submission, lesson))
    session = judged(replace(session, waiting=(request,)), request, result)
    session, _ = pressed(looking_at(session, step), "h")
    return replace(session, notes=())


def _found(result: SubmissionResult, step: Step) -> StepResult:
    steps = next(exercise.steps for exercise in result.exercises if exercise.exercise == step.exercise)
    return next(found for found in steps if found.step == step.name)


def _draw(title: str, name: str, show: Callable[[Console], None]) -> None:
    console = _recording()
    show(console)
    _save(console, title, name)


def _recording() -> Console:
    return Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, markup=False, highlight=False)


def _save(console: Console, title: str, name: str) -> None:
    """The first lines as SVG, with the reader's own monospaced font instead of one from elsewhere."""
    text = console.export_text(styles=True, clear=True).splitlines()
    short = _recording()
    short.print(Text.from_ansi("\n".join(text[:MOST_LINES])))
    svg = short.export_svg(title=title, theme=MONOKAI, unique_id=name.split(".")[0])
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code,", "")
    (DOCS / name).write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
