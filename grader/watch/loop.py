"""Takes events one by one, and shows what comes of each, until q."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue

from rich.console import Console
from rich.live import Live

from grader.errors import KitError
from grader.lesson import Lesson, load_lesson
from grader.results.model import SubmissionResult
from grader.results.progress import Progress, progress_of
from grader.submission.answers import Answers, callable_of, read_answers
from grader.submission.find import Submission, submission_at
from grader.watch.events import Broken, Event, Judged, Key, Ready, Resized, Saved
from grader.watch.files import Files
from grader.watch.judging import Judging
from grader.watch.keyboard import Keyboard
from grader.watch.lines import news, opening
from grader.watch.picture import Clock, picture
from grader.watch.reset import reset
from grader.watch.session import Action, Session, judged, opened, pressed, saved

_TICK = 0.5  # seconds between two pictures while something is being judged, and the longest wait for an event


def watch(lesson: Lesson, path: Path, seed: int, console: Console) -> Session:
    """Watches until q or Ctrl-C; returns the last session. Raises KitError where there is nothing to watch."""
    events: SimpleQueue[Event] = SimpleQueue()
    folder, only = (path, None) if path.is_dir() else (path.parent, path)
    loop = _Loop(lesson, path, Judging(lesson, seed, events))
    with Files(folder, only, events, lambda: loop.session.submission.all_files()), loop.judging:
        loop.take(Saved(frozenset()))  # what was saved since it was read
        with contextlib.suppress(KeyboardInterrupt):
            (_on_a_screen if has_screen(console) else _in_lines)(loop, events, console)
    return loop.session


def has_screen(console: Console) -> bool:
    """Whether the session can be drawn in place, and keys be read: not in a pipe, nor in an editor's plain shell."""
    is_terminal = console.is_terminal and sys.stdout.isatty() and sys.stdin.isatty()
    return is_terminal and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")


def _on_a_screen(loop: _Loop, events: SimpleQueue[Event], console: Console) -> None:
    with Keyboard(events), _resizes(events), Live(console=console, screen=True, auto_refresh=False) as live:
        while not loop.is_over:
            live.update(picture(loop.session, loop.clock(), console.options.ascii_only), refresh=True)
            while not (event := _next(events)) and not loop.session.waiting:
                pass
            if event:
                loop.take(event)


def _in_lines(loop: _Loop, events: SimpleQueue[Event], console: Console) -> None:
    """What comes of each save, a line a step."""
    console.print(opening(loop.session), markup=False, soft_wrap=True)
    while not loop.is_over:
        before = loop.session
        if event := _next(events):
            loop.take(event)
        for line in news(before, loop.session):
            console.print(line, markup=False, soft_wrap=True)


def _next(events: SimpleQueue[Event]) -> Event | None:
    """What happened; None where nothing does for a while.

    No wait is endless: a Ctrl-C that comes in the moment before one would be heard only with the next event.
    """
    try:
        return events.get(timeout=_TICK)
    except Empty:
        return None


class _Loop:
    """The session, and what an event does beside changing it."""

    def __init__(self, lesson: Lesson, path: Path, judging: Judging) -> None:
        self._path = path
        self.judging = judging
        submission, self._answers = _read(path, lesson)
        self.session = opened(submission, lesson, self._answers)
        self.is_over = False
        self._is_warm = False
        self._saved_at: float | None = None
        self._took: float | None = None
        self._asked_at = time.monotonic()
        self._follow_progress()

    def clock(self) -> Clock:
        """The times that the picture shows."""
        return Clock(time.monotonic() - self._asked_at, self._took, self._is_warm)

    def take(self, event: Event) -> None:
        """One event."""
        match event:
            case Key(name):
                self.session, action = pressed(self.session, name)
                self._act(action)
            case Saved(names):
                self._saved(names)
            case Judged():
                self._judged(event)
            case Ready():
                self._is_warm = True
                self._asked_at = time.monotonic()
            case Broken(why):
                self.session = replace(self.session, says=f"the kit itself failed: {why}", waiting=())
            case Resized():
                pass

    def _act(self, action: Action) -> None:
        if action == "quit":
            self.is_over = True
        elif action == "again":
            self._plan()
        elif action == "reset":
            self._reset()
        elif action == "hint" and self._progress:
            self._progress.hinted(self.session.focus.path, self.session.level)
            self._follow_progress()

    def _saved(self, names: frozenset[str]) -> None:
        self._saved_at = time.monotonic()
        try:
            lesson = self._lesson_after(names)
            submission, answers = _read(self._path, lesson)
        except KitError as error:
            self.session = replace(self.session, says=str(error))
            return
        self._answers = answers
        self.session = saved(self.session, submission, answers)
        self._plan()

    def _lesson_after(self, names: frozenset[str]) -> Lesson:
        """The lesson; a student who changed the given forward.py hears that nothing is judged by it until a restart."""
        lesson = self.session.lesson
        given = {lesson.graph.file.name, "lesson.toml"} & names
        if given and self._path.resolve() == lesson.folder.resolve():
            load_lesson(lesson.folder)  # says what is wrong with it
            raise KitError(f"{', '.join(sorted(given))} changed: press q and start watch again to use it")
        return lesson

    def _judged(self, event: Judged) -> None:
        if not isinstance(event.outcome, SubmissionResult):
            says = f"the kit itself failed: {event.outcome.reason.splitlines()[-1]}"
            self.session = replace(self.session, says=says, waiting=self.session.waiting[1:])
            return
        was_written = bool(self.session.changed)
        self.session = judged(self.session, event.request, event.outcome)
        self._asked_at = time.monotonic()
        if was_written and not self.session.changed and self._saved_at is not None:
            self._took, self._saved_at = time.monotonic() - self._saved_at, None
        if self._progress:
            self._progress.judged(event.outcome, self._answers)
            self._follow_progress()

    def _reset(self) -> None:
        session = self.session
        exercise = session.lesson.exercise(session.focus.exercise)
        path = session.file
        try:
            if path is None:
                raise KitError(f"there is no file with {session.focus.name}")
            backup = reset(path, session.lesson, exercise, callable_of(exercise, session.focus))
        except KitError as error:
            self.session = replace(session, says=str(error))
            return
        self._saved(frozenset({path.name}))
        self.session = replace(self.session, says=f"{session.focus.name} is a stub again; your file is {backup.name}")

    @property
    def _progress(self) -> Progress | None:
        return progress_of(self._path, self.session.lesson, is_own=True)

    def _follow_progress(self) -> None:
        if self._progress:
            self.session = replace(self.session, progress=self._progress.steps())

    def _plan(self) -> None:
        """Asks for what the session waits for."""
        self._asked_at = time.monotonic()
        self.judging.plan(self.session.waiting)


def _read(path: Path, lesson: Lesson) -> tuple[Submission, Answers]:
    submission = submission_at(path, lesson, links=True)
    return submission, read_answers(submission, lesson)


@contextmanager
def _resizes(events: SimpleQueue[Event]) -> Iterator[None]:
    """A new size of the terminal is an event."""
    before = signal.signal(signal.SIGWINCH, lambda *_: events.put(Resized()))
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
