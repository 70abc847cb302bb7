"""One answer taken apart: its expressions, what each of them is when it runs, how to put another in its place."""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.mutation.cases import SIZES, network, plain_case
from tests.mutation.seeds import Seed

MODULES: Mapping[str, Any] = {"torch": torch, "F": F, "math": math}
Path = tuple[tuple[str, int | None], ...]
_TAKES_FORM = frozenset({"zeros_like", "ones_like", "full_like", "len", "view_as", "expand_as", "reshape_as"})
_FORM = frozenset({"shape", "dtype"})
# Where the answer is not linear in what stands inside.
_BENDS = frozenset({"exp", "tanh", "log", "softmax", "log_softmax", "max", "argmax", "one_hot", "sqrt", "reciprocal"})
_LONGEST = 60


@dataclass(frozen=True)
class Fact:
    """What an expression was when the answer ran: the first time, at plain_case()'s sizes."""

    kind: Literal["tensor", "number", "other"]
    shape: tuple[int, ...] = ()
    is_floating: bool = False


@dataclass(frozen=True)
class Site:
    """One expression of a function."""

    path: Path
    node: ast.expr
    parents: tuple[ast.AST, ...]  # outermost first
    field: str  # of the innermost parent
    fact: Fact

    @property
    def text(self) -> str:
        return ast.unparse(self.node)

    @property
    def parent(self) -> ast.AST:
        return self.parents[-1]

    @property
    def is_tensor(self) -> bool:
        """A floating tensor whose values count."""
        return self.fact.kind == "tensor" and self.fact.is_floating and not self.is_form

    @property
    def is_form(self) -> bool:
        """Only its shape or dtype is asked for."""
        return (isinstance(self.parent, ast.Attribute) and self.parent.attr in _FORM) or any(
            called(parent) in _TAKES_FORM for parent in self.parents
        )

    @property
    def is_number(self) -> bool:
        return self.fact.kind == "number"

    @property
    def is_bent(self) -> bool:
        """The answer is not linear in it: it stands in a power, under exp, in a denominator, ..."""
        inner: ast.AST = self.node
        for parent in reversed(self.parents):
            if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow):
                return True
            if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Div) and parent.right is inner:
                return True
            if called(parent) in _BENDS:
                return True
            inner = parent
        return False

    @property
    def is_statement_value(self) -> bool:
        return isinstance(self.parent, ast.stmt) and self.field == "value"


@dataclass(frozen=True)
class Place:
    """One statement of a function."""

    path: Path
    node: ast.stmt

    @property
    def text(self) -> str:
        return ast.unparse(self.node)


@dataclass(frozen=True)
class Edit:
    """One change of an answer. `tags` are the mistakes that are true of it, whatever its numbers show."""

    description: str
    line: int  # of the answer, its first line being 1
    source: str
    tags: frozenset[str]


@dataclass(frozen=True)
class Scene:
    """One answer with its expressions and statements.

    To write an edited text, the function is changed for a moment and then put back: copying it takes far longer.
    """

    seed: Seed
    function: ast.FunctionDef
    sites: tuple[Site, ...]
    places: tuple[Place, ...]

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        return tuple(argument.arg for argument in self.function.args.args)

    @cached_property
    def tensors(self) -> tuple[Site, ...]:
        return tuple(site for site in self.sites if site.is_tensor)

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Of the floating tensors that can stand in the function: forward ones, gradients it may ask for, its own."""
        case = plain_case()
        graph = network().graph
        (*several, last) = self.seed.steps  # where one function answers several steps, it starts from no gradient
        below = set() if several else {f"d{other}" for other in graph.downstream[last[1:]]}
        asked = {name for name in case.tensors if name not in {f"d{other}" for other in graph.tensors} or name in below}
        shapes = {name: tuple(case.tensors[name].shape) for name in sorted(asked - {graph.loss, f"d{graph.loss}"})}
        return {name: shape for name, shape in shapes.items() if case.tensors[name].is_floating_point()} | {
            site.node.id: site.fact.shape for site in self.tensors if isinstance(site.node, ast.Name)
        }

    def edit(self, site: Site, text: str, tags: frozenset[str], description: str = "", ask: str = "") -> Edit:
        """Puts the expression `text` at `site`, asking for one more parameter where it needs one."""
        _put(self.function, site.path, ast.parse(text, mode="eval").body)
        source = self._source(ask)
        _put(self.function, site.path, site.node)
        return Edit(description or f"{_short(site.text)} -> {_short(text)}", site.node.lineno, source, tags)

    def rewrite(self, place: Place, text: str, tags: frozenset[str], description: str = "", ask: str = "") -> Edit:
        """Puts the statements `text` (none, if it is empty) at `place`."""
        (field, position), above = place.path[-1], _at(self.function, place.path[:-1])
        assert position is not None
        usual: list[ast.stmt] = getattr(above, field)
        others = [*usual[:position], *ast.parse(text).body, *usual[position + 1 :]]
        setattr(above, field, others or [ast.Pass()])
        source = self._source(ask)
        setattr(above, field, usual)
        words = description or f"{_short(place.text)} -> {_short(text.replace(chr(10), '; ')) or 'nothing'}"
        return Edit(words, place.node.lineno, source, tags)

    def _source(self, ask: str) -> str:
        """The function as it is just now, with one more parameter where it lacks `ask`."""
        arguments = self.function.args.args
        is_new = bool(ask) and ask not in self.parameters
        if is_new:
            arguments.append(ast.arg(ask))
        source = ast.unparse(self.function)
        if is_new:
            arguments.pop()
        return source


def scene_of(seed: Seed) -> Scene:
    """Runs the answer once, to see what its expressions are."""
    function = function_in(seed.source)
    bare = tuple(_sites(function))
    facts = _facts(function, [path for path, *_ in bare])
    sites = tuple(
        Site(path, node, parents, path[-1][0], facts.get(number, Fact("other")))
        for number, (path, node, parents) in enumerate(bare)
    )
    return Scene(seed, function, sites, tuple(_places(function)))


def function_in(source: str) -> ast.FunctionDef:
    """The one function that `source` is."""
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    return function


def called(node: ast.AST) -> str:
    """The last name of what a call calls: sum for x.sum(0), one_hot for F.one_hot(y). '' for all else."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)):
            return name
    return ""


