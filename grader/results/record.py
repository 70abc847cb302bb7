"""What a run's folder says of its last run: the seed, whose results it holds, and whether that run came to its end."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_DIGITS = 16
_SEED_BITS = 128  # too many to be searched for from what a student may learn of the cases


def new_seed() -> int:
    """A seed that nobody knows."""
    return secrets.randbits(_SEED_BITS)


@dataclass(frozen=True)
class RunRecord:
    """One run. `submissions` are raw names, in the order of grades.csv.

    `paths` are what a person named, as digests: enough to know them again, and no path of this machine.
    """

    seed: int
    submissions: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    is_regrade: bool = False  # takes nothing over from runs before it
    is_complete: bool = False

    def followed_by(self, found: Sequence[str], paths: Sequence[Path]) -> tuple[RunRecord, ClassChange]:
        """The record of a run over `paths` that found these, and what it changes in the class.

        A run over a part of what was graded before, or of one submission alone, updates these and keeps the others.
        """
        now = tuple(_digest(path) for path in paths)
        within = bool(self.paths) and all(_is_below(path, self.paths) for path in paths)
        is_update = len(self.submissions) > len(found) and (within or len(found) == 1) and now != self.paths
        if is_update:
            added = [name for name in found if name not in set(self.submissions)]
            record = replace(self, submissions=(*self.submissions, *added), is_complete=False, is_regrade=False)
            return record, ClassChange(kept=tuple(name for name in self.submissions if name not in set(found)))
        gone = tuple(name for name in self.submissions if name not in set(found))
        return RunRecord(self.seed, tuple(found), now), ClassChange(gone=gone)

    def as_json(self) -> dict[str, object]:
        """Plain data, for run.json."""
        return asdict(self)


@dataclass(frozen=True)
class ClassChange:
    """Whose results of the run before stay beside this one's, and whose do not belong to the class any more."""

    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def read_record(file: Path) -> RunRecord | None:
    """The record in `file`; None where there is none that can be read."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        return RunRecord(
            int(raw["seed"]),
            tuple(str(name) for name in raw.get("submissions", ())),
            tuple(str(path) for path in raw.get("paths", ())),
            bool(raw.get("is_regrade")),
            bool(raw.get("is_complete")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:_DIGITS]


def _is_below(path: Path, others: Sequence[str]) -> bool:
    """Whether it lies properly inside one of the others."""
    return any(_digest(parent) in others for parent in path.resolve().parents)
