"""The results of one submission, as results.json writes them. Fields are added, never renamed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

from grader.downloads.identity import Identity

SCHEMA = 1

VERDICTS = (
    "missing",
    "forbidden",
    "timeout",
    "memory",
    "crashed",
    "error",
    "wrong",
    "shape",
    "mutates",
    "hard-coded",
    "right",
    "exact",
)
PASSING = frozenset({"right", "exact"})


@dataclass(frozen=True)
class Float32Row:
    """The lecture's own comparison: float32, the lecture's sizes, the real chain."""

    exact: bool
    approximate: bool
    max_diff: float | None


@dataclass(frozen=True)
class Mistake:
    """Which mistake it is: a tag of the closed list in judge/tags.py, and what helps."""

    tag: str
    help: str


@dataclass(frozen=True)
class CaseReport:
    """One step in one case, with the numbers of its worst element."""

    case: str
    sizes: Mapping[str, int]
    outcome: str  # right, shape, wrong, error ...
    fact: str
    scaled_error: float | None = None
    worst_index: tuple[int, ...] | None = None
    got: float | None = None
    expected: float | None = None


@dataclass(frozen=True)
class Instructor:
    """What only the instructor sees. `cases` are listed where the step did not pass."""

    mend: str | None = None
    suspected: str | None = None
    cases: tuple[CaseReport, ...] = ()


@dataclass(frozen=True)
class StepResult:
    """One step of one submission. Absent is None, never NaN."""

    step: str
    verdict: str
    credit: float
    points: float
    message: str = ""
    float32: Float32Row | None = None
    scaled_error: float | None = None
    worst_index: tuple[int, ...] | None = None
    got: float | None = None
    expected: float | None = None
    error_map: tuple[str, ...] | None = None  # of a wrong step: where it is off and how much, see judge/picture.py
    mistake: Mistake | None = None
    file: str | None = None
    line: int | None = None  # of the file, or of the cell
    cell: int | None = None  # of a notebook, counted from 1 among all its cells
    output: str = ""
    note: str | None = None
    instructor: Instructor = Instructor()

    @property
    def passes(self) -> bool:
        return self.verdict in PASSING

    @property
    def place(self) -> str:
        """`ex1_chain.py:41`; `ann.ipynb, cell 5, line 3`; '' where nothing is known."""
        if not self.file or not self.line:
            return ""
        return f"{self.file}:{self.line}" if self.cell is None else f"{self.file}, cell {self.cell}, line {self.line}"

    @property
    def score(self) -> float:
        return self.credit * self.points


@dataclass(frozen=True)
class ExerciseResult:
    """The steps of one exercise."""

    exercise: str
    steps: tuple[StepResult, ...]

    @property
    def score(self) -> float:
        return sum(step.score for step in self.steps)

    @property
    def max_score(self) -> float:
        return sum(step.points for step in self.steps)


@dataclass(frozen=True)
class SubmissionResult:
    """Everything about one submission."""

    kit: str
    lesson: str
    submission: str
    seed: int
    isolation: tuple[str, ...]
    exercises: tuple[ExerciseResult, ...]
    chain_reaches: str | None
    notes: tuple[str, ...]
    identity: Identity | None = None  # who it is of, as the download says; for gradebooks
    kit_hash: str = ""  # of the grader's own source: results of the same hash come from the same grader
    ended: str | None = None  # the stage that exceeded its bound and was ended: reading, judging, fixes, page

    @property
    def score(self) -> float:
        return sum(exercise.score for exercise in self.exercises)

    @property
    def max_score(self) -> float:
        return sum(exercise.max_score for exercise in self.exercises)

    def for_students(self) -> SubmissionResult:
        """The same without what only the instructor sees: mends, suspicions, the hidden cases."""
        return replace(
            self,
            exercises=tuple(
                replace(exercise, steps=tuple(replace(step, instructor=Instructor()) for step in exercise.steps))
                for exercise in self.exercises
            ),
        )

    def as_json(self) -> dict[str, Any]:
        """The object of results.json."""
        return {
            "schema": SCHEMA,
            "kit": self.kit,
            "kit_hash": self.kit_hash or None,
            "lesson": self.lesson,
            "submission": self.submission,
            "seed": self.seed,
            "isolation": list(self.isolation),
            "score": round(self.score, 6),
            "max_score": round(self.max_score, 6),
            "chain": {"reaches": self.chain_reaches},
            "notes": list(self.notes),
            "identity": identity_json(self.identity),
            "ended": self.ended,
            "exercises": [
                {
                    "exercise": exercise.exercise,
                    "score": round(exercise.score, 6),
                    "max_score": round(exercise.max_score, 6),
                    "steps": [_plain(step) for step in exercise.steps],
                }
                for exercise in self.exercises
            ],
        }


def result_from_json(raw: Mapping[str, Any]) -> SubmissionResult:
    """The inverse of as_json. Raises KeyError, TypeError for what is no such object."""
    return SubmissionResult(
        kit=raw["kit"],
        lesson=raw["lesson"],
        submission=raw["submission"],
        seed=raw["seed"],
        isolation=tuple(raw["isolation"]),
        chain_reaches=raw["chain"]["reaches"],
        notes=tuple(raw["notes"]),
        identity=identity_from_json(raw.get("identity")),
        kit_hash=raw.get("kit_hash") or "",
        ended=raw.get("ended"),
        exercises=tuple(
            ExerciseResult(exercise["exercise"], tuple(_step_from_json(step) for step in exercise["steps"]))
            for exercise in raw["exercises"]
        ),
    )


def identity_json(identity: Identity | None) -> dict[str, Any] | None:
    """An identity as plain data."""
    plain: dict[str, Any] | None = _plain(identity)
    return plain


def identity_from_json(raw: Mapping[str, Any] | None) -> Identity | None:
    """The inverse. Raises TypeError for what is no such object."""
    if raw is None:
        return None
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    return Identity(**fields)


def _step_from_json(raw: Mapping[str, Any]) -> StepResult:
    fields = dict(raw)
    fields["float32"] = Float32Row(**raw["float32"]) if raw["float32"] else None
    fields["mistake"] = Mistake(**raw["mistake"]) if raw["mistake"] else None
    fields["instructor"] = _instructor_from_json(raw["instructor"])
    fields["worst_index"] = tuple(raw["worst_index"]) if raw["worst_index"] is not None else None
    fields["error_map"] = tuple(raw["error_map"]) if raw.get("error_map") is not None else None
    return StepResult(**fields)


def _instructor_from_json(raw: Mapping[str, Any]) -> Instructor:
    cases = [
        CaseReport(**{**case, "worst_index": tuple(case["worst_index"]) if case["worst_index"] is not None else None})
        for case in raw["cases"]
    ]
    return Instructor(raw["mend"], raw["suspected"], tuple(cases))


def _plain(value: Any) -> Any:
    """`value` as JSON has it: dataclasses as objects, tuples as lists, NaN and infinities as None."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return {name: _plain(getattr(value, name)) for name in _names_of(value.__class__)}


@cache
def _names_of(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a dataclass."""
    return tuple(field.name for field in fields(kind))
