"""The judge as a process: takes one job a line, answers one result a line.

Both ends of this channel are the kit's own; JSON keeps it plain all the same.

    {"lesson": "exercises/mlp", "seed": 0}                                     once, first
    {"submission": {...}, "steps": [...], "is_check": true}  -> {"result": {...}} or {"fault": "..."}
"""

from __future__ import annotations

import json
import socket
import traceback
from pathlib import Path
from typing import Any

from grader.errors import KitError
from grader.judge.submission import Judge, Request
from grader.lesson import load_lesson
from grader.submission.find import Submission
from grader.warm.client import Forker


def main(channel: socket.socket, control: socket.socket, arguments: dict[str, Any]) -> None:
    """Serves jobs until the command hangs up."""
    with channel.makefile("r", encoding="utf-8") as jobs, channel.makefile("w", encoding="utf-8") as results:
        judge: Judge | None = None
        for line in jobs:
            try:
                judge = judge or Judge(load_lesson(Path(arguments["lesson"])), arguments["seed"], Forker(control))
                reply: dict[str, Any] = {"result": judge.judge(_request(json.loads(line))).as_json()}
            except KitError as error:
                reply = {"fault": str(error), "exit_code": error.exit_code}
            except Exception:
                reply = {"fault": traceback.format_exc(), "exit_code": 3}
            results.write(json.dumps(reply) + "\n")
            results.flush()


def _request(raw: dict[str, Any]) -> Request:
    submission = raw["submission"]
    return Request(
        Submission(
            submission["name"], Path(submission["path"]),
            {exercise: Path(file) for exercise, file in submission["files"].items()},
            Path(submission["lone_file"]) if submission["lone_file"] else None, tuple(submission["notes"]),
        ),
        frozenset(raw["steps"]), raw["is_check"],
    )


def job(request: Request) -> str:
    """The line that asks for `request`."""
    submission = request.submission
    return json.dumps({
        "submission": {
            "name": submission.name, "path": str(submission.path),
            "files": {exercise: str(file) for exercise, file in submission.files.items()},
            "lone_file": str(submission.lone_file) if submission.lone_file else None, "notes": submission.notes,
        },
        "steps": sorted(request.steps), "is_check": request.is_check,
    }) + "\n"
