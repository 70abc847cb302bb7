"""A program as statements in the order they run, and the bodies of its training loops.

`with torch.no_grad():` around statements is as good as none, and so is `if True:`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.flat.flow import Effects, effects_of
from grader.scope import stored

_FEW = 2  # gradients that a loop has to make anew to be a training loop; a loop over the batch makes none

_MANY = 10  # gradients that one call has to return to be the whole chain

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


def sections_of(
    statements: Iterable[ast.stmt], makes_gradient: Callable[[str], bool], known: Collection[str] = ()
) -> tuple[Section, ...]:
    """The top level first, then the body of each training loop with what comes before it.

    known: names that a function of the whole chain may take, for they mean the same everywhere.
    """
    lines = [_line(node, makes_gradient) for node in _opened([*_flattened(statements)], makes_gradient, known)]
    top = Section(tuple(lines))
    loops = [
        Section((*lines[:place], *before, *(_line(inner, makes_gradient) for inner in body)), place + len(before), True)
        for place, line in enumerate(lines)
        if line.is_training
        for before, body in _bodies(line.node, makes_gradient, ())
    ]
    return top, *loops, *_by_functions(lines, makes_gradient, known)


def _opened(
    nodes: Sequence[ast.stmt], makes_gradient: Callable[[str], bool], known: Collection[str]
) -> Iterator[ast.stmt]:
    """`dprobs, dcounts, ... = backward()`: in place of the call the statements of the function, the chain as it is."""
    functions = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
    for node in nodes:
        called = _call_of_chain(node, makes_gradient)
        function = functions.get(called)
        parameters = [argument.arg for argument in function.args.args] if function else []
        if function and set(parameters) <= set(known):
            yield from (inner for inner in _flattened(function.body) if not isinstance(inner, ast.Return))
        else:
            yield node


def _call_of_chain(node: ast.stmt, makes_gradient: Callable[[str], bool]) -> str:
    """The function whose results are many gradients; '' for other statements."""
    match node:
        case ast.Assign(
            targets=[(ast.Tuple(elts=targets) | ast.List(elts=targets))], value=ast.Call(func=ast.Name(id=name))
        ) if len(targets) >= _MANY and all(isinstance(t, ast.Name) and makes_gradient(t.id) for t in targets):
            return name
    return ""


def _by_functions(
    lines: Sequence[Line], makes_gradient: Callable[[str], bool], known: Collection[str]
) -> Iterator[Section]:
    """Training loops that leave the gradients to functions: `grads = backward(Xb, Yb)`.

    The section is the loop's body, and then the bodies of the functions it calls, directly or not.
    """
    functions = {line.node.name: line.node for line in lines if isinstance(line.node, ast.FunctionDef)}
    for place, line in enumerate(lines):
        loops = [] if line.is_training else [n for n in ast.walk(line.node) if isinstance(n, ast.For | ast.While)]
        for loop in loops:
            called = _called(loop.body, functions)
            nodes = [node for body in (loop.body, *called) for node in _flattened(body)]
            if not called or not any(_updates(node, known) for node in nodes):
                continue
            inner = [_line(node, makes_gradient) for node in nodes]
            if sum(makes_gradient(name) for name in {name for own in inner for name in own.effects.binds}) >= _FEW:
                yield Section((*lines[:place], *inner), place, True)
                return


def _updates(node: ast.stmt, known: Collection[str]) -> bool:
    """Whether it changes parameters: `p.data += ...` for each p, `W1 -= rate * dW1`, `W1 = W1 - rate * dW1`."""
    loops = {name for inner in ast.walk(node) if isinstance(inner, ast.For) for name in stored(inner.target)}
    for inner in ast.walk(node):
        match inner:
            case ast.AugAssign(target=ast.Name(id=name)) | ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="add_" | "sub_")):
                if name in loops or name in known:
                    return True
            case ast.Attribute(attr="data", ctx=ast.Store()) | ast.Call(func=ast.Attribute(value=ast.Attribute(attr="data"), attr="add_" | "sub_" | "copy_")):
                return True
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.Name(id=other))) if name == other:
                if name in known:
                    return True
    return False


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
