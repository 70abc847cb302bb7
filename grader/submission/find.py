"""Paths -> submissions: what is taken for what, and what is not taken at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.errors import KitError
from grader.lesson import Lesson

SKIPPED = frozenset({"__pycache__", ".ipynb_checkpoints", "__MACOSX", ".git", ".DS_Store", ".venv", "node_modules"})
GIVEN = ("forward.py", "lesson.toml", "train.py")
SOURCES = (".py", ".ipynb")
_DEEPEST = 100  # folders on the way to a submission


@dataclass(frozen=True)
class Submission:
    """One student's files. `files` maps exercise names to paths; a lone file holds any of them."""

    name: str
    path: Path
    files: dict[str, Path] = field(default_factory=dict)
    lone_file: Path | None = None
    notes: tuple[str, ...] = ()

    def all_files(self) -> list[Path]:
        """Every file that is read, in a fixed order."""
        return sorted([*self.files.values(), *([self.lone_file] if self.lone_file else [])])


@dataclass(frozen=True)
class NotTaken:
    """A file that is no submission, and why."""

    path: Path
    why: str


@dataclass(frozen=True)
class Found:
    """What lies under the paths a person named."""

    submissions: tuple[Submission, ...]
    not_taken: tuple[NotTaken, ...]


def find_submissions(paths: Iterable[Path], lesson: Lesson) -> Found:
    """Looks through the paths. Raises KitError for a path that does not exist or cannot be read."""
    submissions: list[Submission] = []
    not_taken: list[NotTaken] = []
    for path in paths:
        if not exists(path):
            raise KitError(
                f"there is no {path}", mend="give a folder of submissions: make grade SUBMISSIONS=data/class"
            )
        if path.is_file():
            _take_file(path, submissions, not_taken)
        else:
            _look_into(path, lesson, submissions, not_taken)
    return Found(tuple(_distinct(submissions)), tuple(not_taken))


def submission_at(path: Path, lesson: Lesson) -> Submission:
    """The one submission that `path`, a folder or a file, is. Raises KitError."""
    if not exists(path):
        raise KitError(
            f"there is no {path}", mend="give a folder with your answers: make check SUBMISSION=exercises/mlp"
        )
    if path.is_file():
        if path.suffix.lower() != ".py":
            raise KitError(f"{path} is not a .py file", mend="give a .py file or a folder with the lesson's files")
        if not os.access(path, os.R_OK):
            raise KitError(f"{path} cannot be read: permission denied")
        return _named_file(path, lesson) or Submission(path.stem, path, lone_file=path)
    try:
        entries = list(_entries(path))
    except OSError as error:
        raise KitError(f"{path} cannot be read: {error.strerror}") from None
    submission = _lesson_folder(path, entries, lesson) or _single_file_folder(path, entries)
    if submission is None:
        names = ", ".join(exercise.file for exercise in lesson.exercises)
        raise KitError(f"{path} holds none of {names}", mend="give the folder that holds your answers")
    return submission


