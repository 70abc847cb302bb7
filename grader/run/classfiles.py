"""grades.csv and index.html of a class, true at any moment of a run: they show what each submission's files hold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grader.lesson import Lesson
from grader.report.class_page import class_page
from grader.results.gradebook import gradebook
from grader.results.store import RunFolder, write_atomically
from grader.results.summary import Summary, ungraded
from grader.run.classrun import Outcome
from grader.run.standing import Fault

_SHARE = 50  # both files are written again when this many times as long has passed as writing them took


@dataclass
class ClassFiles:
    """What is known of a class, in the order of grades.csv. `before` is what earlier runs found."""

    folder: RunFolder
    lesson: Lesson
    names: Sequence[str]
    before: Mapping[str, Summary]
    not_taken: Sequence[tuple[str, str]] = ()
    found: dict[str, Outcome] = field(default_factory=dict)  # by this run
    _due: float = 0.0

    def add(self, name: str, outcome: Outcome) -> None:
        """One more outcome of this run; the files follow, as often as costs little."""
        self.found[name] = outcome
        if time.monotonic() >= self._due:
            start = time.monotonic()
            self.write(is_running=True)
            self._due = time.monotonic() + _SHARE * (time.monotonic() - start)

    @property
    def graded(self) -> list[Summary]:
        """Every result that the files of the class hold."""
        return [summary for name in self.names if (summary := self._known(name))]

    @property
    def faults(self) -> list[tuple[str, Fault]]:
        """Names, and why they have no verdict."""
        return [(name, found) for name in self.names if isinstance(found := self.found.get(name), Fault)]

    @property
    def older(self) -> list[str]:
        """Whose results are an earlier run's."""
        return [name for name in self.names if name not in self.found and name in self.before]

    @property
    def waiting(self) -> list[str]:
        """Who has no result yet."""
        return [name for name in self.names if name not in self.found and name not in self.before]

    def write(self, is_running: bool = False) -> None:
        """Writes both files as things are: a row for everybody who has a results.json. Raises KitError."""
        waiting = set(self.waiting)
        rows = [self._known(name) or ungraded(name) for name in self.names if name not in waiting]
        write_atomically(self.folder.folder / "grades.csv", gradebook(rows, self.lesson))
        faults = [(name, fault.reason) for name, fault in self.faults]
        page = class_page(self.graded, self.lesson, self.not_taken, faults, self.state(is_running))
        write_atomically(self.folder.folder / "index.html", page)

    def state(self, is_running: bool) -> str:
        """What a partial run says of itself; '' for a run that graded the whole class."""
        if not self.older and not self.waiting:
            return ""
        parts = [f"{len(self.found)} of {len(self.names)} are graded by the last run"]
        parts += [f"{len(self.older)} show what an earlier run found"] * bool(self.older)
        parts += [f"{len(self.waiting)} are not graded yet"] * bool(self.waiting)
        return "; ".join(parts) + (". It is still at work, or was killed." if is_running else ".")

    def _known(self, name: str) -> Summary | None:
        found = self.found.get(name) or self.before.get(name)
        return found if isinstance(found, Summary) else None
