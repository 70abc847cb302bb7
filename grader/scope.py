"""Which names a statement takes from outside itself, by Python's scoping rules.

A parameter `dhpreact` is no use of the function `dhpreact`, and a local variable
called `open` is no use of the builtin.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from grader.syntax import children, walk


@lru_cache(maxsize=256)
def free_loads(node: ast.AST) -> tuple[ast.Name, ...]:
    """The names below `node` that are looked up outside of it, in its module or among the builtins."""
    return tuple(_free_loads(node))


def _free_loads(node: ast.AST) -> Iterator[ast.Name]:
    match node:
        case ast.Name(ctx=ast.Load()):
            yield node
        case ast.AugAssign(target=ast.Name() as target):
            yield target
            yield from _free_loads(node.value)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            outside = (*node.decorator_list, *_outside(node.args), *([node.returns] if node.returns else []))
            yield from _all(outside)
            yield from _inside(node.body, _locals(node.args, node.body))
        case ast.Lambda():
            yield from _all(_outside(node.args))
            yield from _inside([node.body], _locals(node.args, [node.body]))
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            first = node.generators[0].iter  # evaluated outside of the comprehension
            targets = {name for generator in node.generators for name in stored(generator.target)}
            yield from _free_loads(first)
            yield from _inside([child for child in _parts(node) if child is not first], targets)
        case _:
            yield from _all(children(node))


def stored(node: ast.AST) -> Iterator[str]:
    """Names that `node` binds in its own scope; functions, classes and comprehensions inside keep their own."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
            return
        case ast.Name() | ast.Constant():
            return
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
            return
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in aliases)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case ast.Lambda():
            return
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            yield from _walruses(node)
            return
    for child in children(node):
        yield from stored(child)


def _walruses(node: ast.AST) -> Iterator[str]:
    """What `:=` in a comprehension binds around it; a lambda keeps its own."""
    for child in children(node):
        if isinstance(child, ast.NamedExpr):
            yield child.target.id
        if not isinstance(child, ast.Lambda):
            yield from _walruses(child)


def _parts(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> Iterator[ast.AST]:
    """The expressions of a comprehension, its loops taken apart."""
    for child in children(node):
        if isinstance(child, ast.comprehension):
            yield from (child.target, child.iter, *child.ifs)
        else:
            yield child


def _all(nodes: Iterable[ast.AST]) -> Iterator[ast.Name]:
    for node in nodes:
        yield from _free_loads(node)


def _inside(nodes: Sequence[ast.AST], own: set[str]) -> Iterator[ast.Name]:
    return (name for name in _all(nodes) if name.id not in own)


def _outside(arguments: ast.arguments) -> list[ast.expr]:
    """Defaults and annotations: evaluated where the function is defined."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    annotations = [argument.annotation for argument in every if argument.annotation]
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default), *annotations]


def _locals(arguments: ast.arguments, body: Sequence[ast.AST]) -> set[str]:
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    names = {argument.arg for argument in every if argument}
    names |= {name for node in body for name in stored(node)}
    declared = {name for inner in walk(*body) if isinstance(inner, ast.Global) for name in inner.names}
    return names - declared