def method_of(node: ast.AST) -> ast.expr | None:
    """x in x.sum(0); None for functions of a module, and for all else."""
    match node:
        case ast.Call(func=ast.Attribute(value=value)) if not _is_module(value):
            return value
    return None


def is_gradient(name: str) -> bool:
    """Whether `name` says that it is the gradient of a tensor of the network."""
    return name[:1] == "d" and name[1:] in network().graph.tensors


def is_size(name: str) -> bool:
    return name in SIZES


def _is_module(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in MODULES


def _sites(node: ast.AST, path: Path = (), parents: tuple[ast.AST, ...] = ()) -> Iterator[tuple[Path, ast.expr, Any]]:
    """Every expression that has a value of its own, outer ones first."""
    for field, value in ast.iter_fields(node):
        if isinstance(node, ast.FunctionDef) and field != "body":
            continue
        for position, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST):
                continue
            here = (*path, (field, position))
            if isinstance(child, ast.expr) and _has_value(child, node, field):
                yield here, child, (*parents, node)
            yield from _sites(child, here, (*parents, node))


def _has_value(node: ast.expr, parent: ast.AST, field: str) -> bool:
    is_called = isinstance(parent, ast.Call) and field == "func"
    is_target = not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    return not (is_called or is_target or _is_module(node) or isinstance(node, ast.Slice | ast.Starred))


def _places(node: ast.AST, path: Path = ()) -> Iterator[Place]:
    for field, value in ast.iter_fields(node):
        for position, child in enumerate(value) if isinstance(value, list) else []:
            if isinstance(child, ast.stmt):
                here = (*path, (field, position))
                yield Place(here, child)
                yield from _places(child, here)


def _facts(function: ast.FunctionDef, paths: list[Path]) -> dict[int, Fact]:
    """What the expressions at `paths` are in one run; those that do not run are left out."""
    facts: dict[int, Fact] = {}

    def see(number: int, value: Any) -> Any:
        facts.setdefault(number, _fact(value))
        return value

    watched = copy.deepcopy(function)
    for number, path in reversed(list(enumerate(paths))):  # inner ones first, so that the outer paths still lead there
        call = ast.Call(ast.Name("see", ast.Load()), [ast.Constant(number), _at(watched, path)], [])
        _put(watched, path, call)
    namespace: dict[str, Any] = {**MODULES, "see": see}
    exec(compile(ast.fix_missing_locations(ast.Module([watched], [])), "<seed>", "exec"), namespace)
    namespace[function.name](**plain_case().given(argument.arg for argument in function.args.args))
    return facts


def _fact(value: Any) -> Fact:
    if isinstance(value, Tensor):
        return Fact("tensor", tuple(value.shape), value.is_floating_point())
    return Fact("number" if type(value) in (int, float) else "other")


def _at(node: ast.AST, path: Path) -> Any:
    found: Any = node
    for field, position in path:
        found = getattr(found, field)
        found = found if position is None else found[position]
    return found


def _put(function: ast.FunctionDef, path: Path, new: ast.expr) -> None:
    above = _at(function, path[:-1])
    field, position = path[-1]
    if position is None:
        setattr(above, field, new)
    else:
        getattr(above, field)[position] = new


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
