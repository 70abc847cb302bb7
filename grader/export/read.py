"""DIR of a class run -> results to export."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from grader.errors import KitError
from grader.export.person import Person, people_of
from grader.invocation import command
from grader.results.model import SubmissionResult, result_from_json
from grader.results.names import safe_name

RESULTS_FILE = "results.json"
_RUN_FILE = Path(".grader") / "run.json"


@dataclass(frozen=True)
class Graded:
    """One submission's result, and who handed it in: one person, or a group."""

    result: SubmissionResult
    people: tuple[Person, ...]


@dataclass(frozen=True)
class Lost:
    """A submission, or one member of its group, that an export does not hold, and why."""

    submission: str
    why: str


@dataclass(frozen=True)
class ClassResults:
    """What the last run has graded, what it could not, and how many it has not come to."""

    graded: tuple[Graded, ...]
    lost: tuple[Lost, ...] = ()
    waiting: tuple[str, ...] = ()  # by name


def read_results(path: Path) -> ClassResults:
    """The results of a run's submissions, or of one results.json. Raises KitError where there are none."""
    if path.is_file():
        return _sorted_out([_read(path)])
    files = _files(path)
    waiting = tuple(name for name, file in files.items() if not file.is_file())
    found: list[Graded] = []
    lost: list[Lost] = []
    for name in [name for name in files if name not in waiting]:
        try:
            found.append(_read(files[name]))
        except KitError as error:  # costs this submission's row
            lost.append(Lost(name, f"its {RESULTS_FILE} {error.what}"))
    if not (found or lost):
        raise KitError(
            f"no results under {path}: there is no submissions/<name>/{RESULTS_FILE}",
            mend=f"grade first: {command('grade', SUBMISSIONS='DIR', OUT=str(path))}",
        )
    return _sorted_out(found, lost, waiting)


def only(results: ClassResults) -> SubmissionResult:
    """The result of the one submission there is. Raises KitError for none or several."""
    if results.lost and not results.graded:
        raise KitError(f"{results.lost[0].submission}: {results.lost[0].why}", mend="grade it again, then export")
    others = len(results.lost) + len(results.waiting)
    if len(results.graded) != 1 or others:
        one = command("export", FORMAT="FORMAT", RESULTS=f"DIR/submissions/NAME/{RESULTS_FILE}")
        raise KitError(
            f"this format holds one submission; here are {len(results.graded) + others}",
            mend=f"name one of them: {one}",
        )
    return results.graded[0].result


def _files(folder: Path) -> dict[str, Path]:
    """Where the result of each submission of the last run is, or will be, in its order."""
    submissions = folder / "submissions"
    names = _names_of_the_last_run(folder)
    if names is None:  # a run of an older kit: all there are
        return {file.parent.name: file for file in sorted(submissions.glob(f"*/{RESULTS_FILE}"))}
    return {name: submissions / safe_name(name) / RESULTS_FILE for name in names}


def _names_of_the_last_run(folder: Path) -> list[str] | None:
    """What the run's record lists; None where it lists nothing."""
    try:
        names = json.loads((folder / _RUN_FILE).read_text(encoding="utf-8"))["submissions"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _sorted_out(found: list[Graded], lost: list[Lost] | None = None, waiting: tuple[str, ...] = ()) -> ClassResults:
    ungraded = [one.result.submission for one in found if not one.result.exercises]
    return ClassResults(
        tuple(one for one in found if one.result.exercises),
        (*(lost or ()), *(Lost(name, "it could not be graded, through a fault of the kit") for name in ungraded)),
        waiting,
    )


def _read(file: Path) -> Graded:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        result = result_from_json(raw)
        if not (math.isfinite(result.score) and math.isfinite(result.max_score)):
            raise ValueError("its score is no number")
        return Graded(result, people_of(result.submission, raw.get("identity")))
    except Exception as error:  # whatever is wrong with a file that somebody may have edited
        raise KitError(
            f"is no {RESULTS_FILE} of this kit ({type(error).__name__}: {error})",
            where=str(file),
            mend=f"grade again: {command('grade', SUBMISSIONS='DIR', OUT='DIR')}",
        ) from None
