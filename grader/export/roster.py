"""Which row of a gradebook is whose: ids first, then names; what is not certain is listed, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grader.errors import KitError
from grader.export.person import Person, same_id, same_name
from grader.export.read import Graded, Lost
from grader.export.table import Table


@dataclass(frozen=True)
class Entry:
    """One row of a gradebook: the ids, in the order they are trusted, and the name of a student."""

    ids: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Tally:
    """How many scores are in a gradebook, whose is not, and which cells keep what they held."""

    scores: int
    lost: tuple[Lost, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Filled:
    """A gradebook ready for its host."""

    table: Table
    tally: Tally


@dataclass(frozen=True)
class Matches:
    """`by_row` holds the submission of each row that has one; the others are listed."""

    by_row: dict[int, Graded]
    lost: tuple[Lost, ...]


def match(entries: Sequence[Entry], graded: Sequence[Graded]) -> Matches:
    """Finds the row of everybody who handed in. What fits two rows, or two submissions for one row, match nothing."""
    claims: dict[int, list[Graded]] = {}
    lost: list[Lost] = []
    for one in graded:
        rows, without = _rows_of_all(one, entries)
        for row in rows:
            claims.setdefault(row, []).append(one)
        lost += [Lost(one.result.submission, why) for why in without]
    for rivals in claims.values():
        if len(rivals) > 1:
            lost += [Lost(one.result.submission, f"{len(rivals)} submissions fit its row") for one in rivals]
    by_row = {row: rivals[0] for row, rivals in claims.items() if len(rivals) == 1}
    return Matches(by_row, tuple(lost))


def fill_rows(matches: Matches, fill: Callable[[int, Graded], str]) -> Tally:
    """Calls `fill` for every row that has a submission; it says what the row keeps instead of the score, if anything.

    What goes wrong with one row costs that row.
    """
    kept: list[str] = []
    lost: list[Lost] = []
    for row, one in matches.by_row.items():
        try:
            kept += [said] if (said := fill(row, one)) else []
        except KitError:  # about the gradebook as a whole: somebody has to decide first
            raise
        except Exception as error:
            lost.append(Lost(one.result.submission, f"its row cannot be written ({type(error).__name__}: {error})"))
    return Tally(len(matches.by_row) - len(kept) - len(lost), (*matches.lost, *lost), tuple(kept))


def _rows_of_all(one: Graded, entries: Sequence[Entry]) -> tuple[list[int], list[str]]:
    """The rows of the people of one submission; and why, for those of them that have none."""
    found: dict[int, None] = {}
    without: list[str] = []
    for person in one.people:
        rows = rows_of(person, entries)
        if len(rows) == 1:
            found[rows[0]] = None
        else:
            whose = f" its member {person}" if len(one.people) > 1 else ""
            without.append(f"{len(rows)} rows fit{whose}" if rows else f"no row fits{whose}")
    # somebody whose name and id do not stand together is looked for by both
    members = max(sum(bool(person.ids) for person in one.people), sum(bool(person.names) for person in one.people))
    return list(found), without if len(found) < max(members, 1) else []


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
