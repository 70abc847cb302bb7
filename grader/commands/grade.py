"""`grader grade PATH...`: a whole class -> gradebook, results and pages."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from grader import __version__
from grader.commands.isolation import require, warn
from grader.errors import KIT_FAULT, STOPPED, KitError
from grader.judge.job import Request
from grader.lesson import Lesson, find_lesson, load_lesson
from grader.report.pages import class_page, feedback_page
from grader.report.terminal import make_console, one_line, plain, show_class
from grader.results.gradebook import gradebook
from grader.results.model import SubmissionResult
from grader.results.names import safe_name
from grader.results.store import RunFolder, as_text, write_atomically
from grader.run.pool import Fault, Pool
from grader.submission.find import Found, NotTaken, Submission, find_submissions
from grader.submission.notebook import MAX_NOTEBOOK_BYTES
from grader.submission.program import MAX_BYTES

_Outcome = SubmissionResult | Fault
_UNGRADED = "could not be graded, through a fault of the kit and none of this submission; the same command tries again"


@dataclass(frozen=True)
class _Class:
    """One class run: what there is to grade, and where results go."""

    lesson: Lesson
    found: Found
    folder: RunFolder
    seed: int
    pool: Pool
    mends: bool


def run(options: argparse.Namespace) -> int:
    """0 if every submission was graded, 3 if some could not be, 130 if stopped."""
    console = make_console()
    lesson = load_lesson(find_lesson(options.lesson))
    found = find_submissions([Path(path) for path in options.paths], lesson)
    if not found.submissions:
        _list_not_taken(console, found.not_taken)
        raise KitError(
            f"nothing to grade under {', '.join(options.paths)}",
            mend=f"a submission is a folder with {lesson.exercises[0].file} and so on, or one .py file",
        )
    mends = not options.no_mends
    folder = RunFolder(Path(options.out), lesson, mends)
    seed, jobs = folder.seed(options.seed), options.jobs or os.cpu_count() or 1
    with Pool(lesson, seed, jobs) as pool:
        if options.require_isolation:
            require(pool.isolation)
        console.print(f"{len(found.submissions)} submissions, lesson {lesson.name}, seed {seed}, {jobs} judges")
        warn(console, pool.isolation)
        return _grade(console, _Class(lesson, found, folder, seed, pool, mends), options.out)


def _grade(console: Console, job: _Class, out: str) -> int:
    """Grades and writes; the exit code."""
    outcomes: dict[int, _Outcome] = {}
    stopped = False
    try:
        for place, outcome in _graded(console, job):
            outcomes[place] = outcome
            if isinstance(outcome, SubmissionResult):
                _write_submission(job, job.found.submissions[place], outcome)
            else:
                _write_fault(job, job.found.submissions[place])
    except KeyboardInterrupt:
        stopped = True
    results = _write_class(job, outcomes)
    _show(console, job, outcomes, results, out, stopped)
    if stopped:
        return STOPPED
    return KIT_FAULT if any(isinstance(outcome, Fault) for outcome in outcomes.values()) else 0


def _graded(console: Console, job: _Class) -> Iterator[tuple[int, _Outcome]]:
    """Cached results first, then the others as they come."""
    keys: dict[int, str] = {}
    todo: list[int] = []
    for place, submission in enumerate(job.found.submissions):
        try:
            keys[place] = job.folder.key(submission, job.seed, job.pool.isolation.layers)
        except OSError:
            todo.append(place)  # the judge says what cannot be read
            continue
        cached = job.folder.cached(keys[place])
        if cached:
            yield place, replace(cached, submission=submission.name)
        else:
            todo.append(place)
    if len(todo) < len(job.found.submissions):
        console.print(f"{len(job.found.submissions) - len(todo)} of them unchanged since the last run")
    if not todo:
        return
    columns = (
        TextColumn("grading"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(todo))
        for index, outcome in job.pool.judge(_requests(job, todo)):
            place = todo[index]
            if isinstance(outcome, SubmissionResult) and place in keys:
                job.folder.keep(keys[place], outcome)
            progress.update(task, advance=1, description=one_line(job.found.submissions[place].name)[:20])
            yield place, outcome


def _folder_of(job: _Class, name: str) -> Path:
    return job.folder.folder / "submissions" / safe_name(name)


def _requests(job: _Class, todo: Sequence[int]) -> list[Request]:
    return [Request(job.found.submissions[place], mends=job.mends) for place in todo]


def _write_submission(job: _Class, submission: Submission, result: SubmissionResult) -> None:
    folder = _folder_of(job, result.submission)
    write_atomically(folder / "results.json", as_text(result.as_json()))
    write_atomically(folder / "feedback.html", feedback_page(result, job.lesson, _sources(submission)))


def _write_fault(job: _Class, submission: Submission) -> None:
    """Says in the submission's own folder that there is no verdict, and takes away what an earlier run said."""
    folder = _folder_of(job, submission.name)
    layers = job.pool.isolation.layers
    result = SubmissionResult(
        __version__, job.lesson.name, submission.name, job.seed, layers, (), None, (*submission.notes, _UNGRADED)
    )
    write_atomically(folder / "results.json", as_text(result.as_json()))
    (folder / "feedback.html").unlink(missing_ok=True)


def _write_class(job: _Class, outcomes: dict[int, _Outcome]) -> list[SubmissionResult]:
    results = [outcome for _, outcome in sorted(outcomes.items()) if isinstance(outcome, SubmissionResult)]
    faults = [
        (job.found.submissions[place].name, outcome.reason)
        for place, outcome in sorted(outcomes.items())
        if isinstance(outcome, Fault)
    ]
    not_taken = [(entry.path.name, entry.why) for entry in job.found.not_taken]
    write_atomically(job.folder.folder / "grades.csv", gradebook(results, job.lesson))
    write_atomically(job.folder.folder / "index.html", class_page(results, job.lesson, not_taken, faults))
    return results


def _sources(submission: Submission) -> dict[str, str]:
    """The student's texts, for the feedback page."""
    texts: dict[str, str] = {}
    for path in submission.all_files():
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                most = MAX_NOTEBOOK_BYTES if path.suffix.lower() == ".ipynb" else MAX_BYTES
                texts[path.name] = file.read(most)
        except OSError:
            continue
    return texts


def _show(
    console: Console,
    job: _Class,
    outcomes: dict[int, _Outcome],
    results: Sequence[SubmissionResult],
    out: str,
    stopped: bool,
) -> None:
    show_class(console, results, job.lesson)
    for place, outcome in sorted(outcomes.items()):
        if isinstance(outcome, Fault):
            name = one_line(job.found.submissions[place].name)
            console.print(f"could not be graded: {name}: {outcome.reason}", style="red")
    for result in results:
        for note in result.notes:
            console.print(f"{one_line(result.submission)}: {plain(note)}", style="yellow")
    _list_not_taken(console, job.found.not_taken)
    if stopped:
        left = len(job.found.submissions) - len(outcomes)
        console.print(f"stopped with {left} to go; the same command goes on from here", style="bold")
    console.print(f"wrote {out}/grades.csv, {out}/index.html, {out}/submissions/<name>/{{results.json, feedback.html}}")


def _list_not_taken(console: Console, entries: Sequence[NotTaken]) -> None:
    for entry in entries:
        console.print(f"not taken for a submission: {one_line(str(entry.path))} ({entry.why})", style="yellow")
