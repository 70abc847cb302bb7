"""Numerical differences in place of algebra: for the instructor's eye, never a verdict.

By its numbers such an answer cannot be told from algebra; by its text it often can. Two signs:

    (torch.tanh(hpreact + h) - torch.tanh(hpreact - h)) / (2 * h)   the same at shifted inputs, subtracted
    sum(c * f(x + k * h) for c, k in zip(C, K)) / h                 a small step that shifts and divides

`(bnvar + 1e-5) ** -1.5` is neither: its shift divides nothing, and nothing like it is subtracted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache

from grader.lesson.graph import Statement
from grader.submission.calculations import SMALL, Calculations, Shift, operation
from grader.syntax import children, walk

_BUDGET = 20_000  # looks at nodes for one step; an honest answer takes a few hundred
_MULTIPLES = (1, 2, 12, 60, 840)  # of the step, that formulas divide by


def suspect_of_differences(calculations: Calculations, uses: Sequence[Statement]) -> str | None:
    """What in an answer looks like numerical differentiation, as one sentence; None where nothing does.

    `uses` are the lines of forward.py that may be differentiated: those that use the step's tensor, or for a step
    over several lines all of these.
    """
    try:
        if calculations.differences or calculations.has_steps:  # each sign needs one of them
            return _Search(calculations, uses).finding()
    except (_TooMuch, RecursionError):
        pass
    return None


class _TooMuch(Exception):
    """The answer is larger than any honest one."""


class _Search:
    """The search for one step's sake."""

    def __init__(self, calculations: Calculations, uses: Sequence[Statement]) -> None:
        self._calculations = calculations
        self._tensors = {name for use in uses for name in (*use.reads, use.tensor)}
        self._operations = {word for use in uses for word in _operations(use.expression)}
        self._left = _BUDGET

    def finding(self) -> str | None:
        """The first sign of a numerical difference."""
        for place, one, other in self._calculations.differences:
            shifts = self._between(one, other)
            if shifts and self._is_telling(one, shifts):
                texts = f"{ast.unparse(one)[:60]} and {ast.unparse(other)[:60]}"
                return f"line {place.lineno} subtracts {texts}: the same expression at shifted inputs"
        return self._shared_step()

    def _walk(self, node: ast.AST) -> Iterator[ast.AST]:
        """Every node below this one, which costs."""
        waiting = [node]
        for inner in waiting:  # which grows on the way, as far as anyone asks
            self._spend()
            yield inner
            waiting += children(inner)

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooMuch

    # The same at shifted inputs, subtracted

    def _between(self, one: ast.expr, other: ast.expr) -> list[Shift]:
        """The shifts in which two expressions differ that are otherwise one; none where they are not, or are equal."""
        found: list[Shift] = []
        return found if self._alike(one, other, found) else []

    def _alike(self, one: ast.AST, other: ast.AST, shifts: list[Shift] | None) -> bool:
        """Whether two expressions are the same, up to shifts if these may be collected."""
        self._spend()
        if isinstance(one, ast.Name) and isinstance(other, ast.Name) and one.id == other.id:
            return True
        if type(one) is type(other) and not isinstance(one, ast.Name):
            tried = None if shifts is None else list[Shift]()
            if self._parts_alike(one, other, tried):
                if shifts is not None and tried:
                    shifts += tried
                return True
        if shifts is not None and isinstance(one, ast.expr) and isinstance(other, ast.expr):
            shift = self._shift_between(one, other)
            if shift:
                shifts.append(shift)
                return True
        meant, other_meant = self._calculations.meant(one), self._calculations.meant(other)
        if meant is one and other_meant is other:
            return False
        return self._alike(meant, other_meant, shifts)

    def _parts_alike(self, one: ast.AST, other: ast.AST, shifts: list[Shift] | None) -> bool:
        for (field, part), (_, other_part) in zip(ast.iter_fields(one), ast.iter_fields(other), strict=True):
            if field == "ctx":
                continue
            parts = part if isinstance(part, list) else [part]
            others = other_part if isinstance(other_part, list) else [other_part]
            if len(parts) != len(others):
                return False
            for a, b in zip(parts, others, strict=True):
                both = isinstance(a, ast.AST) and isinstance(b, ast.AST)
                if not (self._alike(a, b, shifts) if both else a == b):
                    return False
        return True

    def _shift_between(self, one: ast.expr, other: ast.expr) -> Shift | None:
        """The shift from one to the other: x + h and x, x + h and x - h, x and x - h."""
        for a, b in ((one, other), (other, one)):
            for shift in self._calculations.shifts(a):
                bases = [b, *(inner.base for inner in self._calculations.shifts(b))]
                if any(self._alike(shift.base, base, None) for base in bases):
                    return shift
        return None

    def _is_telling(self, one: ast.expr, shifts: Sequence[Shift]) -> bool:
        """Whether something is evaluated at the shifted inputs, and it is no mere algebra: the step
        divides, or a line of forward.py is what is evaluated."""
        words = set(self._words_of(one))
        if not words:
            return False
        amounts = [shift.amount for shift in shifts]
        if any(self._divides(amount) or self._names_divisor(amount) for amount in amounts):
            return True
        based = any(name in self._tensors for shift in shifts for name in self._names(shift.base))
        in_amounts = {name.removeprefix("d") for amount in amounts for name in self._bare_names(amount)}
        return based and not in_amounts & self._tensors and bool(words & self._operations)

    def _words_of(self, node: ast.expr, depth: int = 3) -> Iterator[str]:
        """The operations in an expression, in what its names stand for, and in the functions that it calls."""
        for inner in self._walk(node):
            yield from operation(inner)
            if depth and isinstance(inner, ast.Name):
                function = self._calculations.functions.get(inner.id)
                bodies = [function] if function else self._calculations.values(inner.id)[:1]
                for body in bodies:
                    yield from (word for part in self._walk(body) for word in operation(part))
                    if isinstance(body, ast.expr) and not isinstance(body, ast.Name):
                        yield from self._words_of(body, depth - 1)

    def _names(self, node: ast.expr) -> Iterator[str]:
        """The names in an expression, and those that they stand for."""
        for name in self._bare_names(node):
            yield name
            for value in self._calculations.values(name)[:1]:
                yield from self._bare_names(value)

    # A small step that shifts and divides

    def _shared_step(self) -> str | None:
        if not self._calculations.has_steps:
            return None
        for node in self._calculations.evaluated():
            for shift in self._calculations.shifts(node):
                if any(self._steps(shift.amount)) and self._divides(shift.amount):
                    text = f"{ast.unparse(shift.base)[:40]} shifted by {ast.unparse(shift.amount)[:30]}"
                    return f"line {node.lineno} evaluates something at {text}, and divides by the same step"
        return None

    def _divides(self, amount: ast.expr) -> bool:
        """Whether something is divided by the step that is in this amount."""
        steps = list(self._steps(amount))
        return any(self._is_same(step, factor) for factor in self._calculations.divisors() for step in steps)

    def _names_divisor(self, amount: ast.expr) -> bool:
        """Whether something is divided by a name in this amount, however large it is."""
        names = [inner for inner in self._walk(amount) if isinstance(inner, ast.Name | ast.Attribute)]
        return any(self._is_same(name, factor) for factor in self._calculations.divisors() for name in names)

    def _steps(self, amount: ast.expr) -> Iterator[ast.expr]:
        """The small numbers that an amount is made of, and the names that stand for one."""
        for inner in self._walk(amount):
            parts = [inner]
            if isinstance(inner, ast.Name):
                told = self._calculations
                meant = (*told.values(inner.id), *told.moves(inner.id), *told.kept(inner.id))
                parts += [part for value in meant for part in self._walk(value)]
            yield from (part for part in parts if isinstance(part, ast.expr) and self._calculations.is_step(part))

    def _is_same(self, one: ast.expr, other: ast.expr) -> bool:
        """The same name, or the same number up to the factor in a usual formula."""
        self._spend()
        match one, other:
            case ast.Constant(value=int() | float() as a), ast.Constant(value=int() | float() as b):
                return b <= 2 * SMALL and any(abs(a * times - b) <= 1e-9 * abs(b) for times in _MULTIPLES)
            case ast.Name(id=a), ast.Name(id=b):
                return a == b
        return type(one) is type(other) and ast.dump(one) == ast.dump(other)

    def _bare_names(self, node: ast.AST) -> Iterator[str]:
        return (inner.id for inner in self._walk(node) if isinstance(inner, ast.Name))


@cache
def _operations(expression: str) -> frozenset[str]:
    return frozenset(word for node in walk(ast.parse(expression)) for word in operation(node))
