"""A program whose gradients are variables, as the statements in which they are made.

Training loops become sections of their own, entered instead of run; a function that holds a backward pass is opened
where it is called, or where it stands if nobody calls it.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from grader.wire.statements import bound_names, opened

FEW = 2  # gradients that a loop has to make anew to be a training loop; a loop over the batch makes none
_MOST_LOOPS = 12
_MOST_OPENED = 40
IsGradient = Callable[[str], bool]


@dataclass(frozen=True)
class Opened:
    """One statement, and the section it is in: 0 for the top level, else a training loop's number."""

    node: ast.stmt
    section: int = 0
    names: tuple[str, ...] = ()
    source: str = ""  # "parameter": bound only if the name is none yet; "loop": the first value of a loop's variable


@dataclass
class _Opening:
    is_gradient: IsGradient
    tensors: Collection[str]
    functions: dict[str, ast.FunctionDef]
    called: Collection[str]
    loops: list[list[Opened]] = field(default_factory=list)
    found: list[Opened] = field(default_factory=list)
    left: int = _MOST_OPENED

    def top(self, statements: Sequence[ast.stmt], inside: frozenset[str] = frozenset()) -> None:
        for node in statements:
            self.statement(node, inside)

    def statement(self, node: ast.stmt, inside: frozenset[str] = frozenset()) -> None:
        """One statement of the top level; inside the functions that were opened on the way."""
        loop = self.training_loop(node)
        if isinstance(node, ast.For | ast.While) and loop is node:
            self.enter(node)
        elif isinstance(node, ast.For | ast.While) and loop:
            for name in bound_names(node.target) if isinstance(node, ast.For) else ():
                self.add(ast.copy_location(_assigned(name, ast.Constant(0)), node), source="parameter")
            self.top(list(opened(node.body)), inside)
        elif isinstance(node, ast.With | ast.If | ast.Try) and loop:
            self.top(list(opened(node.body)), inside)
        elif (parts := list(self.apart(node))) != [node]:
            self.top(parts, inside)
        elif isinstance(node, ast.FunctionDef):
            self.add(node)
            if node.name not in self.called or node.name == "_":
                self.uncalled(node)
        else:
            call = self.call_of_backward(node)
            name = _name_called(call) if call else ""
            if call is None or name in inside or self.left <= 0:
                self.add(node)
                return
            for inner in self.inlined(call, node, deep=False):
                if inner.source:
                    self.add(inner.node, source=inner.source)
                else:
                    self.statement(inner.node, inside | {name})

    def makes_several(self, node: ast.With | ast.If | ast.Try) -> bool:
        """Whether several statements in a block make gradients."""
        bodies = [*node.body, *getattr(node, "orelse", ())]
        if sum(any(map(self.is_gradient, bound_names(inner))) for inner in bodies) >= FEW:
            return True
        return any(isinstance(one, ast.With | ast.If | ast.Try) and self.makes_several(one) for one in bodies)

    def apart(self, node: ast.stmt) -> Iterator[ast.stmt]:
        """The statements of a block in which several gradients are made: each under the block's own condition."""
        if not isinstance(node, ast.With | ast.If | ast.Try) or not self.makes_several(node):
            yield node
            return
        inner = [part for statement in opened(node.body) for part in self.apart(statement)]
        if isinstance(node, ast.With):
            yield ast.copy_location(ast.With(node.items, [ast.copy_location(ast.Pass(), node)]), node)
            yield from inner
        elif isinstance(node, ast.Try):
            yield from (ast.copy_location(ast.Try([one], node.handlers, [], []), one) for one in inner)
        else:
            yield from (ast.copy_location(ast.If(node.test, [one], []), one) for one in inner)
            other = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
            parts = [part for statement in opened(node.orelse) for part in self.apart(statement)]
            yield from (ast.copy_location(ast.If(other, [one], []), one) for one in parts)

    def uncalled(self, node: ast.FunctionDef) -> None:
        """A function that nobody calls: opened, where it makes gradients or trains."""
        if any(self.training_loop(inner) for inner in node.body) or any(
            self.is_gradient(name) for inner in node.body for name in bound_names(inner)
        ):
            self.body(node)

    def body(self, node: ast.FunctionDef) -> None:
        self.left -= 1
        if self.left > 0:
            for argument in _arguments(node):
                self.add(ast.copy_location(_assigned(argument, ast.Constant(None)), node), source="parameter")
            self.top([inner for inner in opened(node.body) if not isinstance(inner, ast.Return)])

    def add(self, node: ast.stmt, section: int = 0, source: str = "") -> None:
        self.found.append(Opened(node, section, tuple(dict.fromkeys(bound_names(node))), source))

    def enter(self, loop: ast.For | ast.While) -> None:
        """The body of a training loop, as a section."""
        section = 1 + sum(
            item.section > 0 and self.found[at - 1].section != item.section for at, item in enumerate(self.found)
        )
        if section > _MOST_LOOPS:
            return
        if isinstance(loop, ast.For):
            for name in bound_names(loop.target):
                self.add(ast.copy_location(_assigned(name, ast.Constant(0)), loop), section, "loop")
        for inner in opened(loop.body):
            call = self.call_of_backward(inner)
            for one in self.inlined(call, inner) if call else [Opened(inner)]:
                self.add(one.node, section, one.source)

    def training_loop(self, node: ast.stmt) -> ast.stmt | None:
        """The first loop in a statement that makes gradients anew at every turn."""
        waiting: list[ast.AST] = [node]
        while waiting:
            inner = waiting.pop(0)
            if isinstance(inner, ast.For | ast.While) and self.trains(inner):
                return inner
            is_own = not isinstance(inner, ast.FunctionDef) or inner is node
            if isinstance(inner, ast.For | ast.While | ast.With | ast.If | ast.Try | ast.FunctionDef) and is_own:
                waiting += inner.body
        return None

    def trains(self, loop: ast.For | ast.While) -> bool:
        """Whether a loop makes gradients anew: itself, or by functions and with an update of the parameters."""
        found: set[str] = set()
        made: set[str] = set()
        bodies = [loop.body]
        for node in opened(loop.body):
            if isinstance(node, ast.Assign | ast.AnnAssign):
                names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
                read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
                found |= {name for name in bound_names(node) if self.is_gradient(name)} - read
            call = self.call_of_backward(node)
            if call:
                function = self.functions[_name_called(call)]
                bodies.append(function.body)
                made |= self.gradients_of(function)
        if len(found) >= FEW:
            return True
        targets = {
            name
            for body in bodies
            for node in body
            for inner in ast.walk(node)
            if isinstance(inner, ast.For)
            for name in bound_names(inner.target)
        }
        known = targets.union(self.tensors)
        return len(made) >= FEW and any(_updates(node, known) for body in bodies for node in body)

    def gradients_of(self, function: ast.FunctionDef, depth: int = 0) -> set[str]:
        """The gradients that a function makes, and those it calls."""
        found = {name for inner in function.body for name in bound_names(inner) if self.is_gradient(name)}
        if depth < FEW:
            for inner in ast.walk(function):
                if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in self.functions:
                    found |= self.gradients_of(self.functions[inner.func.id], depth + 1)
        return found

    def call_of_backward(self, node: ast.stmt) -> ast.Call | None:
        """The call of a function that makes gradients, in a statement that is little more."""
        if isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name):
                    function = self.functions.get(inner.func.id)
                    if function and len(self.gradients_of(function)) >= FEW:
                        return inner
        return None

    def inlined(self, call: ast.Call, statement: ast.stmt, *, deep: bool = True) -> list[Opened]:
        """The statements of a function in the place of its call: parameters first, what it returns last."""
        self.left -= 1
        if self.left <= 0:
            return [Opened(statement)]
        function = self.functions[_name_called(call)]
        names = _arguments(function)
        given = dict(zip(names, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
        found = [
            Opened(
                ast.copy_location(_assigned(name, given.get(name, ast.Constant(None))), statement),
                source="" if name in given else "parameter",
            )
            for name in names
            if not (isinstance(given.get(name), ast.Name) and ast.unparse(given[name]) == name)
        ]
        for inner in opened(function.body):
            if not isinstance(inner, ast.Return):
                deeper = self.call_of_backward(inner) if deep else None
                is_deeper = deeper is not None and _name_called(deeper) != function.name
                found += self.inlined(deeper, inner) if deeper and is_deeper else [Opened(inner)]
            elif isinstance(statement, ast.Assign) and statement.value is call and inner.value:
                found.append(Opened(ast.copy_location(ast.Assign(statement.targets, inner.value), inner)))
        return found


def _name_called(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Name)
    return call.func.id


def _updates(node: ast.stmt, known: Collection[str]) -> bool:
    """Whether it changes parameters: `p.data += ...` for each p, `W1 -= rate * dW1`, `W1 = W1 - rate * dW1`."""
    for inner in ast.walk(node):
        match inner:
            case ast.AugAssign(target=ast.Name(id=name)) if name in known:
                return True
            case ast.Attribute(attr="data", ctx=ast.Store()):
                return True
            case ast.Call(func=ast.Attribute(value=owner, attr="add_" | "sub_" | "copy_")):
                if any(isinstance(part, ast.Name) and part.id in known for part in ast.walk(owner)):
                    return True
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.Name(id=other))) if name == other:
                if name in known:
                    return True
    return False


