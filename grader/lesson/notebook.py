"""The exercises as a notebook, made from the same files as the stubs, and never edited by hand.

Each function of the exercise files is an answer cell, followed by a cell that checks it. An
answer cell says which step it is for twice, in its first line and in its metadata, because
notebooks share one namespace in which two exercises may use the same name:

    # ex2_cross_entropy.dlogits          {"grader": {"step": "ex2_cross_entropy.dlogits"}}

Both kinds of cells carry the metadata by which a course on nbgrader releases and grades them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from grader.errors import KitError
from grader.lesson.model import Exercise, Lesson, Step
from grader.wording import counted

_NBGRADER_SCHEMA = 3
_IMPORTS = (ast.Import, ast.ImportFrom)
_COMMANDS = re.compile(r"(?:^ {4,}make .*\n?)+", re.MULTILINE)  # they are for the terminal
_POINT = re.compile(r"^ {4}(?=\* )", re.MULTILINE)

_SETUP = """\
import sys
from pathlib import Path

# The kit is either installed, or lies in a folder above this notebook.
sys.path += [str(folder) for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "grader").is_dir()]

from grader.jupyter import check, hint, progress, start

start("{lesson}")"""

_INTRODUCTION = """\
# {title}

You write the backward pass by hand, one function a step. Under each function stands a line that checks it:

- `check({step})` judges your function and says which mistake it is, if there is one. It runs in a process of its
  own, on inputs that the kit draws; the values in this notebook don't matter.
- `hint({step})` is a nudge; `hint({step}, 2)` is the rule with shapes, `hint({step}, 3)` nearly the line.
- `progress()` draws the network with the verdicts so far.

Helper functions are fine, in cells of their own, too.{video}

Run the next two cells first."""

_NETWORK = """\
## The network

{about}

```python
{code}
```"""


@dataclass(frozen=True)
class _Piece:
    """A top-level part of an exercise file: a function by its name, or other code ('')."""

    function: str
    text: str


def notebook_text(lesson: Lesson, texts: Mapping[str, str]) -> str:
    """The notebook as a file, from the texts of the lesson's .py files by name: stubs, or solutions."""
    exercises = [(exercise, ast.parse(texts[exercise.file]), texts[exercise.file]) for exercise in lesson.exercises]
    imports = dict.fromkeys(
        ast.unparse(node) for _, tree, _ in exercises for node in tree.body if isinstance(node, _IMPORTS)
    )
    cells = [
        _markdown("introduction", _introduction(lesson)),
        _code("setup", _SETUP.format(lesson=lesson.folder.name), _locked("setup")),
        _code("imports", "\n".join(imports)),
        _markdown("network", _network(lesson)),
        _code("map", "progress()"),
    ]
    for number, (exercise, tree, text) in enumerate(exercises, start=1):
        cells += _exercise_cells(lesson, exercise, number, tree, text)
    made = nbformat.v4.new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "grader": {"lesson": lesson.name},
        },
    )
    nbformat.validate(made)
    written: str = nbformat.writes(made, version=4)
    return written + "\n"


