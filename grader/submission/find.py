"""Paths -> submissions: what is taken for what, and what is not taken at all.

A tree of files is parted among students first (`parting.py`); then each student's files are
looked at (`choose.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from grader.errors import KitError
from grader.intake.tree import ARCHIVES, SOURCES, Node, read_tree, suffix_of
from grader.intake.unpack import Caps, Unpacker
from grader.intake.workspace import Workspace
from grader.lesson import Lesson
from grader.submission.choose import GIVEN, Item, choose
from grader.submission.model import Found, NotTaken, Submission
from grader.submission.parting import Claim, Parting, is_one_submission, whole

__all__ = ["GIVEN", "Found", "NotTaken", "Submission", "exists", "find_submissions", "submission_at"]


def find_submissions(paths: Iterable[Path], lesson: Lesson, caps: Caps | None = None) -> Found:
    """Looks through the paths, into archives too. Raises KitError for a path that does not exist.

    What was unpacked is removed when the result is closed, and when Python ends.
    """
    workspace = Workspace()
    try:
        unpacker = Unpacker(workspace, caps)
        parting = Parting(lesson)
        named = list(paths)
        for path in named:
            parting.look_at(_tree(path, unpacker), alone=len(named) == 1)
        submissions: list[Submission] = []
        not_taken = list(parting.loose)
        for name, claim in _distinct(parting.claims):
            submissions.append(_submission(name, claim, lesson, not_taken))
        return Found(tuple(submissions), tuple(not_taken), workspace.close)
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
        claim = Claim(tree.stem, path, [Item(tree, tree.name)])
    else:
        if tree.kind == "unreadable":
            raise KitError(f"{path} cannot be read: {tree.why}")
        if not is_one_submission(tree, lesson):
            names = ", ".join(exercise.file for exercise in lesson.exercises)
            raise KitError(f"{path} holds none of {names}", mend="give the folder that holds your answers")
        claim = whole(tree, lesson)
    return _submission(claim.name, claim, lesson, [])


def exists(path: Path) -> bool:
    """Path.exists, also for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _tree(path: Path, unpacker: Unpacker) -> Node:
    if not exists(path):
        raise KitError(f"there is no {path}", mend="give a folder of submissions: make grade SUBMISSIONS=data/class")
    if path.is_file() and suffix_of(path.name) in ARCHIVES:
        return unpacker.whole_class(path)
    return read_tree(path, unpacker.one_of)


def _submission(name: str, claim: Claim, lesson: Lesson, not_taken: list[NotTaken]) -> Submission:
    """One student's files as a submission; what is not read of them goes to `not_taken`."""
    choice = choose(claim.items, lesson)
    for node, why in [*claim.older, *choice.left]:
        not_taken.append(NotTaken(node.shown, why, name, node.kind == "junk"))
    notes = [*claim.notes, *choice.notes]
    if not choice.files and not choice.lone_files and not notes:
        notes = [_nothing(claim.items)]
    return Submission(name, claim.shown, choice.files, tuple(choice.lone_files), tuple(notes), claim.identity)


def _nothing(items: Sequence[Item]) -> str:
    files = [f"{item.name} ({item.node.why})" for item in items if item.node.kind != "junk"]
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return f"nothing in it can be graded: {', '.join(files[:3]) or 'it is empty'}{more}"


def _distinct(claims: Iterable[Claim]) -> Iterator[tuple[str, Claim]]:
    """Submissions of the same name get -2, -3, ... in the order they were found."""
    taken: set[str] = set()
    for claim in claims:
        name, count = claim.name, 1
        while name.lower() in taken:  # file systems may not tell case apart
            count += 1
            name = f"{claim.name}-{count}"
        taken.add(name.lower())
        yield name, claim
