"""What stands before a dot, as far as the text shows it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from grader.scope import stored

_DEEPEST = 20  # names that stand for names; what lies deeper is not known
_LONGEST = 4096  # characters of a text that is worked out
_LARGEST, _LARGEST_EXPONENT = 1e9, 100  # of numbers that are


class Receivers:
    """The bindings of a slice. The judge fills in the parameters of the callable `given`.

    Names are taken as one wherever they are bound, so a yes holds for every order and scope.
    """

    def __init__(self, nodes: Iterable[ast.AST], given: str = "") -> None:
        self._given = given
        self._values: dict[str, list[ast.expr]] = {}  # by name: what is assigned to it
        self._foreign: set[str] = set()  # imports, and what the judge fills in
        self._other: set[str] = set()  # bound in some other way
        self._known: dict[str, bool] = {}  # names that are looked up already
        self._constants: dict[int, str | complex | None] = {}  # the same for expressions, by id
        for node in nodes:
            self._read(node)

    def is_foreign(self, node: ast.expr) -> bool:
        """Whether this is surely nothing that a class of the student's own made: torch, a tensor, a number."""
        match node:
            case ast.Name(id=name):
                return self._is_foreign_name(name)
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.UnaryOp(operand=value):
                return self.is_foreign(value)
            case ast.Call(func=ast.Attribute(value=value)) | ast.NamedExpr(value=value):
                return self.is_foreign(value)
            case ast.Call(func=ast.Name(id=name)):
                return self._is_foreign_name(name) and name not in ("next", "super", "max", "min")
            case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
                return self.is_foreign(one) and self.is_foreign(other)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Dict(values=parts) | ast.BoolOp(values=parts):
                return all(map(self.is_foreign, parts))
        return isinstance(node, ast.Constant | ast.JoinedStr)

    def _is_foreign_name(self, name: str) -> bool:
        if name not in self._known:
            self._known[name] = True  # while it is looked up: what goes round in a circle adds nothing
            values = self._values.get(name, [])
            self._known[name] = name not in self._other and all(map(self.is_foreign, values))
        return self._known[name]

    def value(self, node: ast.expr) -> ast.expr:
        """What a name stands for, where one assignment says so; anything else as it is."""
        for _ in range(_DEEPEST):
            if not isinstance(node, ast.Name) or node.id in self._foreign | self._other:
                break
            values = self._values.get(node.id, [])
            if len(values) != 1:
                break
            node = values[0]
        return node

    def text(self, node: ast.expr) -> str | None:
        """The text that this expression gives, where the slice shows it and it is no long one."""
        found = self._constant(node)
        return found if isinstance(found, str) else None

    def number(self, node: ast.expr) -> complex | None:
        """The number that this expression gives, where the slice shows it and it is no large one."""
        found = self._constant(node)
        return None if isinstance(found, str) else found

    def is_complex_power(self, base: ast.expr, exponent: ast.expr) -> bool:
        """Whether this power is surely the root of a negative number."""
        one, other = self.number(base), self.number(exponent)
        return one is not None and other is not None and isinstance(_calculated(one, ast.Pow(), other), complex)

    def _constant(self, node: ast.expr) -> str | complex | None:
        node = self.value(node)
        if id(node) not in self._constants:
            self._constants[id(node)] = None  # while it is worked out
            self._constants[id(node)] = self._worked_out(node)
        return self._constants[id(node)]

    def _worked_out(self, node: ast.expr) -> str | complex | None:
        match node:
            case ast.Constant(value=str() as text) if len(text) < _LONGEST:
                return text
            case ast.Constant(value=int() | float() | complex() as number) if abs(number) < _LARGEST:
                return number
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.number(operand)
                return None if value is None else -value
            case ast.BinOp(left=left, op=op, right=right):
                one, other = self._constant(left), self._constant(right)
                if isinstance(one, str) and isinstance(other, str):
                    return one + other if isinstance(op, ast.Add) and len(one + other) < _LONGEST else None
                if not (one is None or other is None or isinstance(one, str) or isinstance(other, str)):
                    return _calculated(one, op, other)
        return None

    def _read(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                self._bind(target, value)
            case ast.FunctionDef(name=name, args=arguments):
                self._other.add(name)
                (self._foreign if name == self._given else self._other).update(_parameters(arguments))
            case ast.Lambda(args=arguments):
                self._other.update(_parameters(arguments))
            case ast.Import() | ast.ImportFrom():
                self._foreign.update(stored(node))
            case ast.ClassDef(name=name):
                self._other.add(name)
            case ast.For(target=target) | ast.comprehension(target=target) | ast.AugAssign(target=target):
                self._other.update(stored(target))
            case ast.withitem(optional_vars=ast.expr() as target):
                self._other.update(stored(target))
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self._other.add(name)
            case ast.MatchMapping(rest=str(name)):
                self._other.add(name)

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        match target, value:
            case ast.Name(id=name), ast.Lambda(args=arguments) if name == self._given:
                self._foreign.update(_parameters(arguments))
            case ast.Name(id=name), _:
                self._values.setdefault(name, []).append(value)
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for one, other in zip(targets, values, strict=True):
                    self._bind(one, other)
            case _:
                self._other.update(stored(target))


def _calculated(one: complex, op: ast.operator, other: complex) -> complex | None:
    calculate = _OPERATORS.get(type(op))
    if calculate is None or (isinstance(op, ast.Pow) and abs(other) > _LARGEST_EXPONENT):
        return None
    try:
        result: complex = calculate(one, other)
        return result if abs(result) < _LARGEST else None
    except ArithmeticError:
        return None


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    every = (*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg)
    return (argument.arg for argument in every if argument)
