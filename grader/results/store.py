"""Files of a run, written so that a killed run leaves whole files or none.

DIR/grades.csv  index.html  submissions/<name>/{results.json, feedback.html}
DIR/changes.csv             what a later run judged otherwise, and why
DIR/.grader/run.json        the seed, drawn once
DIR/.grader/results.sqlite  results by what they depend on; the next run starts from them
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from grader.errors import KitError
from grader.lesson import Lesson
from grader.results.archive import Archive, Published
from grader.results.basis import NOTHING, Basis
from grader.results.names import safe_name
from grader.results.summary import Summary
from grader.submission.model import Submission

_FILES = ("results.json", "feedback.html")  # of one submission
_PACKAGE = Path(__file__).resolve().parents[1]


def write_atomically(path: Path, text: str, is_lasting: bool = True) -> None:
    """Writes `text` beside `path` and moves it there. Raises KitError, and then `path` is as it was.

    A file that is_lasting is on the disk when this returns; another one may be lost with the machine's power.
    """
    beside = path.with_name(f".{path.name}.new")  # a killed run leaves this, and the next uses it again
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            if is_lasting:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise KitError(
            f"cannot be written: {error.strerror}", where=str(path), mend="choose another folder with OUT="
        ) from None


def as_text(value: Any) -> str:
    """JSON with stable layout, nothing that JSON does not know, and ASCII: a file name may be no valid Unicode."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def hash_of_tree(folder: Path, suffixes: tuple[str, ...]) -> str:
    """A hash of names and bytes of the files below `folder` with these suffixes."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in suffixes and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def kit_hash() -> str:
    """A hash of the grader's own source: two kits with the same hash judge alike."""
    return hash_of_tree(_PACKAGE, (".py", ".toml"))


class RunFolder:
    """DIR of a class run. `close` it when done."""

    def __init__(self, folder: Path, lesson: Lesson, mends: bool = True) -> None:
        self.folder = folder
        self._own = folder / ".grader"
        lesson_files = hash_of_tree(lesson.folder, (".toml",)) + hashlib.sha256(lesson.graph.text.encode()).hexdigest()
        limited = _hash(lesson_files, str(lesson.limits))
        # the same for every submission of a run, and slow to find out
        self._around = replace(NOTHING, lesson=limited, kit=kit_hash(), torch=version("torch"), mends=str(mends))

    @cached_property
    def archive(self) -> Archive:
        """The results of earlier runs, and what this one adds."""
        return Archive(self._own / "results.sqlite")

    def close(self) -> None:
        if "archive" in self.__dict__:
            self.archive.close()

    def seed(self, wanted: int | None) -> int:
        """The run's seed: the one asked for, else the recorded one, else a new one that nobody knows."""
        record = self._own / "run.json"
        seed = wanted
        if seed is None:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                seed = int(json.loads(record.read_text(encoding="utf-8"))["seed"])
        if seed is None:
            seed = secrets.randbelow(1 << 31)
        write_atomically(record, as_text({"seed": seed}))
        return seed

    def basis(self, submission: Submission, seed: int, layers: Sequence[str]) -> Basis:
        """What a result depends on, the layers of isolation too. Raises OSError for unreadable files."""
        digest = hashlib.sha256(f"{submission.notes!r}\0{sorted(submission.files)!r}\0".encode(errors="replace"))
        for path in submission.all_files():
            digest.update(f"{path.name!r}\0".encode() + path.read_bytes() + b"\0")
        return replace(self._around, submission=digest.hexdigest(), seed=str(seed), isolation=",".join(layers))

    def folder_of(self, name: str) -> Path:
        """Where the files of a submission go."""
        return self.folder / "submissions" / safe_name(name)

    def publish(self, summary: Summary, basis: Basis, text: str, page: str) -> None:
        """Writes the two files of a submission, and notes from what. Raises KitError where one cannot be written."""
        folder = self.folder_of(summary.submission)
        for file, content in zip(_FILES, (text, page), strict=True):
            write_atomically(folder / file, content, is_lasting=False)
        self.archive.publish(summary.submission, Published(basis, summary, _sizes(folder)))

    def is_whole(self, name: str, entry: Published) -> bool:
        """Whether the files of a submission are there as they were written."""
        try:
            return _sizes(self.folder_of(name)) == entry.sizes
        except OSError:
            return False


def _sizes(folder: Path) -> tuple[int, ...]:
    return tuple((folder / file).stat().st_size for file in _FILES)


@cache
def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
