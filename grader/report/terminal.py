"""Results in the terminal: one line a step, a message for what is not right; of any width, with or without colour."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.invocation import command
from grader.lesson import Lesson
from grader.report.marks import STYLES
from grader.results.changes import Change
from grader.results.gradebook import number
from grader.results.model import (
    PASSING,
    VERDICTS,
    CaseReport,
    ExerciseResult,
    Instructor,
    StepResult,
    SubmissionResult,
)
from grader.results.summary import Summary
from grader.wording import apart, counted, escaped, is_byte, legible

_MOST_ROWS = 40
_MOST_CHANGES = 10
_MOST_SAID = 10  # lines about single submissions; the page of the class has all
_OUTPUT_LINES = 12
_NAME = 24  # columns in a terminal
_NO_WIDTH = 1 << 16


class _Terminal(Console):
    """A console that breaks no line: a path or a command can be copied from it. `prose` and tables fit its width.

    Where nobody reads along, in a file or a pipe, there is no width: prose is a line, a table has all its text.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        if not any(isinstance(thing, Control) for thing in objects):  # with these, a bar or a screen draws itself
            options.setdefault("soft_wrap", True)
        super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """The command ends, as for any other output."""
        raise BrokenPipeError


def make_console(stderr: bool = False) -> Console:
    """A console that does not guess at markup in students' texts, nor at a width where there is none."""
    stream = sys.stderr if stderr else sys.stdout
    is_terminal = stream is not None and stream.isatty()
    width = None if is_terminal else _NO_WIDTH
    return _Terminal(markup=False, highlight=False, emoji=False, stderr=stderr, force_terminal=is_terminal, width=width)


def prose(console: Console, text: str | Text, indent: int = 0, style: str = "") -> None:
    """Sentences: in a terminal they are wrapped between words; a word, and so a path, stays whole."""
    told = Text(text, style=style) if isinstance(text, str) else text
    for line in told.split(allow_blank=True):
        for part in _between_words(line, console.width - indent):
            console.print(Text(" " * indent) + part if part else part, style=style)


def _between_words(line: Text, width: int) -> Iterator[Text]:
    """A line in parts that fit the width; a word that does not is a part by itself."""
    breaks, start = list[int](), 0
    for word in re.finditer(r"\S+", line.plain):
        if line.plain[start : word.start()].strip() and cell_len(line.plain[start : word.end()]) > width:
            start = word.start()
            breaks.append(start)
    for part in line.divide(breaks):
        part.rstrip()
        yield part


def rows(console: Console, table: Table, indent: int = 0) -> None:
    """A table; where it does not fit, the terminal breaks its lines. Nothing stands behind its last column."""
    placed = Padding.indent(table, indent)
    whole = console.options.update(width=_NO_WIDTH)
    if console.is_terminal and console.measure(placed, options=whole).minimum <= console.width:
        console.print(placed, soft_wrap=False)
        return
    for line in console.render_lines(placed, whole, pad=False):
        text = Text.assemble(*((segment.text, segment.style or "") for segment in line))
        text.rstrip()
        console.print(text)


def plain(text: str) -> str:
    """A student's text without control characters, so that it cannot steer the terminal."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else _in_place_of(sign) for sign in text)


def _in_place_of(sign: str) -> str:
    return escaped(sign) if is_byte(sign) else "\N{REPLACEMENT CHARACTER}"


def near_path(path: Path) -> str:
    """A path as one would type it here: relative where it lies below, as it is elsewhere."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if path.resolve().is_relative_to(here) else str(path)


def one_line(text: str) -> str:
    """The same on one line: a name cannot forge a row of a table."""
    return " ".join(plain(text).split())


def show_check(console: Console, result: SubmissionResult, lesson: Lesson, where: str) -> None:
    """The whole self-check, with what is for the instructor where the result holds it."""
    show_remarks(console, result)
    for exercise in result.exercises:
        _show_exercise(console, exercise, lesson)
    show_foot(console, result, lesson, where, reach=True)


def show_remarks(console: Console, result: SubmissionResult) -> None:
    """What is to be said of the files; first, since all verdicts hang on what could be read."""
    for note in result.notes:
        console.print(Text(f"note: {plain(note)}"), style="yellow")


def show_foot(console: Console, result: SubmissionResult, lesson: Lesson, where: str, reach: bool = False) -> None:
    """The points, the step to do next, and what judged: the kit by its hash, behind which walls."""
    total = Text(f"{number(result.score)} of {counted(result.max_score, 'point')}", style="bold")
    if reach and result.chain_reaches:
        total.append(f"  ·  your own chain reaches {result.chain_reaches}", style="not bold")
    console.print(total)
    first = _first_to_do(result)
    if first:
        name = asked(first[1], first[0], lesson)
        console.print(f"next: {command('hint', STEP=name)}   then: {command('check', STEP=name)}")
    console.print(Text(f"{where}  ·  kit {result.kit} ({result.kit_hash[:12] or 'hash unknown'})", style="dim"))
    console.print(Text(f"isolation: {', '.join(result.isolation)}", style="dim"))


