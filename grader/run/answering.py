"""The far side of `bounded`: a process that reads students' files and answers questions about them, a line each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from grader.bounds import Bound, enter, leave_no_core
from grader.copies.read import read_source
from grader.copies.shape import given_names
from grader.lesson import Lesson, load_lesson
from grader.submission.filled import contents_of


def main(lesson_folder: str) -> None:
    """Serves until its input ends."""
    leave_no_core()
    for line in sys.stdin.buffer:
        reply = _reply(lesson_folder, *json.loads(line))
        sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
        sys.stdout.buffer.flush()


def _reply(lesson_folder: str, question: str, bound: dict[str, Any], arguments: list[str]) -> dict[str, Any]:
    enter(Bound(**bound))
    try:
        return {"answer": msgspec.to_builtins(QUESTIONS[question](_lesson(lesson_folder), *arguments))}
    except MemoryError:
        return {"is_over_memory": True}
    except Exception as error:
        return {"fault": f"{type(error).__name__}: {error}"}


@cache
def _lesson(folder: str) -> Lesson:
    return load_lesson(Path(folder))


def _source(lesson: Lesson, name: str, *paths: str) -> object:
    """One submission as it is compared with others."""
    return read_source(name, [Path(path) for path in paths], given_names(lesson))


def _contents(lesson: Lesson, path: str) -> object:
    """What a file answers and imports."""
    return contents_of(Path(path), lesson)


QUESTIONS: dict[str, Callable[..., object]] = {"source": _source, "contents": _contents}
