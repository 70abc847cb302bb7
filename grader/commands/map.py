"""`grader map [PATH]`: the network's graph as a page or a picture, with the verdicts of a submission."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from grader.commands.check import SEED, only_result
from grader.errors import KitError
from grader.invocation import option
from grader.judge.job import Request
from grader.lesson import Lesson, lesson_here, load_lesson
from grader.report.graph import graph_file, graph_page, verdicts_of
from grader.report.terminal import make_console
from grader.results.gradebook import number
from grader.results.store import write_atomically
from grader.run.pool import Pool
from grader.submission.find import submission_at
from grader.wording import counted

_KINDS = (".html", ".svg")


def run(options: argparse.Namespace) -> int:
    """Writes the file, and says where. Judges only if there is a PATH."""
    out = Path(options.out)
    if out.suffix.lower() not in _KINDS:
        raise KitError(
            f"{out} is neither a page nor a picture",
            mend=f"give a name that ends with .html or .svg: {option('--out', 'map.html')}",
        )
    lesson = load_lesson(lesson_here(options.lesson))
    verdicts, line = _judged(Path(options.path), lesson) if options.path else ({}, "not judged")
    is_page = out.suffix.lower() == ".html"
    text = graph_page(lesson, verdicts, line) if is_page else graph_file(lesson, verdicts)
    try:
        write_atomically(out, text)
    except OSError as error:
        raise KitError(f"{out} cannot be written: {error.strerror}") from None
    make_console().print(f"wrote {out}")
    return 0


def _judged(path: Path, lesson: Lesson) -> tuple[Mapping[str, str], str]:
    """The verdicts of the submission at `path`, and its score in a line."""
    with Pool(lesson, SEED) as pool:
        result = only_result(pool, Request(submission_at(path, lesson), is_check=True, mends=False))
    return verdicts_of(result), f"{result.submission}: {number(result.score)} of {counted(result.max_score, 'point')}"
