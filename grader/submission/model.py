"""What was found: submissions, and what was not taken for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from grader.intake.identity import Identity


@dataclass(frozen=True)
class Submission:
    """One student's files. `files` maps exercise names to paths; a lone file or notebook may answer all exercises."""

    name: str
    path: Path  # as a person would name it; what comes out of an archive lies elsewhere
    files: dict[str, Path] = field(default_factory=dict)
    lone_files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    identity: Identity | None = None

    def all_files(self) -> list[Path]:
        """Every file that is read, in a fixed order."""
        return sorted([*self.files.values(), *self.lone_files])


@dataclass(frozen=True)
class NotTaken:
    """A file that is not read, and why. `beside` names the submission that it lies with, '' for none."""

    path: Path
    why: str
    beside: str = ""
    is_junk: bool = False  # left behind by a tool: nobody meant to hand it in


@dataclass(frozen=True)
class Found:
    """What lies under the paths a person named. A context manager: what was unpacked is there as long as it is open."""

    submissions: tuple[Submission, ...]
    not_taken: tuple[NotTaken, ...]
    close: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)

    def __enter__(self) -> Found:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
