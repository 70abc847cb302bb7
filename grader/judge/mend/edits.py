"""The small edits of one answer: what learners most often have to change, the nearest first."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.judge.mend.calls import call_changes, index_changes
from grader.judge.mend.expressions import bracket_changes, name_changes, number_changes, operator_changes
from grader.judge.mend.sites import (
    NEAR,
    Change,
    Scope,
    Site,
    World,
    is_term,
    makes_the_result,
    missing_names,
    scope_of,
    sites_of,
    with_parameters,
)
from grader.judge.mend.statements import statement_edits
from grader.judge.mend.terms import result_changes, term_changes
from grader.judge.mend.text import Edit, Source, bracketed


def edits_of(source: Source, world: World) -> list[Edit]:
    """All edits, each once, the nearest first."""
    found: dict[str, Edit] = {}
    for edit in _all(source, world):
        known = found.get(edit.source)
        if edit.source != source.text and (known is None or edit.cost < known.cost):
            found[edit.source] = edit
    return sorted(found.values(), key=lambda edit: edit.cost)


def _all(source: Source, world: World) -> Iterator[Edit]:
    functions = [node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    for function in functions:
        scope = scope_of(function)
        for site in sites_of(function):
            for change in _changes(site, scope, world):
                yield from _edit(source, site, change, scope, world)
        if isinstance(function, ast.FunctionDef):
            yield from statement_edits(source, function)


def _edit(source: Source, site: Site, change: Change, scope: Scope, world: World) -> Iterator[Edit]:
    text = bracketed(change.new, site.parent, site.node)
    edited = source.replaced(site.node, text)
    missing = missing_names(text, scope, world)
    if missing is None:
        return
    cost = 10 * change.cost + (10 if missing else 0)
    if missing:
        extended = with_parameters(source, edited, site.function, missing)
        if extended is None:
            return
        edited = extended
    shown = source.shown(site.statement, site.node, text)
    added = f" (and {', '.join(missing)} among the parameters)" if missing else ""
    words = f"{change.words}: `{shown}`{added}"
    yield Edit(
        cost, change.tag, site.statement.lineno if _spans(site) else site.node.lineno, words, change.hint, edited, shown
    )


def _spans(site: Site) -> bool:
    return site.is_whole


def _changes(site: Site, scope: Scope, world: World) -> Iterator[Change]:
    node = site.node
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float()):
            yield from number_changes(site)
        case ast.Name():
            yield from name_changes(node, scope, world)
        case ast.BinOp():
            yield from operator_changes(node)
            yield from bracket_changes(node)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield Change(NEAR, "sign", inner, "without the minus the step is right", "look at the minus")
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Pow):
                squared = ast.BinOp(ast.UnaryOp(ast.USub(), inner.left), ast.Pow(), inner.right)
                yield Change(NEAR, "brackets", squared, "the minus belongs inside the power", "look at the brackets")
        case ast.Call():
            yield from call_changes(node)
        case ast.Attribute(attr="T", value=inner):
            yield Change(NEAR, "transposed", inner, "without .T the step is right", "look at the transposes")
        case ast.Subscript():
            yield from index_changes(node, scope)
    if is_term(site):
        yield from term_changes(site, scope, world)
    if isinstance(site.parent, ast.Return) or makes_the_result(site):
        yield from result_changes(site, world)
