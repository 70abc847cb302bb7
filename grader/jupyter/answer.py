"""What a person hands to check(): which step it is for, and in which text it stands."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from grader.errors import KitError
from grader.jupyter.session import Written, numbered, written_in
from grader.lesson import Exercise, Lesson
from grader.names import did_you_mean
from grader.submission.answers import callables
from grader.submission.exercise import exercise_for, marked_in
from grader.submission.syntax import parsed
from grader.wording import an


@dataclass(frozen=True)
class Handed:
    """An answer: the name that it answers, for which exercise, and the program it stands in.

    `written` says where each line of the text stands, where it was put together from cells.
    """

    name: str
    exercise: Exercise
    text: str
    file: str
    written: Written | None


def shell() -> Any:
    """The running IPython, or None. Where nobody has imported it, it does not run."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


def namespace() -> Mapping[str, Any]:
    """The names a person works with."""
    running = shell()
    found: Mapping[str, Any] = running.user_ns if running else vars(sys.modules["__main__"])
    return found


def handed(answer: object, exercise: str, lesson: Lesson) -> Handed:
    """Everything the judge needs of an answer. Raises KitError that says what was expected."""
    name = name_of(answer, lesson)
    if isinstance(answer, str):
        answer = namespace()[name]
    if exercise and exercise not in {other.name for other in lesson.exercises}:
        known = [other.name for other in lesson.exercises]
        raise KitError(f"there is no exercise {exercise}{did_you_mean(exercise, known)}")
    chosen = lesson.exercise(exercise) if exercise else exercise_of(answer, name, lesson)
    if name not in callables(chosen):
        raise KitError(f"{chosen.name} does not ask for {name}", mend=f"it asks for {', '.join(callables(chosen))}")
    own_file = _file_of(answer)
    if own_file:
        return Handed(name, chosen, own_file.read_text(encoding="utf-8", errors="replace"), own_file.name, None)
    running = shell()
    if running is None:
        raise KitError(f"the text of {name} is not to be had here", mend="write it in a notebook, or in a .py file")
    written = written_in(numbered(running.history_manager.input_hist_raw))
    if _is_other(answer, name, written.text):
        raise KitError(f"the cell that last defined {name} did not run to its end", mend="run it again, then check")
    return Handed(name, chosen, written.text, chosen.file, written)


def name_of(answer: object, lesson: Lesson) -> str:
    """The step's function that is meant: by a text, or by the name that it bears in the notebook."""
    known = list(dict.fromkeys(name for exercise in lesson.exercises for name in callables(exercise)))
    if isinstance(answer, str):
        word = answer.rsplit(".", 1)[-1]
        if word not in known:
            raise KitError(f"there is no step {answer}{did_you_mean(word, known)}", mend=f"steps: {', '.join(known)}")
        if word not in namespace():
            raise KitError(f"{word} is not defined yet", mend="run its cell first")
        return word
    names = [name for name, value in namespace().items() if value is answer]
    found = next((name for name in names if name in known), None)
    if found is None:
        own = names[0] if names else getattr(answer, "__name__", "")
        called = f"the name {own}" if own else "it"
        raise KitError(
            f"check takes the function of a step; {called} is none{did_you_mean(own, known)}",
            mend=f"steps: {', '.join(known)}",
        )
    if not callable(answer):
        kind = type(answer).__name__
        raise KitError(
            f"{found} is {an(kind)}; check takes the function that returns it",
            mend=f"def {found}(...):  and what it needs as parameters",
        )
    return found


def exercise_of(answer: object, name: str, lesson: Lesson) -> Exercise:
    """By the marker in its cell, `# ex2_cross_entropy.dlogits`; else by what its parameters ask for."""
    candidates = [exercise for exercise in lesson.exercises if name in callables(exercise)]
    return exercise_for(candidates, _marked(answer, name), _parameters(answer), lesson)


def _marked(answer: object, name: str) -> str:
    """The exercise that a comment names right above the function, or in it; '' for none."""
    try:
        lines, start = inspect.findsource(_function(answer))
    except (OSError, TypeError):
        return ""
    return marked_in("".join(lines[max(0, start - 1) : start + 2]), name)


def _parameters(answer: object) -> set[str]:
    try:
        return set(inspect.signature(answer).parameters) if callable(answer) else set()
    except (TypeError, ValueError):
        return set()


def _function(answer: object) -> Any:
    """The function itself, behind decorators that say what they wrap."""
    return inspect.unwrap(answer) if callable(answer) else answer


def _file_of(answer: object) -> Path | None:
    """The file in which it was written; None for a cell."""
    function = _function(answer)
    if not isinstance(function, FunctionType | MethodType):
        return None
    file = Path(function.__code__.co_filename)
    return file if file.suffix == ".py" and file.is_file() and "ipykernel_" not in str(file) else None


def _is_other(answer: object, name: str, text: str) -> bool:
    """Whether the text's last `def` of that name is not the one that runs under it."""
    function = _function(answer)
    if not isinstance(function, FunctionType) or function.__name__ != name:
        return False
    try:
        own = parsed(textwrap.dedent(inspect.getsource(function))).body
        defined = [node for node in parsed(text).body if isinstance(node, ast.FunctionDef) and node.name == name]
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):  # then the judge says what it thinks of it
        return False
    return not defined or ast.dump(defined[-1]) != ast.dump(own[0])
