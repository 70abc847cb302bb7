"""Submissions, the template and the solutions as sources to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.copies.compare import Printed, Source
from grader.copies.shape import given_names, passages_of
from grader.copies.winnow import fingerprints
from grader.lesson import Lesson
from grader.lesson.stubs import GIVEN
from grader.submission.content import Unreadable
from grader.submission.find import Submission
from grader.submission.program import read_program

_LONGEST_REASON = 200
_MOST_TOKENS = 200_000  # of one submission; an honest one has a few thousand


@dataclass(frozen=True)
class LeftOut:
    """A submission that is not compared, and why."""

    name: str
    reason: str


def sources_of(
    submissions: Iterable[Submission], read: Callable[[Submission], Source]
) -> tuple[list[Source], list[LeftOut]]:
    """The submissions as sources; one that cannot be compared is left out, and costs no other one."""
    sources: list[Source] = []
    left_out: list[LeftOut] = []
    for submission in submissions:
        try:
            sources.append(read(submission))
        except Exception as error:
            left_out.append(LeftOut(submission.name, f"{error}"[:_LONGEST_REASON]))
    return sources, left_out


def given_hashes(lesson: Lesson) -> frozenset[int]:
    """Fingerprints of what every student has at hand: the exercises as given out, and the reference solutions."""
    folders = [lesson.folder, lesson.folder.parent.parent / "solutions" / lesson.name]
    files = [path for folder in folders for path in sorted(folder.glob("*.py")) if path.name not in GIVEN]
    return read_source("", files, given_names(lesson)).hashes


def read_source(name: str, paths: Sequence[Path], given: frozenset[str]) -> Source:
    """What can be read of one submission's files; a file that cannot is left out. Takes and gives plain data.

    given: the names that a student does not choose.
    """
    files: dict[str, tuple[str, ...]] = {}
    found: list[Printed] = []
    left = _MOST_TOKENS
    for path in paths:
        try:
            program = read_program(path)
        except Unreadable:
            continue
        files[path.name] = program.lines
        for passage in passages_of(program, given):
            left -= len(passage.tokens)
            if left < 0:
                break
            found.append(Printed(passage, fingerprints(passage)))
    return Source(name, files, tuple(found))
