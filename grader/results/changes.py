"""What a run judged otherwise than the one before in the same DIR, and why: changes.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from grader.results.archive import Moved
from grader.results.gradebook import cell, number
from grader.results.summary import Summary


@dataclass(frozen=True)
class Change:
    """One submission whose score or verdicts are others now."""

    submission: str
    before: float
    after: float
    steps: tuple[tuple[str, str, str], ...]  # (exercise.step, verdict before, verdict now); '' for none
    why: tuple[str, ...]  # what had changed


def changes_of(moved: Sequence[Moved]) -> list[Change]:
    """What moved: right and exact are one verdict, since the difference is the machine's."""
    found = []
    for entry in moved:
        before, after = entry.before.summary, entry.after.summary
        steps = _steps(before, after)
        if steps or number(before.score) != number(after.score):
            why = entry.after.basis.why(entry.before.basis) or ("graded again",)
            found.append(Change(after.submission, before.score, after.score, steps, why))
    return found


def changes_table(changes: Sequence[Change]) -> str:
    """The text of changes.csv: a row a step that moved."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["submission", "score_before", "score", "step", "verdict_before", "verdict", "why"])
    for change in changes:
        for step, old, new in change.steps or (("", "", ""),):
            scores = (number(change.before), number(change.after))
            writer.writerow([cell(change.submission), *scores, step, old, new, "; ".join(change.why)])
    return out.getvalue()


def _steps(before: Summary, after: Summary) -> tuple[tuple[str, str, str], ...]:
    old = {step.path: step for step in before.steps}
    new = {step.path: step for step in after.steps}
    moved = []
    for path in {**new, **old}:
        one, other = old.get(path), new.get(path)
        if one and other and (one.verdict == other.verdict or (one.passes and other.passes)):
            continue
        moved.append((path, one.verdict if one else "", other.verdict if other else ""))
    return tuple(moved)
