"""The edits of whole statements: += for =, a copy for a change in place, a forgotten return."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.judge.mend.expressions import SIGNS
from grader.judge.mend.sites import NEAR, scope_of
from grader.judge.mend.text import Edit, Source
from grader.syntax import walk


def statement_edits(source: Source, function: ast.FunctionDef) -> Iterator[Edit]:
    assigned: set[str] = set()
    parameters = set(scope_of(function).parameters)
    for statement in _ordered(function):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                text = f"{name} += {source.piece(value)}"
                if name in assigned | parameters:
                    yield _statement_edit(source, statement, text, "overwritten", "= overwrites; += adds",
                                          "is a value overwritten that should have been added to?")  # fmt: skip
                assigned.add(target.id)
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                text = f"{source.piece(target)} += {source.piece(value)}"
                tag = "" if isinstance(value, ast.Constant) else "overwritten"
                yield _statement_edit(source, statement, text, tag, "= overwrites; += adds",
                                      "is a value overwritten that should have been added to?")  # fmt: skip
                text = f"{source.piece(target)} -= {source.piece(value)}"
                yield _statement_edit(source, statement, text, "", "= overwrites; -= takes off",
                                      "is a value overwritten that should have been lowered?")  # fmt: skip
                yield from _accumulated(source, statement, target, value)
            case ast.AugAssign(target=ast.Subscript() as target, op=ast.Add(), value=value):
                yield from _accumulated(source, statement, target, value)
                yield from _other_signs(source, statement)
            case ast.AugAssign(target=ast.Subscript()):
                yield from _other_signs(source, statement)
            case ast.AugAssign(target=ast.Name(id=name) as target, value=value):
                yield from _other_signs(source, statement)
                if name in parameters:
                    sign = SIGNS.get(type(statement.op), "+")
                    text = f"{name} = {name} {sign} ({source.piece(value)})"
                    yield _statement_edit(source, statement, text, "in-place", "it changes its input in place",
                                          "which tensor is changed in place?")  # fmt: skip
        yield from _taken_away(source, statement, function)
    last = function.body[-1]
    returns = any(isinstance(node, ast.Return) for node in walk(function))
    is_result = isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name)
    if not returns and isinstance(last, ast.Assign | ast.Expr) and (is_result or isinstance(last, ast.Expr)):
        text = f"return {source.piece(last.value)}"
        yield _statement_edit(source, last, text, "no-tensor", "the return is missing", "what does it return?")


def _taken_away(source: Source, statement: ast.stmt, function: ast.FunctionDef) -> Iterator[Edit]:
    """A statement too many, of those that change what is there: most often one that stands twice."""
    match statement:
        case ast.AugAssign() | ast.Expr(value=ast.Call(func=ast.Attribute())):
            alike = [other for other in _ordered(function) if ast.dump(other) == ast.dump(statement)]
            if statement is not alike[-1]:
                return  # the last of them is too many
            words = "it stands twice" if len(alike) > 1 else "it does not belong here"
            root = _changed(statement)
            is_input = root in scope_of(function).parameters
            tag = "extra-path" if len(alike) > 1 else "in-place" if is_input else ""
            edited = source.replaced(statement, "pass")
            hint = f"is `{source.piece(statement)}` needed here?"
            words = f"`{source.piece(statement)}`: {words}; right is `pass`"
            yield Edit(NEAR, tag, statement.lineno, words, hint, edited, statement.col_offset)


def _changed(statement: ast.AugAssign | ast.Expr) -> str:
    """The name whose value a statement changes: x of x.zero_() and of x[0] += 1."""
    node = statement.value.func if isinstance(statement.value, ast.Call) and isinstance(statement, ast.Expr) else None
    place: ast.AST | None = node if isinstance(statement, ast.Expr) else statement.target
    while isinstance(place, ast.Attribute | ast.Subscript):
        place = place.value
    return place.id if isinstance(place, ast.Name) else ""


def _ordered(function: ast.FunctionDef) -> list[ast.stmt]:
    found = [node for part in function.body for node in walk(part) if isinstance(node, ast.stmt)]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _accumulated(source: Source, statement: ast.stmt, target: ast.Subscript, value: ast.expr) -> Iterator[Edit]:
    indices = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
    if any(isinstance(index, ast.Slice) for index in indices):
        return
    inside = ", ".join(source.piece(index) for index in indices)
    text = f"{source.piece(target.value)}.index_put_(({inside},), {source.piece(value)}, accumulate=True)"
    words = "of several additions to one entry only one counts; accumulate=True counts all"
    yield _statement_edit(source, statement, text, "lost-repeats", words, "what if an index occurs twice?")


def _other_signs(source: Source, statement: ast.AugAssign) -> Iterator[Edit]:
    sign = "-=" if isinstance(statement.op, ast.Add) else "+="
    tag = "path-sign" if isinstance(statement.op, ast.Add | ast.Sub) else "derivative"
    text = f"{source.piece(statement.target)} {sign} {source.piece(statement.value)}"
    yield _statement_edit(source, statement, text, tag, "the sign is wrong", "look at the sign")


def _statement_edit(source: Source, statement: ast.stmt, text: str, tag: str, words: str, hint: str) -> Edit:
    edited = source.replaced(statement, text)
    return Edit(NEAR, tag, statement.lineno, f"{words}; right is `{text}`", hint, edited, statement.col_offset)
