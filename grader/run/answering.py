"""The far side of `bounded`: a process that reads students' files and answers questions about them, a line each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from grader.bounds import Bound, enter, leave_no_core
from grader.lesson import Lesson, load_lesson
from grader.run.bounded import Reply


def main(lesson_folder: str) -> None:
    """Serves until its input ends."""
    leave_no_core()
    sys.set_int_max_str_digits(0)
    for line in sys.stdin.buffer:
        question, bound, arguments = msgspec.json.decode(line, type=tuple[str, Bound, list[str]])
        enter(bound)
        try:
            answer = QUESTIONS[question](_lesson(lesson_folder), *arguments)
            reply = Reply(msgspec.Raw(msgspec.json.encode(answer)))
        except MemoryError:
            reply = Reply(is_over_memory=True)
        except Exception as error:
            reply = Reply(fault=f"{type(error).__name__}: {error}")
        sys.stdout.buffer.write(msgspec.json.encode(reply) + b"\n")
        sys.stdout.buffer.flush()


@cache
def _lesson(folder: str) -> Lesson:
    return load_lesson(Path(folder))


QUESTIONS: dict[str, Callable[..., Any]] = {}
