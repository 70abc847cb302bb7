"""Arithmetic over sizes, as lesson.toml writes it: "block_size * n_embd", "(5/3) / n ** 0.5"."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from grader.errors import KitError

Number = int | float

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
    except (SyntaxError, ValueError, ArithmeticError, TypeError) as error:
        known = ", ".join(sorted(sizes))
        raise KitError(f'"{expression}" is not an expression over the sizes {known}: {error}') from None


def _value(node: ast.expr, sizes: Mapping[str, int]) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            if name not in sizes:
                raise ValueError(f"no size is called {name}")
            return sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, sizes)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, sizes), _value(right, sizes))
    raise ValueError(f"{ast.unparse(node)} is not arithmetic")


def whole(expression: str | Number, sizes: Mapping[str, int]) -> int:
    """`evaluate`, for axis lengths and bounds: a whole number of at least 1."""
    value = evaluate(expression, sizes)
    if value != int(value) or value < 1:
        raise KitError(f'"{expression}" is {value}; a length or bound is a whole number of at least 1')
    return int(value)
