"""Submissions, the template and the solutions as sources to compare."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from grader.copies.compare import Printed, Source
from grader.copies.shape import given_names, passages_of
from grader.copies.winnow import fingerprints
from grader.lesson import Lesson
from grader.submission.find import GIVEN, Submission
from grader.submission.content import Unreadable
from grader.submission.program import read_program


def source_of(submission: Submission, lesson: Lesson) -> Source:
    """What can be read of a submission; a file that cannot is left out."""
    return _source(submission.name, submission.all_files(), lesson)


def given_hashes(lesson: Lesson) -> frozenset[int]:
    """Fingerprints of what every student has at hand: the exercises as given out, and the reference solutions."""
    folders = [lesson.folder, lesson.folder.parent.parent / "solutions" / lesson.name]
    files = [path for folder in folders for path in sorted(folder.glob("*.py")) if path.name not in GIVEN]
    return _source("", files, lesson).hashes


def _source(name: str, paths: Iterable[Path], lesson: Lesson) -> Source:
    names = given_names(lesson)
    files: dict[str, tuple[str, ...]] = {}
    found: list[Printed] = []
    for path in paths:
        try:
            program = read_program(path)
        except Unreadable:
            continue
        files[path.name] = program.lines
        found += [Printed(passage, fingerprints(passage)) for passage in passages_of(program, names)]
    return Source(name, files, tuple(found))
