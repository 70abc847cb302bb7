"""How many steps of an exercise a file answers: what decides between several files for one exercise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grader.lesson import Exercise, Lesson
from grader.submission.answers import callables, is_stub
from grader.submission.content import Unreadable
from grader.submission.program import read_program

# How many steps of the exercise are filled in. It parses what a student wrote, so a class run asks a bounded process.
Filled = Callable[[Path, Exercise], int]

_MOST_FILES = 16  # of one submission whose text is looked at
_MOST_BYTES = 16 << 20  # of them


class InThisProcess:
    """Counts filled-in steps by parsing here, the last file once."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._names: frozenset[str] = frozenset()
        self._is_broken = False

    def __call__(self, path: Path, exercise: Exercise) -> int:
        """A piece that is not Python counts for what it would have defined, and for something."""
        if path != self._path:
            self._path, self._names, self._is_broken = path, *_read(path)
        return max(len(self._names.intersection(callables(exercise))), int(self._is_broken))


def _read(path: Path) -> tuple[frozenset[str], bool]:
    """The names that a file answers, and whether a piece of it is broken."""
    try:
        program = read_program(path)
    except (Unreadable, RecursionError, MemoryError):
        return frozenset(), False
    names = {name for name, found in program.binders.items() if any(not is_stub(statement.node) for statement in found)}
    return frozenset(names.union(*(piece.names for piece in program.broken))), bool(program.broken)


@dataclass
class FilledSteps:
    """The filled-in steps of one submission's files by exercise, each file asked about once, and not too many."""

    lesson: Lesson
    count: Filled
    _known: dict[Path, dict[str, int]] = field(default_factory=dict)
    _bytes: int = 0

    def of(self, path: Path) -> dict[str, int]:
        """By the exercise's name; nothing for a file beyond the bounds."""
        if path not in self._known:
            self._known[path] = self._counted(path)
        return self._known[path]

    def total(self, path: Path) -> int:
        """In all exercises."""
        return sum(self.of(path).values())

    def _counted(self, path: Path) -> dict[str, int]:
        try:
            self._bytes += path.stat().st_size
        except OSError:
            return {}
        if len(self._known) >= _MOST_FILES or self._bytes > _MOST_BYTES:
            return {}
        return {exercise.name: self.count(path, exercise) for exercise in self.lesson.exercises}
