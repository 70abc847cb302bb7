"""The local derivative of a forward line, written out as code: what a missing path would add.

The rules of calculus for the few operations that forward lines are made of; a line with any other
is left alone. What is written here is never trusted: it is run, and held against the reference.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from grader.judge.diagnosis.ratios import number_of
from grader.lesson.graph import Statement
from grader.lesson.model import GRADIENT_PREFIX
from grader.syntax import walk

Shapes = Mapping[str, Sequence[int]]


class _Unknown(Exception):
    """No rule for an operation."""


def path_through(statement: Statement, read: str, shapes: Shapes) -> str | None:
    """What reaches `read` through `statement`: code over its tensors and the gradient of what it makes."""
    upstream = ast.Name(GRADIENT_PREFIX + statement.tensor)
    expression = ast.parse(statement.expression, mode="eval").body
    try:
        parts = list(_back(expression, upstream, read, statement))
    except _Unknown:
        return None
    if not parts:
        return None
    total = parts[0]
    for part in parts[1:]:
        total = ast.BinOp(total, ast.Add(), part)
    return _summed(ast.unparse(total), shapes[read], shapes[statement.tensor], _is_inside(read, expression))


def _back(node: ast.expr, upstream: ast.expr, read: str, statement: Statement) -> Iterator[ast.expr]:
    """The contributions of `node` to the gradient of `read`."""
    if not any(isinstance(inner, ast.Name) and inner.id == read for inner in walk(node)):
        return
    match node:
        case ast.Name():
            yield upstream
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            yield from _back(inner, ast.UnaryOp(ast.USub(), upstream), read, statement)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _back(left, upstream, read, statement)
            yield from _back(right, upstream, read, statement)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            yield from _back(left, upstream, read, statement)
            yield from _back(right, ast.UnaryOp(ast.USub(), upstream), read, statement)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield from _back(left, _times(right, upstream), read, statement)
            yield from _back(right, _times(left, upstream), read, statement)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            yield from _back(left, ast.BinOp(upstream, ast.Div(), right), read, statement)
            square = ast.BinOp(right, ast.Pow(), ast.Constant(2))
            slope = ast.UnaryOp(ast.USub(), ast.BinOp(left, ast.Div(), square))
            yield from _back(right, _times(slope, upstream), read, statement)
        case ast.BinOp(left=base, op=ast.Pow(), right=right) if number_of(right) is not None:
            yield from _back(base, _times(_power_slope(base, number_of(right) or 0.0), upstream), read, statement)
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            yield from _back(left, ast.BinOp(upstream, ast.MatMult(), _turned(right)), read, statement)
            yield from _back(right, ast.BinOp(_turned(left), ast.MatMult(), upstream), read, statement)
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=args):
            if isinstance(inner, ast.Name) and inner.id in ("torch", "F") and args:
                inner = args[0]
            yield from _back(inner, _through_call(name, inner, upstream), read, statement)
        case ast.Attribute(value=ast.Call(func=ast.Attribute(value=inner, attr="max"), args=[axis, *_])):
            where = f"{ast.unparse(inner)} == {statement.tensor}"
            yield from _back(inner, _times(ast.parse(f"({where})", mode="eval").body, upstream), read, statement)
            del axis
        case _:
            raise _Unknown


def _through_call(name: str, inner: ast.expr, upstream: ast.expr) -> ast.expr:
    text = ast.unparse(inner)
    slopes = {
        "exp": f"torch.exp({text})",
        "log": f"1 / ({text})",
        "tanh": f"1 - torch.tanh({text}) ** 2",
        "sigmoid": f"torch.sigmoid({text}) * (1 - torch.sigmoid({text}))",
        "sum": f"torch.ones_like({text})",
    }
    if name not in slopes:
        raise _Unknown
    return _times(ast.parse(slopes[name], mode="eval").body, upstream)


def _times(one: ast.expr, other: ast.expr) -> ast.expr:
    return ast.BinOp(one, ast.Mult(), other)


def _power_slope(base: ast.expr, exponent: float) -> ast.expr:
    factor = ast.Constant(int(exponent) if exponent == int(exponent) else exponent)
    if exponent - 1 == 1:
        return ast.BinOp(factor, ast.Mult(), base)
    power = int(exponent - 1) if exponent == int(exponent) else exponent - 1
    return ast.BinOp(factor, ast.Mult(), ast.BinOp(base, ast.Pow(), ast.Constant(power)))


def _turned(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "T")


def _is_inside(read: str, expression: ast.expr) -> bool:
    """Whether the tensor stands in a call or a matrix product, whose rules give its shape already."""
    inner = [node for node in walk(expression) if isinstance(node, ast.Call) or _is_product(node)]
    return any(isinstance(name, ast.Name) and name.id == read for node in inner for name in walk(node))


def _is_product(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)


def _summed(text: str, shape: Sequence[int], made: Sequence[int], is_inside: bool) -> str:
    """The sum over the axes along which an element-wise line broadcast the tensor."""
    if is_inside or tuple(shape) == tuple(made):
        return text
    if len(shape) < len(made):
        return f"({text}).sum({', '.join(map(str, range(len(made) - len(shape))))})"
    axes = [axis for axis, length in enumerate(shape) if length == 1 and made[axis] != 1]
    return f"({text}).sum({axes[0]}, keepdim=True)" if len(axes) == 1 else text
