"""What a class run has found so far, in one SQLite file: whole rows or none, whatever kills the run.

results     every result by the key of what it depends on; a later run starts from them
published   by submission: what its files in DIR were written from, and what had been before this run
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from grader.errors import KitError
from grader.results.basis import Basis, basis_from_json
from grader.results.model import SubmissionResult, result_from_json
from grader.results.summary import Summary, summary_from_json

_SCHEMA = 1
_Read = TypeVar("_Read")
_TABLES = """
CREATE TABLE results (key TEXT PRIMARY KEY, result BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE published (
  name TEXT PRIMARY KEY, basis TEXT NOT NULL, summary TEXT NOT NULL, sizes TEXT NOT NULL,
  old_basis TEXT, old_summary TEXT, is_settled INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Published:
    """What the files of one submission were written from. `sizes` are those of its files."""

    basis: Basis
    summary: Summary
    sizes: tuple[int, ...] = ()


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

    def result(self, key: str) -> SubmissionResult | None:
        """An earlier result under the same key; None for none, or one that cannot be read."""
        try:
            row = self._database.execute("SELECT result FROM results WHERE key = ?", (key,)).fetchone()
            return result_from_json(json.loads(zlib.decompress(row[0]))) if row else None
        except (sqlite3.Error, zlib.error, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, text: str) -> None:
        """Stores a result, as results.json has it, for later runs. Raises KitError where it cannot be written."""
        packed = zlib.compress(text.encode(), 1)
        with self._writing():
            self._database.execute("INSERT OR REPLACE INTO results VALUES (?, ?)", (key, packed))

    def published(self) -> dict[str, Published]:
        """By submission, what its files were last written from."""
        found: dict[str, Published] = {}
        try:
            rows = self._database.execute("SELECT name, basis, summary, sizes FROM published").fetchall()
        except sqlite3.Error:
            return {}
        for name, *parts in rows:
            entry = _published(*parts)
            if entry:
                found[_raw_name(name)] = entry
        return found

    def publish(self, name: str, entry: Published) -> None:
        """Notes that the files of a submission were written. What they were before this run is kept until `settle`."""
        parts = (_text(entry.basis.as_json()), _text(entry.summary.as_json()), _text(entry.sizes))
        with self._writing():
            self._database.execute(
                "INSERT INTO published VALUES (?, ?, ?, ?, NULL, NULL, 0) ON CONFLICT (name) DO UPDATE SET "
                "old_basis = CASE WHEN is_settled THEN basis ELSE old_basis END, "
                "old_summary = CASE WHEN is_settled THEN summary ELSE old_summary END, "
                "basis = excluded.basis, summary = excluded.summary, sizes = excluded.sizes, is_settled = 0",
                (_text(name), *parts),
            )

    def settle(self) -> list[Moved]:
        """To be called once a run is complete: what it wrote anew, and what had been there; forgets old results."""
        rows = self._database.execute(
            "SELECT old_basis, old_summary, basis, summary FROM published "
            "WHERE NOT is_settled AND old_summary IS NOT NULL ORDER BY name"
        ).fetchall()
        pairs = [(_published(a, b, "[]"), _published(c, d, "[]")) for a, b, c, d in rows]
        with self._writing():
            self._database.execute("UPDATE published SET is_settled = 1, old_basis = NULL, old_summary = NULL "
                                   "WHERE NOT is_settled")  # fmt: skip
            kept = {key for (key,) in self._database.execute("SELECT key FROM results")}
            self._database.executemany("DELETE FROM results WHERE key = ?", [(key,) for key in kept - self._used()])
        return [Moved(before, after) for before, after in pairs if before and after]

    def _used(self) -> set[str]:
        """The keys of what the published files were written from."""
        texts = self._database.execute("SELECT basis FROM published")
        return {basis.key for (text,) in texts if (basis := _read(basis_from_json, text))}

    def _open(self) -> sqlite3.Connection:
        database = self._connected()
        try:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == _SCHEMA:
                return database
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
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
            if "locked" in str(error):
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
        if "locked" in str(error):
            return KitError("another run is at work here", where=str(self._file.parent.parent), mend="wait for its end")
        said = error.strerror if isinstance(error, OSError) else str(error)
        return KitError(f"cannot be written: {said}", where=str(self._file), mend="choose another folder with OUT=")


def _text(value: Any) -> str:
    return json.dumps(value)


def _raw_name(text: str) -> str:
    name: str = json.loads(text)
    return name


def _published(basis: str, summary: str, sizes: str) -> Published | None:
    """The entry in these texts; None where they are none."""
    what, short, written = _read(basis_from_json, basis), _read(summary_from_json, summary), _read(tuple, sizes)
    return None if what is None or short is None or written is None else Published(what, short, written)


def _read(read: Callable[[Any], _Read], text: str) -> _Read | None:
    """What `read` makes of a JSON text; None where it is no such text."""
    try:
        return read(json.loads(text))
    except (ValueError, KeyError, TypeError):
        return None
