"""The part of a program that one answer reaches: its own definition, and every
top-level statement that binds a name it needs, directly or not. Only this part is
checked against the vocabulary, and only this part is ever run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grader.submission.program import Program
from grader.submission.scope import free_loads, stored

# Uses of a tensor that do not look at its values.
_VALUE_FREE_ATTRIBUTES = frozenset(
    {
        "shape",
        "dtype",
        "device",
        "ndim",
        "size",
        "dim",
        "numel",
        "nelement",
        "new_zeros",
        "new_ones",
        "new_full",
        "new_empty",
    }
)
_VALUE_FREE_CALLS = frozenset({"zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "len"})


@dataclass(frozen=True)
class Slice:
    """What one answer reaches. `statements` keep the line numbers of the file, and so does `text`."""

    statements: tuple[ast.stmt, ...]
    text: str


def bound_names(statement: ast.stmt) -> frozenset[str]:
    """The names a top-level statement binds or changes in place (`x[i] = ...`, `x += ...`)."""
    changed = (
        name
        for node in ast.walk(statement)
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store)
        for name in _base(node)
    )
    inside = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    return frozenset(stored(statement)) | (frozenset() if inside else frozenset(changed))


def slice_of(program: Program, root: ast.stmt, name: str) -> Slice:
    """The slice of `root`, which binds `name`. Other statements that bind `name` are other answers."""
    binders: dict[str, list[ast.stmt]] = {}
    futures: list[ast.stmt] = []
    for statement in program.statements:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            futures.append(statement)
        for bound in bound_names(statement):
            binders.setdefault(bound, []).append(statement)
    binders[name] = [root]
    chosen = {id(statement): statement for statement in [root, *futures]}
    waiting = [root]
    while waiting:
        for needed in {name.id for name in free_loads(waiting.pop())}:
            for statement in binders.get(needed, ()):
                if id(statement) not in chosen and not _is_other_answer(statement, name):
                    chosen[id(statement)] = statement
                    waiting.append(statement)
    ordered = tuple(statement for statement in program.statements if id(statement) in chosen)
    return Slice(ordered, _text(program, ordered))


def values_read(function: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """The parameters whose values the function looks at: not those it ignores, or only asks for their shape."""
    parameters = {argument.arg for argument in _arguments(function)}
    body: Sequence[ast.AST] = function.body if isinstance(function.body, list) else [function.body]
    return frozenset(name for node in body for name in _loads(node) if name in parameters)


def _arguments(function: ast.FunctionDef | ast.Lambda) -> Iterator[ast.arg]:
    arguments = function.args
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)


def _loads(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(), attr=attr) if attr in _VALUE_FREE_ATTRIBUTES:
            return
        case ast.Call(func=ast.Attribute(attr=called) | ast.Name(id=called), args=[ast.Name(), *rest]) if (
            called in _VALUE_FREE_CALLS
        ):
            for other in (*rest, *node.keywords):
                yield from _loads(other)
            return
        case ast.Delete():
            return
        case ast.Name(id=name, ctx=ast.Load()):
            yield name
        case ast.AugAssign(target=ast.Name(id=name)):
            yield name
    for child in ast.iter_child_nodes(node):
        yield from _loads(child)


def _is_other_answer(statement: ast.stmt, name: str) -> bool:
    """Another definition of the name asked for: the answer of another exercise in the same file."""
    return isinstance(statement, ast.FunctionDef) and statement.name == name


def _base(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _text(program: Program, statements: Iterable[ast.stmt]) -> str:
    """The source of these statements, each at its own lines; all other lines are empty."""
    kept = [""] * len(program.lines)
    for statement in statements:
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
        last = statement.end_lineno or statement.lineno
        part = list(program.lines[first - 1 : last])
        if last == first:
            part = [_columns(part[0], statement.col_offset, statement.end_col_offset)]
        else:
            part[0] = _columns(part[0], statement.col_offset if first == statement.lineno else 0, None)
            part[-1] = _columns(part[-1], 0, statement.end_col_offset)
        for number, line in enumerate(part, start=first - 1):
            kept[number] = f"{kept[number]}; {line}" if kept[number] else line
    return "\n".join(kept) + "\n"


def _columns(line: str, start: int, end: int | None) -> str:
    return line.encode()[start:end].decode()  # ast counts columns in UTF-8 bytes