def show_class(console: Console, results: Sequence[Summary], lesson: Lesson) -> None:
    """A row a submission, if they are few; then how often each verdict fell."""
    if len(results) <= _MOST_ROWS:
        rows(console, _class_table(results, lesson, console.is_terminal))
    fallen = Counter(step.verdict for result in results for step in result.steps)
    counts = [Text(f"{verdict} {fallen[verdict]}", style=STYLES[verdict]) for verdict in VERDICTS if fallen[verdict]]
    console.print(Text("steps: ") + Text(", ").join(counts))


def show_faults(console: Console, faults: Sequence[tuple[str, str]], page: str) -> None:
    """Names, and why they have no verdict: the first of them, and where all stand."""
    for name, reason in faults[:_MOST_SAID]:
        console.print(f"could not be graded: {one_line(name)}: {plain(reason)}", style="red")
    if len(faults) > _MOST_SAID:
        console.print(f"and {len(faults) - _MOST_SAID} more that could not be graded, on top of {page}", style="red")


def show_ended(console: Console, ended: Sequence[tuple[str, str]], page: str) -> None:
    """Submissions that took more than one may take, and what was left out for it."""
    for name, why in ended[:_MOST_SAID]:
        console.print(f"ended early: {one_line(name)}: {plain(why)}", style="yellow")
    if len(ended) > _MOST_SAID:
        console.print(f"and {len(ended) - _MOST_SAID} more that were ended early, on top of {page}", style="yellow")


def show_notes(console: Console, notes: Sequence[tuple[str, str]], page: str) -> None:
    """What is said about files, by submission: the first of it, and where all of it stands."""
    for name, note in notes[:_MOST_SAID]:
        console.print(f"{one_line(name)}: {plain(note)}", style="yellow")
    if len(notes) > _MOST_SAID:
        console.print(
            f"and {len(notes) - _MOST_SAID} more of these notes, all of them in {page} (Remarks on files)",
            style="yellow",
        )


def show_changes(console: Console, changes: Sequence[Change], file: str) -> None:
    """What the run judged otherwise than the one before, and why."""
    if not changes:
        return
    why = Counter(reason for change in changes for reason in change.why)
    reasons = ", ".join(f"{reason} ({times})" for reason, times in why.most_common())
    console.print(f"{len(changes)} judged otherwise than before: {reasons}; all of it in {file}", style="bold")
    for change in changes[:_MOST_CHANGES]:
        steps = ", ".join(f"{step} {old or 'none'} -> {new or 'none'}" for step, old, new in change.steps[:3])
        more = f", {len(change.steps) - 3} more" if len(change.steps) > 3 else ""
        scores = f"{number(change.before)} -> {number(change.after)}"
        console.print(f"  {one_line(change.submission)}  {scores}  {steps}{more}", style="dim")
    if len(changes) > _MOST_CHANGES:
        console.print(f"  and {len(changes) - _MOST_CHANGES} more", style="dim")


