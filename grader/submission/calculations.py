"""What an answer calculates: its subtractions, shifts and divisors, its small numbers, what its names stand for.

All that depends on the answer alone, and not on the step it is for. Most answers subtract nothing and hold no small
number; then nothing else is asked, and nothing else is gathered.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from grader.submission.statement import Statement
from grader.syntax import children, walk

SMALL = 0.25  # a number up to this may be the step of a difference
_PLUS, _MINUS = frozenset({"add", "add_"}), frozenset({"sub", "sub_", "subtract", "subtract_"})
_COPIES = frozenset({"clone", "detach", "double", "float", "copy", "contiguous", "to"})
_LIMITS = frozenset({"eps", "tiny", "smallest_normal"})  # of torch.finfo
_STEPS = (ast.Constant, ast.Attribute, ast.BinOp)  # every small number is made of one of these
# Nodes that say what a name stands for.
_TOLD = (
    ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.comprehension, ast.AugAssign, ast.Call, ast.FunctionDef,
)  # fmt: skip


@dataclass(frozen=True)
class Shift:
    """`base + amount` or `base - amount`."""

    base: ast.expr
    amount: ast.expr


Difference = tuple[ast.expr | ast.stmt, ast.expr, ast.expr]  # where, and of what


class Calculations:
    """The calculations in the statements that an answer reaches."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self._statements = list[ast.AST](statement.node for statement in statements)
        self._nodes = [node for statement in statements for node in statement.nodes]

    @cached_property
    def differences(self) -> list[Difference]:
        """Every subtraction."""
        return list(self._differences())

    @cached_property
    def has_steps(self) -> bool:
        """Whether there is any number that may be a step."""
        return any(self.is_step(node, 0) for node in self._nodes if isinstance(node, _STEPS))

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """Its own functions by their names."""
        return {node.name: node for node in self._nodes if isinstance(node, ast.FunctionDef)}

    def values(self, name: str) -> Sequence[ast.expr]:
        """What a name stands for."""
        return self._told.values.get(name, ())

    def moves(self, name: str) -> Sequence[ast.expr]:
        """By how much what a name stands for is shifted in place."""
        return self._told.moved.get(name, ())

    def kept(self, name: str) -> Sequence[ast.expr]:
        """What is written into the places of a name: `e[i, j] = h`."""
        return self._told.kept.get(name, ())

    def _differences(self) -> Iterator[Difference]:
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

    def shifts(self, node: ast.expr) -> Iterator[Shift]:
        """The ways to see an expression as something shifted."""
        match node:
            case ast.BinOp(left=base, op=ast.Add(), right=amount):
                yield Shift(base, amount)
                yield Shift(amount, base)
            case ast.BinOp(left=base, op=ast.Sub(), right=amount):
                yield Shift(base, amount)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr=name), args=[base, amount, *_]):
                if name in _PLUS | _MINUS:
                    yield Shift(base, amount)
            case ast.Call(func=ast.Attribute(value=base, attr=name), args=[amount, *_]) if name in _PLUS | _MINUS:
                yield Shift(base, amount)
            case ast.Name(id=name):
                for value in self.values(name)[:1]:
                    base = _uncopied(value)
                    for amount in self.moves(name):
                        yield Shift(base, amount)
                    if not isinstance(base, ast.Name):
                        yield from self.shifts(base)

    def meant(self, node: ast.AST) -> ast.AST:
        """What a name stands for, where it is only one thing."""
        if isinstance(node, ast.Name) and len(self.values(node.id)) == 1:
            return self.values(node.id)[0]
        return node

    def evaluated(self) -> Iterator[ast.expr]:
        """The expressions that some operation is applied to."""
        waiting = [(node, False) for node in self._statements]
        while waiting:
            node, inside = waiting.pop()
            if inside and isinstance(node, ast.expr):
                yield node
            inside = inside or bool(operation(node))
            waiting += [(child, inside) for child in children(node)]

    def divisors(self) -> Iterator[ast.expr]:
        """The factors of everything that is divided by, or of the power -1 of which is multiplied with."""
        for node in self._calculating:
            match node:
                case ast.BinOp(op=ast.Div(), right=divisor) | ast.AugAssign(op=ast.Div(), value=divisor):
                    yield from self._factors(divisor)
                case ast.Call(func=ast.Attribute(attr="div" | "div_" | "divide" | "true_divide"), args=[*_, divisor]):
                    yield from self._factors(divisor)
                case ast.BinOp(left=divisor, op=ast.Pow(), right=ast.UnaryOp(op=ast.USub())):
                    yield from self._factors(divisor)
                case ast.BinOp(op=ast.Mult(), right=ast.Constant(value=int() | float() as large)) if large >= 1 / SMALL:
                    yield ast.Constant(1 / large)

    def _factors(self, node: ast.expr, depth: int = 3) -> Iterator[ast.expr]:
        match node:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                yield from self._factors(left, depth)
                yield from self._factors(right, depth)
            case ast.Name() if depth:
                yield node
                for value in self.values(node.id)[:1]:
                    yield from self._factors(value, depth - 1)
            case _:
                yield node

    def is_step(self, node: ast.expr, depth: int = 3) -> bool:
        """Whether this is a small number, or a name that stands for one."""
        match node:
            case ast.Constant(value=float() as number):
                return 0 < abs(number) <= SMALL
            case ast.BinOp(left=ast.Constant(value=int() | float()), op=ast.Pow(), right=ast.UnaryOp(op=ast.USub())):
                return True
            case ast.Attribute(attr=attr):
                return attr in _LIMITS
            case ast.BinOp(left=left, op=ast.Pow()):
                return self.is_step(left, depth)
            case ast.Name(id=name) if depth:
                return any(self.is_step(value, depth - 1) for value in self.values(name))
            case ast.Call(func=ast.Attribute(attr="sqrt"), args=[inner, *_]):
                return self.is_step(inner, depth)
        return False

    @cached_property
    def _calculating(self) -> list[ast.AST]:
        return [node for node in self._nodes if isinstance(node, ast.BinOp | ast.AugAssign | ast.Call)]

    @cached_property
    def _told(self) -> _Told:
        told = _Told()
        for node in self._nodes:
            if isinstance(node, _TOLD):
                told.read(node)
        return told


