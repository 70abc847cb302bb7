"""Which lesson and whose answers a command is about that names neither: those where the user stands.

Answers may be somebody's whom one does not trust, so a lesson is read from the kit, by the name that it has here. One
that the kit does not have is used only where it is asked for: its forward.py is run as it is.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from grader.errors import KitError
from grader.invocation import command, option
from grader.lesson.load import LESSON_FILE, ROOT, find_lesson, is_lesson, lessons_of
from grader.lesson.model import Lesson


def lesson_here(lesson: str | None) -> Path:
    """The lesson that is named, else the one of the folder one stands in, else the kit's. Raises KitError."""
    here = Path.cwd()
    if lesson or here == ROOT:
        return find_lesson(lesson)
    below = lessons_of(here)
    if is_lesson(here):
        return _of_the_kit(_name_in(here), here)
    if len(below) == 1:
        return _of_the_kit(below[0], here / "exercises" / below[0])
    return find_lesson(None)


def answers_here(lesson: Lesson) -> Path:
    """The folder with files of the lesson where one stands, else the lesson's own. Raises KitError.

    An installed kit has untouched stubs alone: those are nobody's answers.
    """
    here = Path.cwd()
    names = [*(exercise.file for exercise in lesson.exercises), *([lesson.notebook] if lesson.notebook else [])]
    for folder in (here, here / "exercises" / lesson.folder.name):
        if any((folder / name).is_file() for name in names):
            return folder
    if is_installed() and lesson.folder.is_relative_to(ROOT):
        raise KitError(
            f"there are no answers here: none of {', '.join(names)} in {here}",
            mend=f"go to their folder, or name it: {command('check', SUBMISSION='PATH')}",
        )
    return lesson.folder


def is_installed() -> bool:
    """Whether this kit was installed from a package: nobody works in its folder."""
    return not (ROOT / "grader").is_dir()


def _of_the_kit(name: str, folder: Path) -> Path:
    if is_lesson(ROOT / "exercises" / name):
        return ROOT / "exercises" / name
    raise KitError(
        f"the lesson {name} in {folder} is none of this kit's, which has {', '.join(lessons_of(ROOT)) or 'none'}",
        mend=f"{option('--lesson', str(folder))} takes it; its forward.py is run then",
    )


def _name_in(folder: Path) -> str:
    """As its lesson.toml says; as the folder where that cannot be read."""
    try:
        return str(tomllib.loads((folder / LESSON_FILE).read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, RecursionError):
        return folder.name
