"""Files of a run, written so that a killed run leaves whole files or none.

DIR/grades.csv  index.html  submissions/<name>/{results.json, feedback.html}
DIR/feedback/<name>.html    the students' pages alone: what may be handed out
DIR/changes.csv             what a later run judged otherwise, and why
DIR/.grader/run.json        the seed, drawn once, and whose results the files show
DIR/.grader/results.sqlite  what the files of each submission were made from; the next run takes them over
DIR/.grader/gone/<name>     results of those who are no more in the class
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from grader.errors import KitError
from grader.lesson import Lesson
from grader.results.archive import Archive, Published
from grader.results.basis import NOTHING, Basis
from grader.results.names import safe_name
from grader.results.record import ClassChange, RunRecord, new_seed, read_record
from grader.results.summary import Summary
from grader.submission.model import Submission

_PACKAGE = Path(__file__).resolve().parents[1]


def write_atomically(path: Path, text: str, is_lasting: bool = True) -> None:
    """Writes `text` beside `path` and moves it there. Raises KitError, and then `path` is as it was.

    A file that is_lasting is on the disk when this returns; another one may be lost with the machine's power.
    """
    beside = path.with_name(f".{path.name}.new")  # a killed run leaves this, and the next uses it again
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(_encoded(text))
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


@dataclass(frozen=True)
class Begun:
    """A run that was begun: its record, what it changes in the class, and whether it goes on with a stopped regrade."""

    record: RunRecord
    change: ClassChange
    goes_on: bool


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
        """What earlier runs wrote, and what this one adds. Raises KitError while another run is at work here."""
        return Archive(self._own / "results.sqlite")

    def close(self) -> None:
        if "archive" in self.__dict__:
            self.archive.close()

    def begin(self, found: Sequence[str], paths: Sequence[Path], seed: int | None, regrade: bool) -> Begun:
        """Records a run that begins: the seed asked for, else the recorded one, else a new one that nobody knows."""
        _ = self.archive  # one run at a time: before anything is written
        before = read_record(self._own / "run.json") or RunRecord(new_seed())
        if seed is not None:
            before = replace(before, seed=seed)
        record, change = before.followed_by(found, paths)
        record = replace(record, is_regrade=regrade)
        self._write_record(record)
        for name in change.gone:
            self._retire(name)
        return Begun(record, change, goes_on=regrade and before.is_regrade and not before.is_complete)

    def complete(self, begun: Begun) -> None:
        """Records that a run came to its end."""
        self._write_record(replace(begun.record, is_complete=True))

    def _write_record(self, record: RunRecord) -> None:
        write_atomically(self._own / "run.json", as_text(record.as_json()))

    def basis(self, submission: Submission, seed: int, layers: Sequence[str]) -> Basis:
        """What a result depends on, the layers of isolation too. Raises OSError for unreadable files."""
        digest = hashlib.sha256(f"{submission.notes!r}\0{sorted(submission.files)!r}\0".encode(errors="replace"))
        for path in submission.all_files():
            digest.update(f"{path.name!r}\0".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return replace(self._around, submission=digest.hexdigest(), seed=str(seed), isolation=",".join(layers))

    def folder_of(self, name: str) -> Path:
        """Where the files of a submission go."""
        return self.folder / "submissions" / safe_name(name)

    def publish(self, summary: Summary, basis: Basis, text: str, page: str) -> None:
        """Writes the files of a submission, and notes from what. Raises KitError where one cannot be written."""
        contents = (text, page, page)
        for file, content in zip(self._files(summary.submission), contents, strict=True):
            write_atomically(file, content, is_lasting=False)
        self.archive.publish(summary.submission, Published(basis, summary, _digests(map(_encoded, contents))))

    def publish_fault(self, name: str, text: str) -> None:
        """Writes that there is no verdict, and takes away what an earlier run said. Raises KitError, OSError."""
        results, *pages = self._files(name)
        self.archive.forget(name)
        write_atomically(results, text, is_lasting=False)
        for page in pages:
            page.unlink(missing_ok=True)

    def is_whole(self, name: str, entry: Published) -> bool:
        """Whether the files of a submission are there as they were written."""
        try:
            return _digests(file.read_bytes() for file in self._files(name)) == entry.digests
        except OSError:
            return False

    def changed(self, names: Sequence[str]) -> list[str]:
        """Those of the names whose files somebody changed after a run wrote them."""
        published = self.archive.published()
        return [name for name in names if name in published and not self.is_whole(name, published[name])]

    def _retire(self, name: str) -> None:
        """Lays the results of a student aside who is no more in the class: no list and no export shows them."""
        self.archive.forget(name)
        folder = self.folder_of(name)
        aside = self._own / "gone" / folder.name
        with contextlib.suppress(OSError):
            shutil.rmtree(aside, ignore_errors=True)
            aside.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(aside)
        *_, handed_out = self._files(name)
        with contextlib.suppress(OSError):
            handed_out.unlink(missing_ok=True)

    def _files(self, name: str) -> tuple[Path, Path, Path]:
        """What there is of one submission: the result, the student's page, and the same page to be handed out."""
        own = self.folder_of(name)
        return own / "results.json", own / "feedback.html", self.folder / "feedback" / f"{own.name}.html"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _digests(contents: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(hashlib.sha256(content).hexdigest()[:32] for content in contents)


@cache
def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