@dataclass(frozen=True)
class _Told:
    """What the text says of names."""

    values: dict[str, list[ast.expr]] = field(default_factory=dict)  # what they stand for
    moved: dict[str, list[ast.expr]] = field(default_factory=dict)  # shifted in place, and by how much
    kept: dict[str, list[ast.expr]] = field(default_factory=dict)  # what is written into their places

    def read(self, node: ast.AST) -> None:
        """Takes in what one node says."""
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                self.values.setdefault(name, []).append(value)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                self.values.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    if isinstance(target, ast.Name):
                        self.values.setdefault(target.id, []).append(value)
            case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source):
                for inner in walk(target):
                    if isinstance(inner, ast.Name):
                        self.values.setdefault(inner.id, []).append(source)
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=amount):
                self.moved.setdefault(_base_name(target), []).append(amount)
            case ast.Call(func=ast.Attribute(value=target, attr="add_" | "sub_"), args=[amount, *_]):
                self.moved.setdefault(_base_name(target), []).append(amount)
            case ast.Assign(targets=[ast.Subscript() as target], value=ast.BinOp(op=ast.Add() | ast.Sub()) as value):
                self.moved.setdefault(_base_name(target), []).append(value.right)
                self.kept.setdefault(_base_name(target), []).append(value)
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                self.kept.setdefault(_base_name(target), []).append(value)
            case ast.FunctionDef(args=arguments):
                self._read_defaults(arguments)

    def _read_defaults(self, arguments: ast.arguments) -> None:
        places = [*arguments.posonlyargs, *arguments.args]
        for argument, default in zip(reversed(places), reversed(arguments.defaults), strict=False):
            self.values.setdefault(argument.arg, []).append(default)
        for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if given:
                self.values.setdefault(argument.arg, []).append(given)


def operation(node: ast.AST) -> tuple[str, ...]:
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
