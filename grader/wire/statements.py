"""What the statements of a program are. Both sides of the pipe speak of them by their positions, and must agree."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

_GRADIENT_MODES = frozenset({"no_grad", "inference_mode", "set_grad_enabled", "enable_grad"})


def opened(statements: Sequence[ast.stmt], *, is_main: bool = True) -> Iterator[ast.stmt]:
    """The statements of the top level; those of a main guard, under `if True` and under no_grad() are some of them.

    Each name of an import stands alone, so that a module that is not there costs no other name.
    """
    for node in statements:
        match node:
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__")), body=body, orelse=otherwise):
                yield from opened(body if is_main else otherwise, is_main=is_main)
            case ast.If(test=ast.Constant(value=True), body=body):
                yield from opened(body, is_main=is_main)
            case ast.With(items=items, body=body) if all(map(_is_gradient_mode, items)):
                yield from opened(body, is_main=is_main)
            case ast.Import(names=aliases) if len(aliases) > 1:
                yield from (_located(node, ast.Import([alias])) for alias in aliases)
            case ast.ImportFrom(module=module, names=aliases, level=level) if len(aliases) > 1:
                yield from (_located(node, ast.ImportFrom(module, [alias], level)) for alias in aliases)
            case _:
                yield node


def _located(place: ast.stmt, node: ast.stmt) -> ast.stmt:
    return ast.copy_location(node, place)


def _is_gradient_mode(item: ast.withitem) -> bool:
    """`torch.no_grad()` and its like, which change nothing where autograd is off."""
    match item:
        case ast.withitem(context_expr=ast.Call(func=ast.Attribute(attr=name)), optional_vars=None):
            return name in _GRADIENT_MODES
    return False


def bound_names(node: ast.AST) -> Iterator[str]:
    """The names that a statement binds in its own scope, each perhaps several times."""
    waiting = [node]
    while waiting:
        match inner := waiting.pop():
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
                continue
            case ast.Lambda():
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.split(".")[0]
        waiting += ast.iter_child_nodes(inner)
