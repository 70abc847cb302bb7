"""Which row of a gradebook is whose: ids first, then names; what is not certain is listed, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.export.person import Person, same_id, same_name
from grader.export.read import Graded
from grader.export.table import Table


@dataclass(frozen=True)
class Entry:
    """One row of a gradebook: the ids, in the order they are trusted, and the name of a student."""

    ids: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Unmatched:
    """A submission without a row, and why."""

    submission: str
    why: str


@dataclass(frozen=True)
class Filled:
    """A gradebook ready for its host: how many scores are in it, and the submissions that no row of it takes."""

    table: Table
    scores: int
    unmatched: tuple[Unmatched, ...]


@dataclass(frozen=True)
class Matches:
    """`by_row` holds the submission of each row that has one; the others are listed."""

    by_row: dict[int, Graded]
    unmatched: tuple[Unmatched, ...]


def match(entries: Sequence[Entry], graded: Sequence[Graded]) -> Matches:
    """Finds each submission's row. Two rows for one submission, or two submissions for one row, match nothing."""
    claims: dict[int, list[Graded]] = {}
    unmatched: list[Unmatched] = []
    for one in graded:
        rows = rows_of(one.person, entries)
        if len(rows) == 1:
            claims.setdefault(rows[0], []).append(one)
        else:
            why = f"{len(rows)} rows fit" if rows else "no row fits"
            unmatched.append(Unmatched(one.result.submission, why))
    for rivals in claims.values():
        if len(rivals) > 1:
            unmatched += [Unmatched(one.result.submission, f"{len(rivals)} submissions fit its row") for one in rivals]
    by_row = {row: rivals[0] for row, rivals in claims.items() if len(rivals) == 1}
    return Matches(by_row, tuple(unmatched))


def rows_of(person: Person, entries: Sequence[Entry]) -> list[int]:
    """The rows of the most trusted id that any row has; else those of the name."""
    own = {same_id(text) for text in person.ids}
    kinds = max((len(entry.ids) for entry in entries), default=0)
    for kind in range(kinds):
        rows = [
            row
            for row, entry in enumerate(entries)
            if kind < len(entry.ids) and entry.ids[kind].strip() and same_id(entry.ids[kind]) in own
        ]
        if rows:
            return rows
    letters = frozenset[str]().union(*(same_name(name) for name in person.names))
    return [row for row, entry in enumerate(entries) if same_name(entry.name) & letters]
