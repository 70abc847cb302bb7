"""A program as statements in the order they run, and the bodies of its training loops.

`with torch.no_grad():` around statements is as good as none, and so is `if True:`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.flat.flow import Effects, effects_of

_FEW = 2  # gradients that a loop has to make anew to be a training loop; a loop over the batch makes none


@dataclass(frozen=True)
class Line:
    """One statement at its place in the order."""

    node: ast.stmt
    effects: Effects
    is_training: bool = False  # a loop that trains: never part of an answer

    @property
    def is_definition(self) -> bool:
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


@dataclass(frozen=True)
class Section:
    """Statements that run one after the other. Those before `start` only come before: set-up and helpers."""

    lines: tuple[Line, ...]
    start: int = 0
    is_loop: bool = False


def sections_of(statements: Iterable[ast.stmt], makes_gradient: Callable[[str], bool]) -> tuple[Section, ...]:
    """The top level first, then the body of each training loop with what comes before it."""
    lines = [_line(node, makes_gradient) for node in _flattened(statements)]
    top = Section(tuple(lines))
    loops = [
        Section((*lines[:place], *before, *(_line(inner, makes_gradient) for inner in body)), place + len(before), True)
        for place, line in enumerate(lines)
        if line.is_training
        for before, body in _bodies(line.node, makes_gradient, ())
    ]
    return top, *loops, *_by_functions(lines, makes_gradient)


def _by_functions(lines: Sequence[Line], makes_gradient: Callable[[str], bool]) -> Iterator[Section]:
    """Training loops that leave the gradients to functions: `grads = backward(Xb, Yb)`.

    The section is the loop's body, and then the bodies of the functions it calls, directly or not.
    """
    functions = {line.node.name: line.node for line in lines if isinstance(line.node, ast.FunctionDef)}
    for place, line in enumerate(lines):
        loops = [] if line.is_training else [n for n in ast.walk(line.node) if isinstance(n, ast.For | ast.While)]
        for loop in loops:
            called = _called(loop.body, functions)
            inner = [_line(node, makes_gradient) for body in (loop.body, *called) for node in _flattened(body)]
            if sum(makes_gradient(name) for name in {name for own in inner for name in own.effects.binds}) >= _FEW:
                yield Section((*lines[:place], *inner), place, True)
                return


def _called(body: Sequence[ast.stmt], functions: Mapping[str, ast.FunctionDef]) -> list[list[ast.stmt]]:
    """The bodies of the functions that are called from here, in the order of the calls."""
    found: dict[str, list[ast.stmt]] = {}
    waiting = list(body)
    while waiting:
        for inner in ast.walk(waiting.pop(0)):
            match inner:
                case ast.Call(func=ast.Name(id=name)) if name in functions and name not in found:
                    found[name] = functions[name].body
                    waiting += functions[name].body
    return list(found.values())


def _line(node: ast.stmt, makes_gradient: Callable[[str], bool]) -> Line:
    return Line(node, effects_of(node), any(True for _ in _bodies(node, makes_gradient, ())))


def _flattened(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for node in statements:
        match node:
            case ast.With(items=items, body=body) if not any(item.optional_vars for item in items):
                yield from _flattened(body)
            case ast.If(test=ast.Constant(value=value), body=body) if value:
                yield from _flattened(body)
            case _:
                yield node


def _bodies(
    node: ast.stmt, makes_gradient: Callable[[str], bool], before: tuple[Line, ...]
) -> Iterator[tuple[tuple[Line, ...], Sequence[ast.stmt]]]:
    """The bodies of loops in `node` that make gradients anew, each with the statements on the way to it."""
    match node:
        case ast.For(body=body) | ast.While(body=body):
            flat = list(_flattened(body))
            own = {name for inner in flat for name in effects_of(inner).binds if makes_gradient(name)}
            if len(own) >= _FEW:
                yield before, flat
                return
        case ast.Try(body=body) | ast.If(body=body) | ast.With(body=body):
            flat = list(_flattened(body))
        case ast.FunctionDef(body=body) if not makes_gradient(node.name):
            flat = list(_flattened(body))
        case _:
            return
    for place, inner in enumerate(flat):
        if isinstance(inner, ast.For | ast.While | ast.Try | ast.If | ast.With):
            way = tuple(Line(earlier, effects_of(earlier)) for earlier in flat[:place])
            yield from _bodies(inner, makes_gradient, (*before, *way))
