"""What an error is about: the tensors in the expression that raised, with their shapes; names like one not found.

`dlogits @ W2` raises, and what is told beside torch's own words is

    dlogits is (32, 27), W2 is (64, 27)
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Mapping
from types import FrameType
from typing import Any

from torch import Tensor

from grader.names import near
from grader.runner.language.names import is_own_name
from grader.runner.language.tables import BUILTIN_WORDS

_MOST = 6
_size = Tensor.size  # bound before a student's code can rebind it


def shapes(error: BaseException, file: str, source: str) -> str:
    """The tensors of the innermost expression in the student's file that raised; '' where there are none."""
    if isinstance(error, RecursionError):  # no tensor is to blame
        return ""
    try:
        frames = _frames(error, file)
        return _told(*frames[-1], source) if frames else ""
    except Exception:  # whatever a student's code did to what is looked at here: the error itself is told all the same
        return ""


def near_names(error: BaseException, file: str) -> list[str]:
    """For a name that was not found, those that were there and look like it."""
    if type(error) is not NameError or not isinstance(error.name, str):  # a class of the student's own may raise here
        return []
    frames = _frames(error, file)
    if not frames:
        return []
    frame, _ = frames[-1]
    return near(error.name, filter(is_own_name, {*frame.f_locals, *frame.f_globals, *BUILTIN_WORDS}))


def _frames(error: BaseException, file: str) -> list[tuple[FrameType, traceback.FrameSummary]]:
    """The frames of the student's file on the way to the error."""
    walked, summaries = traceback.walk_tb(error.__traceback__), traceback.extract_tb(error.__traceback__)
    return [(frame, told) for (frame, _), told in zip(walked, summaries, strict=True) if told.filename == file]


def _told(frame: FrameType, summary: traceback.FrameSummary, source: str) -> str:
    span = (summary.lineno, summary.colno, summary.end_lineno, summary.end_colno)
    found = {name: value for name in _names_in(span, source) if type(value := _value(name, frame)) is Tensor}
    return ", ".join(f"{name} is {_shape(tensor)}" for name, tensor in list(found.items())[:_MOST])


def _names_in(span: tuple[int | None, ...], source: str) -> list[str]:
    """The names that are read in the expression at `span`, in the order in which they stand there."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.expr | ast.stmt) and _span(node) == span:
            names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
            return [name.id for name in sorted(names, key=lambda name: (name.lineno, name.col_offset))]
    return []


def _span(node: ast.expr | ast.stmt) -> tuple[int | None, ...]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _value(name: str, frame: FrameType) -> Any:
    places: tuple[Mapping[str, Any], ...] = (frame.f_locals, frame.f_globals)
    return next((place[name] for place in places if name in place), None)


def _shape(tensor: Tensor) -> str:
    return str(tuple(_size(tensor))) if _size(tensor) else "a single number"
