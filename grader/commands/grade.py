"""`grader grade PATH...`: a whole class -> gradebook, results and pages."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from grader.commands.isolation import require, warn
from grader.errors import KIT_FAULT, STOPPED, KitError
from grader.export.absent import Attendance, attendance, read_roster
from grader.lesson import Lesson, find_lesson, load_lesson
from grader.lesson.drift import require_in_sync
from grader.report.taken import TAKEN, doubtful, listing, show_attendance, show_not_taken, show_taken
from grader.report.terminal import (
    make_console,
    one_line,
    show_changes,
    show_class,
    show_ended,
    show_faults,
    show_notes,
)
from grader.results.changes import Change, changes_of, changes_table
from grader.results.store import Begun, RunFolder, write_atomically
from grader.results.summary import Summary
from grader.run.bounded import Bounded
from grader.run.classfiles import ClassFiles
from grader.run.classrun import ClassRun, Outcome
from grader.run.filled import look_within
from grader.run.judges import Judges, judges
from grader.run.progress import shown
from grader.run.standing import Fault
from grader.submission.find import Found, find_submissions
from grader.wording import counted

_CHANGES = "changes.csv"
_MOST_NAMED = 5


def run(options: argparse.Namespace) -> int:
    """0 if every submission was graded, 3 if some could not be, 130 if stopped."""
    console = make_console()
    lesson = load_lesson(find_lesson(options.lesson))
    require_in_sync(lesson)
    roster = read_roster(Path(options.roster)) if options.roster else None
    paths = [Path(path) for path in options.paths]
    with (
        Bounded(lesson.folder) as bounded,
        find_submissions(paths, lesson, look=look_within(bounded), each=options.each) as found,
    ):
        there = attendance(roster, [(one.name, one.identity) for one in found.submissions]) if roster else None
        if there:
            found = found.with_absent(there.absent, Path(options.roster))
        if not found.submissions:
            show_not_taken(console, found)
            raise KitError(
                f"nothing to grade under {', '.join(options.paths)}",
                mend=f"a submission is a folder with {lesson.exercises[0].file} and so on, or one .py file",
            )
        return _run(console, lesson, found, options, there)


def _run(console: Console, lesson: Lesson, found: Found, options: argparse.Namespace, there: Attendance | None) -> int:
    folder = RunFolder(Path(options.out), lesson, not options.no_mends)
    jobs = options.jobs or os.cpu_count() or 1
    try:
        names = [submission.name for submission in found.submissions]
        begun = folder.begin(names, [Path(path) for path in options.paths], options.seed, options.regrade)
        with judges(lesson, begun.record.seed, jobs, options.cluster) as pool:
            if options.require_isolation:
                require(pool.isolation)
            where = f"the cluster at {options.cluster}" if options.cluster else counted(jobs, "judge")
            seed = begun.record.seed
            count = counted(len(found.submissions), "submission")
            console.print(f"{count}, lesson {lesson.name}, seed {seed}, {where}")
            show_taken(console, found)
            if there:
                absent = [who.display_name or who.user_id for who in there.absent]
                show_attendance(console, there.listed, absent, there.unknown)
            warn(console, pool.isolation)
            return _graded(console, _Job(lesson, found, folder, pool, begun, options))
    finally:
        folder.close()


class _Job:
    """One run: what was found, where it goes, and what comes of it."""

    def __init__(
        self,
        lesson: Lesson,
        found: Found,
        folder: RunFolder,
        pool: Judges,
        begun: Begun,
        options: argparse.Namespace,
    ) -> None:
        self.lesson = lesson
        self.found = found
        self.folder = folder
        self.change = begun.change
        self._begun = begun
        self.out: str = options.out
        self.is_stopped = False
        self.changes: Sequence[Change] = ()
        mends, seed = not options.no_mends, begun.record.seed
        self._run = ClassRun(lesson, found.submissions, folder, pool, seed, mends, options.regrade, begun.goes_on)
        before = {name: entry.summary for name, entry in folder.archive.published().items()}
        not_taken = [(entry.path.name, entry.why) for entry in doubtful(found)]
        self.files = ClassFiles(folder, lesson, begun.record.submissions, before, not_taken)

    def grade(self, console: Console) -> None:
        """Every submission's outcome into the folder; those there were, where it is stopped."""
        write_atomically(self.folder.folder / TAKEN, listing(self.found))
        try:
            with self._run.stopping:
                self._grade_all(console)
        except KeyboardInterrupt:
            self.is_stopped = True
        self.files.write()
        if not self.is_stopped:
            self.folder.complete(self._begun)
        self._write_changes()

    def _grade_all(self, console: Console) -> None:
        plan = self._run.plan()
        for place, outcome in plan.settled.items():
            self.files.found[self._name(place)] = outcome
        self.files.write(is_running=True)
        taken_over = sum(isinstance(outcome, Summary) for outcome in plan.settled.values())
        if taken_over:
            console.print(f"{taken_over} of them unchanged since the last run")
        for place, outcome in shown(self._run.judge(plan), len(plan.todo), console, _Behind(self.found)):
            self.files.add(self._name(place), outcome)
        self.changes = changes_of(self.folder.archive.settle())

    def _name(self, place: int) -> str:
        return self.found.submissions[place].name

    def _write_changes(self) -> None:
        """Of this run alone: what an earlier one had changed is no news."""
        file = self.folder.folder / _CHANGES
        if self.changes:
            write_atomically(file, changes_table(self.changes))
        elif not self.is_stopped:
            file.unlink(missing_ok=True)


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


def _graded(console: Console, job: _Job) -> int:
    job.grade(console)
    _show(console, job)
    if job.is_stopped:
        return STOPPED
    return KIT_FAULT if job.files.faults else 0


def _show(console: Console, job: _Job) -> None:
    graded = job.files.graded
    page = f"{job.out}/index.html"
    show_class(console, graded, job.lesson)
    show_changes(console, job.changes, f"{job.out}/{_CHANGES}")
    show_faults(console, [(name, fault.told) for name, fault in job.files.faults], page)
    show_ended(console, [(summary.submission, summary.notes[-1]) for summary in graded if summary.ended], page)
    notes = [(summary.submission, note) for summary in graded if not summary.ended for note in summary.notes]
    show_notes(console, notes, page)
    show_not_taken(console, job.found, f"{job.out}/{TAKEN}")
    _show_class_change(console, job)
    console.print(
        f"wrote {job.out}/grades.csv, {page}, {job.out}/feedback/ (to hand out), "
        f"{job.out}/submissions/<name>/{{results.json, feedback.html}}",
        soft_wrap=True,
    )


def _show_class_change(console: Console, job: _Job) -> None:
    """Whose results the files show, where that is not simply who was found."""
    if job.change.gone:
        aside = job.folder.folder / ".grader" / "gone"
        console.print(
            f"no more in the class: {_named(job.change.gone)}; their results are in {aside}",
            style="bold",
            soft_wrap=True,
        )
    if changed := job.folder.changed(job.change.kept):
        console.print(f"changed by hand since they were written; grade them again: {_named(changed)}", style="red")
    if state := job.files.state(is_running=False):
        console.print(state, style="bold")
    if job.is_stopped:
        left = len(job.found.submissions) - len(job.files.found)
        console.print(f"stopped with {left} to go; the same command goes on from here", style="bold")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(one_line(name) for name in names[:_MOST_NAMED]) + more
