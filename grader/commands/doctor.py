"""`grader doctor`: what this machine has, one line each, with the mend."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.text import Text

from grader import __version__
from grader.errors import KitError
from grader.judge.job import Request
from grader.lesson import Lesson, load_lesson
from grader.lesson.load import LESSON_FILE, ROOT
from grader.lesson.own import has_solutions
from grader.report.terminal import make_console, near_path
from grader.results.kit import released_hash
from grader.results.progress import FILE, Progress, summary
from grader.results.store import kit_hash
from grader.run.pool import Pool
from grader.run.standing import Fault
from grader.seal.layers import MENDS, USER, described
from grader.submission.answers import read_answers
from grader.submission.find import submission_at
from grader.warm.client import Warm
from grader.wording import counted

_OLDEST = (3, 11)
_SETUP = "make setup"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    is_fine: bool
    says: str
    mend: str = ""
    is_needed: bool = True  # without it, nothing can be graded here


def run(_options: argparse.Namespace) -> int:
    """0 when everything works, 3 when the kit cannot grade here."""
    console = make_console()
    fine = True
    for look in (_python, _packages, _kit, _lessons, _isolation, _trial):
        for finding in look():
            _show(console, finding)
            fine = fine and (finding.is_fine or not finding.is_needed)
    return 0 if fine else 3


def _show(console: Console, finding: Finding) -> None:
    bad = ("NO ", "red") if finding.is_needed else ("-- ", "yellow")
    sign = ("ok ", "green") if finding.is_fine else bad
    console.print(Text.assemble(sign, f"{finding.what:<12}", finding.says), soft_wrap=True)
    if finding.mend and not finding.is_fine:
        console.print(Text(f"   mend: {finding.mend}"), soft_wrap=True)


def _python() -> Iterator[Finding]:
    fine = sys.version_info >= _OLDEST
    yield Finding("Python", fine, f"{platform.python_version()}, {platform.system()}", "install Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    for package in ("torch", "numpy", "rich", "jinja2", "matplotlib", "watchfiles"):
        try:
            yield Finding(package, True, version(package))
        except PackageNotFoundError:
            yield Finding(package, False, "is not installed", _SETUP)


def _kit() -> Iterator[Finding]:
    """Which grader this is. An edited copy says so, and its hash stands in every result."""
    now, handed_out = kit_hash(), released_hash(ROOT)
    says = f"{__version__}, source hash {now[:12]}"
    if handed_out is None:
        yield Finding("kit", True, says)
    else:
        same = handed_out == now
        says += ", as it was handed out" if same else f"; it was handed out as {handed_out[:12] or 'unknown'}"
        yield Finding("kit", same, says, "unpack the zip again, and put your answers into it", is_needed=False)


def _lessons() -> Iterator[Finding]:
    for file in sorted((ROOT / "exercises").glob(f"*/{LESSON_FILE}")):
        try:
            lesson = load_lesson(file.parent)
        except KitError as error:
            yield Finding("lesson", False, str(error), error.mend)
        else:
            holds = ((len(lesson.exercises), "exercise"), (len(lesson.steps), "step"), (lesson.max_score, "point"))
            yield Finding("lesson", True, f"{lesson.name}: {', '.join(counted(*each) for each in holds)}")
            yield from _state(lesson)
    names = ROOT / "data" / "names.txt"
    yield Finding(
        "data",
        names.is_file(),
        "data/names.txt" if names.is_file() else "data/names.txt is missing",
        "git checkout data/names.txt",
    )


def _state(lesson: Lesson) -> Iterator[Finding]:
    """How far the answers are, and where things are."""
    try:
        answers = read_answers(submission_at(lesson.folder, lesson), lesson).by_name.values()
    except KitError as error:
        yield Finding("answers", False, str(error), error.mend or "make lesson", is_needed=False)
        return
    written = sum(answer.status != "missing" for answer in answers)
    where = near_path(lesson.folder)
    yield Finding("answers", True, f"{written} of {counted(len(answers), 'function')} filled in, in {where}")
    progress = Progress(lesson.folder / FILE, lesson)
    told = summary(progress.steps()) or "nothing yet"
    yield Finding("progress", True, f"{told}; {near_path(progress.file)}")
    has = "here, so explain works" if has_solutions(lesson) else "not in this copy of the kit; explain needs them"
    yield Finding("solutions", True, has)


def _isolation() -> Iterator[Finding]:
    """The layers that close a student process off here, each tried, and what brings the others."""
    try:
        with Warm() as warm:
            isolation = warm.isolation
    except KitError as error:
        yield Finding("isolation", False, str(error), error.mend or _SETUP)
        return
    as_whom = "student code runs as the user nobody" if USER in isolation.layers else "student code runs as you"
    yield Finding("isolation", True, described(isolation.layers))
    yield Finding("its user", True, as_whom)
    for layer, why in isolation.missing.items():
        yield Finding(layer, False, why, MENDS.get(layer, _SETUP), is_needed=False)


def _trial() -> Iterator[Finding]:
    """Grades the exercise as it stands: the whole way, once."""
    if not (ROOT / "exercises" / "mlp" / LESSON_FILE).is_file():
        return
    try:
        lesson = load_lesson(ROOT / "exercises" / "mlp")
        with Pool(lesson, 0) as pool:
            outcomes = [outcome for _, outcome in pool.judge([Request(submission_at(lesson.folder, lesson))])]
    except KitError as error:
        yield Finding("trial", False, str(error), error.mend or _SETUP)
        return
    if isinstance(outcomes[0], Fault):
        yield Finding("trial", False, outcomes[0].reason, _SETUP)
    else:
        yield Finding("trial", True, "a submission was graded from end to end")
