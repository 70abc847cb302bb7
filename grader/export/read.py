"""DIR of a class run -> results to export."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from grader.errors import KitError
from grader.export.person import Person, person_of
from grader.results.model import SubmissionResult, result_from_json

RESULTS_FILE = "results.json"


@dataclass(frozen=True)
class Graded:
    """One submission's result, and who handed it in."""

    result: SubmissionResult
    person: Person


@dataclass(frozen=True)
class ClassResults:
    """What a run has graded, and the names of submissions that it could not."""

    graded: tuple[Graded, ...]
    ungraded: tuple[str, ...]


def read_results(path: Path) -> ClassResults:
    """All results of a run's folder, or one results.json, in the order of their folders. Raises KitError."""
    files = [path] if path.is_file() else sorted((path / "submissions").glob(f"*/{RESULTS_FILE}"))
    if not files:
        raise KitError(
            f"no results under {path}: there is no submissions/<name>/{RESULTS_FILE}",
            mend="grade first: python -m grader grade SUBMISSIONS --out DIR",
        )
    found = [_read(file) for file in files]
    return ClassResults(
        tuple(one for one in found if one.result.exercises),
        tuple(one.result.submission for one in found if not one.result.exercises),
    )


def only(results: ClassResults) -> SubmissionResult:
    """The result of the one submission there is. Raises KitError for none or several."""
    if results.ungraded and not results.graded:
        raise KitError(
            f"{results.ungraded[0]} could not be graded, through a fault of the kit", mend="grade it again, then export"
        )
    if len(results.graded) != 1 or results.ungraded:
        raise KitError(
            f"this format holds one submission; here are {len(results.graded) + len(results.ungraded)}",
            mend=f"name one of them: python -m grader export FORMAT DIR/submissions/NAME/{RESULTS_FILE}",
        )
    return results.graded[0].result


def _read(file: Path) -> Graded:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        result = result_from_json(raw)
        return Graded(result, person_of(result.submission, raw.get("identity")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KitError(
            f"is no {RESULTS_FILE} of this kit ({type(error).__name__}: {error})",
            where=str(file),
            mend="grade again: python -m grader grade SUBMISSIONS --out DIR",
        ) from None
