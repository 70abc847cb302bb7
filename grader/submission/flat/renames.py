"""Which of the lesson's names a student calls otherwise, read off the student's own forward pass.

`bnmean = 1/n * hprebn.sum(0, keepdim=True)` is the lesson's `bnmeani`, because forward.py has the
same expression over the same tensors. Spellings of one operation count as the same: `torch.tanh(x)`
and `x.tanh()`, `1 / x` and `x ** -1`, `sum(dim=0, keepdim=True)` and `sum(0, True)`.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

from grader.lesson import Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.submission.flat.flow import base_of
from grader.submission.flat.sections import Line
from grader.syntax import walk

_MODULES = frozenset({"torch", "F"})
_ENOUGH = 8  # sizes below this are too common as numbers to be known by them
_FREE_FORM = frozenset({"view", "reshape", "flatten"})  # their numbers say the same in many ways
_DEEPEST = 40
_AFFIXES = ((GRADIENT_PREFIX, ""), (f"{GRADIENT_PREFIX}_", ""))  # dprobs, d_probs
_FEW = 4


@dataclass
class Renames:
    """The lesson's name for each of the student's names that differ, and variables compared as gradients."""

    lesson: Lesson
    names: dict[str, str] = field(default_factory=dict)  # the student's -> the lesson's tensor, input or size
    compared: dict[str, str] = field(default_factory=dict)  # a variable -> the tensor whose gradient it is compared as
    affixes: tuple[tuple[str, str], ...] = _AFFIXES
    forward: set[int] = field(default_factory=set)  # expressions, by identity, that are the lesson's own
    backward: set[str] = field(default_factory=set)  # names that hold gradients: no tensors

    def is_forward(self, node: ast.stmt) -> bool:
        """Whether a statement computes a tensor as forward.py does."""
        return isinstance(node, ast.Assign) and id(node.value) in self.forward

    def lesson_name(self, name: str) -> str | None:
        """The tensor, input or size that the student's `name` is; None for names of the student's own."""
        if name in self.lesson.graph.tensors or name in self.lesson.sizes:
            return name
        return self.names.get(name)

    def tensor_of(self, name: str) -> str | None:
        """The tensor whose gradient the student's variable `name` is; None for other names."""
        if name in self.compared:
            return self.compared[name]
        for before, after in self.affixes:
            if not (name.startswith(before) and name.endswith(after)):
                continue
            tensor = self.lesson_name(name[len(before) : len(name) - len(after)])
            if tensor in self.lesson.graph.tensors and name not in self.lesson.graph.tensors:
                return tensor
        return None

    def used(self, names: Iterable[str]) -> dict[str, str]:
        """Of these names of the student's, those that stand for another one, with what they stand for."""
        found: dict[str, str] = {}
        for name in sorted(names):
            tensor, own = self.tensor_of(name), self.lesson_name(name)
            if tensor and name != GRADIENT_PREFIX + tensor:
                found[name] = GRADIENT_PREFIX + tensor
            elif own and own != name:
                found[name] = own
        return found


@dataclass(frozen=True)
class Comparison:
    """`cmp("probs", dprobs, probs)`: the variable, and the tensor that it is compared as."""

    variable: str
    tensor: str


def renames_of(lines: Sequence[Line], lesson: Lesson, affixes: tuple[tuple[str, str], ...] = _AFFIXES) -> Renames:
    """Reads the student's forward pass and comparisons, in the order they stand."""
    renames = Renames(lesson, affixes=affixes)
    _read_comparisons(renames, lines, of_known=True)
    renames.backward = _backward(lines, renames)
    for line in lines:
        match line.node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in line.effects.reads:
                _read_assignment(renames, name, value)
    _read_comparisons(renames, lines, of_known=False)
    return renames


def _read_comparisons(renames: Renames, lines: Sequence[Line], *, of_known: bool) -> None:
    for line in lines:
        for text, variable, tensor in _calls_that_compare(line.node):
            if renames.lesson_name(tensor) is not None or not of_known:
                _read_comparison(renames, text, variable, tensor)


