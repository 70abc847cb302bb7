"""Arithmetic over sizes, as lesson.toml writes it: "block_size * n_embd", "(5/3) / n ** 0.5"."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from grader.errors import KitError

Number = int | float
_MOST_POWER = 64
_LARGEST = 1e18

_OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


def evaluate(expression: str | Number, sizes: Mapping[str, int]) -> Number:
    """The value of `expression`: numbers, names of sizes, + - * / // ** and brackets.

    Raises KitError that quotes the expression when it holds anything else.
    """
    if not isinstance(expression, str):
        return expression
    try:
        return _value(ast.parse(expression, mode="eval").body, sizes)
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError) as error:
        known = ", ".join(sorted(sizes))
        raise KitError(f'"{expression}" is not an expression over the sizes {known}: {error}') from None


def _value(node: ast.expr, sizes: Mapping[str, int]) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _sane(number)
        case ast.Name(id=name):
            if name not in sizes:
                raise ValueError(f"no size is called {name}")
            return sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, sizes)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            first, second = _value(left, sizes), _value(right, sizes)
            if isinstance(op, ast.Pow) and abs(second) > _MOST_POWER:
                raise ArithmeticError(f"{ast.unparse(node)} is too large a power")
            return _sane(_OPERATORS[type(op)](first, second))
    raise ValueError(f"{ast.unparse(node)} is not arithmetic")


def _sane(number: Number) -> Number:
    """A number that float64 holds; the root of a negative one is complex, and none."""
    if isinstance(number, complex) or not abs(number) <= _LARGEST:
        raise ArithmeticError(f"{str(number)[:40]} is not a number that can be computed with")
    return number


def whole(expression: str | Number, sizes: Mapping[str, int]) -> int:
    """`evaluate`, for axis lengths and bounds: a whole number of at least 1."""
    value = evaluate(expression, sizes)
    if not math.isfinite(value) or value != int(value) or value < 1:
        raise KitError(f'"{expression}" is {value}; a length or bound is a whole number of at least 1')
    return int(value)
