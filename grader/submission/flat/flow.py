"""What one statement reads, binds anew and changes, by its text."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grader.scope import free_loads, names_in, stored
from grader.syntax import walk

# Methods that change what they are called on, beside those that end in an underscore.
_CHANGING = frozenset({"append", "extend", "insert", "update", "setdefault", "pop", "remove", "clear"})


@dataclass(frozen=True)
class Effects:
    """The names that a statement takes from before it, binds anew for certain, and changes or may bind."""

    reads: frozenset[str]
    binds: frozenset[str]
    changes: frozenset[str]


def effects_of(node: ast.stmt) -> Effects:
    """The effects of a statement as a whole, whatever is nested in it."""
    if isinstance(node, ast.Delete) or (isinstance(node, ast.AnnAssign) and node.value is None):
        return Effects(frozenset(), frozenset(), frozenset())
    reads, bound = _run([node], frozenset())
    touched = set(stored(node))
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        touched |= {name for inner in walk(node) for name in changed_by(inner)}
    binds = frozenset(bound) - reads
    return Effects(frozenset(reads), binds, frozenset(touched) - binds)


def changed_by(node: ast.AST) -> Iterator[str]:
    """Names whose objects a node changes: `x[i] = ...`, `x += ...`, `x.add_(...)`, `f(..., out=x)`."""
    match node:
        case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
            yield from base_of(node)
        case ast.AugAssign(target=target):
            yield from base_of(target)
        case ast.Call(func=ast.Attribute(value=owner, attr=method), keywords=keywords):
            if method in _CHANGING or (method.endswith("_") and not method.endswith("__")):
                yield from base_of(owner)
            yield from _out(keywords)
        case ast.Call(keywords=keywords):
            yield from _out(keywords)


def _out(keywords: Iterable[ast.keyword]) -> Iterator[str]:
    for keyword in keywords:
        if keyword.arg == "out":
            yield from base_of(keyword.value)


def base_of(node: ast.expr) -> Iterator[str]:
    """The name below subscripts, attributes and calls of methods: `dC` in `dC.view(-1)[ix]`."""
    while True:
        match node:
            case ast.Subscript(value=inner) | ast.Attribute(value=inner):
                node = inner
            case ast.Call(func=ast.Attribute(value=inner)):
                node = inner
            case ast.Name(id=name):
                yield name
                return
            case _:
                return


def _run(statements: Sequence[ast.stmt], bound: frozenset[str]) -> tuple[set[str], frozenset[str]]:
    """(names read before they are bound here, names bound for certain) of statements one after the other."""
    reads: set[str] = set()
    for statement in statements:
        read, bound = _one(statement, bound)
        reads |= read
    return reads, bound


def _one(node: ast.stmt, bound: frozenset[str]) -> tuple[set[str], frozenset[str]]:
    match node:
        case ast.For(target=target, iter=source, body=body, orelse=otherwise):
            inner, _ = _run(body, bound | set(stored(target)))
            last, _ = _run(otherwise, bound)
            return (_loads(source) - bound) | (_loads(target) - bound) | inner | last, bound
        case ast.While(test=test, body=body, orelse=otherwise):
            inner, _ = _run([*body, *otherwise], bound)
            return (_loads(test) - bound) | inner, bound
        case ast.If(test=test, body=body, orelse=otherwise):
            (one, yes), (two, no) = _run(body, bound), _run(otherwise, bound)
            return (_loads(test) - bound) | one | two, yes & no
        case ast.With(items=items, body=body):
            heads = {name for item in items for name in _loads(item.context_expr)} - bound
            names = {name for item in items if item.optional_vars for name in stored(item.optional_vars)}
            inner, after = _run(body, bound | names)
            return heads | inner, after
        case ast.Try(body=body, handlers=handlers, orelse=otherwise, finalbody=last):
            parts = [_run([*body, *otherwise], bound)] + [_run(handler.body, bound) for handler in handlers]
            final, _ = _run(last, bound)
            return set().union(final, *(read for read, _ in parts)), bound
        case ast.AugAssign(target=target, value=value):
            return (_loads(target) | set(base_of(target)) | _loads(value)) - bound, bound
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return _loads(node) - bound - {node.name}, bound | {node.name}
    found = names_in(node)
    return {name.id for name in found.free} - bound, bound.union(found.bound)


def _loads(node: ast.AST) -> set[str]:
    return {name.id for name in free_loads(node)}
