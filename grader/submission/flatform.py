"""The flat form of a program, as far as its text shows it: which variables are gradients, and of what."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from grader.lesson import Exercise, Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.submission.program import Program
from grader.submission.statement import Statement, statement_of
from grader.syntax import walk

_AFFIXES = ((GRADIENT_PREFIX, ""), (f"{GRADIENT_PREFIX}_", ""))  # dprobs, d_probs
_FEW = 4
_TWICE = 2
_MANY = 1_000_000


@dataclass(frozen=True)
class Absent:
    """One result that a loop does not make, or makes from what it should not see."""

    status: str  # "missing" or "error"
    message: str
    line: int | None = None


@dataclass(frozen=True, eq=False)
class FlatProgram:
    """A program whose gradients may be variables."""

    key: str
    program: Program
    lesson: Lesson
    named: Exercise | None  # the file is this exercise's
    exercises: tuple[Exercise, ...]  # that it may answer
    own_files: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def affixes(self) -> tuple[tuple[str, str], ...]:
        """What stands before and after a tensor's name in those of its gradient."""
        return affixes_of(self._stored, self.lesson)

    @cached_property
    def _stored(self) -> frozenset[str]:
        """All names that are bound in it, whatever the scope."""
        nodes = (node for statement in self.program.statements for node in statement.nodes)
        return frozenset(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))

    @cached_property
    def compared(self) -> dict[str, str]:
        """Variables of other names, and the tensor as whose gradient they are compared: `cmp("probs", dp, probs)`."""
        found: dict[str, str] = {}
        tensors = self.lesson.graph.tensors
        for statement in self.program.statements:
            for text, variable, tensor in _calls_that_compare(statement.nodes):
                meant = tensor if tensor in tensors else text
                if meant in tensors and self.tensor_of(variable, {}, by_name=True) is None and variable not in tensors:
                    found.setdefault(variable, meant)
        return found

    def tensor_of(self, name: str, aliases: Mapping[str, str], *, by_name: bool = False) -> str | None:
        """The tensor whose gradient a variable of this name is; aliases: the student's names for tensors."""
        tensors = self.lesson.graph.tensors
        if name in tensors:
            return None
        if not by_name and name in self.compared:
            return self.compared[name]
        for before, after in self.affixes:
            if name.startswith(before) and name.endswith(after):
                own = name[len(before) : len(name) - len(after)]
                meant = own if own in tensors else aliases.get(own, "")
                if meant in tensors:
                    return meant
        return None

    def compared_in(self, call: ast.Call, aliases: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The comparisons that a call is: variables, and the tensors that they are compared as."""
        tensors = self.lesson.graph.tensors
        for text, variable, shown in _calls_that_compare([call]):
            meant = shown if shown in tensors else aliases.get(shown, text)
            if meant in tensors:
                yield variable, meant
        names = [name for argument in call.args for name in _base_of(argument)]
        for variable, other in pairwise(names):
            tensor = self.tensor_of(variable, aliases)
            if tensor is not None and tensor == aliases.get(other, other):
                yield variable, tensor

    @cached_property
    def gradients(self) -> dict[str, int]:
        """The tensors whose gradients are bound somewhere, and the line where that is first."""
        return self._variables | dict(self._kept.values())

    @cached_property
    def kept(self) -> dict[str, str]:
        """Gradients that are items or attributes, `grads["t"]`, and the variables that stand for them."""
        return {place: GRADIENT_PREFIX + tensor for place, (tensor, _) in self._kept.items()}

    @cached_property
    def _kept(self) -> dict[str, tuple[str, int]]:
        """By their owner, if it is filled backwards only: from gradients nearer to the loss, twice at least."""
        found: dict[str, dict[str, tuple[str, int]]] = {}
        backwards: Counter[str] = Counter()
        copied: dict[str, set[str]] = {}  # `steps["t"] = -rate * dt`: from whom
        downstream = self.lesson.graph.downstream
        for statement in self.program.statements:
            nodes = statement.nodes if not isinstance(statement.node, ast.ClassDef) else ()
            for node in (node for node in nodes if isinstance(node, ast.Assign)):
                for target in node.targets:
                    owner, tensor = self._owned(target)
                    if not owner or not tensor:
                        continue
                    place = ast.unparse(target)
                    found.setdefault(owner, {}).setdefault(place, (tensor, node.lineno))
                    read = [(inner, *self._owned(inner)) for inner in walk(node.value)]
                    sources = {whose for inner, whose, other in read if other == tensor and ast.unparse(inner) != place}
                    copied.setdefault(place, set()).update(sources)
                    backwards[owner] += any(other in downstream[tensor] for _, _, other in read)
                    if any(whose == owner and tensor in downstream.get(other, ()) for _, whose, other in read):
                        backwards[owner] -= _MANY  # what is kept there is a forward pass
        owners = {owner for owner in found if backwards[owner] >= _TWICE}
        places = [(place, one) for owner in sorted(owners) for place, one in found[owner].items()]
        return {place: one for place, one in places if not copied[place] & {"", *owners}}

    def _owned(self, node: ast.AST) -> tuple[str, str]:
        """Whose a gradient is, and of which tensor: `grads["t"]`, `grads.t`; a variable is nobody's."""
        match node:
            case ast.Subscript(value=ast.Name(id=owner), slice=ast.Constant(value=str(name))):
                pass
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                pass
            case ast.Name(id=name):
                return "", self.tensor_of(name, {}) or ""
            case _:
                return "", ""
        return owner, name if name in self.lesson.graph.tensors else self.tensor_of(name, {}) or ""

    @cached_property
    def _variables(self) -> dict[str, int]:
        """The tensors whose gradients are bound by name somewhere, and the line where that is first."""
        found: dict[str, int] = {}
        for statement in self.program.statements:
            targets = [node.target for node in statement.nodes if isinstance(node, ast.comprehension)]
            hidden = {id(node) for node in walk(*targets)} if targets else set()
            for node in statement.nodes if not _is_blank(statement.node) else ():
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in hidden:
                    tensor = self.tensor_of(node.id, {})
                    if tensor:
                        found.setdefault(tensor, node.lineno)
        return found

    @cached_property
    def backward(self) -> tuple[tuple[int, int], ...]:
        """The lines among which gradients are made: whole cells, unless inputs are made there; else from the first."""
        found: list[tuple[int, int]] = []
        inputs = set(self.lesson.public_case.inputs)
        for first, last in [(c.first, c.first + c.lines - 1) for c in self.program.cells] or [
            (1, len(self.program.lines))
        ]:
            there = [s for s in self.program.statements if first <= s.node.lineno <= last]
            made = [s.node.lineno for s in there for name in s.stored if self.tensor_of(name, {})]
            if made:
                is_pure = bool(self.program.cells) and not any(s.stored & inputs for s in there)
                found.append((first if is_pure else min(made), last))
        return tuple(found)

    def statement_at(self, position: tuple[int, int]) -> Statement | None:
        """The statement that begins there, at whatever depth."""
        node = self._nodes.get(position)
        if node is None:
            return None
        if position not in self._read:
            self._read[position] = statement_of(node)
        return self._read[position]

    @cached_property
    def _read(self) -> dict[tuple[int, int], Statement]:
        """The statements that were asked for; those of the top level are there."""
        return {(s.node.lineno, s.node.col_offset): s for s in reversed(self.program.statements)}

    @cached_property
    def _nodes(self) -> dict[tuple[int, int], ast.stmt]:
        nodes = (node for statement in self.program.statements for node in statement.nodes)
        found: dict[tuple[int, int], ast.stmt] = {}
        for node in nodes:
            if isinstance(node, ast.stmt):
                found.setdefault((node.lineno, node.col_offset), node)
        return found


def affixes_of(names: Iterable[str], lesson: Lesson) -> tuple[tuple[str, str], ...]:
    """What stands before and after a tensor's name in those of its gradient: `d`, and what else is used throughout.

    `grad_probs`, `probs_grad`: as many of these as of `dprobs`, and more than chance makes.
    """
    tensors = lesson.graph.tensors
    used: Counter[tuple[str, str]] = Counter()
    for name in set(names) - tensors:
        for tensor in tensors - {lesson.loss}:
            before, found, after = name.partition(tensor)
            if found:
                used[before, after] += 1
    plain = used[GRADIENT_PREFIX, ""] + used[f"{GRADIENT_PREFIX}_", ""]
    others = [
        affix
        for affix, count in used.most_common(_FEW)
        if count > max(plain, len(tensors) // _FEW) and affix not in _AFFIXES
    ]
    return (*_AFFIXES, *others[:1])


def _is_blank(node: ast.stmt) -> bool:
    """`dprobs = None`, `dW1, db1 = None, None`, `dprobs = ...`, `dprobs: Tensor`; a lambda is no gradient, either."""
    if isinstance(node, ast.AnnAssign | ast.Delete) and getattr(node, "value", None) is None:
        return True
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    return all(
        isinstance(part, ast.Lambda) or (isinstance(part, ast.Constant) and part.value in (None, ...)) for part in parts
    )


def _calls_that_compare(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str, str]]:
    """(text, variable, tensor) of calls such as cmp("probs", dprobs, probs), whatever the function is called."""
    for inner in nodes:
        match inner:
            case ast.Call(args=[ast.Constant(value=str(text)), ast.Name(id=variable), ast.Name(id=tensor), *_]):
                yield text, variable, tensor


def _base_of(node: ast.expr) -> Iterator[str]:
    """The name below subscripts, attributes and calls of methods: `dC` in `dC.view(-1)[ix]`."""
    while True:
        match node:
            case ast.Subscript(value=inner) | ast.Attribute(value=inner) | ast.Call(func=ast.Attribute(value=inner)):
                node = inner
            case ast.Name(id=name):
                yield name
                return
            case _:
                return