@dataclass
class Keeping(ast.NodeTransformer):
    """Binds a variable to each gradient that is an item or an attribute, behind the statement that makes it."""

    kept: Mapping[str, str]  # `grads['t']`, and the variable

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        made: list[ast.stmt] = [node]
        for target in node.targets:
            if isinstance(target, ast.Subscript | ast.Attribute) and (name := self.kept.get(ast.unparse(target))):
                place = copy.copy(target)
                place.ctx = ast.Load()
                made.append(ast.copy_location(_assigned(name, place), node))
        return made

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node


def opening(statements: Sequence[ast.stmt], is_gradient: IsGradient, tensors: Collection[str]) -> list[Opened]:
    """All statements in the order they run."""
    flat = list(opened(statements))
    functions = {node.name: node for node in flat if isinstance(node, ast.FunctionDef)}
    work = _Opening(is_gradient, tensors, functions, set(_called(flat)))
    work.top(flat)
    return work.found


def _called(statements: Sequence[ast.stmt]) -> Iterator[str]:
    """Names that are called, or handed on."""
    for node in statements:
        trains = {inner.name for inner in (node,) if isinstance(inner, ast.FunctionDef)}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load) and inner.id not in trains:
                yield inner.id


def _arguments(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _assigned(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Name(name, ast.Store())], value)
