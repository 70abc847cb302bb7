"""A program as statements in the order they run, and the bodies of its training loops.

`with torch.no_grad():` around statements is as good as none, and so is `if True:`.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.scope import stored
from grader.submission.flat.flow import Effects, base_of, effects_of
from grader.syntax import walk

_FEW = 2  # gradients that a loop has to make anew to be a training loop; a loop over the batch makes none

_MOST = 12  # training loops that are looked at: the last ones
_MANY = 10  # gradients that one call has to return to be the whole chain


@dataclass(frozen=True)
class Line:
    """One statement at its place in the order."""

    node: ast.stmt
    effects: Effects
    is_training: bool = False  # a loop that trains: never part of an answer


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
    bodies = (
        (place, before, body)
        for place, line in enumerate(lines)
        if line.is_training
        for before, body in _bodies(line.node, makes_gradient, ())
    )
    loops = [
        Section((*lines[:place], *before, *(_line(inner, makes_gradient) for inner in body)), place + len(before), True)
        for place, before, body in deque(bodies, maxlen=_MOST)
    ]
    return top, *loops, *_by_functions(lines, makes_gradient, known)


def _opened(
    nodes: Sequence[ast.stmt], makes_gradient: Callable[[str], bool], known: Collection[str]
) -> Iterator[ast.stmt]:
    """`dprobs, dcounts, ... = backward()`: in place of the call the statements of the function, the chain as it is."""
    functions = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
    calls = {name: node for node in nodes if (name := _call_of_chain(node, makes_gradient))}  # the last of each
    for node in nodes:
        called = _call_of_chain(node, makes_gradient)
        function = functions.get(called)
        if function is None or not {argument.arg for argument in function.args.args} <= set(known):
            yield node
        elif calls[called] is node:
            yield from (inner for inner in _flattened(function.body) if not isinstance(inner, ast.Return))


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
    functions = {
        line.node.name: _Function.of(line.node, makes_gradient)
        for line in lines
        if isinstance(line.node, ast.FunctionDef)
    }
    looked_at = 0
    for place, line in enumerate(lines):
        loops = [] if line.is_training else [n for n in walk(line.node) if isinstance(n, ast.For | ast.While)]
        for loop in loops:
            called = _called(_calls_in(loop.body), functions)
            if len({name for function in called for name in function.gradients}) < _FEW or looked_at >= _MOST:
                continue
            looked_at += 1
            nodes = [node for body in (loop.body, *(f.body for f in called)) for node in _flattened(body)]
            if any(_updates(node, known) for node in nodes):
                yield Section((*lines[:place], *(_line(node, makes_gradient) for node in nodes)), place, True)


@dataclass(frozen=True)
class _Function:
    """A function of the program: its statements, the functions it calls, the gradients it makes."""

    body: Sequence[ast.stmt]
    calls: tuple[str, ...]
    gradients: frozenset[str]

    @classmethod
    def of(cls, node: ast.FunctionDef, makes_gradient: Callable[[str], bool]) -> _Function:
        gradients = frozenset(name for inner in node.body for name in stored(inner) if makes_gradient(name))
        return cls(node.body, _calls_in(node.body), gradients)


def _calls_in(body: Sequence[ast.stmt]) -> tuple[str, ...]:
    """The names that are called, in no order."""
    nodes = (node for statement in body for node in walk(statement))
    return tuple(
        dict.fromkeys(node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    )


def _called(names: Sequence[str], functions: Mapping[str, _Function]) -> list[_Function]:
    """The functions that these calls lead to, each once."""
    found: dict[str, _Function] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name in functions and name not in found:
            found[name] = functions[name]
            waiting += functions[name].calls
    return list(found.values())


def _updates(node: ast.stmt, known: Collection[str]) -> bool:
    """Whether it changes parameters: `p.data += ...` for each p, `W1 -= rate * dW1`, `W1 = W1 - rate * dW1`."""
    loops = {name for inner in walk(node) if isinstance(inner, ast.For) for name in stored(inner.target)}
    for inner in walk(node):
        match inner:
            case ast.AugAssign(target=ast.Name(id=name)) if name in loops or name in known:
                return True
            case ast.Attribute(attr="data", ctx=ast.Store()):
                return True
            case ast.Call(func=ast.Attribute(value=owner, attr="add_" | "sub_" | "copy_")):
                if any(name in loops or name in known for name in base_of(owner)):
                    return True
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.Name(id=other))) if name == other:
                if name in known:
                    return True
    return False


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
    way: list[Line] = []
    for inner in flat:
        if isinstance(inner, ast.For | ast.While | ast.Try | ast.If | ast.With):
            yield from _bodies(inner, makes_gradient, (*before, *way))
        way.append(Line(inner, effects_of(inner)))
