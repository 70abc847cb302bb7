"""`grader grade PATH...`: a whole class -> gradebook, results and pages."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from grader.commands.isolation import require, warn
from grader.errors import KIT_FAULT, STOPPED, KitError
from grader.export.absent import Attendance, attendance, read_roster
from grader.lesson import Lesson, find_lesson, load_lesson
from grader.report.class_page import class_page
from grader.report.taken import TAKEN, doubtful, listing, show_attendance, show_not_taken, show_taken
from grader.report.terminal import make_console, one_line, show_changes, show_class, show_faults, show_notes
from grader.results.changes import Change, changes_of, changes_table
from grader.results.gradebook import gradebook
from grader.results.store import RunFolder, write_atomically
from grader.results.summary import Summary
from grader.run.classrun import ClassRun, Outcome, Plan
from grader.run.judges import judges
from grader.run.progress import shown
from grader.run.standing import Fault
from grader.submission.find import Found, find_submissions


@dataclass(frozen=True)
class _Report:
    """What came of a run, by place in the list of submissions."""

    found: Found
    outcomes: dict[int, Outcome]
    changes: Sequence[Change]
    is_stopped: bool

    @property
    def summaries(self) -> list[Summary]:
        return [outcome for _, outcome in sorted(self.outcomes.items()) if isinstance(outcome, Summary)]

    @property
    def faults(self) -> list[tuple[str, str]]:
        """Names, and why they have no verdict."""
        return [
            (self.found.submissions[place].name, outcome.reason)
            for place, outcome in sorted(self.outcomes.items())
            if isinstance(outcome, Fault)
        ]


def run(options: argparse.Namespace) -> int:
    """0 if every submission was graded, 3 if some could not be, 130 if stopped."""
    console = make_console()
    lesson = load_lesson(find_lesson(options.lesson))
    roster = read_roster(Path(options.roster)) if options.roster else None
    with find_submissions([Path(path) for path in options.paths], lesson, each=options.each) as found:
        there = attendance(roster, [(one.name, one.identity) for one in found.submissions]) if roster else None
        if there:
            found = found.with_absent(there.absent, Path(options.roster))
        return _run(console, lesson, found, options, there)


def _run(console: Console, lesson: Lesson, found: Found, options: argparse.Namespace, there: Attendance | None) -> int:
    if not found.submissions:
        show_not_taken(console, found)
        raise KitError(
            f"nothing to grade under {', '.join(options.paths)}",
            mend=f"a submission is a folder with {lesson.exercises[0].file} and so on, or one .py file",
        )
    mends = not options.no_mends
    folder = RunFolder(Path(options.out), lesson, mends)
    seed, jobs = folder.seed(options.seed), options.jobs or os.cpu_count() or 1
    with judges(lesson, seed, jobs, options.cluster) as pool:
        if options.require_isolation:
            require(pool.isolation)
        where = f"the cluster at {options.cluster}" if options.cluster else f"{jobs} judges"
        console.print(f"{len(found.submissions)} submissions, lesson {lesson.name}, seed {seed}, {where}")
        show_taken(console, found)
        if there:
            show_attendance(
                console, there.listed, [who.display_name or who.user_id for who in there.absent], there.unknown
            )
        warn(console, pool.isolation)
        try:
            report = _graded(
                console, ClassRun(lesson, found.submissions, folder, pool, seed, mends, options.regrade), found
            )
        finally:
            folder.close()
    _write(folder, lesson, report)
    _show(console, lesson, report, options.out)
    if report.is_stopped:
        return STOPPED
    return KIT_FAULT if report.faults else 0


def _graded(console: Console, job: ClassRun, found: Found) -> _Report:
    """Every submission's outcome; those there were, where it was stopped."""
    plan = Plan({}, {})
    try:
        with job.stopping:
            plan = job.plan()
            taken_over = sum(isinstance(outcome, Summary) for outcome in plan.settled.values())
            if taken_over:
                console.print(f"{taken_over} of them unchanged since the last run")
            for _ in shown(job.judge(plan), len(plan.todo), console, _Behind(found)):
                pass
            changes = changes_of(job.folder.archive.settle())
    except KeyboardInterrupt:
        return _Report(found, plan.settled, (), True)
    return _Report(found, plan.settled, changes, False)


class _Behind:
    """What stands behind the bar: problems of the kit so far, else who was graded last."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._faults = 0

    def __call__(self, item: tuple[int, Outcome]) -> str:
        place, outcome = item
        name = one_line(self._found.submissions[place].name)[:20]
        if isinstance(outcome, Fault):
            self._faults += 1
            self._last = f"{name}: {one_line(outcome.reason)[:40]}"
        return f"{self._faults} not graded, last {self._last}" if self._faults else name


def _write(folder: RunFolder, lesson: Lesson, report: _Report) -> None:
    not_taken = [(entry.path.name, entry.why) for entry in doubtful(report.found)]
    write_atomically(folder.folder / TAKEN, listing(report.found))
    write_atomically(folder.folder / "grades.csv", gradebook(report.summaries, lesson))
    write_atomically(folder.folder / "index.html", class_page(report.summaries, lesson, not_taken, report.faults))
    if report.changes:
        write_atomically(folder.folder / "changes.csv", changes_table(report.changes))


def _show(console: Console, lesson: Lesson, report: _Report, out: str) -> None:
    show_class(console, report.summaries, lesson)
    show_changes(console, report.changes, f"{out}/changes.csv")
    show_faults(console, report.faults, f"{out}/index.html")
    notes = [(summary.submission, note) for summary in report.summaries for note in summary.notes]
    show_notes(console, notes, f"{out}/index.html")
    show_not_taken(console, report.found, f"{out}/{TAKEN}")
    if report.is_stopped:
        left = len(report.found.submissions) - len(report.outcomes)
        console.print(f"stopped with {left} to go; the same command goes on from here", style="bold")
    console.print(f"wrote {out}/grades.csv, {out}/index.html, {out}/submissions/<name>/{{results.json, feedback.html}}")
