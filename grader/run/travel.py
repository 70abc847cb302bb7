"""What goes to another machine: a lesson and submissions as the bytes of their files, and back into folders there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.judge.job import Request
from grader.lesson import Lesson
from grader.lesson.stubs import GIVEN, cut_file
from grader.submission.find import Submission

MOST_BYTES = 8 << 20  # of one file; a larger one stays, and is judged where it is


class TooLarge(Exception):
    """A file that does not travel."""


@dataclass(frozen=True)
class Parcel:
    """One request. `files` and `lone` hold a file's own name and its bytes."""

    name: str
    files: Mapping[str, tuple[str, bytes]]
    lone: tuple[tuple[str, bytes], ...]
    own: tuple[tuple[str, bytes], ...]
    notes: tuple[str, ...]
    steps: frozenset[str]
    is_check: bool
    mends: bool
    page: bool


@dataclass(frozen=True)
class Setup:
    """What all submissions of a run have in common."""

    lesson: Mapping[str, bytes]
    seed: int


def packed_lesson(lesson: Lesson) -> dict[str, bytes]:
    """What a judge reads: the given files, and the stubs, whose shapes are shown. Answers stay."""
    given = {name: (lesson.folder / name).read_bytes() for name in GIVEN if (lesson.folder / name).is_file()}
    stubs = (lesson.folder / exercise.file for exercise in lesson.exercises)
    return given | {path.name: cut_file(path).encode() for path in stubs if path.is_file()}


def unpack_lesson(files: Mapping[str, bytes], folder: Path) -> Path:
    """The lesson's files in `folder`."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def pack(request: Request) -> Parcel:
    """Reads the submission. Raises OSError for what cannot be read, TooLarge for what is too much."""
    submission = request.submission
    if not submission.all_files():
        raise TooLarge  # nothing to send: a folder that could not be read
    return Parcel(
        submission.name,
        {exercise: _packed(path) for exercise, path in submission.files.items()},
        tuple(_packed(path) for path in submission.lone_files),
        tuple(_packed(path) for path in submission.own_files),
        submission.notes,
        request.steps,
        request.is_check,
        request.mends,
        request.page,
    )


def unpack(parcel: Parcel, folder: Path) -> Request:
    """The request again, with its files in `folder`, each in a folder of its own: names may be alike."""
    files = {
        exercise: _unpacked(file, folder / f"exercise-{at}") for at, (exercise, file) in enumerate(parcel.files.items())
    }
    lone = tuple(_unpacked(file, folder / f"lone-{at}") for at, file in enumerate(parcel.lone))
    own = tuple(_unpacked(file, folder / f"own-{at}") for at, file in enumerate(parcel.own))
    submission = Submission(parcel.name, folder, files, lone, parcel.notes, own_files=own)
    return Request(submission, parcel.steps, parcel.is_check, parcel.mends, parcel.page)


def _packed(path: Path) -> tuple[str, bytes]:
    if path.stat().st_size > MOST_BYTES:
        raise TooLarge
    return path.name, path.read_bytes()


def _unpacked(file: tuple[str, bytes], folder: Path) -> Path:
    name, data = file
    folder.mkdir()
    path = folder / Path(name).name
    path.write_bytes(data)
    return path
