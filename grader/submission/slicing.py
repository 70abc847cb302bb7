"""The part of a program that one answer reaches: its own definition, and every
top-level statement that binds a name it needs, directly or not. Only this part is
checked against the vocabulary, and only this part is ever run."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from grader.submission.program import Program, Statement


@dataclass(frozen=True)
class Slice:
    """What one answer reaches. `statements` keep the line numbers of the file, and so does `text`."""

    statements: tuple[ast.stmt, ...]
    text: str


def slice_of(program: Program, root: Statement, name: str) -> Slice:
    """The slice of `root`, which binds `name`. Other definitions of `name` are other answers.

    Where `root` wraps the name itself (`dprobs = checked(dprobs)`), what bound it before belongs to it.
    """
    before = program.statements[: program.statements.index(root)]
    wraps = not root.is_definition and name in root.needs
    earlier = [statement for statement in before if name in statement.binds][-1:] if wraps else []
    chosen = {id(statement): statement for statement in (root, *earlier, *program.always)}
    waiting = list(chosen.values())
    while waiting:
        for needed in waiting.pop().needs:
            for statement in program.binders.get(needed, ()) if needed != name else ():
                if id(statement) not in chosen:
                    chosen[id(statement)] = statement
                    waiting.append(statement)
    ordered = [statement for statement in program.statements if id(statement) in chosen]
    return Slice(tuple(statement.node for statement in ordered), _text(program, ordered))


def parameters_of(definition: ast.stmt) -> tuple[str, ...]:
    """The parameters of a def or of a lambda bound to a name; none for other statements."""
    match definition:
        case ast.FunctionDef(args=arguments):
            pass
        case ast.Assign(value=ast.Lambda(args=arguments)) | ast.AnnAssign(value=ast.Lambda(args=arguments)):
            pass
        case _:
            return ()
    return tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


def names_read(definition: ast.stmt) -> frozenset[str]:
    """The parameters that the function's code mentions."""
    mentioned = {
        node.id for node in ast.walk(definition) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    return frozenset(parameters_of(definition)) & mentioned


def _text(program: Program, statements: Iterable[Statement]) -> str:
    """The source of these statements, each at its own lines; all other lines are empty."""
    kept: list[list[str]] = [[] for _ in program.lines]
    for statement in statements:
        node = statement.node
        if isinstance(node, ast.Import | ast.ImportFrom):
            kept[node.lineno - 1].append(ast.unparse(node))
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
        last = node.end_lineno or node.lineno
        start = node.col_offset if first == node.lineno else 0
        for number in range(first, last + 1):
            end = node.end_col_offset if number == last else None
            kept[number - 1].append(_columns(program.lines[number - 1], start if number == first else 0, end))
    return "\n".join("; ".join(parts) for parts in kept) + "\n"


def _columns(line: str, start: int, end: int | None) -> str:
    """Part of a line; ast counts columns in UTF-8 bytes."""
    if line.isascii():
        return line[start:end]
    return line.encode()[start:end].decode()
