"""Which names a statement takes from outside itself, and which it binds, by Python's scoping rules.

A parameter `dhpreact` is no use of the function `dhpreact`, and a local variable
called `open` is no use of the builtin.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grader.syntax import children

_DEEPEST = 450  # nodes in nodes; what is deeper could take the stack of whatever goes through the tree later
_NAMELESS = frozenset({ast.Constant}).union(
    *(kind.__subclasses__() for kind in (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop))
)


@dataclass(frozen=True)
class Names:
    """Of a node: the names it looks up outside of itself, in the module or among the builtins, and those it binds."""

    free: tuple[ast.Name, ...]
    bound: tuple[str, ...]


def names_in(node: ast.AST) -> Names:
    """The names below `node`; functions, classes and comprehensions inside keep their own.

    Raises RecursionError where the tree is deeper than any that a person writes.
    """
    scope = _Scope()
    _read(node, scope, 0)
    return Names(tuple(scope.loads), tuple(scope.bound))


def free_loads(node: ast.AST) -> tuple[ast.Name, ...]:
    """The names below `node` that are looked up outside of it."""
    return names_in(node).free


def stored(node: ast.AST) -> tuple[str, ...]:
    """Names that `node` binds in its own scope, in the order they stand."""
    return names_in(node).bound


@dataclass
class _Scope:
    """What one scope looks up and binds, while it is read."""

    loads: list[ast.Name] = field(default_factory=list)
    bound: list[str] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)  # `global`, in functions inside, too
    host: _Scope | None = None  # of a comprehension: the scope around it, where `:=` binds

    def beside(self) -> _Scope:
        """For parts that look up names here and bind none here: defaults, the body of a class."""
        return _Scope(self.loads, [], self.declared)

    def take(self, inner: _Scope, own: set[str]) -> None:
        """What a scope inside does not find among its own names is looked up here."""
        self.loads += [name for name in inner.loads if name.id not in own]
        self.declared |= inner.declared


def _read(node: ast.AST, scope: _Scope, depth: int) -> None:
    if depth > _DEEPEST:
        raise RecursionError("nested too deeply")
    kind = type(node)
    if kind in _SCOPES:
        _SCOPES[kind](node, scope, depth + 1)
        return
    if kind in _NAMED:
        _NAMED[kind](node, scope)
    for child in children(node):
        if type(child) not in _NAMELESS:
            _read(child, scope, depth + 1)


# Nodes that name something themselves


def _name(node: ast.Name, scope: _Scope) -> None:
    if isinstance(node.ctx, ast.Load):
        scope.loads.append(node)
    else:
        scope.bound.append(node.id)


def _changed(node: ast.AugAssign, scope: _Scope) -> None:
    """`x += ...` looks `x` up as well."""
    if isinstance(node.target, ast.Name):
        scope.loads.append(node.target)


def _imported(node: ast.Import | ast.ImportFrom, scope: _Scope) -> None:
    scope.bound += [(alias.asname or alias.name).split(".")[0] for alias in node.names]


def _caught(node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar, scope: _Scope) -> None:
    if node.name is not None:
        scope.bound.append(node.name)


def _rest(node: ast.MatchMapping, scope: _Scope) -> None:
    if node.rest is not None:
        scope.bound.append(node.rest)


def _declared(node: ast.Global, scope: _Scope) -> None:
    scope.declared.update(node.names)


# Nodes with a scope of their own


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _Scope, depth: int) -> None:
    scope.bound.append(node.name)
    around = scope.beside()
    for part in (*node.decorator_list, *_outside(node.args), *([node.returns] if node.returns else [])):
        _read(part, around, depth)
    inner = _Scope()
    for statement in node.body:
        _read(statement, inner, depth)
    scope.take(inner, _parameters(node.args).union(inner.bound) - inner.declared)


def _lambda(node: ast.Lambda, scope: _Scope, depth: int) -> None:
    around = scope.beside()
    for part in _outside(node.args):
        _read(part, around, depth)
    inner = _Scope()
    _read(node.body, inner, depth)
    scope.take(inner, _parameters(node.args).union(inner.bound))


def _class(node: ast.ClassDef, scope: _Scope, depth: int) -> None:
    scope.bound.append(node.name)
    around = scope.beside()
    for child in children(node):
        _read(child, around, depth)


def _comprehension(node: _Comprehension, scope: _Scope, depth: int) -> None:
    first = node.generators[0].iter  # evaluated outside of the comprehension
    _read(first, scope, depth)
    inner = _Scope(host=scope.host or scope)
    for part in children(node):
        for inside in children(part) if isinstance(part, ast.comprehension) else [part]:
            if inside is not first:
                _read(inside, inner, depth)
    scope.take(inner, set(inner.bound))


def _walrus(node: ast.NamedExpr, scope: _Scope, depth: int) -> None:
    """`:=` in a comprehension binds around it."""
    (scope.host or scope).bound.append(node.target.id)
    _read(node.value, scope, depth)


_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_NAMED: dict[type[ast.AST], Callable[[Any, _Scope], None]] = {
    ast.Name: _name,
    ast.AugAssign: _changed,
    ast.Import: _imported,
    ast.ImportFrom: _imported,
    ast.ExceptHandler: _caught,
    ast.MatchAs: _caught,
    ast.MatchStar: _caught,
    ast.MatchMapping: _rest,
    ast.Global: _declared,
}
_SCOPES: dict[type[ast.AST], Callable[[Any, _Scope, int], None]] = {
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.Lambda: _lambda,
    ast.ClassDef: _class,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.NamedExpr: _walrus,
}


def _outside(arguments: ast.arguments) -> list[ast.expr]:
    """Defaults and annotations: evaluated where the function is defined."""
    annotations = [argument.annotation for argument in _arguments(arguments) if argument.annotation]
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default), *annotations]


def _parameters(arguments: ast.arguments) -> set[str]:
    return {argument.arg for argument in _arguments(arguments)}


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return every + [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
