"""The shapes of a lesson's tensors, as its files show them: found without a forward pass."""

from __future__ import annotations

import re
from pathlib import Path

from grader.errors import KitError
from grader.lesson.expression import whole
from grader.lesson.model import GRADIENT_PREFIX, Lesson

_LARGEST = 256 << 10  # of a file: it may be a student's own
_ANSWER = re.compile(r"gradient w\.r\.t\. (\w+), \(([^()]*)\)")
_GIVEN = re.compile(r"\b(\w+) \(([\w *,]*)\)")


def shown_shapes(lesson: Lesson) -> dict[str, tuple[str, ...]]:
    """Tensor -> the lengths of its axes as expressions over the sizes.

    Inputs have theirs in lesson.toml, other tensors in the docstrings of the steps; a tensor
    that no docstring shows has none. `grader lesson` holds these docstrings to the truth.
    """
    found = {name: tuple(str(length) for length in entry.shape) for name, entry in lesson.inputs.items()}
    text = "\n".join(_text(lesson.folder / exercise.file) for exercise in lesson.exercises)
    for pattern in (_ANSWER, _GIVEN):
        for name, shape in pattern.findall(text):
            tensor = name if name in lesson.graph.tensors else name.removeprefix(GRADIENT_PREFIX)
            lengths = tuple(part.strip() for part in shape.split(",") if part.strip())
            if tensor in lesson.graph.tensors and tensor not in found and _are_lengths(lengths, lesson):
                found[tensor] = lengths
    return found


def as_text(shape: tuple[str, ...]) -> str:
    """`(rows, units)`, `(rows,)`, `()`: as Python writes a tuple."""
    return f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"


def _are_lengths(lengths: tuple[str, ...], lesson: Lesson) -> bool:
    try:
        return all(whole(length, lesson.sizes) for length in lengths)
    except KitError:
        return False


def _text(file: Path) -> str:
    try:
        return file.read_bytes()[:_LARGEST].decode("utf-8", "replace")
    except OSError:
        return ""
