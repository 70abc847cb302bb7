"""What the files of each submission were made from, in one SQLite file: whole rows or none, whatever kills a run.

A later run takes a submission over whose files are as they were written, and were made from the same. Until a
run is complete, each row also holds what had been there before it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from grader.errors import KitError
from grader.results.basis import Basis, basis_from_json
from grader.results.summary import Summary, summary_from_json

_SCHEMA = 2
_Read = TypeVar("_Read")
_TABLES = """
CREATE TABLE published (
  name TEXT PRIMARY KEY, basis TEXT NOT NULL, summary TEXT NOT NULL, digests TEXT NOT NULL,
  old_basis TEXT, old_summary TEXT, is_settled INTEGER NOT NULL
) WITHOUT ROWID;
"""

_SETTLE = "UPDATE published SET is_settled = 1, old_basis = NULL, old_summary = NULL WHERE NOT is_settled"


@dataclass(frozen=True)
class Published:
    """What the files of one submission were written from. `digests` are those of its files."""

    basis: Basis
    summary: Summary
    digests: tuple[str, ...] = ()
    is_settled: bool = False  # the run that wrote them came to its end


@dataclass(frozen=True)
class Moved:
    """A submission before and after a run."""

    before: Published
    after: Published


class Archive:
    """The SQLite file of one DIR. One process at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._open()
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from None

    def close(self) -> None:
        self._database.close()

    def published(self) -> dict[str, Published]:
        """By submission, what its files were last written from."""
        found: dict[str, Published] = {}
        try:
            rows = self._database.execute("SELECT name, basis, summary, digests, is_settled FROM published").fetchall()
        except sqlite3.Error:
            return {}
        for name, *parts, is_settled in rows:
            entry = _published(*parts)
            if entry:
                found[_raw_name(name)] = replace(entry, is_settled=bool(is_settled))
        return found

    def publish(self, name: str, entry: Published) -> None:
        """Notes that the files of a submission were written. What they were before this run is kept until `settle`."""
        parts = (_text(entry.basis.as_json()), _text(entry.summary.as_json()), _text(entry.digests))
        with self._writing():
            self._database.execute(
                "INSERT INTO published VALUES (?, ?, ?, ?, NULL, NULL, 0) ON CONFLICT (name) DO UPDATE SET "
                "old_basis = CASE WHEN is_settled THEN basis ELSE old_basis END, "
                "old_summary = CASE WHEN is_settled THEN summary ELSE old_summary END, "
                "basis = excluded.basis, summary = excluded.summary, digests = excluded.digests, is_settled = 0",
                (_text(name), *parts),
            )

    def forget(self, name: str) -> None:
        """Takes a submission out, whose files are no more what was written."""
        with self._writing():
            self._database.execute("DELETE FROM published WHERE name = ?", (_text(name),))

    def begin_anew(self) -> None:
        """Nothing that is there counts as written by the run that begins."""
        with self._writing():
            self._database.execute(_SETTLE)

    def settle(self) -> list[Moved]:
        """To be called once a run is complete: what it wrote anew, and what had been there."""
        rows = self._database.execute(
            "SELECT old_basis, old_summary, basis, summary FROM published "
            "WHERE NOT is_settled AND old_summary IS NOT NULL ORDER BY name"
        ).fetchall()
        pairs = [(_published(a, b, "[]"), _published(c, d, "[]")) for a, b, c, d in rows]
        with self._writing():
            self._database.execute(_SETTLE)
        return [Moved(before, after) for before, after in pairs if before and after]

    def _open(self) -> sqlite3.Connection:
        database = self._connected()
        try:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == _SCHEMA:
                return database
        except sqlite3.DatabaseError as error:
            if _is_locked(error):
                raise
        database.close()  # another schema, a new file, or none of ours: results are made again
        for name in ("", "-wal", "-shm", "-journal"):
            self._file.with_name(self._file.name + name).unlink(missing_ok=True)
        database = self._connected()
        database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_SCHEMA}; COMMIT;")
        return database

    def _connected(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._file, timeout=1, isolation_level=None)
        try:
            # one process at a time, without shared memory: that works on network drives, too
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.DatabaseError as error:
            if _is_locked(error):
                database.close()
                raise
        return database

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> KitError:
        if _is_locked(error):
            return KitError("another run is at work here", where=str(self._file.parent.parent), mend="wait for its end")
        said = error.strerror if isinstance(error, OSError) else str(error)
        return KitError(f"cannot be written: {said}", where=str(self._file), mend="choose another folder with OUT=")


def _is_locked(error: Exception) -> bool:
    """Whether another process holds the file."""
    return isinstance(error, sqlite3.Error) and "database is locked" in str(error)


def _text(value: Any) -> str:
    return json.dumps(value)


def _raw_name(text: str) -> str:
    name: str = json.loads(text)
    return name


def _published(basis: str, summary: str, digests: str) -> Published | None:
    """The entry in these texts; None where they are none."""
    what, short, written = _read(basis_from_json, basis), _read(summary_from_json, summary), _read(tuple, digests)
    return None if what is None or short is None or written is None else Published(what, short, written)


def _read(read: Callable[[Any], _Read], text: str) -> _Read | None:
    """What `read` makes of a JSON text; None where it is no such text."""
    try:
        return read(json.loads(text))
    except (ValueError, KeyError, TypeError):
        return None
