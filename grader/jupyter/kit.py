"""check, hint, progress: one lesson, one warm judge, and the verdicts of this notebook so far."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from grader.commands.check import SEED
from grader.commands.steps import named_steps
from grader.errors import KIT_FAULT, KitError
from grader.judge.job import Request
from grader.jupyter import show
from grader.jupyter.answer import Handed, exercise_of, handed, name_of
from grader.lesson import Lesson, Step, find_lesson, load_lesson
from grader.report.graph import graph_svg
from grader.results.model import StepResult, SubmissionResult
from grader.run.standing import Fault, Graded, StandingJudge
from grader.submission.answers import callable_of
from grader.submission.find import Submission
from grader.warm.client import Warm
from grader.wording import counted

_GRADED_BY_NBGRADER = "NBGRADER_EXECUTION"  # set while nbgrader runs a notebook; it reads points from a cell's value
_TRIES = 2


class _Bench:
    """The warm process, and the judge that is asked again and again."""

    def __init__(self, lesson: Lesson) -> None:
        self.warm = Warm()
        self._judge = StandingJudge(lesson, self.warm, SEED)

    def result(self, request: Request) -> SubmissionResult:
        """Asks, and waits. A judge that died is replaced once. Raises KitError where the kit itself failed."""
        fault = Fault("")
        for _ in range(_TRIES):
            self._judge.ask(request)
            found = self._judge.wait()
            if isinstance(found, Graded):
                return found.result
            fault = found
        raise KitError(f"the kit itself failed: {fault.reason}", exit_code=KIT_FAULT)

    def close(self) -> None:
        """Ends both, and a student's process with them."""
        self._judge.drop()
        self.warm.end()


class Kit:
    """A lesson in a notebook. The judge's processes are kept between checks, and end with the kernel."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self.results: dict[str, StepResult] = {}
        self._said_isolation = False
        self._bench: _Bench | None = _Bench(lesson)  # torch is imported while the notebook is read
        atexit.register(self.close)

    def check(self, answer: object, exercise: str) -> show.Shown:
        """Judges one answer. Raises KitError for what is none."""
        given = handed(answer, exercise, self.lesson)
        results = [show.in_cells(result, given.written) for result in self._judged(given)]
        for result in results:
            self.results[f"{given.exercise.name}.{result.step}"] = result
        return show.verdicts(self.lesson, given.exercise, given.name, results, self._isolation())

    def hint(self, answer: object, level: int) -> show.Shown:
        """A hint for the step, on its last check where there is one."""
        step = self._step(answer)
        if not 1 <= level <= len(step.hints):
            raise KitError(f"{step.path} has {counted(len(step.hints), 'level')} of hints, no level {level}")
        name = callable_of(self.lesson.exercise(step.exercise), step)
        return show.hint(self.lesson, step, name, level, self.results.get(step.path))

    def progress(self) -> show.Shown:
        """The network, coloured by the checks so far."""
        verdicts = {path: result.verdict for path, result in self.results.items()}
        return show.progress(self.lesson, self.results, graph_svg(self.lesson, verdicts))

    def close(self) -> None:
        """Ends the judge's processes; the next check starts new ones."""
        bench, self._bench = self._bench, None
        if bench:
            bench.close()

    def _judged(self, given: Handed) -> Sequence[StepResult]:
        steps = [step.path for step in given.exercise.steps if callable_of(given.exercise, step) == given.name]
        self._bench = self._bench or _Bench(self.lesson)
        with _temporary_folder() as folder:
            file = Path(folder) / given.exercise.file
            file.write_text(given.text, encoding="utf-8", errors="replace")
            submission = Submission("notebook", Path(folder), {given.exercise.name: file})
            try:
                result = self._bench.result(Request(submission, frozenset(steps), is_check=True))
            except BaseException:  # an interrupted kernel leaves nothing running
                self.close()
                raise
        return [step for found in result.exercises for step in found.steps]

    def _isolation(self) -> str:
        """What is missing around student code, said once."""
        if self._said_isolation or self._bench is None:
            return ""
        self._said_isolation = True
        lacks = self._bench.warm.isolation.lacks
        return f"isolation here: no {' and no '.join(lacks)}" if lacks else ""

    def _step(self, answer: object) -> Step:
        """One step; of a function that answers several, the first that does not pass."""
        if isinstance(answer, str):
            steps = named_steps(answer, self.lesson)
        else:
            name = name_of(answer, self.lesson)
            exercise = exercise_of(answer, name, self.lesson)
            steps = [step for step in exercise.steps if callable_of(exercise, step) == name]
        open_ones = [step for step in steps if step.path not in self.results or not self.results[step.path].passes]
        return (open_ones or steps)[0]


_kit: Kit | None = None


def start(lesson: str | None = None) -> None:
    """Chooses the lesson: by name, or by the path of its folder. Starts the judge in the background."""
    global _kit
    try:
        loaded = load_lesson(_find(lesson))
        if _kit:
            _kit.close()
        _kit = Kit(loaded)
    except KitError as error:
        show.show(show.trouble(str(error)))
        return
    print(f"{loaded.title}: {counted(len(loaded.steps), 'step')}, {counted(loaded.max_score, 'point')}")


def check(answer: object, exercise: str = "") -> float | None:
    """Judges a step's function and shows the verdict: `check(dprobs)`.

    `exercise` says which one is meant where several ask for the same name and the cell does not
    say it. Returns nothing, but for nbgrader, which takes the points from what a cell returns.
    """
    try:
        shown = _current().check(answer, exercise)
    except KitError as error:
        shown = show.trouble(str(error))
    show.show(shown)
    return shown.points if os.environ.get(_GRADED_BY_NBGRADER) else None


def hint(answer: object, level: int = 1) -> None:
    """A hint for a step: 1 your mistake and a question, 2 the rule with shapes, 3 nearly the line."""
    try:
        show.show(_current().hint(answer, level))
    except KitError as error:
        show.show(show.trouble(str(error)))


def progress() -> None:
    """Draws the network, each tensor coloured by the verdict of its last check."""
    try:
        show.show(_current().progress())
    except KitError as error:
        show.show(show.trouble(str(error)))


def _current() -> Kit:
    global _kit
    if _kit is None:
        _kit = Kit(load_lesson(_find(None)))
    return _kit


def _find(lesson: str | None) -> Path:
    """As every command finds it; else in a kit that lies above the working folder."""
    try:
        return find_lesson(lesson)
    except KitError:
        for folder in (Path.cwd(), *Path.cwd().parents):
            with suppress(KitError):
                return find_lesson(str(folder / "exercises" / (lesson or "")))
        raise


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="grader-")
    except OSError as error:
        raise KitError(
            f"no temporary folder can be written: {error.strerror}",
            mend="start Jupyter with TMPDIR= and a folder that can",
            exit_code=KIT_FAULT,
        ) from None