def exists(path: Path) -> bool:
    """Path.exists, also for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _name(path: Path) -> str:
    """The name of a folder or file, also where it was given as `.`."""
    return path.name if path.name not in ("", "..") else path.resolve().name


def _look_into(folder: Path, lesson: Lesson, submissions: list[Submission], not_taken: list[NotTaken]) -> None:
    try:
        entries = list(_entries(folder))
    except OSError as error:
        submissions.append(Submission(_name(folder), folder, notes=(f"the folder cannot be read: {error.strerror}",)))
        return
    submission = _lesson_folder(folder, entries, lesson) or _single_file_folder(folder, entries)
    if submission:
        submissions.append(submission)
        return
    for entry in entries:
        if entry.is_symlink():
            not_taken.append(NotTaken(entry, "a link"))
        elif entry.is_dir():
            if len(entry.parts) > _DEEPEST:
                not_taken.append(NotTaken(entry, "a folder nested too deeply"))
            else:
                _look_into(entry, lesson, submissions, not_taken)
        elif not entry.is_file():
            not_taken.append(NotTaken(entry, "no plain file"))
        else:
            _take_file(entry, submissions, not_taken)


def _take_file(path: Path, submissions: list[Submission], not_taken: list[NotTaken]) -> None:
    if path.name.lower() in GIVEN:
        not_taken.append(NotTaken(path, "given by the kit"))
    elif path.suffix.lower() == ".py":
        submissions.append(Submission(path.stem, path, lone_file=path))
    elif path.suffix.lower() == ".ipynb":
        submissions.append(Submission(path.stem, path, notes=(_NOTEBOOK,)))
    elif path.suffix.lower() == ".zip":
        not_taken.append(NotTaken(path, "a zip archive; unpack it first"))
    else:
        not_taken.append(NotTaken(path, "neither .py nor .ipynb"))


_NOTEBOOK = "notebooks are not read by this version of the kit; ask for the .py files"


def _lesson_folder(folder: Path, entries: list[Path], lesson: Lesson) -> Submission | None:
    """The folder as a submission, if it holds a file with a lesson's name (in any case)."""
    names = {exercise.file.lower(): exercise.name for exercise in lesson.exercises}
    files: dict[str, Path] = {}
    notes: list[str] = []
    for entry in entries:
        exercise = names.get(entry.name.lower())
        if exercise and exercise in files:
            notes.append(f"{entry.name} was not read: {files[exercise].name} is there too")
        elif exercise and entry.is_symlink():
            notes.append(f"{entry.name} was not read: it is a link")
        elif exercise and entry.is_file():
            files[exercise] = entry
    if not files:
        return None
    for entry in entries:
        if entry.name.lower() in GIVEN:
            if not _is_the_kits_own(entry, lesson):
                notes.append(f"{entry.name} is given by the kit; the one in the submission was not used")
        elif entry.suffix.lower() in SOURCES and entry.name.lower() not in (*names, *GIVEN, lesson.notebook):
            notes.append(f"{entry.name} was not read: it is none of the lesson's files")
    return Submission(_name(folder), folder, files, notes=tuple(notes))


def _is_the_kits_own(entry: Path, lesson: Lesson) -> bool:
    """Whether a given file is there unchanged."""
    own = lesson.folder / entry.name.lower()
    try:
        return own.is_file() and own.read_bytes() == entry.read_bytes()
    except OSError:
        return False


def _single_file_folder(folder: Path, entries: list[Path]) -> Submission | None:
    """The folder as a submission, if it holds exactly one source file and no further folders."""
    sources = [
        entry
        for entry in entries
        if entry.suffix.lower() in SOURCES
        and entry.name.lower() not in GIVEN
        and entry.is_file()
        and not entry.is_symlink()
    ]
    notebooks = [entry for entry in sources if entry.suffix.lower() == ".ipynb"]
    if len(notebooks) == 1 and len(sources) == 1:
        return Submission(_name(folder), folder, notes=(_NOTEBOOK,))
    if len(sources) == 1 and not any(entry.is_dir() for entry in entries):
        return Submission(_name(folder), folder, lone_file=sources[0])
    return None


def _named_file(path: Path, lesson: Lesson) -> Submission | None:
    """One file of the lesson by itself."""
    for exercise in lesson.exercises:
        if path.name.lower() == exercise.file.lower():
            return Submission(path.stem, path, {exercise.name: path})
    return None


def _entries(folder: Path) -> Iterator[Path]:
    return (
        entry for entry in sorted(folder.iterdir()) if entry.name not in SKIPPED and not entry.name.startswith("._")
    )


def _distinct(submissions: list[Submission]) -> Iterator[Submission]:
    """Submissions of the same name get -2, -3, ... in the order they were found."""
    taken: set[str] = set()
    for submission in submissions:
        name, count = submission.name, 1
        while name.lower() in taken:  # file systems may not tell case apart
            count += 1
            name = f"{submission.name}-{count}"
        taken.add(name.lower())
        yield replace(submission, name=name)
