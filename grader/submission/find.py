"""Paths -> submissions: what is taken for what, and what is not taken at all.

A tree of files is parted among students first (`downloads/`); then each student's files are
looked at (`choose.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.downloads.students import (
    Each,
    NotTaken,
    Part,
    Student,
    holds_the_lesson,
    sources_in,
    students_of,
)
from grader.downloads.tree import ARCHIVES, SOURCES, Node, read_tree, suffix_of
from grader.downloads.unpack import Caps, Unpacker
from grader.downloads.workspace import Workspace
from grader.errors import KitError
from grader.lesson import Lesson
from grader.submission.choose import Item, choose, expected_of, items_of
from grader.submission.filled import Files, Look, contents_of
from grader.submission.model import Found, Submission

__all__ = ["Found", "NotTaken", "Submission", "exists", "find_submissions", "submission_at"]

_NOTHING = "handed in nothing that can be graded"
_PLAIN_REASONS = ("neither .py nor .ipynb", "left behind by a tool")
_MOST_NAMED = 3


def find_submissions(
    paths: Iterable[Path],
    lesson: Lesson,
    caps: Caps | None = None,
    look: Look | None = None,
    each: Each | None = None,
) -> Found:
    """Looks through the paths, into archives too. Raises KitError for a path that does not exist.

    look: tells what a file holds, where that decides; by default in this process.
    each: what one student is, where a person says so: the path itself, or a folder or a file directly below.

    What was unpacked is removed when the result is closed, and when Python ends.
    """
    workspace = Workspace()
    try:
        unpacker = Unpacker(workspace, caps)
        named = list(paths)
        trees = [_tree(path, unpacker, len(named)) for path in named]
        students, not_taken = students_of(trees, expected_of(lesson), each)
        looking = _Looking(lesson, look or _here(lesson), not_taken)
        return Found(tuple(map(looking.submission, students)), tuple(not_taken), workspace.close)
    except BaseException:
        workspace.close()
        raise


def submission_at(path: Path, lesson: Lesson, links: bool = False) -> Submission:
    """The one submission that `path`, a folder or a file, is. Raises KitError.

    With `links`, for one's own answers, a link is the file that it leads to.
    """
    if not exists(path):
        raise KitError(
            f"there is no {path}", mend="give a folder with your answers: make check SUBMISSION=exercises/mlp"
        )
    tree = read_tree(path, links=links)
    if path.is_file():
        if suffix_of(path.name) not in SOURCES:
            raise KitError(
                f"{path} is neither a .py file nor a notebook", mend="give one, or a folder with the lesson's files"
            )
        if not os.access(path, os.R_OK):
            raise KitError(f"{path} cannot be read: permission denied")
    else:
        if tree.kind == "unreadable":
            raise KitError(f"{path} cannot be read: {tree.why}")
        if not _is_one(tree, lesson):
            names = ", ".join(exercise.file for exercise in lesson.exercises)
            raise KitError(f"{path} holds none of {names}", mend="give the folder that holds your answers")
    part = Part(tree, "" if tree.kind == "folder" else tree.name)
    return _Looking(lesson, _here(lesson), []).chosen(Student(tree.stem, path, [part]))


def _is_one(folder: Node, lesson: Lesson) -> bool:
    """Whether a folder is somebody's own: it holds the lesson's files, or one source that is nobody else's."""
    expected = expected_of(lesson)
    sources = sources_in(folder, expected)
    if holds_the_lesson(folder, expected) or len(sources) != 1:
        return holds_the_lesson(folder, expected)
    folders = [child for child in folder.children if child.kind == "folder"]
    return not folders or (sources[0].is_notebook and sum(bool(sources_in(f, expected)) for f in folders) < 2)


def _here(lesson: Lesson) -> Look:
    return lambda path: contents_of(path, lesson)


def exists(path: Path) -> bool:
    """Path.exists, also for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _tree(path: Path, unpacker: Unpacker, named: int) -> Node:
    if not exists(path):
        raise KitError(f"there is no {path}", mend="give a folder of submissions: make grade SUBMISSIONS=data/class")
    if path.is_file() and suffix_of(path.name) in ARCHIVES:
        return unpacker.whole_class(path) if named == 1 else unpacker.one_of(path, named)
    return read_tree(path, unpacker.one_of)


@dataclass(frozen=True)
class _Looking:
    """Looks at one student's files after the other's."""

    lesson: Lesson
    look: Look
    not_taken: list[NotTaken]

    def submission(self, student: Student) -> Submission:
        """A student's files as a submission. A fault in one student's files costs no other student."""
        try:
            return self.chosen(student)
        except KitError:
            raise
        except Exception as error:
            note = f"{_NOTHING}: the files could not be looked at ({type(error).__name__}: {f'{error}'[:100]})"
            return Submission(student.name, student.shown, notes=(note,), identity=student.identity)

    def chosen(self, student: Student) -> Submission:
        """The same, and what is not read of the files goes to `not_taken`."""
        items = [item for part in student.parts for item in items_of(part, self.lesson)]
        choice = choose(items, self.lesson, Files(self.look))
        for node, why in [*student.older, *choice.left]:
            self.not_taken.append(NotTaken(node.shown, why, student.name, node.kind == "junk"))
        notes = (*student.notes, *choice.notes)
        if not choice.files and not choice.lone_files:
            notes = (*student.notes, _nothing(items))
        return Submission(
            student.name,
            student.shown,
            choice.files,
            tuple(choice.lone_files),
            notes,
            student.identity,
            tuple(choice.own_files),
        )


def _nothing(items: Sequence[Item]) -> str:
    named = [item for item in items if item.node.kind != "junk"] or list(items)
    if len(named) == 1 and named[0].node.kind == "unreadable":
        return named[0].node.why  # nobody knows what is in it
    files = [f"{item.name} ({why})" if (why := _reason(item)) else item.name for item in named[:_MOST_NAMED]]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return f"{_NOTHING}: {', '.join(files) or 'an empty folder'}{more}"


def _reason(item: Item) -> str:
    if item.node.kind == "file":
        return "given by the kit"
    return "" if item.node.why in _PLAIN_REASONS else item.node.why
