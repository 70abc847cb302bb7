"""Numerical differences in place of algebra: for the instructor's eye, never a verdict.

By its numbers such an answer cannot be told from algebra; by its text it often can. Two signs:

    (torch.tanh(hpreact + h) - torch.tanh(hpreact - h)) / (2 * h)   the same at shifted inputs, subtracted
    sum(c * f(x + k * h) for c, k in zip(C, K)) / h                 a small step that shifts and divides

`(bnvar + 1e-5) ** -1.5` is neither: its shift divides nothing, and nothing like it is subtracted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from grader.lesson.graph import Statement
from grader.syntax import children, walk

_SMALL = 0.25  # a number up to this may be the step of a difference
_BUDGET = 20_000  # looks at nodes for one answer; an honest one takes a few hundred
_MULTIPLES = (1, 2, 12, 60, 840)  # of the step, that formulas divide by
_PLUS, _MINUS = frozenset({"add", "add_"}), frozenset({"sub", "sub_", "subtract", "subtract_"})
_COPIES = frozenset({"clone", "detach", "double", "float", "copy", "contiguous", "to"})
_LIMITS = frozenset({"eps", "tiny", "smallest_normal"})  # of torch.finfo


def suspect_of_differences(statements: Sequence[ast.stmt], uses: Sequence[Statement]) -> str | None:
    """What in an answer looks like numerical differentiation, as one sentence; None where nothing does.

    `statements` is what the answer reaches, `uses` the lines of forward.py that may be differentiated:
    those that use the step's tensor, or for a step over several lines all of these.
    """
    try:
        return _Reader(statements, uses).finding()
    except (_TooMuch, RecursionError):
        return None


_STEPS = (ast.Constant, ast.Attribute, ast.BinOp)
# Nodes that say what a name stands for.
_TOLD = (
    ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.comprehension, ast.AugAssign, ast.Call, ast.FunctionDef,
)  # fmt: skip


class _TooMuch(Exception):
    """The answer is larger than any honest one."""


@dataclass(frozen=True)
class _Shift:
    """`base + amount` or `base - amount`."""

    base: ast.expr
    amount: ast.expr


class _Reader:
    def __init__(self, statements: Sequence[ast.stmt], uses: Sequence[Statement]) -> None:
        self._statements = list[ast.AST](statements)
        self._nodes = walk(*statements)
        self._tensors = {name for use in uses for name in (*use.reads, use.tensor)}
        self._operations = {word for use in uses for word in _operations(use.expression)}
        self._functions = {node.name: node for node in self._nodes if isinstance(node, ast.FunctionDef)}
        self._values: dict[str, list[ast.expr]] = {}  # what names stand for
        self._moved: dict[str, list[ast.expr]] = {}  # names that are shifted in place, and by how much
        self._kept: dict[str, list[ast.expr]] = {}  # what is written into the places of names
        self._left = _BUDGET
        for node in self._nodes:
            self._read(node)
        self._calculating = [node for node in self._nodes if isinstance(node, ast.BinOp | ast.AugAssign | ast.Call)]

    def finding(self) -> str | None:
        """The first sign of a numerical difference."""
        for place, one, other in self._differences():
            shifts = self._between(one, other)
            if shifts and self._is_telling(one, shifts):
                texts = f"{ast.unparse(one)[:60]} and {ast.unparse(other)[:60]}"
                return f"line {place.lineno} subtracts {texts}: the same expression at shifted inputs"
        return self._shared_step()

    def _walk(self, node: ast.AST) -> Iterator[ast.AST]:
        """Every node below this one, which costs."""
        for inner in walk(node):
            self._spend()
            yield inner

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _TooMuch

    def _read(self, node: ast.AST) -> None:
        if not isinstance(node, _TOLD):
            return
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                self._values.setdefault(name, []).append(value)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                self._values.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    if isinstance(target, ast.Name):
                        self._values.setdefault(target.id, []).append(value)
            case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source):
                for inner in walk(target):
                    if isinstance(inner, ast.Name):
                        self._values.setdefault(inner.id, []).append(source)
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=amount):
                self._moved.setdefault(_base_name(target), []).append(amount)
            case ast.Call(func=ast.Attribute(value=target, attr="add_" | "sub_"), args=[amount, *_]):
                self._moved.setdefault(_base_name(target), []).append(amount)
            case ast.Assign(targets=[ast.Subscript() as target], value=ast.BinOp(op=ast.Add() | ast.Sub()) as value):
                self._moved.setdefault(_base_name(target), []).append(value.right)
                self._kept.setdefault(_base_name(target), []).append(value)
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                self._kept.setdefault(_base_name(target), []).append(value)
            case ast.FunctionDef(args=arguments):
                self._read_defaults(arguments)

    def _read_defaults(self, arguments: ast.arguments) -> None:
        places = [*arguments.posonlyargs, *arguments.args]
        for argument, default in zip(reversed(places), reversed(arguments.defaults), strict=False):
            self._values.setdefault(argument.arg, []).append(default)
        for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if given:
                self._values.setdefault(argument.arg, []).append(given)

    # The same at shifted inputs, subtracted

    def _differences(self) -> Iterator[tuple[ast.expr | ast.stmt, ast.expr, ast.expr]]:
        """Every subtraction: where, and of what."""
        for node in self._calculating:
            match node:
                case ast.BinOp(left=one, op=ast.Sub(), right=other):
                    yield node, one, other
                case ast.BinOp(left=one, op=ast.Add(), right=ast.UnaryOp(op=ast.USub(), operand=other)):
                    yield node, one, other
                case ast.BinOp(left=ast.UnaryOp(op=ast.USub(), operand=one), op=ast.Add(), right=other):
                    yield node, one, other
                case ast.AugAssign(target=ast.Name() as one, op=ast.Sub(), value=other):
                    yield node, one, other
                case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr=name), args=[one, other, *_]):
                    if name in _MINUS:
                        yield node, one, other
                case ast.Call(func=ast.Attribute(value=one, attr=name), args=[other, *_]) if name in _MINUS:
                    yield node, one, other

    def _between(self, one: ast.expr, other: ast.expr) -> list[_Shift]:
        """The shifts in which two expressions differ that are otherwise one; none where they are not, or are equal."""
        found: list[_Shift] = []
        return found if self._alike(one, other, found) else []

    def _alike(self, one: ast.AST, other: ast.AST, shifts: list[_Shift] | None) -> bool:
        """Whether two expressions are the same, up to shifts if these may be collected."""
        self._spend()
        if isinstance(one, ast.Name) and isinstance(other, ast.Name) and one.id == other.id:
            return True
        if type(one) is type(other) and not isinstance(one, ast.Name):
            tried = None if shifts is None else list[_Shift]()
            if self._parts_alike(one, other, tried):
                if shifts is not None and tried:
                    shifts += tried
                return True
        if shifts is not None and isinstance(one, ast.expr) and isinstance(other, ast.expr):
            shift = self._shift_between(one, other)
            if shift:
                shifts.append(shift)
                return True
        meant, other_meant = self._meant(one), self._meant(other)
        if meant is one and other_meant is other:
            return False
        return self._alike(meant, other_meant, shifts)

    def _parts_alike(self, one: ast.AST, other: ast.AST, shifts: list[_Shift] | None) -> bool:
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

    def _shift_between(self, one: ast.expr, other: ast.expr) -> _Shift | None:
        """The shift from one to the other: x + h and x, x + h and x - h, x and x - h."""
        for a, b in ((one, other), (other, one)):
            for shift in self._shifts(a):
                bases = [b, *(inner.base for inner in self._shifts(b))]
                if any(self._alike(shift.base, base, None) for base in bases):
                    return shift
        return None

    def _shifts(self, node: ast.expr) -> Iterator[_Shift]:
        """The ways to see an expression as something shifted."""
        match node:
            case ast.BinOp(left=base, op=ast.Add(), right=amount):
                yield _Shift(base, amount)
                yield _Shift(amount, base)
            case ast.BinOp(left=base, op=ast.Sub(), right=amount):
                yield _Shift(base, amount)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr=name), args=[base, amount, *_]):
                if name in _PLUS | _MINUS:
                    yield _Shift(base, amount)
            case ast.Call(func=ast.Attribute(value=base, attr=name), args=[amount, *_]) if name in _PLUS | _MINUS:
                yield _Shift(base, amount)
            case ast.Name(id=name):
                for value in self._values.get(name, ())[:1]:
                    base = _uncopied(value)
                    for amount in self._moved.get(name, ()):
                        yield _Shift(base, amount)
                    if not isinstance(base, ast.Name):
                        yield from self._shifts(base)

    def _meant(self, node: ast.AST) -> ast.AST:
        """What a name stands for, where it is only one thing."""
        if isinstance(node, ast.Name) and len(self._values.get(node.id, ())) == 1:
            return self._values[node.id][0]
        return node

    def _is_telling(self, one: ast.expr, shifts: Sequence[_Shift]) -> bool:
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
            yield from _operation(inner)
            if depth and isinstance(inner, ast.Name):
                function = self._functions.get(inner.id)
                bodies = [function] if function else self._values.get(inner.id, [])[:1]
                for body in bodies:
                    yield from (word for part in self._walk(body) for word in _operation(part))
                    if isinstance(body, ast.expr) and not isinstance(body, ast.Name):
                        yield from self._words_of(body, depth - 1)

    def _names(self, node: ast.expr) -> Iterator[str]:
        """The names in an expression, and those that they stand for."""
        for name in self._bare_names(node):
            yield name
            for value in self._values.get(name, ())[:1]:
                yield from self._bare_names(value)

    # A small step that shifts and divides

    def _shared_step(self) -> str | None:
        if not any(self._is_step(node, 0) for node in self._nodes if isinstance(node, _STEPS)):
            return None  # every step is made of one of these
        for node in self._evaluated():
            for shift in self._shifts(node):
                if any(self._steps(shift.amount)) and self._divides(shift.amount):
                    text = f"{ast.unparse(shift.base)[:40]} shifted by {ast.unparse(shift.amount)[:30]}"
                    return f"line {node.lineno} evaluates something at {text}, and divides by the same step"
        return None

    def _evaluated(self) -> Iterator[ast.expr]:
        """The expressions that some operation is applied to."""
        waiting = [(node, False) for node in self._statements]
        while waiting:
            node, inside = waiting.pop()
            if inside and isinstance(node, ast.expr):
                yield node
            inside = inside or bool(_operation(node))
            waiting += [(child, inside) for child in children(node)]

    def _divides(self, amount: ast.expr) -> bool:
        """Whether something is divided by the step that is in this amount."""
        steps = list(self._steps(amount))
        return any(self._is_same(step, factor) for factor in self._divisors() for step in steps)

    def _names_divisor(self, amount: ast.expr) -> bool:
        """Whether something is divided by a name in this amount, however large it is."""
        names = [inner for inner in self._walk(amount) if isinstance(inner, ast.Name | ast.Attribute)]
        return any(self._is_same(name, factor) for factor in self._divisors() for name in names)

    def _steps(self, amount: ast.expr) -> Iterator[ast.expr]:
        """The small numbers that an amount is made of, and the names that stand for one."""
        for inner in self._walk(amount):
            parts = [inner]
            if isinstance(inner, ast.Name):
                meant = (*self._values.get(inner.id, ()), *self._moved.get(inner.id, ()), *self._stored(inner.id))
                parts += [part for value in meant for part in self._walk(value)]
            yield from (part for part in parts if isinstance(part, ast.expr) and self._is_step(part))

    def _stored(self, name: str) -> Iterator[ast.expr]:
        """What is written into the places of a name: `e[i, j] = h`."""
        return iter(self._kept.get(name, ()))

    def _divisors(self) -> Iterator[ast.expr]:
        """The factors of everything that is divided by, or of the power -1 of which is multiplied with."""
        for node in self._calculating:
            match node:
                case ast.BinOp(op=ast.Div(), right=divisor) | ast.AugAssign(op=ast.Div(), value=divisor):
                    yield from self._factors(divisor)
                case ast.Call(func=ast.Attribute(attr="div" | "div_" | "divide" | "true_divide"), args=[*_, divisor]):
                    yield from self._factors(divisor)
                case ast.BinOp(left=divisor, op=ast.Pow(), right=ast.UnaryOp(op=ast.USub())):
                    yield from self._factors(divisor)
                case ast.BinOp(op=ast.Mult(), right=ast.Constant(value=int() | float() as large)) if (
                    large >= 1 / _SMALL
                ):
                    yield ast.Constant(1 / large)

    def _factors(self, node: ast.expr, depth: int = 3) -> Iterator[ast.expr]:
        match node:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                yield from self._factors(left, depth)
                yield from self._factors(right, depth)
            case ast.Name() if depth:
                yield node
                for value in self._values.get(node.id, ())[:1]:
                    yield from self._factors(value, depth - 1)
            case _:
                yield node

    def _is_step(self, node: ast.expr, depth: int = 3) -> bool:
        """Whether this is a small number, or a name that stands for one."""
        match node:
            case ast.Constant(value=float() as number):
                return 0 < abs(number) <= _SMALL
            case ast.BinOp(left=ast.Constant(value=int() | float()), op=ast.Pow(), right=ast.UnaryOp(op=ast.USub())):
                return True
            case ast.Attribute(attr=attr):
                return attr in _LIMITS
            case ast.BinOp(left=left, op=ast.Pow()):
                return self._is_step(left, depth)
            case ast.Name(id=name) if depth:
                return any(self._is_step(value, depth - 1) for value in self._values.get(name, ()))
            case ast.Call(func=ast.Attribute(attr="sqrt"), args=[inner, *_]):
                return self._is_step(inner, depth)
        return False

    def _is_same(self, one: ast.expr, other: ast.expr) -> bool:
        """The same name, or the same number up to the factor in a usual formula."""
        self._spend()
        match one, other:
            case ast.Constant(value=int() | float() as a), ast.Constant(value=int() | float() as b):
                return b <= 2 * _SMALL and any(abs(a * times - b) <= 1e-9 * abs(b) for times in _MULTIPLES)
            case ast.Name(id=a), ast.Name(id=b):
                return a == b
        return type(one) is type(other) and ast.dump(one) == ast.dump(other)

    def _bare_names(self, node: ast.AST) -> Iterator[str]:
        return (inner.id for inner in self._walk(node) if isinstance(inner, ast.Name))


@cache
def _operations(expression: str) -> frozenset[str]:
    return frozenset(word for node in walk(ast.parse(expression)) for word in _operation(node))


def _operation(node: ast.AST) -> tuple[str, ...]:
    """What a node does with its operands, as a word; () for what does nothing."""
    if not isinstance(node, ast.Call | ast.BinOp):
        return ()
    match node:
        case ast.Call(func=ast.Attribute(attr=word)) if word not in _COPIES | _PLUS | _MINUS:
            return (word,)
        case ast.Call(func=ast.Name(id=word)):
            return (word,)
        case ast.BinOp(op=ast.Pow()):
            return ("**",)
        case ast.BinOp(op=ast.MatMult()):
            return ("@", "matmul")
        case ast.BinOp(op=ast.Mult()):
            return ("*", "mul")
        case ast.BinOp(op=ast.Div()):
            return ("/", "div")
    return ()


def _uncopied(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _COPIES:
        node = node.func.value
    return node


def _base_name(target: ast.expr) -> str:
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""
