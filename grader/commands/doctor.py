"""`grader doctor`: what this machine has, one line each, with the mend."""

from __future__ import annotations

import argparse
import contextlib
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from grader import __version__
from grader.errors import KitError
from grader.judge.job import Request
from grader.lesson import Lesson, answers_here, load_lesson
from grader.lesson.load import LESSON_FILE, ROOT, lessons_of
from grader.lesson.own import has_solutions, solutions_of
from grader.report.terminal import make_console, near_path
from grader.results.kit import released_hash
from grader.results.model import SubmissionResult
from grader.results.progress import FILE, Progress, summary
from grader.results.store import kit_hash
from grader.run.pool import Pool
from grader.run.standing import Fault
from grader.seal.layers import MENDS, USER, described
from grader.submission.answers import read_answers
from grader.submission.find import submission_at
from grader.warm.client import Warm
from grader.wording import counted

if TYPE_CHECKING:
    from grader.judge.trial import Room

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
    for look in (_python, _packages, _kit, _lessons, _isolation, _limits, _trial):
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
    for package in ("torch", "numpy", "rich", "jinja2", "matplotlib"):
        try:
            yield Finding(package, True, _build() if package == "torch" else version(package))
        except PackageNotFoundError:
            yield Finding(package, False, "is not installed", _SETUP)


def _build() -> str:
    """torch's version with its build, such as +cpu or +cu130, which only torch itself tells; it is not imported."""
    spec = find_spec("torch")
    file = Path(spec.origin).with_name("version.py") if spec and spec.origin else None
    found = re.search(r"__version__ = '([^']+)'", file.read_text(encoding="utf-8")) if file and file.is_file() else None
    return found.group(1) if found else version("torch")


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
    names = lessons_of(ROOT)
    if not names:
        yield Finding("lesson", False, f"there is none in {near_path(ROOT / 'exercises')}", "git checkout exercises")
    for name in names:
        try:
            lesson = load_lesson(ROOT / "exercises" / name)
        except KitError as error:
            yield Finding("lesson", False, str(error), error.mend)
        else:
            holds = ((len(lesson.exercises), "exercise"), (len(lesson.steps), "step"), (lesson.max_score, "point"))
            yield Finding("lesson", True, f"{lesson.name}: {', '.join(counted(*each) for each in holds)}")
            yield from _state(lesson)
    data = ROOT / "data" / "names.txt"
    yield Finding(
        "data",
        data.is_file(),
        "data/names.txt" if data.is_file() else "data/names.txt is missing",
        "git checkout data/names.txt",
    )


def _state(lesson: Lesson) -> Iterator[Finding]:
    """How far the answers are, and where things are."""
    try:
        where = answers_here(lesson)
        answers = read_answers(submission_at(where, lesson), lesson).by_name.values()
    except KitError as error:
        yield Finding("answers", False, str(error), error.mend or "make lesson", is_needed=False)
        return
    written = sum(answer.status != "missing" for answer in answers)
    yield Finding("answers", True, f"{written} of {counted(len(answers), 'function')} filled in, in {near_path(where)}")
    progress = Progress(where / FILE, lesson)
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


def _limits() -> Iterator[Finding]:
    """Whether each lesson's limits leave room for honest work at the lecture's sizes."""
    try:
        from grader.judge.trial import try_limits  # imports torch, which may be what is broken

        with Warm() as warm:
            for lesson in _readable():
                yield _limits_of(lesson, try_limits(lesson, warm))
    except KitError as error:
        yield Finding("limits", False, str(error), error.mend or _SETUP)
    except (ImportError, OSError) as error:
        yield Finding("limits", False, f"torch cannot be imported: {error}", _SETUP)


def _limits_of(lesson: Lesson, room: Room) -> Finding:
    limits, file = lesson.limits, near_path(lesson.folder / LESSON_FILE)
    if not room.problem:
        mapped = "what torch maps" if room.mapped_mib is None else f"the {room.mapped_mib} MiB that torch maps"
        says = f"{lesson.name}: {limits.memory_mib} MiB on top of {mapped}, {limits.call_seconds:g} s a call, "
        says += f"{limits.step_seconds:g} s a step, {limits.submission_seconds:g} s a submission"
        return Finding("limits", True, says)
    if room.enough:
        says = f"the memory limit of {limits.memory_mib} MiB is too small: at the lecture's sizes {room.problem}"
        enough = max(room.enough, type(limits)().memory_mib)
        return Finding("limits", False, f"{lesson.name}: {says}", f"memory_mib = {enough} under [limits] in {file}")
    if room.key:
        says = f"the limit {room.key} = {getattr(limits, room.key):g} is too small: {room.problem}"
        usual = getattr(type(limits)(), room.key)
        return Finding("limits", False, f"{lesson.name}: {says}", f"{room.key} = {usual:g} under [limits] in {file}")
    return Finding("limits", False, f"{lesson.name}: its forward pass cannot be run here: {room.problem}", _SETUP)


def _trial() -> Iterator[Finding]:
    """Grades each lesson's solutions, the whole way, with training at the lecture's sizes; without, its exercises."""
    for lesson in _readable():
        solved = has_solutions(lesson)
        folder = solutions_of(lesson) if solved else lesson.folder
        try:
            with Pool(lesson, 0) as pool:
                request = Request(submission_at(folder, lesson), is_check=True, mends=False)
                outcomes = [outcome for _, outcome in pool.judge([request])]
        except KitError as error:
            yield Finding("trial", False, str(error), error.mend or _SETUP)
            continue
        yield _outcome(lesson, outcomes[0], must_pass=solved)


def _outcome(lesson: Lesson, outcome: SubmissionResult | Fault, *, must_pass: bool) -> Finding:
    if isinstance(outcome, Fault):
        return Finding("trial", False, f"{lesson.name}: {outcome.reason}", _SETUP)
    if not must_pass:
        return Finding("trial", True, f"{lesson.name}: a submission was graded from end to end")
    steps = [step for exercise in outcome.exercises for step in exercise.steps]
    failed = [step for step in steps if not step.passes]
    if not failed:
        return Finding("trial", True, f"{lesson.name}: all {len(steps)} steps of its solutions pass, training included")
    first = failed[0]
    says = f"{lesson.name}: of its solutions {len(steps) - len(failed)} of {len(steps)} steps pass, "
    says += f"but {first.step} is {first.verdict}: {first.message}"
    file = near_path(lesson.folder / LESSON_FILE)
    lost = first.verdict in ("memory", "crashed", "timeout")
    return Finding("trial", False, says, f"larger [limits] in {file}" if lost else "make lesson")


def _readable() -> Iterator[Lesson]:
    """The lessons here; `_lessons` says what is wrong with the others."""
    for name in lessons_of(ROOT):
        with contextlib.suppress(KitError):
            yield load_lesson(ROOT / "exercises" / name)
