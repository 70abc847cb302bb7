"""A gradient that is a variable as a function, in which edits are looked for; each statement at its own line."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import replace

from grader.submission.answers import Answer
from grader.submission.program import Program
from grader.submission.statement import Statement, statement_of
from grader.submission.syntax import parsed

SHIFT = 2  # lines that stand before the student's: imports, the head
_IMPORTS = "import torch; import torch.nn.functional as F; import math"


def as_function(written: Answer) -> Answer | None:
    """The same answer as the text of a function; None where it cannot be taken out of its place."""
    assert written.flat is not None
    program, statements = written.flat.program, (*written.helpers, *written.statements)
    if written.place < 0 or any(statement.node.col_offset for statement in statements):
        return None
    lesson = written.flat.lesson
    names = frozenset[str]().union(*(statement.mentions for statement in statements))
    given = (*written.parameters, *sorted(names & (lesson.graph.tensors | set(lesson.sizes))))
    text = _text(program, written.name, statements, given, written.results)
    try:
        tree = parsed(text)
    except SyntaxError:
        return None
    return replace(
        written,
        source=text,
        parameters=given,
        mentioned=names,
        statements=tuple(statement_of(node) for node in tree.body),
        flat=None,
        plan=None,
        position=None,
    )


def _text(
    program: Program, name: str, statements: Sequence[Statement], given: Iterable[str], results: Sequence[str]
) -> str:
    kept: list[list[str]] = [[] for _ in program.lines]
    for statement in statements:
        for number, piece in _pieces(program, statement.node):
            kept[number].append(piece)
    body = [f" {'; '.join(parts)}" if parts else "" for parts in kept]
    head = f"def {name}({', '.join(dict.fromkeys(given))}):"
    return "\n".join([_IMPORTS, head, *body, f" return {', '.join(results)}"]) + "\n"


def _pieces(program: Program, node: ast.stmt) -> Iterable[tuple[int, str]]:
    """The lines of a statement, by their index."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    last = node.end_lineno or node.lineno
    for number in range(first, last + 1):
        line = program.lines[number - 1].encode()
        yield number - 1, line[: node.end_col_offset if number == last else None].decode()
