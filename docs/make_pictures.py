"""Draws the pictures of the README from real runs: `make docs-pictures`."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from grader.judge.job import Request
from grader.lesson import find_lesson, load_lesson
from grader.report.terminal import show_check, show_class
from grader.results.model import SubmissionResult
from grader.results.summary import summary_of
from grader.run.pool import Pool
from grader.submission.find import find_submissions, submission_at

DOCS = Path(__file__).resolve().parent
CLASS = DOCS.parent / "data" / "class"
SHOWN = "s07"  # the student who forgets paths
COLUMNS = 80
MOST_LINES = 34


def main() -> int:
    """Grades the sample class with a fixed seed and saves what the terminal shows."""
    lesson = load_lesson(find_lesson("mlp"))
    submissions = find_submissions([CLASS], lesson).submissions
    requests = [Request(submission) for submission in submissions]
    requests.append(Request(submission_at(CLASS / SHOWN, lesson), is_check=True))
    with Pool(lesson, seed=0, jobs=2) as pool:
        outcomes = dict(pool.judge(requests))
    results = [outcome for _, outcome in sorted(outcomes.items()) if isinstance(outcome, SubmissionResult)]
    check, grade = _recording(), _recording()
    show_check(check, results[-1], lesson, f"data/class/{SHOWN}")
    show_class(grade, [summary_of(result) for result in results[:-1]], lesson)
    _save(check, "make check", "check.svg")
    _save(grade, "make grade", "grade.svg")
    return 0


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
