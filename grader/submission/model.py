"""What was found: submissions, and what was not taken for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from grader.downloads.identity import Identity
from grader.downloads.students import NotTaken, Student, distinct

__all__ = ["Found", "NotTaken", "Submission"]


@dataclass(frozen=True)
class Submission:
    """One student's files. `files` maps exercise names to paths; a lone file or notebook may answer all exercises."""

    name: str
    path: Path  # as a person would name it; what comes out of an archive lies elsewhere
    files: dict[str, Path] = field(default_factory=dict)
    lone_files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    identity: Identity | None = None
    own_files: tuple[Path, ...] = ()  # which answer nothing, and may be imported by those that do

    def all_files(self) -> list[Path]:
        """Every file that is read, in a fixed order."""
        return sorted([*self.files.values(), *self.lone_files, *self.own_files])

    def names(self) -> dict[Path, str]:
        """What each file is called in results: by its name; with its folder where two have the same."""
        paths = self.all_files()
        often = Counter(path.name for path in paths)
        return {path: path.name if often[path.name] == 1 else f"{path.parent.name}/{path.name}" for path in paths}


@dataclass(frozen=True)
class Found:
    """What lies under the paths a person named. A context manager: what was unpacked is there as long as it is open."""

    submissions: tuple[Submission, ...]
    not_taken: tuple[NotTaken, ...]
    close: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)

    def with_absent(self, absent: Iterable[Identity], roster: Path) -> Found:
        """The same, and at the end a submission without files for each student who handed in nothing."""
        there = [Student(submission.name, submission.path) for submission in self.submissions]
        more = [Student(identity.display_name or identity.user_id, roster, identity=identity) for identity in absent]
        named = list(distinct([*there, *more]))[len(there) :]
        rows = [Submission(one.name, one.shown, notes=("handed in nothing",), identity=one.identity) for one in named]
        return replace(self, submissions=(*self.submissions, *rows))

    def __enter__(self) -> Found:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