def code_cells(text: str) -> list[str]:
    """The sources of a notebook's code cells. Raises KitError for what is no notebook."""
    try:
        return [cell.source for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    except Exception as error:  # nbformat raises whatever its reading of damaged JSON comes upon
        raise KitError(f"is not a notebook: {error}") from None


def _exercise_cells(
    lesson: Lesson, exercise: Exercise, number: int, tree: ast.Module, text: str
) -> Iterator[NotebookNode]:
    title = f"## Exercise {number}. {exercise.title or exercise.name}"
    yield _markdown(exercise.name, "\n\n".join(part for part in (title, exercise.about, _teaching(tree)) if part))
    asked = {exercise.function} if exercise.function else {step.name for step in exercise.gradient_steps}
    for place, piece in enumerate(_pieces(tree, text)):
        if piece.function in asked:
            yield from _step_cells(lesson, exercise, piece)
        else:
            yield _code(f"{exercise.name}-code-{place}", piece.text)
    yield _code(f"{exercise.name}-progress", "progress()")


def _step_cells(lesson: Lesson, exercise: Exercise, piece: _Piece) -> Iterator[NotebookNode]:
    """The heading, the answer cell, the check."""
    steps = [step for step in exercise.steps if exercise.function or step.name == piece.function]
    path, identity = f"{exercise.name}.{piece.function}", f"{exercise.name}-{piece.function}"
    yield _markdown(f"{identity}-about", _heading(lesson, piece.function, steps))
    own = {"grader": {"step": path}, "nbgrader": _nbgrader(identity, solution=True)}
    yield _code(identity, f"# {path}\n{piece.text}", own)
    points = sum(step.points for step in steps)
    grading = {"nbgrader": _nbgrader(f"{identity}-check", grade=True, locked=True, points=points)}
    yield _code(f"{identity}-check", f"check({piece.function})", grading)


def _heading(lesson: Lesson, function: str, steps: Sequence[Step]) -> str:
    """`### dprobs · 1 point · watch 19:06`."""
    points = sum(step.points for step in steps)
    parts = [f"### {function}", counted(points, "point")]
    for watch, url in dict.fromkeys((step.watch, lesson.watch_url(step)) for step in steps if step.watch):
        parts.append(f"watch [{watch}]({url})" if url else f"watch {watch}")
        break  # the minute at which it begins
    return " · ".join(parts)


def _introduction(lesson: Lesson) -> str:
    video = f" The times at the steps are minutes of the lecture, <{lesson.video}>." if lesson.video else ""
    first = next(exercise.function or exercise.steps[0].name for exercise in lesson.exercises)
    return _INTRODUCTION.format(title=lesson.title, step=first, video=video)


def _network(lesson: Lesson) -> str:
    """forward.py: what it says of itself, then its function."""
    tree = ast.parse(lesson.graph.text)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "forward")
    code = "\n".join(lesson.graph.text.splitlines()[function.lineno - 1 : function.end_lineno])
    return _NETWORK.format(about=_marked_down(ast.get_docstring(tree) or ""), code=code)


def _teaching(tree: ast.Module) -> str:
    """The docstring of an exercise file without its title and its commands."""
    _, _, rest = (ast.get_docstring(tree) or "").partition("\n\n")
    return _marked_down(rest)


def _marked_down(text: str) -> str:
    text = _POINT.sub("", _COMMANDS.sub("", text)).strip()
    return re.sub(r"\n{3,}", "\n\n", text)


def _pieces(tree: ast.Module, text: str) -> Iterator[_Piece]:
    """The top-level parts but docstring and imports, each up to the next, with the comments that follow it."""
    lines = text.splitlines()
    nodes = [node for node in tree.body if not _is_docstring(node)]
    starts = [min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]) for node in nodes]
    for node, start, end in zip(nodes, starts, [*starts[1:], len(lines) + 1], strict=True):
        if not isinstance(node, _IMPORTS):
            name = node.name if isinstance(node, ast.FunctionDef) else ""
            yield _Piece(name, "\n".join(lines[start - 1 : end - 1]).rstrip())


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _markdown(identity: str, text: str) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_markdown_cell(text, id=identity[:64])
    return cell


def _code(identity: str, text: str, metadata: Mapping[str, object] | None = None) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_code_cell(text, id=identity[:64], metadata=dict(metadata or {}))
    return cell


def _locked(identity: str) -> dict[str, object]:
    return {"nbgrader": _nbgrader(identity, locked=True)}


def _nbgrader(
    identity: str, *, grade: bool = False, solution: bool = False, locked: bool = False, points: float | None = None
) -> dict[str, object]:
    """Metadata of nbgrader's schema 3."""
    found: dict[str, object] = {
        "schema_version": _NBGRADER_SCHEMA,
        "grade_id": identity,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    }
    return found if points is None else {**found, "points": points}
