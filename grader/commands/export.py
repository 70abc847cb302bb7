"""`grader export FORMAT [RESULTS]`: results for gradebooks, and what makes a host run the kit itself."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from grader.errors import KitError
from grader.export.archive import autograder_zip
from grader.export.canvas import canvas_gradebook
from grader.export.exercism import exercism_results
from grader.export.github import log_annotations, runner_result, runner_status, step_summary
from grader.export.gradescope import gradescope_results
from grader.export.junit import junit_xml
from grader.export.moodle import moodle_worksheet
from grader.export.nbgrader import nbgrader_csv
from grader.export.points import Wishes
from grader.export.read import ClassResults, Lost, only, read_results
from grader.export.roster import Filled
from grader.export.table import Table, read_table, table_text
from grader.export.workflow import workflow
from grader.invocation import option
from grader.lesson import Lesson, find_lesson, load_lesson
from grader.lesson.drift import require_in_sync
from grader.report.terminal import make_console, one_line
from grader.results.record import new_seed
from grader.results.store import write_atomically
from grader.wording import counted

_NOT_ALL = 1
_MOST_NAMED = 8


def run(options: argparse.Namespace) -> int:
    """0 if everything is in the file, 1 if some submissions are not (they are listed)."""
    code: int = EXPORTERS[options.format](options, make_console(stderr=True))
    return code


# ---- gradebooks


def _canvas(options: argparse.Namespace, console: Console) -> int:
    return _gradebook(options, console, canvas_gradebook, "in Canvas: Grades, Export, Export Entire Gradebook")


def _moodle(options: argparse.Namespace, console: Console) -> int:
    return _gradebook(options, console, moodle_worksheet, "in Moodle: View all submissions, Download grading worksheet")


def _gradebook(
    options: argparse.Namespace,
    console: Console,
    fill: Callable[[ClassResults, Table, str | None, Wishes], Filled],
    where_from: str,
) -> int:
    if not options.roster:
        raise KitError(
            f"{options.format} fills a gradebook that it exported: {option('--roster', 'CSV')}", mend=where_from
        )
    results = read_results(Path(options.results))
    wishes = Wishes(options.rescale, options.overwrite)
    filled = fill(results, read_table(Path(options.roster)), options.column, wishes)
    return _write_table(options, console, results, filled)


def _nbgrader(options: argparse.Namespace, console: Console) -> int:
    results = read_results(Path(options.results))
    lessons = sorted({one.result.lesson for one in results.graded})
    students = read_table(Path(options.roster)) if options.roster else None
    filled = nbgrader_csv(results, options.assignment or ", ".join(lessons), students)
    return _write_table(options, console, results, filled)


def _write_table(options: argparse.Namespace, console: Console, results: ClassResults, filled: Filled) -> int:
    _write(options, console, f"{options.format}.csv", table_text(filled.table))
    tally = filled.tally
    scores = counted(tally.scores, "score is", "scores are")
    console.print(f"{scores} in it; late penalties and drop rules are the host's")
    for line in tally.kept:
        _say(console, f"- {one_line(line)}: kept; {option('--overwrite')} replaces it")
    return _NOT_ALL if _say_lost(console, results, tally.lost) or tally.kept else 0


def _say_lost(console: Console, results: ClassResults, lost: tuple[Lost, ...]) -> bool:
    """Lists who is not in the file, and why. Whether there is anybody."""
    for one in (*lost, *results.lost):
        _say(console, f"- {one_line(one.submission)} is not: {one_line(one.why)}")
    if results.waiting:
        names = ", ".join(one_line(name) for name in results.waiting[:_MOST_NAMED])
        more = f" and {len(results.waiting) - _MOST_NAMED} more" if len(results.waiting) > _MOST_NAMED else ""
        have = counted(len(results.waiting), "submission of the last run has", "submissions of the last run have")
        _say(console, f"- {have} no result yet: {names}{more}")
    return bool(lost or results.lost or results.waiting)


def _say(console: Console, line: str) -> None:
    console.print(line, style="yellow", markup=False, soft_wrap=True)


# ---- one submission, or a class of them


def _junit(options: argparse.Namespace, console: Console) -> int:
    results = read_results(Path(options.results))
    text, lost = junit_xml(results)
    _write(options, console, "junit.xml", text)
    return _NOT_ALL if _say_lost(console, results, lost) else 0


def _exercism(options: argparse.Namespace, console: Console) -> int:
    result = only(read_results(Path(options.results)))
    _write(options, console, "exercism.json", exercism_results(result, _lesson(options, result.lesson)))
    return 0


def _gradescope_results(options: argparse.Namespace, console: Console) -> int:
    result = only(read_results(Path(options.results)))
    _write(options, console, "gradescope.json", gradescope_results(result))
    return 0


def _github(options: argparse.Namespace, console: Console) -> int:
    """Annotations to the log; the summary and the outputs to the files that Actions names, where it runs."""
    result = only(read_results(Path(options.results)))
    print(log_annotations(result, options.under), end="")
    outputs = f"status={runner_status(result)}\nresult={runner_result(result)}\n"
    summary = step_summary(result, _lesson(options, result.lesson))
    for variable, text in (("GITHUB_STEP_SUMMARY", summary), ("GITHUB_OUTPUT", outputs)):
        if file := os.environ.get(variable):
            with Path(file).open("a", encoding="utf-8") as appended:
                appended.write(text)
        else:
            console.print(f"{variable} is not set: not on GitHub Actions", style="dim")
    return 0


# ---- what makes a host run the kit


def _gradescope(options: argparse.Namespace, console: Console) -> int:
    seed = options.seed if options.seed is not None else new_seed()
    target = _target(options, Path(), "autograder.zip")
    lesson = _lesson(options)
    require_in_sync(lesson)
    _write_archive(target, autograder_zip(lesson, seed))
    _say_where(console, target)
    console.print("upload it under Configure Autograder; choose Ubuntu 22.04 or later and 2 GB of memory or more")
    return 0


def _github_workflow(options: argparse.Namespace, console: Console) -> int:
    target = _target(options, Path(), "grade.yml")
    write_atomically(target, workflow(_lesson(options), options.kit, options.under, options.seed))
    _say_where(console, target)
    console.print("put it into the assignment's template repository as .github/workflows/grade.yml")
    return 0


EXPORTERS: dict[str, Callable[[argparse.Namespace, Console], int]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "nbgrader": _nbgrader,
    "junit": _junit,
    "exercism": _exercism,
    "gradescope": _gradescope,
    "gradescope-results": _gradescope_results,
    "github": _github,
    "github-workflow": _github_workflow,
}


def _lesson(options: argparse.Namespace, named: str | None = None) -> Lesson:
    return load_lesson(find_lesson(options.lesson or named))


def _target(options: argparse.Namespace, folder: Path, name: str) -> Path:
    """The file of --out, or `name` in it where it is a folder; without it, `name` in `folder`."""
    out = Path(options.out) if options.out else folder
    return out / name if not options.out or out.is_dir() else out


def _write(options: argparse.Namespace, console: Console, name: str, text: str) -> None:
    source = Path(options.results)
    target = _target(options, source if source.is_dir() else source.parent, name)
    write_atomically(target, text)
    _say_where(console, target)


def _write_archive(target: Path, data: bytes) -> None:
    """Whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise KitError(
            f"cannot be written: {error.strerror}",
            where=str(target),
            mend=f"choose another file with {option('--out', 'FILE')}",
        ) from None


def _say_where(console: Console, target: Path) -> None:
    console.print(f"wrote {target}", markup=False, soft_wrap=True)
