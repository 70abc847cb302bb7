"""A slice as the text of a function, each statement at its own line, so that errors and mends name that line."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from grader.submission.program import Program

SHIFT = 3  # lines that stand before the student's: imports, the head, other names
_DEFAULTS = {"torch": "import torch", "F": "import torch.nn.functional as F"}


def function_text(
    program: Program,
    name: str,
    nodes: Sequence[ast.stmt],
    given: Mapping[str, str],
    unknown: Iterable[str],
    results: Sequence[str | None],
) -> str:
    """`def name(what is given): the statements; return results`. A result that is missing is None.

    given: the student's names -> the lesson's, which become the parameters.
    """
    used = min((node.lineno for node in nodes if not isinstance(node, ast.Import | ast.ImportFrom)), default=0)
    stars = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) and _is_outer(node, used)]
    imports = [ast.unparse(node) for node in stars] + [_DEFAULTS[word] for word in sorted(unknown) if word in _DEFAULTS]
    other = [f"{own} = {meant}" for own, meant in sorted(given.items()) if own != meant]
    kept: list[list[str]] = [[] for _ in program.lines]
    for node in nodes:
        if node not in stars:
            for number, piece in _pieces(program, node):
                kept[number].append(piece)
    head = f"def {name}({', '.join(dict.fromkeys(sorted(given.values())))}):"
    body = [f" {'; '.join(parts)}" if parts else "" for parts in kept]
    returned = ", ".join(result or "None" for result in results)
    return (
        "\n".join(["; ".join(imports), head, f" {'; '.join(other)}" if other else "", *body, f" return {returned}"])
        + "\n"
    )


def _is_outer(node: ast.Import | ast.ImportFrom, used: int) -> bool:
    """Imports that Python does not take inside a function, or that stand below what needs them."""
    if node.lineno > used or isinstance(node, ast.Import):
        return node.lineno > used
    return node.module == "__future__" or any(alias.name == "*" for alias in node.names)


def _pieces(program: Program, node: ast.stmt) -> Iterable[tuple[int, str]]:
    """The lines of a statement, by their index, moved to the left by as much as it is indented."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node.lineno - 1, ast.unparse(node)
        return
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    last = node.end_lineno or node.lineno
    indent = node.col_offset
    for number in range(first, last + 1):
        line = program.lines[number - 1].encode()
        end = node.end_col_offset if number == last else None
        if number == node.lineno:
            yield number - 1, line[indent:end].decode()
        else:
            blank = len(line) - len(line.lstrip())
            yield number - 1, line[min(indent, blank) : end].decode()
