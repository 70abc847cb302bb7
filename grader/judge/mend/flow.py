"""Which places of a function each of its outputs comes from: a mistake that shows in some outputs stands in one."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.scope import stored
from grader.syntax import children, walk

Position = tuple[int, int]  # line and column, as ast counts them
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Try, ast.Global, ast.Nonlocal)


@dataclass(frozen=True)
class Span:
    """A piece of source."""

    start: Position
    end: Position

    def holds(self, position: Position) -> bool:
        return self.start <= position < self.end


@dataclass(frozen=True)
class Unit:
    """A statement without statements of its own, or one of several returned expressions."""

    span: Span
    writes: frozenset[str]
    reads: frozenset[str]
    is_new: bool  # it binds its names anew: what they were before does not count


@dataclass(frozen=True)
class Flow:
    """The units of one answer in order, in blocks: a loop or a branch is one block, any other statement, too."""

    blocks: tuple[tuple[Unit, ...], ...]
    outputs: tuple[Unit, ...]
    elsewhere: tuple[tuple[str, Unit], ...]  # what stands outside of the function, by the name it binds

    def behind(self, output: int) -> frozenset[Span]:
        """What the output comes from, itself among it."""
        return self._slice(self.outputs[output], self.blocks)

    def behind_line(self, line: int) -> frozenset[Span] | None:
        """What the units on a line come from, they among it; None where the function has none there."""
        for place, block in enumerate(self.blocks):
            for unit in block:
                if unit.span.start[0] <= line <= unit.span.end[0]:
                    return self._slice(unit, self.blocks[: place + 1] if len(block) > 1 else self.blocks[:place])
        for output in self.outputs:
            if output.span.start[0] <= line <= output.span.end[0]:
                return frozenset().union(*(self.behind(number) for number in range(len(self.outputs))))
        return None

    def all(self) -> frozenset[Span]:
        units = (*(unit for block in self.blocks for unit in block), *self.outputs, *(u for _, u in self.elsewhere))
        return frozenset(unit.span for unit in units)

    def _slice(self, last: Unit, blocks: Sequence[Sequence[Unit]]) -> frozenset[Span]:
        wanted, found, read = set(last.reads), {last.span}, set(last.reads)
        for block in reversed(blocks):
            for unit in _needed(block, wanted):
                found.add(unit.span)
                read |= unit.reads
        binders: dict[str, list[Unit]] = {}
        for bound, unit in self.elsewhere:
            binders.setdefault(bound, []).append(unit)
        waiting = list(read)
        while waiting:
            for unit in binders.pop(waiting.pop(), ()):
                found.add(unit.span)
                waiting += unit.reads
        return frozenset(found)


def _needed(block: Sequence[Unit], wanted: set[str]) -> list[Unit]:
    """The units of a block that make something wanted; `wanted` becomes what is wanted before it."""
    if len(block) == 1:
        (unit,) = block
        if not unit.writes & wanted:
            return []
        if unit.is_new:
            wanted -= unit.writes
        wanted |= unit.reads
        return [unit]
    writers: dict[str, list[Unit]] = {}
    for unit in block:
        for name in unit.writes:
            writers.setdefault(name, []).append(unit)
    found: dict[int, Unit] = {}  # by identity: each is taken once, each name asked for once
    waiting = list(wanted)
    while waiting:
        for unit in writers.pop(waiting.pop(), ()):
            found[id(unit)] = unit
            waiting += unit.reads - wanted
            wanted |= unit.reads
    return list(found.values())


def flow_of(tree: ast.Module, name: str, outputs: int) -> Flow | None:
    """How data flows in the function `name`; None where that cannot be read off for sure."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if len(functions) != 1:
        return None
    *body, last = functions[0].body
    inner = [node for statement in body for node in walk(statement)]
    if not isinstance(last, ast.Return) or last.value is None:
        return None
    if any(isinstance(node, (*_NESTED, ast.Return, ast.Yield, ast.YieldFrom)) for node in inner):
        return None
    returned = last.value.elts if outputs > 1 and isinstance(last.value, ast.Tuple | ast.List) else [last.value]
    if len(returned) != outputs:
        return None
    others = [node for node in tree.body if node is not functions[0]]
    bound = [(name, node) for node in others for name in stored(node)]
    return Flow(
        tuple(tuple(_units(statement, frozenset())) for statement in body),
        tuple(Unit(_span(value), frozenset(), _reads(value), False) for value in returned),
        tuple((name, Unit(_span(node), frozenset({name}), _reads(node), True)) for name, node in bound),
    )


def _units(statement: ast.stmt, around: frozenset[str]) -> Iterator[Unit]:
    """The units of a statement; `around` are the names that decide whether, or how often, it is reached."""
    bodies = [part for field in ("body", "orelse") for part in getattr(statement, field, [])]
    if bodies:
        heads = [node for node in children(statement) if not isinstance(node, ast.stmt)]
        reads = around.union(*map(_reads, heads))
        writes = frozenset(name for head in heads for name in stored(head))
        for head in heads:
            if isinstance(head, ast.expr):
                yield Unit(_span(head), writes, reads, False)
        for part in bodies:
            for unit in _units(part, reads | writes):
                # What decides about a loop belongs to all that happens in it.
                yield Unit(unit.span, unit.writes, unit.reads, False)
        return
    yield Unit(_span(statement), _writes(statement), _reads(statement) | around, _is_new(statement))


def _is_new(statement: ast.stmt) -> bool:
    """Whether the statement does nothing but bind names."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    stores = [node for target in targets for node in walk(target) if isinstance(node, ast.expr)]
    return all(isinstance(node, ast.Name | ast.Tuple | ast.List) for node in stores) and not _changed(statement)


def _writes(statement: ast.stmt) -> frozenset[str]:
    bound = set(stored(statement))
    if isinstance(statement, ast.AugAssign | ast.Assign | ast.AnnAssign | ast.Delete):
        targets = [node for node in walk(statement) if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)]
        bound |= {root for target in targets if isinstance(target, ast.expr) and (root := _root(target))}
    return frozenset(bound | _changed(statement))


def _changed(statement: ast.stmt) -> set[str]:
    """The names whose values a call changes in place: x of x.mul_(2), and of x.append(2)."""
    found: set[str] = set()
    for node in walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            in_place = node.func.attr.endswith("_") or isinstance(statement, ast.Expr)
            found |= {_root(node.func.value)} if in_place else set()
    if isinstance(statement, ast.Expr):  # a helper may change what it is given
        found |= _reads(statement)
    return found - {""}


def _root(node: ast.expr) -> str:
    """x of x[i], x.T and x.view(-1)."""
    while True:
        match node:
            case ast.Subscript(value=inner) | ast.Attribute(value=inner):
                node = inner
            case ast.Call(func=inner):
                node = inner
            case ast.Name(id=name):
                return name
            case _:
                return ""


def _reads(node: ast.AST) -> frozenset[str]:
    """Every name that it may read: x of `x[i] = y` and of `x += y`, too."""
    found = {name.id for name in walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)}
    if isinstance(node, ast.AugAssign):
        found.add(_root(node.target))
    return frozenset(found - {""})


def _span(node: ast.AST) -> Span:
    assert isinstance(node, ast.stmt | ast.expr)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return Span((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