def affixes_of(names: Iterable[str], lesson: Lesson) -> tuple[tuple[str, str], ...]:
    """What stands before and after a tensor's name in those of its gradient: `d`, and what else is used throughout.

    `grad_probs`, `probs_grad`: as many of these as of `dprobs`, and more than chance makes.
    """
    tensors = {statement.tensor for statement in lesson.graph.statements} | set(lesson.graph.tensors)
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


def comparisons_in(node: ast.stmt, renames: Renames) -> Iterator[Comparison]:
    """The comparisons in one statement."""
    for text, variable, shown in _calls_that_compare(node):
        tensor = renames.lesson_name(shown) or renames.lesson_name(text)
        if tensor in renames.lesson.graph.tensors and tensor is not None:
            yield Comparison(variable, tensor)
    for inner in walk(node):  # check(dprobs, probs), torch.allclose(dprobs, probs.grad)
        if isinstance(inner, ast.Call):
            names = [name for argument in inner.args for name in base_of(argument)]
            for variable, other in pairwise(names):
                tensor = renames.tensor_of(variable)
                if tensor is not None and tensor == renames.lesson_name(other):
                    yield Comparison(variable, tensor)


def _backward(lines: Sequence[Line], renames: Renames) -> set[str]:
    """The student's own names that hold a gradient: made from one (`g = dprobs * counts`), or given its name."""
    found: set[str] = set()
    for _ in range(_DEEPEST):
        before = len(found)
        for line in lines:
            effects = line.effects
            if isinstance(line.node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                gradients = {name for name in effects.reads if name in found or renames.tensor_of(name)}
                found |= {name for name in (*effects.binds, *effects.changes) if gradients}
            match line.node:
                case ast.Assign(targets=[ast.Name(id=target)], value=ast.Name(id=name)) if renames.tensor_of(target):
                    found.add(name)
        if len(found) == before:
            break
    return {name for name in found if renames.lesson_name(name) is None}


def _calls_that_compare(node: ast.stmt) -> Iterator[tuple[str, str, str]]:
    """(text, variable, tensor) of calls such as cmp("probs", dprobs, probs), whatever the function is called."""
    for inner in walk(node):
        match inner:
            case ast.Call(args=[ast.Constant(value=str(text)), ast.Name(id=variable), ast.Name(id=tensor), *_]):
                yield text, variable, tensor


def _read_comparison(renames: Renames, text: str, variable: str, tensor: str) -> None:
    """What the comparison says of names: the text may name the tensor where the variable does not."""
    known = renames.lesson.graph.tensors
    meant = renames.lesson_name(tensor) or (text if text in known else None)
    if meant is None or meant not in known:
        return
    if renames.lesson_name(tensor) is None:
        renames.names[tensor] = meant
    if renames.tensor_of(variable) is None and renames.lesson_name(variable) is None:
        renames.compared[variable] = meant


def _read_assignment(renames: Renames, name: str, value: ast.expr) -> None:
    lesson = renames.lesson
    match value:
        case ast.Name(id=other) if name in lesson.sizes and renames.lesson_name(other) is None:
            renames.names[other] = name  # n = batch_size
            return
        case ast.Constant(value=int(number)) if renames.lesson_name(name) is None and number >= _ENOUGH:
            fitting = [size for size, value in lesson.sizes.items() if value == number]
            if len(fitting) == 1:
                renames.names[name] = fitting[0]
            return
        case ast.Constant() | ast.Name():
            return
    if renames.tensor_of(name) is not None or name in renames.backward:
        return
    own = renames.lesson_name(name)
    shape = _normal(value)
    for statement in lesson.graph.statements:
        if own is not None and own != statement.tensor:
            continue
        found: dict[str, str] = {}
        theirs = _normal_of(statement.expression)
        if _fits(shape, theirs, renames, found, 0) and (own is not None or _is_anchored(shape, renames, found)):
            renames.names.update(found)
            renames.forward.add(id(value))
            if own is None:
                renames.names[name] = statement.tensor
            return


# Expressions in one spelling: nested tuples ("call", method, receiver, arguments), ("name", x), ("number", 1.0) ...


@cache
def _normal_of(expression: str) -> Any:
    """Of a line of forward.py."""
    return _normal(ast.parse(expression, mode="eval").body)


def _normal(node: ast.expr, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        return ("deep", id(node))
    deeper = depth + 1
    match node:
        case ast.Name(id=name):
            return ("name", name)
        case ast.Constant(value=bool(value)):
            return ("constant", value)
        case ast.Constant(value=int(value) | float(value)):
            return ("number", float(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _normal(operand, deeper)
            return ("number", -inner[1]) if inner[0] == "number" else ("minus", inner)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            one, inverse = _normal(left, deeper), ("power", _normal(right, deeper), ("number", -1.0))
            return inverse if one == ("number", 1.0) else ("times", one, inverse)
        case ast.BinOp(left=left, op=op, right=right):
            kind = {ast.Add: "plus", ast.Mult: "times", ast.Pow: "power"}.get(type(op), type(op).__name__)
            return (kind, _normal(left, deeper), _normal(right, deeper))
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=method), args=[first, *rest]) if (
            module in _MODULES
        ):
            return _method(method, first, rest, node.keywords, deeper)
        case ast.Call(func=ast.Attribute(value=owner, attr=method), args=rest):
            return _method(method, owner, rest, node.keywords, deeper)
        case ast.Call(func=ast.Name(id=name), args=rest) if not node.keywords:
            return ("function", name, tuple(_normal(item, deeper) for item in rest))
        case ast.Attribute(value=owner, attr=name):
            return ("attribute", name, _normal(owner, deeper))
        case ast.Subscript(value=owner, slice=index):
            inner = _normal(owner, deeper)
            if inner[0] == "call" and inner[1] in ("max", "min") and inner[3] and _normal(index) == ("number", 0.0):
                return ("attribute", "values", inner)
            return ("item", inner, _normal(index, deeper))
        case ast.Tuple(elts=items):
            return ("tuple", tuple(_normal(item, deeper) for item in items))
    return ("other", ast.dump(node))


def _method(method: str, owner: ast.expr, rest: Sequence[ast.expr], keywords: Sequence[ast.keyword], depth: int) -> Any:
    """A call with its arguments in one order: what stands for the axis, then whether it is kept."""
    given = {keyword.arg: keyword.value for keyword in keywords}
    axis = [given.pop(word) for word in ("dim", "axis") if word in given]
    arguments = [_normal(item, depth) for item in [*axis, *rest]]
    if len(arguments) == 2 and arguments[1][0] == "constant":  # sum(0, True)
        arguments, given = arguments[:1], {**given, "keepdim": ast.Constant(arguments[1][1])}
    if "keepdims" in given:
        given["keepdim"] = given.pop("keepdims")
    named = tuple(sorted((str(word), _normal(value, depth)) for word, value in given.items()))
    inner = _normal(owner, depth)
    if method in ("amax", "amin"):
        return ("attribute", "values", ("call", method.removeprefix("a"), inner, tuple(arguments), named))
    if method == "pow" and len(arguments) == 1:
        return ("power", inner, arguments[0])
    if method == "reciprocal":
        return ("power", inner, ("number", -1.0))
    if method == "square":
        return ("power", inner, ("number", 2.0))
    return ("call", method, inner, tuple(arguments), named)


def _fits(own: Any, theirs: Any, renames: Renames, found: dict[str, str], depth: int) -> bool:
    """Whether the student's expression is the lesson's, with names that fit; new ones are put into `found`."""
    if theirs[0] == "name":
        return _name_fits(own, theirs[1], renames, found)
    mean = _as_mean(theirs, renames.lesson)
    if mean and own[0] == "call" and own[1] == "mean":
        return _fits(own, mean, renames, found, depth + 1)
    if own[0] != theirs[0] or depth > _DEEPEST:
        return False
    match theirs[0]:
        case "number" | "constant" | "other":
            return bool(own == theirs)
        case "plus" | "times":
            kept = dict(found)
            for one, two in ((own[1], own[2]), (own[2], own[1])):
                found.clear()
                found.update(kept)
                if _fits(one, theirs[1], renames, found, depth + 1) and _fits(
                    two, theirs[2], renames, found, depth + 1
                ):
                    return True
            return False
        case "call":
            if own[1] != theirs[1] or not _fits(own[2], theirs[2], renames, found, depth + 1):
                return False
            if own[1] in _FREE_FORM:
                return True
            return _all_fit(own[3], theirs[3], renames, found, depth) and _named_fit(own[4], theirs[4])
        case "function" | "attribute":
            rest = zip(own[2:], theirs[2:], strict=True)
            parts = [(o, t) for o, t in rest]
            if own[1] != theirs[1]:
                return False
            if theirs[0] == "function":
                return _all_fit(own[2], theirs[2], renames, found, depth)
            return all(_fits(o, t, renames, found, depth + 1) for o, t in parts)
        case "tuple":
            return _all_fit(own[1], theirs[1], renames, found, depth)
    return _all_fit(own[1:], theirs[1:], renames, found, depth)


def _is_anchored(own: Any, renames: Renames, found: Mapping[str, str]) -> bool:
    """Whether one of its tensors was known before: an expression of new names alone may be about anything."""
    if not isinstance(own, tuple):
        return False
    if len(own) == 2 and own[0] == "name":
        return own[1] not in found and renames.lesson_name(own[1]) in renames.lesson.graph.tensors
    return any(_is_anchored(part, renames, found) for part in own)


def _all_fit(own: Sequence[Any], theirs: Sequence[Any], renames: Renames, found: dict[str, str], depth: int) -> bool:
    return len(own) == len(theirs) and all(
        _fits(one, other, renames, found, depth + 1) for one, other in zip(own, theirs, strict=True)
    )


def _named_fit(own: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Keyword arguments: `keepdim` has to be the same, others may say a default."""
    mine, others = dict(own), dict(theirs)
    return all(mine.get(word) == others.get(word) for word in ("keepdim", "unbiased", "correction"))


def _name_fits(own: Any, name: str, renames: Renames, found: dict[str, str]) -> bool:
    lesson = renames.lesson
    if own[0] != "name":  # n may be written as emb.shape[0], or as its number
        return name in lesson.sizes and (_is_size(own) or own == ("number", float(lesson.sizes[name])))
    known = renames.lesson_name(own[1]) or found.get(own[1])
    if known is not None:
        return known == name
    if name not in lesson.graph.tensors and name not in lesson.sizes:
        return bool(own[1] == name)  # range, torch
    if renames.tensor_of(own[1]) is not None or own[1] in renames.backward:
        return False
    found[own[1]] = name
    return True


def _is_size(own: Any) -> bool:
    """`x.shape[0]`, `x.size(0)`, `len(x)`."""
    match own:
        case ("item", ("attribute", "shape", _), ("number", _)):
            return True
        case ("call", "size", _, (_,), ()) | ("function", "len", (_,)):
            return True
    return False


def _as_mean(theirs: Any, lesson: Lesson) -> Any:
    """`1/n * x.sum(0, keepdim=True)` as `x.mean(0, keepdim=True)`; None for other expressions."""
    match theirs:
        case ("times", ("power", ("name", size), ("number", -1.0)), ("call", "sum", inner, arguments, named)) if (
            size in lesson.sizes
        ):
            return ("call", "mean", inner, arguments, named)
    return None


def shown(renamed: Mapping[str, str]) -> str:
    """What was taken for what, for the report."""
    return ", ".join(f"{own} for {meant}" for own, meant in sorted(renamed.items()))
