"""What a judge is asked, as one line of JSON between the kit's own processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from grader.submission.model import Submission


@dataclass(frozen=True)
class Request:
    """What is asked about one submission. No `steps` means all of them."""

    submission: Submission
    steps: frozenset[str] = frozenset()  # "exercise.step"
    is_check: bool = False  # a self-check trains for longer than a class run
    mends: bool = True  # whether to look for the nearest mend of what is wrong
    page: bool = False  # whether the student's page is made, too


def job(request: Request) -> str:
    """The line that asks for `request`."""
    submission = request.submission
    return (
        json.dumps(
            {
                "submission": {
                    "name": submission.name,
                    "path": str(submission.path),
                    "files": {exercise: str(file) for exercise, file in submission.files.items()},
                    "lone_files": [str(file) for file in submission.lone_files],
                    "own_files": [str(file) for file in submission.own_files],
                    "notes": submission.notes,
                },
                "steps": sorted(request.steps),
                "is_check": request.is_check,
                "mends": request.mends,
                "page": request.page,
            }
        )
        + "\n"
    )


def read_job(line: str) -> Request:
    """The inverse of `job`."""
    raw = json.loads(line)
    submission = raw["submission"]
    return Request(
        Submission(
            submission["name"],
            Path(submission["path"]),
            {exercise: Path(file) for exercise, file in submission["files"].items()},
            tuple(Path(file) for file in submission["lone_files"]),
            tuple(submission["notes"]),
            own_files=tuple(Path(file) for file in submission["own_files"]),
        ),
        frozenset(raw["steps"]),
        raw["is_check"],
        raw["mends"],
        raw["page"],
    )
