"""What a student did so far: attempts, hints, when a step was first right. A file of their own, plain and deletable.

    exercises/mlp/progress.json
    {"schema": 1, "lesson": "mlp", "steps": {
      "ex1_chain.dprobs": {"attempts": 3, "hints": 1, "first_right": "2025-03-01T17:40:12", "last": "5f1c..."}}}

Nothing is judged by it. It is kept beside the answers in the lesson's own folder, and by `watch` in any other.
GRADER_NO_PROGRESS=1 keeps none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from grader.errors import KitError
from grader.lesson import Lesson
from grader.results.model import SubmissionResult
from grader.results.store import as_text, write_atomically
from grader.submission.answers import Answer, Answers, callable_of
from grader.wording import counted

FILE = "progress.json"
_SCHEMA = 1
_SWITCH = "GRADER_NO_PROGRESS"


@dataclass(frozen=True)
class StepProgress:
    """One step's story."""

    attempts: int = 0  # different answers that were judged
    hints: int = 0  # the highest level that was asked for
    first_right: str | None = None  # local time
    last: str = ""  # the fingerprint of the answer judged last


Steps = dict[str, StepProgress]


@dataclass(frozen=True)
class Progress:
    """The progress file of one folder. Every change reads it anew, so that several commands may keep it."""

    file: Path
    lesson: Lesson

    def steps(self) -> Steps:
        """What the file says; nothing where there is none, or none that can be read."""
        return self._read() or {}

    def judged(self, result: SubmissionResult, answers: Answers) -> None:
        """Counts the answers of a result that are new since the last time, and notes what is right for the first."""

        def changed(steps: Steps) -> Steps:
            new = dict(steps)
            for exercise in result.exercises:
                whole = self.lesson.exercise(exercise.exercise)
                for outcome in exercise.steps:
                    step = next(step for step in whole.steps if step.name == outcome.step)
                    written = answers.by_name[whole.name, callable_of(whole, step)]
                    if written.status != "missing":
                        story = new.get(step.path, StepProgress())
                        new[step.path] = _after(story, fingerprint(written), outcome.passes)
            return new

        self._update(changed)

    def hinted(self, path: str, level: int) -> None:
        """Notes that a hint was asked for."""

        def changed(steps: Steps) -> Steps:
            story = steps.get(path, StepProgress())
            return {**steps, path: replace(story, hints=max(story.hints, level))}

        self._update(changed)

    def _update(self, change: Callable[[Steps], Steps]) -> None:
        before = self._read()
        if before is None or os.environ.get(_SWITCH):
            return
        after = change(before)
        if after != before:
            ordered = {path: asdict(after[path]) for path in sorted(after)}
            text = as_text({"schema": _SCHEMA, "lesson": self.lesson.name, "steps": ordered})
            with contextlib.suppress(KitError):  # a folder that cannot be written costs the record, not the check
                write_atomically(self.file, text)

    def _read(self) -> Steps | None:
        """None for a file that is not ours to overwrite: one that cannot be read as what it should be."""
        try:
            raw = json.loads(self.file.read_text(encoding="utf-8"))
            return {path: StepProgress(**story) for path, story in raw["steps"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def progress_of(path: Path, lesson: Lesson, is_own: bool = False) -> Progress | None:
    """The progress kept for the answers at `path`: in the lesson's own folder, or where the student says so."""
    folder = path if path.is_dir() else path.parent
    at_home = folder.resolve() == lesson.folder.resolve() and folder.resolve().parent.name != "solutions"
    return Progress(folder / FILE, lesson) if at_home or is_own else None


def fingerprint(written: Answer) -> str:
    """The same for two answers that say the same, wherever in their files they stand."""
    lines = [line.rstrip() for line in written.own_text.splitlines() if line.strip()]
    said = "\n".join(lines) if lines else f"{written.status}: {written.message}"
    return hashlib.sha256(said.encode(errors="backslashreplace")).hexdigest()[:16]


def summary(steps: Mapping[str, StepProgress]) -> str:
    """`31 attempts, hints at 5 steps`; '' before the first."""
    attempts = sum(story.attempts for story in steps.values())
    hinted = sum(bool(story.hints) for story in steps.values())
    return f"so far {counted(attempts, 'attempt')}, hints at {counted(hinted, 'step')}" if attempts or hinted else ""


def _after(story: StepProgress, now: str, passes: bool) -> StepProgress:
    if story.last == now and (story.first_right or not passes):
        return story
    time = datetime.now().isoformat(timespec="seconds")
    return replace(
        story,
        attempts=story.attempts + (story.last != now),
        first_right=story.first_right or (time if passes else None),
        last=now,
    )
