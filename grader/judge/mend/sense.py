"""Whether a teacher would write an edit: one that passes may still be an accident, and teach nonsense."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from typing import TypeGuard

from grader.judge.diagnosis.ratios import number_of
from grader.syntax import walk

_TINY = 1e-9  # a number up to this, added to what is not divided by, hides below the tolerance
_TURNS = frozenset({"transpose", "swapaxes", "swapdims"})


def makes_sense(before: ast.AST, after: ast.AST) -> bool:
    """Whether an edit brings in nothing that does nothing: `* 1`, `.transpose(2, 2)`, `x + 1e-12`, a result twice."""
    return sum(1 for _ in _idle(after)) <= sum(1 for _ in _idle(before))


def _idle(tree: ast.AST) -> Iterator[ast.AST]:
    yield from _undoing(tree)
    guarded = {id(inner) for node in walk(tree) for inner in walk(_under(node))}
    for node in walk(tree):
        match node:
            case ast.BinOp(left=left, op=ast.Div() | ast.Sub(), right=right) if _are_same(left, right):
                yield node
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if 1 in (number_of(left), number_of(right)):
                yield node
            case ast.BinOp(op=ast.Div() | ast.Pow(), right=right) if number_of(right) == 1:
                yield node
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right) if id(node) not in guarded:
                if any(number is not None and abs(number) <= _TINY for number in map(number_of, (left, right))):
                    yield node
            case ast.Call(func=ast.Attribute(attr=name), args=[*_, one, other]) if name in _TURNS:
                if _are_same(one, other):
                    yield node
            case ast.Return(value=ast.Tuple(elts=results)):
                names = [result.id for result in results if isinstance(result, ast.Name)]
                yield from [node] * (len(names) - len(set(names)))


def _are_same(one: ast.expr, other: ast.expr) -> bool:
    return type(one) is type(other) and ast.dump(one) == ast.dump(other)  # seldom the former in a long chain


def _undoing(tree: ast.AST) -> Iterator[ast.AST]:
    """Products in which numbers undo each other: `2 * x * 0.5`."""
    inner = {id(side) for node in walk(tree) if _is_product(node) for side in (node.left, node.right)}
    for node in walk(tree):
        if _is_product(node) and id(node) not in inner:
            numbers = list(_factors(node, 1))
            if len(numbers) > 1 and math.isclose(math.prod(numbers), 1):
                yield node


def _is_product(node: ast.AST) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult)


def _factors(node: ast.expr, power: int) -> Iterator[float]:
    """The numbers among the factors of a product."""
    number = number_of(node)
    if number:
        yield number**power
    elif number is None and _is_product(node):
        yield from _factors(node.left, power)
        yield from _factors(node.right, -power if isinstance(node.op, ast.Div) else power)


def _under(node: ast.AST) -> ast.AST:
    """What a node divides by, takes the power or the logarithm of: there a small number guards against zero."""
    match node:
        case ast.BinOp(op=ast.Div(), right=right):
            return right
        case ast.BinOp(left=left, op=ast.Pow()):
            return left
        case ast.Call(func=ast.Attribute(attr="log" | "sqrt" | "rsqrt" | "reciprocal")):
            return node
    return ast.Pass()