def _class_table(results: Sequence[Summary], lesson: Lesson, is_terminal: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("submission", no_wrap=True, max_width=_NAME if is_terminal else None)
    table.add_column("score", justify="right", min_width=5)
    for exercise in lesson.exercises:
        table.add_column(exercise.name.split("_")[0], justify="right", min_width=4)
    table.add_column("not right")
    for result in results:
        scores = {exercise: number(score) for exercise, score in result.scores.items()}
        table.add_row(
            legible(result.submission),
            number(result.score),
            *[scores.get(e.name, "") for e in lesson.exercises],
            _summary(result),
        )
    return table


def _summary(result: Summary) -> Text:
    fallen = Counter(step.verdict for step in result.steps if not step.passes)
    parts = [Text(f"{verdict} {fallen[verdict]}", style=STYLES[verdict]) for verdict in VERDICTS if fallen[verdict]]
    return Text(", ").join(parts)


def _show_exercise(console: Console, exercise: ExerciseResult, lesson: Lesson) -> None:
    title = lesson.exercise(exercise.exercise).title
    points = f"{number(exercise.score)}/{number(exercise.max_score)}"
    console.print(Text.assemble((exercise.exercise, "bold"), f"  {title}  ", (points, "bold")))
    first = exercise.steps[0]
    if len(exercise.steps) > 1 and len(alike(exercise.steps)) == 1:
        told = f": {plain(first.message)}" if first.verdict == "missing" else ""
        console.print(f"  all {len(exercise.steps)} steps {first.verdict}{told}", style=STYLES[first.verdict])
        _show_details(console, first, exercise.exercise, lesson)
    else:
        width = max(len(step.step) for step in exercise.steps)
        for step in exercise.steps:
            console.print(_line(step, width), no_wrap=True, overflow="ellipsis")
            _show_details(console, step, exercise.exercise, lesson)
    console.print()


def _show_details(console: Console, step: StepResult, exercise: str, lesson: Lesson) -> None:
    for text in details(step, exercise, lesson):
        prose(console, text, indent=4)
    _show_instructor(console, step.instructor)


def alike(steps: Sequence[StepResult]) -> list[list[StepResult]]:
    """Steps of which the same is to be said, together, in order of the first of each: one fault may cost them all."""
    groups: dict[object, list[StepResult]] = {}
    for step in steps:
        seen = (step.verdict, step.message, step.mistake, step.note, step.line, step.cell, step.output)
        key: object = (*seen, id(step)) if step.passes or step.float32 else seen  # numbers are a step's own
        groups.setdefault(key, []).append(step)
    return list(groups.values())


def _line(step: StepResult, width: int) -> Text:
    """`  dprobs  exact       exact True   approximate True   maxdiff 0.0e+00`."""
    line = Text(f"  {step.step:<{width}}  ")
    line.append(f"{step.verdict:<10}", style=STYLES[step.verdict])
    row = step.float32
    if row:
        difference = "-" if row.max_diff is None else f"{row.max_diff:.1e}"
        line.append(f"  exact {row.exact!s:<5}  approximate {row.approximate!s:<5}  maxdiff {difference}", style="dim")
    elif step.verdict == "missing":
        line.append(f"  {plain(step.message)}", style="dim")
    return line


def details(step: StepResult, exercise: str, lesson: Lesson) -> list[Text]:
    """Fact and place, what the mistake is, the way on, and the student's own output last."""
    found = explained_verdict(step, exercise, lesson)
    if step.verdict not in PASSING and step.verdict != "missing":
        found.append(Text(f"next: {command('hint', STEP=asked(step, exercise, lesson))}", style="dim"))
    return found + beside(step)


def explained_verdict(step: StepResult, exercise: str, lesson: Lesson) -> list[Text]:
    """Fact and place, then what the mistake is; nothing for a step that is right or missing."""
    if step.verdict in PASSING or step.verdict == "missing":
        return []
    file = step.file or lesson.exercise(exercise).file
    place = f"{plain(replace(step, file=file).place)}  " if step.line else ""
    cell = f"cell {step.cell}, " if step.cell else ""
    message = plain(step.message).removeprefix(f"{cell}line {step.line}: ").removeprefix(f"{cell}line {step.line} ")
    found = [Text(f"{place}{message}", style=STYLES[step.verdict])]
    return [*found, Text(plain(step.mistake.help))] if step.mistake else found


def beside(step: StepResult) -> list[Text]:
    """The note, and what the answer printed."""
    found = [Text(f"note: {plain(step.note)}", style="yellow")] if step.note else []
    if step.output and step.verdict not in PASSING:
        lines = plain(step.output).rstrip().splitlines()
        shown = lines[:_OUTPUT_LINES] + (
            [f"... {counted(len(lines) - _OUTPUT_LINES, 'more line')}"] if len(lines) > _OUTPUT_LINES else []
        )
        found += [Text(f"| {line}", style="dim") for line in shown]
    return found


def _show_instructor(console: Console, seen: Instructor) -> None:
    """What only the instructor sees: every case, the nearest mend, a suspicion."""
    if seen.cases:
        rows(console, _case_table(seen.cases, console.is_terminal), indent=4)
    if seen.mend:
        prose(console, f"nearest mend, {plain(seen.mend)}", indent=4, style="cyan")
    if seen.suspected:
        prose(console, f"suspected: {plain(seen.suspected)}", indent=4, style="yellow")


def _case_table(cases: Sequence[CaseReport], is_terminal: bool) -> Table:
    """A row a case: what came of it, how far off it was, and why."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("case", max_width=20 if is_terminal else None)
    table.add_column("outcome", no_wrap=True)
    table.add_column("scaled error", no_wrap=True, justify="right")
    table.add_column("what")
    for case in cases:
        error = "-" if case.scaled_error is None else f"{case.scaled_error:.1e}"
        what = Text(one_line(case.fact) + _worst(case))
        table.add_row(Text(one_line(case.case)), Text(case.outcome, style=STYLES[case.outcome]), Text(error), what)
    return table


def _worst(case: CaseReport) -> str:
    """`, worst at (3, 0): got 0.5, expected 0.25`: where a case is off the most."""
    if case.outcome != "wrong" or case.got is None or case.expected is None:
        return ""
    at = f" at {tuple(case.worst_index)}" if case.worst_index else ""
    got, expected = apart(case.got, case.expected, is_short=True)
    return f", worst{at}: got {got}, expected {expected}"


def asked(step: StepResult, exercise: str, lesson: Lesson) -> str:
    """The step as STEP= takes it: its name, with the exercise where the name alone means several."""
    return f"{exercise}.{step.step}" if sum(s.name == step.step for s in lesson.steps) > 1 else step.step


def _first_to_do(result: SubmissionResult) -> tuple[str, StepResult] | None:
    return next(
        ((exercise.exercise, step) for exercise in result.exercises for step in exercise.steps if not step.passes), None
    )
