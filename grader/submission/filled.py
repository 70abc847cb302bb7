"""What a file holds, as far as that decides what is read: how many steps it answers, and what it imports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grader.lesson import Lesson
from grader.submission.answers import callables, is_stub
from grader.submission.content import Unreadable
from grader.submission.program import read_program


@dataclass(frozen=True)
class Contents:
    """What a file answers: the number of filled-in steps by exercise; and the modules that it imports."""

    filled: dict[str, int] = field(default_factory=dict)
    imports: tuple[str, ...] = ()


# It parses what a student wrote, so a class run asks a bounded process.
Look = Callable[[Path], Contents]

_MOST_FILES = 16  # of one submission whose text is looked at
_MOST_BYTES = 16 << 20  # of them


def contents_of(path: Path, lesson: Lesson) -> Contents:
    """What a file holds, by parsing it here. A piece that is not Python counts for what it would have defined."""
    try:
        program = read_program(path)
    except (Unreadable, RecursionError, MemoryError):
        return Contents()
    names = {name for name, found in program.binders.items() if any(not is_stub(statement.node) for statement in found)}
    names |= {name for piece in program.broken for name in piece.names}
    least = int(bool(program.broken))
    filled = {one.name: max(len(names.intersection(callables(one))), least) for one in lesson.exercises}
    return Contents(filled, tuple(sorted(program.imports)))


@dataclass
class Files:
    """What one submission's files hold, each asked about once, and not too many."""

    look: Look
    _known: dict[Path, Contents] = field(default_factory=dict)
    _bytes: int = 0

    def of(self, path: Path) -> dict[str, int]:
        """The filled-in steps by the exercise's name; nothing for a file beyond the bounds."""
        return self._contents(path).filled

    def total(self, path: Path) -> int:
        """The filled-in steps in all exercises."""
        return sum(self.of(path).values())

    def imports(self, path: Path) -> tuple[str, ...]:
        """The modules that a file imports; none for a file beyond the bounds."""
        return self._contents(path).imports

    def _contents(self, path: Path) -> Contents:
        if path not in self._known:
            self._known[path] = self._looked_at(path)
        return self._known[path]

    def _looked_at(self, path: Path) -> Contents:
        try:
            self._bytes += path.stat().st_size
        except OSError:
            return Contents()
        if len(self._known) >= _MOST_FILES or self._bytes > _MOST_BYTES:
            return Contents()
        return self.look(path)
