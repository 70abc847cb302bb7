"""What a class run keeps in memory of each submission: verdicts and tags, without messages and numbers of cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from grader.downloads.identity import Identity
from grader.results.model import PASSING, StepResult, SubmissionResult, identity_from_json, identity_json


@dataclass(frozen=True)
class StepSummary:
    """One step, in short."""

    exercise: str
    step: str
    verdict: str
    tag: str | None = None  # of the mistake, where one was recognised
    suspected: str | None = None
    mend: str | None = None

    @property
    def path(self) -> str:
        return f"{self.exercise}.{self.step}"

    @property
    def passes(self) -> bool:
        return self.verdict in PASSING


@dataclass(frozen=True)
class Summary:
    """One submission, in short: what the gradebook and the page of the class show."""

    kit: str
    submission: str
    seed: int
    isolation: tuple[str, ...]
    score: float
    max_score: float
    scores: Mapping[str, float]  # by exercise
    chain_reaches: str | None
    notes: tuple[str, ...]
    steps: tuple[StepSummary, ...]
    ended: str | None = None  # the stage that was ended at its bound
    identity: Identity | None = None

    @property
    def is_graded(self) -> bool:
        """Whether there is a verdict: not before its turn, and not where the kit itself failed."""
        return bool(self.steps)

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the store."""
        own = {name: getattr(self, name) for name in _PLAIN}
        steps = [[s.exercise, s.step, s.verdict, s.tag, s.suspected, s.mend] for s in self.steps]
        return {
            **own,
            "isolation": list(self.isolation),
            "notes": list(self.notes),
            "steps": steps,
            "identity": identity_json(self.identity),
        }


_PLAIN = ("kit", "submission", "seed", "score", "max_score", "scores", "chain_reaches", "ended")


def summary_of(result: SubmissionResult) -> Summary:
    """A result in short."""
    return Summary(
        result.kit,
        result.submission,
        result.seed,
        result.isolation,
        result.score,
        result.max_score,
        {exercise.exercise: exercise.score for exercise in result.exercises},
        result.chain_reaches,
        result.notes,
        tuple(_step(exercise.exercise, step) for exercise in result.exercises for step in exercise.steps),
        result.ended,
        identity=result.identity,
    )


def ungraded(submission: str) -> Summary:
    """The summary of a submission that has no result."""
    return Summary("", submission, 0, (), 0.0, 0.0, {}, None, (), ())


def summary_from_json(raw: Mapping[str, Any]) -> Summary:
    """The inverse of as_json. Raises KeyError, TypeError for what is no such object."""
    return Summary(
        **{name: raw[name] for name in _PLAIN},
        isolation=tuple(raw["isolation"]),
        notes=tuple(raw["notes"]),
        steps=tuple(_shared(*step) for step in raw["steps"]),
        identity=identity_from_json(raw["identity"]),
    )


def _step(exercise: str, step: StepResult) -> StepSummary:
    tag = step.mistake.tag if step.mistake else None
    return _shared(exercise, step.step, step.verdict, tag, step.instructor.suspected, step.instructor.mend)


@lru_cache(maxsize=1 << 12)
def _shared(
    exercise: str, step: str, verdict: str, tag: str | None, suspected: str | None, mend: str | None
) -> StepSummary:
    """One object for all who have the same: a class of thousands has few different ones, and holds tens of each."""
    return StepSummary(exercise, step, verdict, tag, suspected, mend)
