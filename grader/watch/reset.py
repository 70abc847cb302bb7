"""One step put back to its stub. The file as it was is kept first, in backup/ beside it."""

from __future__ import annotations

import ast
import json
import re
from datetime import datetime
from pathlib import Path

from grader.errors import KitError
from grader.lesson import Exercise, Lesson
from grader.lesson.own import untouched
from grader.results.store import write_atomically

BACKUPS = "backup"
_COMMENT = re.compile(r"^\s+#")
_NEXT = re.compile(r"^[^\s#)\]}]")  # a line that begins something else at top level


def reset(path: Path, lesson: Lesson, exercise: Exercise, function: str) -> Path:
    """Puts the stub of `function` back into the file at `path`; returns the backup. Raises KitError."""
    text = untouched(lesson, exercise)
    stub = block_of(text, function) if text else None
    if stub is None:
        raise KitError(f"the kit does not have the stub of {function}")
    try:
        before = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise KitError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise KitError("is not UTF-8 text, so it was left alone", where=str(path)) from None
    after = (
        _in_notebook(before, function, stub) if path.suffix.lower() == ".ipynb" else with_stub(before, function, stub)
    )
    backup = _backup(path, before)
    write_atomically(path.resolve(), after)
    return backup


def block_of(text: str, function: str) -> str | None:
    """The lines of a top-level function of a file that is Python."""
    spans = _spans(text, function)
    return "".join(text.splitlines(keepends=True)[slice(*spans[-1])]) if spans else None


def with_stub(text: str, function: str, stub: str) -> str:
    """`text` with the stub where `function` was defined; at its end if it was not."""
    lines = text.splitlines(keepends=True)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    own = [line + end for line in stub.rstrip("\n").splitlines()]
    spans = _spans(text, function)
    if not spans:
        if lines and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += end
        return "".join([*lines, end, end, *own])
    for start, stop in reversed(spans[1:]):
        del lines[start:stop]
    start, stop = spans[0]
    lines[start:stop] = own
    return "".join(lines)


def _spans(text: str, function: str) -> list[tuple[int, int]]:
    """Where `function` is bound at top level, as slices of lines; found by look where the text is not Python."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _spans_by_look(text.splitlines(), function)
    found = []
    for node in body:
        if _binds(node, function):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
            found.append((first - 1, _with_comments(text.splitlines(), node.end_lineno or node.lineno)))
    return found


def _with_comments(lines: list[str], stop: int) -> int:
    """The end of a function whose last lines are comments, which its syntax tree does not hold."""
    after = stop
    while after < len(lines) and (not lines[after].strip() or _COMMENT.match(lines[after])):
        after += 1
        stop = after if lines[after - 1].strip() else stop
    return stop


def _binds(node: ast.stmt, function: str) -> bool:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name == function
        case ast.Assign(targets=targets):
            return any(isinstance(target, ast.Name) and target.id == function for target in targets)
        case ast.AnnAssign(target=ast.Name(id=name)):
            return name == function
    return False


def _spans_by_look(lines: list[str], function: str) -> list[tuple[int, int]]:
    """From `def function(` to the next line that begins something at the left margin."""
    begins = re.compile(rf"^(?:async\s+)?def\s+{re.escape(function)}\s*\(|^{re.escape(function)}\s*[:=]")
    found = []
    for start, line in enumerate(lines):
        if begins.match(line):
            stop = next((i for i in range(start + 1, len(lines)) if _NEXT.match(lines[i])), len(lines))
            while stop > start + 1 and not lines[stop - 1].strip():
                stop -= 1
            found.append((start, stop))
    return found


def _in_notebook(text: str, function: str, stub: str) -> str:
    """The same in the first code cell that defines `function`."""
    try:
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and _spans(source, function):
                cell["source"] = with_stub(source, function, stub).rstrip("\n").splitlines(keepends=True)
                return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    except (ValueError, KeyError, TypeError):
        raise KitError("is no notebook that can be read, so it was left alone") from None
    raise KitError(f"no cell of the notebook defines {function}, so it was left alone")


def _backup(path: Path, text: str) -> Path:
    """A copy beside the file, under a name that nothing takes for an answer. Never overwrites another."""
    folder = path.parent / BACKUPS
    stem = f"{path.name}.{datetime.now():%Y-%m-%d-%H-%M-%S}"
    names = (f"{stem}{more}.bak" for more in ("", *(f"-{count}" for count in range(2, 1000))))
    target = next(folder / name for name in names if not (folder / name).exists())
    write_atomically(target, text)
    return target
