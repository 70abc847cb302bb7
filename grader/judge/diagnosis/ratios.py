"""What a constant factor means, in the words of the lesson's sizes and of the numbers in its forward lines."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.lesson.graph import Statement

_CLOSE = 1e-6  # relative
_SMALL = (2, 3, 4)

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Ratio:
    """A constant over the sizes, and what it says of an answer that is off by it."""

    tag: str  # factor or bessel
    words: str  # completes "it is ..."
    value: Callable[[Sizes], float]


def ratios_near(constant: float, sizes: Sizes, statements: Sequence[Statement]) -> list[Ratio]:
    """The named constants that equal `constant` at these sizes, the plainest first."""
    found = []
    for ratio in _ratios(sizes, statements):
        try:
            value = ratio.value(sizes)
        except ZeroDivisionError:
            continue
        if value not in (0.0, 1.0) and math.isclose(constant, value, rel_tol=_CLOSE):
            found.append(ratio)
    return found


def _ratios(sizes: Sizes, statements: Sequence[Statement]) -> Iterator[Ratio]:
    yield Ratio("sign", "the negative of the right answer: look for a lost or doubled minus", _always(-1.0))
    if len(statements) == 1:
        yield from _literals(statements)
    for number in _SMALL:
        yield Ratio("factor", f"{number} times the right answer", _always(number))
        yield Ratio("factor", f"1/{number} of the right answer: a factor {number} is missing", _always(1 / number))
        yield Ratio("factor", f"-{number} times the right answer", _always(-number))
        yield Ratio("factor", f"-1/{number} of the right answer", _always(-1 / number))
    if len(statements) > 1:  # of several lines nobody knows which one's power it is
        yield from _literals(statements)
    for name in sizes:
        yield from _of_size(name)
    for one in sizes:
        for other in sizes:
            yield from _of_two(one, other)


def _always(constant: float) -> Callable[[Sizes], float]:
    return lambda _: float(constant)


def _of_size(name: str) -> Iterator[Ratio]:
    large, small = (
        f"{name} times too large: a division by {name} is missing",
        f"{name} times too small: it is divided by {name} once too often, or a mean stands for a sum",
    )
    mixed = f"{name} and {name}-1 are mixed up"
    yield Ratio("factor", large, lambda s: float(s[name]))
    yield Ratio("factor", small, lambda s: 1 / s[name])
    yield Ratio("bessel", f"off by ({name}-1)/{name}: {mixed}", lambda s: (s[name] - 1) / s[name])
    yield Ratio("bessel", f"off by {name}/({name}-1): {mixed}", lambda s: s[name] / (s[name] - 1))
    less = f"{name}-2 stands for {name}-1"
    yield Ratio("factor", f"off by ({name}-1)/({name}-2): {less}", lambda s: (s[name] - 1) / (s[name] - 2))
    yield Ratio("bessel", f"off by the square of ({name}-1)/{name}: {mixed}", lambda s: ((s[name] - 1) / s[name]) ** 2)
    yield Ratio("bessel", f"off by the square of {name}/({name}-1): {mixed}", lambda s: (s[name] / (s[name] - 1)) ** 2)
    yield Ratio("factor", f"{name}-1 times too large: a division by {name}-1 is missing", lambda s: s[name] - 1.0)
    yield Ratio("factor", f"{name}-1 times too small", lambda s: 1 / (s[name] - 1))
    yield Ratio("factor", f"{name} times too large, and negative", lambda s: -float(s[name]))
    yield Ratio("factor", f"{name} times too small, and negative", lambda s: -1 / s[name])
    yield Ratio("factor", f"off by {name}/({name}+1): {name}+1 stands for {name}", lambda s: s[name] / (s[name] + 1))
    yield Ratio("factor", f"off by ({name}-1)/({name}+1)", lambda s: (s[name] - 1) / (s[name] + 1))
    yield Ratio("factor", f"off by ({name}+1)/{name}", lambda s: (s[name] + 1) / s[name])


def _of_two(one: str, other: str) -> Iterator[Ratio]:
    product = f"{one} * {other}"
    yield Ratio("factor", f"{product} times too large", lambda s: float(s[one] * s[other]))
    yield Ratio("factor", f"{product} times too small", lambda s: 1 / (s[one] * s[other]))
    if one != other:
        yield Ratio("factor", f"off by {one}/{other}: {other} stands for {one}", lambda s: s[one] / s[other])
        yield Ratio("factor", f"off by ({one}-1)/{other}", lambda s: (s[one] - 1) / s[other])
        yield Ratio("factor", f"off by {one}/({other}-1)", lambda s: s[one] / (s[other] - 1))


def _literals(statements: Sequence[Statement]) -> Iterator[Ratio]:
    """The exponents of the forward lines: the power rule brings them down as factors."""
    for statement in statements:
        for node in ast.walk(ast.parse(statement.expression, mode="eval")):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                exponent = number_of(node.right)
                if exponent is not None and exponent not in (0.0, 1.0, -1.0):
                    rule = f"which the power rule brings down from {statement.source},"
                    power, number = f"the factor {exponent:g}, {rule}", f"the number {abs(exponent):g}, {rule}"
                    less = "left out; the sign is there" if exponent < 0 else "left out, and the sign is wrong"
                    yield Ratio("factor", f"without {power} or divided by it", _always(1 / exponent))
                    yield Ratio("factor", f"off because {power} stands twice", _always(exponent))
                    yield Ratio("factor", f"off because {number} is {less}", _always(-1 / exponent))


def number_of(node: ast.expr) -> float | None:
    """The number that an expression of literals is; None for others."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = number_of(operand)
            return None if inner is None else -inner
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            over, under = number_of(left), number_of(right)
            return over / under if over is not None and under else None
    return None
