"""Whether a lesson is graded by what its solutions say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.errors import KitError
from grader.invocation import command
from grader.lesson.load import LESSON_FILE, ROOT
from grader.lesson.model import Lesson
from grader.lesson.own import SOLUTIONS, beside
from grader.lesson.stubs import cut_file, cut_files, is_same

_MOST_SHOWN = 4
_NOTHING = object()


def require_in_sync(lesson: Lesson) -> None:
    """Raises KitError where the solutions define another lesson than the one that is graded by."""
    if error := out_of_sync(lesson):
        raise error


def out_of_sync(lesson: Lesson) -> KitError | None:
    """What to say where a file that defines the lesson is not what its solutions give; None where all are.

    Exercises may be filled in. A copy of the kit without solutions has nothing to compare.
    """
    differing = _differing(lesson)
    if not differing:
        return None
    source = beside(lesson, SOLUTIONS) / differing[0].name
    names = ", ".join(path.name for path in differing)
    changes = "".join(f"\n  {line}" for line in _changes(source, differing[0]))
    return KitError(
        f"{names} in {lesson.folder} and in {source.parent} say different things{changes}",
        mend=f"{command('lesson', LESSON=_named(lesson))} writes {lesson.folder.parent.name}/ anew from {SOLUTIONS}/; "
        f"what was changed in {lesson.folder.parent.name}/ alone goes into {SOLUTIONS}/ first",
    )


def _differing(lesson: Lesson) -> list[Path]:
    """The lesson's files that define it and are not what the solutions give; lesson.toml first."""
    solutions, own = beside(lesson, SOLUTIONS), lesson.folder.resolve()
    if not (solutions / LESSON_FILE).is_file() or solutions == own:
        return []
    answers = {exercise.file for exercise in lesson.exercises}
    found = [path for path in cut_files(solutions) if path.name not in answers]
    differing = [lesson.folder / path.name for path in found if not is_same(own / path.name, cut_file(path))]
    return sorted(differing, key=lambda path: path.name != LESSON_FILE)


def _changes(source: Path, exercise: Path) -> list[str]:
    """What a changed lesson.toml says otherwise: `exercises.first.steps.dx.points: 1, in the solutions 2`."""
    try:
        ours, theirs = (tomllib.loads(path.read_text(encoding="utf-8")) for path in (exercise, source))
    except (OSError, ValueError):
        return []
    found = [
        f"{'.'.join(path)}: {_said(own)}, in {SOLUTIONS}/ {_said(new)}" for path, own, new in _pairs(ours, theirs, ())
    ]
    return found[:_MOST_SHOWN] + ([f"and {len(found) - _MOST_SHOWN} more"] if len(found) > _MOST_SHOWN else [])


def _pairs(ours: Any, theirs: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """The places at which two values differ; what is in a list of tables is told by its name."""
    ours, theirs = _by_name(ours), _by_name(theirs)
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        if ours != theirs:
            yield path, ours, theirs
        return
    for key in dict.fromkeys([*ours, *theirs]):
        yield from _pairs(ours.get(key, _NOTHING), theirs.get(key, _NOTHING), (*path, key))


def _by_name(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        return {str(one["name"]): one for one in value}
    return value


def _said(value: Any) -> str:
    text = "nothing" if value is _NOTHING else " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _named(lesson: Lesson) -> str:
    """The lesson as a command takes it: by name where it lies in the kit, else by its path."""
    folder = lesson.folder.resolve()
    return folder.name if folder == (ROOT / "exercises" / folder.name).resolve() else str(folder)
