"""A program whose gradients are variables, as the statements in which they are made.

Training loops become sections of their own, entered instead of run; a function that holds a backward pass is opened
where it is called, or where it stands if nobody calls it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
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
    functions: dict[str, ast.FunctionDef]
    called: Collection[str]
    loops: list[list[Opened]] = field(default_factory=list)
    found: list[Opened] = field(default_factory=list)
    left: int = _MOST_OPENED

    def top(self, statements: Sequence[ast.stmt]) -> None:
        for node in statements:
            self.statement(node)

    def statement(self, node: ast.stmt) -> None:
        """One statement of the top level."""
        loop = self.training_loop(node)
        if isinstance(node, ast.For | ast.While) and loop is node:
            self.enter(node)
        elif isinstance(node, ast.With | ast.If | ast.Try) and loop:
            self.top(list(opened(node.body)))
        elif isinstance(node, ast.FunctionDef):
            self.add(node)
            if node.name not in self.called or node.name == "_":
                self.uncalled(node)
        else:
            function = self.call_of_backward(node)
            for inner in self.inlined(function, node) if function else [Opened(node)]:
                self.add(inner.node, source=inner.source)

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
            function = self.call_of_backward(inner)
            for one in self.inlined(function, inner) if function else [Opened(inner)]:
                self.add(one.node, section, one.source)

    def training_loop(self, node: ast.stmt) -> ast.stmt | None:
        """The first loop in a statement that makes gradients anew at every turn."""
        waiting: list[ast.AST] = [node]
        while waiting:
            inner = waiting.pop(0)
            if isinstance(inner, ast.For | ast.While) and len(self.made_anew(inner.body)) >= FEW:
                return inner
            is_own = not isinstance(inner, ast.FunctionDef) or inner is node
            if isinstance(inner, ast.For | ast.While | ast.With | ast.If | ast.Try | ast.FunctionDef) and is_own:
                waiting += inner.body
        return None

    def made_anew(self, body: Sequence[ast.stmt]) -> set[str]:
        """The gradients that statements bind to what does not come from themselves, and by the functions they call."""
        found: set[str] = set()
        for node in opened(body):
            if isinstance(node, ast.Assign | ast.AnnAssign):
                read = {
                    inner.id
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
                }
                found |= {name for name in bound_names(node) if self.is_gradient(name)} - read
            function = self.call_of_backward(node)
            if function:
                found |= {name for inner in function.body for name in bound_names(inner) if self.is_gradient(name)}
        return found

    def call_of_backward(self, node: ast.stmt) -> ast.FunctionDef | None:
        """The function that makes gradients, where a statement is nothing but its call."""
        match node:
            case (
                ast.Expr(value=ast.Call(func=ast.Name(id=name)))
                | ast.Assign(value=ast.Call(func=ast.Name(id=name)))
                | ast.AnnAssign(value=ast.Call(func=ast.Name(id=name)))
            ):
                function = self.functions.get(name)
                if (
                    function
                    and len({n for inner in function.body for n in bound_names(inner) if self.is_gradient(n)}) >= FEW
                ):
                    return function
        return None

    def inlined(self, function: ast.FunctionDef, call: ast.stmt) -> list[Opened]:
        """The statements of a function in the place of its call: parameters first, what it returns last."""
        self.left -= 1
        if self.left <= 0:
            return [Opened(call)]
        value = call.value  # type: ignore[attr-defined]
        names = _arguments(function)
        given = dict(zip(names, value.args, strict=False)) | {k.arg: k.value for k in value.keywords if k.arg}
        found = [
            Opened(
                ast.copy_location(_assigned(name, given.get(name, ast.Constant(None))), call),
                source="" if name in given else "parameter",
            )
            for name in names
            if not (isinstance(given.get(name), ast.Name) and given[name].id == name)
        ]
        for inner in opened(function.body):
            if not isinstance(inner, ast.Return):
                deeper = self.call_of_backward(inner)
                found += self.inlined(deeper, inner) if deeper and deeper is not function else [Opened(inner)]
            elif isinstance(call, ast.Assign) and inner.value:
                found.append(Opened(ast.copy_location(ast.Assign(call.targets, inner.value), inner)))
        return found


def opening(statements: Sequence[ast.stmt], is_gradient: IsGradient) -> list[Opened]:
    """All statements in the order they run."""
    flat = list(opened(statements))
    functions = {node.name: node for node in flat if isinstance(node, ast.FunctionDef)}
    work = _Opening(is_gradient, functions, set(_called(flat)))
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
