"""The small edits of one answer: what learners most often have to change, the nearest first."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from grader.judge.mend.calls import call_changes, index_changes
from grader.judge.mend.expressions import (
    axis_changes,
    bracket_changes,
    exponent_changes,
    is_of_sizes,
    name_changes,
    number_changes,
    one_less_than_a_size,
    operator_changes,
)
from grader.judge.mend.flow import Position
from grader.judge.mend.sites import (
    NEAR,
    Change,
    Scope,
    Site,
    World,
    is_copied,
    is_made_before,
    is_term,
    makes_the_result,
    missing_names,
    scope_of,
    sites_of,
    with_parameters,
)
from grader.judge.mend.statements import statement_edits
from grader.judge.mend.terms import beginnings, copies, result_changes, returned_changes, term_changes
from grader.judge.mend.text import Edit, Source, bracketed
from grader.scope import stored
from grader.syntax import walk

# Mistakes that an index, an axis or a shape can be: the others are about what is calculated.
_OF_COUNTS = frozenset({"wrong-axis", "extra-sum", "keepdim", "hard-coded", "spread", "missing-path", "in-place"})
MOST_MADE = 6000  # edits that are written down, of which the nearest are tried


def _everywhere(_: Position) -> bool:
    return True


def edits_of(source: Source, world: World, wanted: Callable[[Position], bool] = _everywhere) -> list[Edit]:
    """All edits at the places that are wanted, each once: the nearest first, and of those equally near the shortest."""
    found: dict[str, Edit] = {}
    for bare in islice(_all(source, world, wanted), MOST_MADE):
        edit = replace(bare, growth=len(bare.source) - len(source.text))
        known = found.get(edit.source)
        if edit.source != source.text and (known is None or edit.cost < known.cost):
            found[edit.source] = edit
    return sorted(found.values(), key=Edit.distance)


def _all(source: Source, world: World, wanted: Callable[[Position], bool]) -> Iterator[Edit]:
    functions = [node for node in walk(source.tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    for function in functions:
        scope = scope_of(function)
        for site in sites_of(function):
            # What is returned as a whole begins where its first part does, and is no part of that.
            if not isinstance(site.parent, ast.Return) and not wanted((site.node.lineno, site.node.col_offset)):
                continue
            for change in _changes(site, scope, world):
                yield from _edit(source, site, change, scope, world)
        if isinstance(function, ast.FunctionDef):
            yield from (edit for edit in statement_edits(source, function) if wanted(edit.position))
            yield from _asked_for(source, function, scope, world)


def _asked_for(source: Source, function: ast.FunctionDef, scope: Scope, world: World) -> Iterator[Edit]:
    """What the function uses and does not ask for, among its parameters; a size that the file fixes, too."""
    bound = {name for node in source.tree.body for name in stored(node)}
    used = [node.id for node in walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    unknown = [
        name for name in dict.fromkeys(used) if name not in scope.names and (name not in bound or name in world.sizes)
    ]
    possible = missing_names(ast.Tuple([ast.Name(name) for name in unknown], ast.Load()), scope, world)
    edited = with_parameters(source, source.text, function, possible) if possible else None
    if possible and edited:
        names = ", ".join(possible)
        words = f"{names} is used, and not among the parameters; right is `def {function.name}({names}, ...)`"
        tag = "factor" if bound & set(possible) else ""
        cost = NEAR if bound & set(possible) else 0  # else it cannot run as it is
        yield Edit(cost, tag, function.lineno, words, f"where does {names} come from?", edited, asks=possible)


def _edit(source: Source, site: Site, change: Change, scope: Scope, world: World) -> Iterator[Edit]:
    text = bracketed(change.new, site.parent, site.node)
    edited = source.replaced(site.node, text)
    missing = missing_names(change.new, scope, world)
    if missing is None:
        return
    cost = change.cost + (1 if missing else 0)
    if missing:
        extended = with_parameters(source, edited, site.function, missing)
        if extended is None:
            return
        edited = extended
    shown = source.shown(site.statement, site.node, text)
    added = f" (and {', '.join(missing)} among the parameters)" if missing else ""
    words = f"{change.words}; right is `{shown}`{added}"
    # What an edit brings in from elsewhere mends for reasons of its own, but for a path that was forgotten.
    tag = change.tag if not missing or change.tag in ("missing-path", "wrong-tensor", "upstream-only") else ""
    if site.is_counted and tag not in _OF_COUNTS:
        tag = ""
    place = site.node
    yield Edit(cost, tag, place.lineno, words, change.hint, edited, place.col_offset, kind=change.tag, asks=missing)


def _tag_of_minus(site: Site) -> str:
    """Which mistake a minus too many is: of the whole answer, of a term, of an exponent."""
    if isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, ast.Pow):
        return "derivative"
    return "sign" if site.is_result else "path-sign"


def _changes(site: Site, scope: Scope, world: World) -> Iterator[Change]:
    node = site.node
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float()):
            yield from number_changes(site, scope, world)
        case ast.Name():
            yield from name_changes(site, node, scope, world)
        case ast.BinOp():
            yield from operator_changes(site, node, world)
            yield from bracket_changes(node)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield Change(NEAR, _tag_of_minus(site), inner, "the minus does not belong here", "look at the minus")
            yield from one_less_than_a_size(inner, scope, world)
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Pow):
                squared = ast.BinOp(ast.UnaryOp(ast.USub(), inner.left), ast.Pow(), inner.right)
                yield Change(NEAR, "brackets", squared, "the minus belongs inside the power", "look at the brackets")
            yield from exponent_changes(site)
            yield from axis_changes(site)
        case ast.Tuple():
            yield from axis_changes(site)
        case ast.Call():
            yield from call_changes(node, scope, world)
        case ast.Attribute(attr="T", value=inner):
            tag = "reordered" if isinstance(site.parent, ast.Attribute) else "transposed"
            yield Change(NEAR, tag, inner, ".T does not belong here", "look at the transposes")
        case ast.Subscript():
            yield from index_changes(node, scope)
    if isinstance(getattr(node, "ctx", None), ast.Store):
        return
    is_part_of_a_number = isinstance(site.parent, ast.BinOp) and is_of_sizes(site.parent, world)  # n in n - 1
    if is_term(site) and not is_made_before(site) and not is_part_of_a_number:
        yield from term_changes(site, scope, world)
    if makes_the_result(site):
        yield from result_changes(site, world)
    if makes_the_result(site) or is_copied(site):
        yield from copies(site)
    yield from beginnings(site)
    yield from returned_changes(site)
