"""The changes of numbers, names and operators."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import isfinite

from grader.judge.diagnosis.ratios import number_of
from grader.judge.mend.sites import (
    AXES,
    FARTHER,
    MODULES,
    NEAR,
    REDUCING,
    Change,
    Scope,
    Site,
    World,
    added_constants,
    expression,
    later,
    method_of,
    shape_of,
    tensor_of,
    with_receiver,
)
from grader.lesson.model import GRADIENT_PREFIX
from grader.syntax import walk

_WITH_AXES = REDUCING | {
    "logsumexp",
    "cumsum",
    "unsqueeze",
    "squeeze",
    "index_add_",
    "index_add",
    "scatter_add_",
    "stack",
}
# What an operator may be meant to be, and the mistake, where that is certain.
_SWAPS: dict[type[ast.operator], dict[type[ast.operator], str]] = {
    ast.Add: {ast.Sub: "path-sign", ast.Mult: "derivative", ast.Div: "derivative"},
    ast.Sub: {ast.Add: "path-sign", ast.Mult: "derivative", ast.Div: "derivative"},
    ast.Mult: {ast.Div: "derivative", ast.Add: "", ast.Sub: ""},
    ast.Div: {ast.Mult: "derivative", ast.Add: "", ast.Sub: ""},
    ast.FloorDiv: {ast.Div: "dtype"},
}
_ORDERED: dict[type[ast.operator], str] = {ast.Sub: "path-sign", ast.Div: "derivative", ast.Pow: "derivative"}
_MOVED = frozenset({"sum", "mean", "view", "reshape", "expand", "unsqueeze"})
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//"}
_CUTTING = frozenset({"round", "clamp", "clamp_", "clip", "clip_"})
_BRACKETS = "the brackets are in the wrong place"
_ORDER = "in which order does Python work out this line? Look at the brackets"
_POWERS = (-2.0, -1.5, -1.0, -0.5, 0.5, 1.5, 2.0, 3.0)


def number_changes(site: Site, scope: Scope, world: World) -> Iterator[Change]:
    node, parent = site.node, site.parent
    if not (isinstance(node, ast.Constant) and isinstance(node.value, int | float)):
        return
    if isinstance(parent, ast.Compare) or (isinstance(parent, ast.Call) and method_of(parent) in _CUTTING):
        return  # a number by which values are cut off or rounded is not mended by another one
    value = float(node.value)
    is_axis = isinstance(parent, ast.Call) and method_of(parent) in _WITH_AXES and isinstance(node.value, int)
    if is_axis and isinstance(parent, ast.Call):
        for axis in AXES:
            if axis != node.value:
                words = f"the {method_of(parent)} runs over axis {node.value}, and should over axis {axis}"
                hint = f"over which axis does the {method_of(parent)} run, and over which should it?"
                yield Change(NEAR, "wrong-axis", ast.Constant(axis), words, hint)
        return
    if is_exponent(site):
        yield from exponent_changes(site)
        return
    in_size = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add | ast.Sub)
    near = (value - 1, value + 1) if in_size or isinstance(parent, ast.Call) else ()
    for other in dict.fromkeys((-value, 2 * value, value / 2, 1.0, 2.0, 0.5, 0.0, *near)):
        if other != value and isfinite(other) and not _is_nothing(other, site) and not _is_beginning(site):
            yield _number(value, other, _tag_of_number(site, value, other, world), "number")
    if value == 1 and _is_factor(site):
        for size in (name for name in scope.names if name in world.sizes):
            words = f"1 stands where {size} should"
            yield Change(NEAR, "path-factor", ast.Name(size), words, "which number stands there in the forward line?")
    yield from _sizes(value, world)


def _is_factor(site: Site) -> bool:
    return isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, ast.Mult | ast.Div)


def _is_nothing(number: float, site: Site) -> bool:
    """Whether this number in its place would be the same as nothing, which is another edit."""
    parent = site.parent
    return isinstance(parent, ast.BinOp) and _is_neutral(number, parent.op, site.node is parent.right)


def _is_beginning(site: Site) -> bool:
    """Whether the number is where a range begins: to begin with the first is another edit."""
    match site.parent:
        case ast.Call(func=ast.Name(id="range"), args=[first, _]):
            return first is site.node
    return False


def _is_neutral(number: float | None, operator: ast.operator, is_right: bool) -> bool:
    """Whether an operator with this number changes nothing: x + 0, x * 1, x / 1."""
    match operator:
        case ast.Add():
            return number == 0
        case ast.Sub():
            return number == 0 and is_right
        case ast.Mult():
            return number == 1
        case ast.Div() | ast.FloorDiv() | ast.Pow():
            return number == 1 and is_right
    return False


def _tag_of_number(site: Site, value: float, other: float, world: World) -> str:
    """Which mistake a wrong number is: of a factor, or of a term beside a tensor; '' where that is not certain."""
    parent = site.parent
    if not isinstance(parent, ast.BinOp):
        return ""
    if isinstance(parent.op, ast.Mult | ast.Div):
        return "path-sign" if other == -value else "path-factor"
    return "" if is_of_sizes(parent, world) or not isinstance(parent.op, ast.Add | ast.Sub) else "derivative"


def is_of_sizes(node: ast.expr, world: World) -> bool:
    """Whether nothing but numbers and sizes is in it."""
    names = [part for part in walk(node) if isinstance(part, ast.Name | ast.Call | ast.Attribute | ast.Subscript)]
    return all(isinstance(part, ast.Name) and part.id in world.sizes for part in names)


def one_less_than_a_size(node: ast.expr, scope: Scope, world: World) -> Iterator[Change]:
    """-1 where n - 1 was meant."""
    if number_of(node) == 1:
        for size in (name for name in scope.names if name in world.sizes):
            words = f"-1 should be {size} - 1"
            yield Change(NEAR, "bessel", expression(f"{size} - 1"), words, f"{size} - 1 or -1?")


def _sizes(value: float, world: World) -> Iterator[Change]:
    """A number that is a size only at the lecture's sizes."""
    for name, size in world.sizes.items():
        for number, new in ((size, name), (size - 1, f"{name} - 1")):
            if value == number and value > 1:
                words = f"{value:g} is {new} at the lecture's sizes only"
                yield Change(NEAR, "hard-coded", expression(new), words, f"what does the {value:g} stand for?")


def is_exponent(site: Site) -> bool:
    parent = site.parent
    return isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and site.node is parent.right


def exponent_changes(site: Site) -> Iterator[Change]:
    """Another number as the exponent, with or without a minus."""
    value = number_of(site.node) if is_exponent(site) else None
    for power in _POWERS if value is not None else ():
        if value is not None and power != value:
            yield _number(value, power, "derivative", "exponent")


def _number(old: float, new: float, tag: str, what: str) -> Change:
    number = int(new) if new == int(new) else new
    literal = ast.Constant(number) if number >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-number))
    return Change(NEAR, tag, literal, f"the {what} {old:g} should be {new:g}", f"look at the {what} {old:g}")


def name_changes(site: Site, node: ast.Name, scope: Scope, world: World) -> Iterator[Change]:
    name = node.id
    if name in world.sizes:
        for size in world.sizes:
            if size != name:
                words = f"{name} stands where {size} should"
                yield Change(NEAR, "", ast.Name(size), words, f"which size does {name} stand for here?")
        less = ast.BinOp(ast.Name(name), ast.Sub(), ast.Constant(1))
        yield Change(NEAR, "bessel", less, f"{name} should be {ast.unparse(less)}", f"{name} or {name} - 1?")
        return
    shape = shape_of(name, world)
    lines = [user.tensor for target in world.targets for user in world.graph.users[target]]
    candidates = [*scope.names, *(() if shape is None else sorted(world.graph.tensors)),
                  *(GRADIENT_PREFIX + tensor for tensor in lines if tensor in later(world))]  # fmt: skip
    for other in dict.fromkeys(candidates):
        theirs = shape_of(other, world)
        alike = shape is None or theirs is None or list(shape) == list(theirs)
        if other == name or other in world.sizes or not alike or name in MODULES:
            continue
        words = f"{name} stands where {other} should"
        hint = f"is {name} the right tensor here?"
        yield Change(NEAR, _tag_of_swap(name, other, world), ast.Name(other), words, hint)
    for constant in added_constants(name, world):
        words = f"{constant} of the forward line belongs inside"
        yield Change(
            NEAR, "eps", expression(f"{name} {constant}"), words, f"what stands beside {name} in its forward line?"
        )
    if not isinstance(node.ctx, ast.Store) and not site.is_counted:
        hint = f"is it {name} that the slope needs?"
        if shape is not None:
            yield Change(NEAR, "derivative", expression(f"{name}**2"), f"{name} belongs squared", hint)
        for power in (2, 3, -1, -2) if name not in world.sizes and name not in MODULES else ():
            words = f"{name} belongs to the power {power}"
            yield Change(FARTHER, "derivative", expression(f"{name}**{power}"), words, hint)
    if shape is not None and not isinstance(node.ctx, ast.Store):
        yield Change(
            FARTHER, "derivative", expression(f"{name}.exp()"), f"the exp of {name} is missing", f"look at {name}"
        )


def _tag_of_swap(name: str, other: str, world: World) -> str:
    """Which mistake it is that one name stands for another; '' where both are the student's own."""
    if shape_of(name, world) is None:
        return ""
    if shape_of(other, world) is None:  # a value of the student's own, in whose place another is taken
        return "wrong-gradient" if tensor_of(name, world) else "wrong-tensor"
    return "wrong-gradient" if tensor_of(other, world) or tensor_of(name, world) else "wrong-tensor"


def axis_changes(site: Site) -> Iterator[Change]:
    """An axis counted from the end, or several axes, in a call that runs over one."""
    node, parent = site.node, site.parent
    if isinstance(parent, ast.Call) and method_of(parent) in _WITH_AXES:
        tag = "extra-sum" if isinstance(node, ast.Tuple) else "wrong-axis"
        for axis in AXES[:2]:
            words = f"the {method_of(parent)} runs over {ast.unparse(node)}, and should over axis {axis}"
            yield Change(NEAR, tag, ast.Constant(axis), words, f"over which axis should the {method_of(parent)} run?")


def operator_changes(site: Site, node: ast.BinOp, world: World) -> Iterator[Change]:
    """Another operator, or one operand alone."""
    left, right, kind = node.left, node.right, type(node.op)
    sized = is_of_sizes(node, world)
    for other, tag in _SWAPS.get(kind, {}).items():
        if _is_neutral(number_of(right), other(), True) or _is_neutral(number_of(left), other(), False):
            continue  # the same as one operand alone, which is another edit
        tag = "path-factor" if sized and isinstance(node.op, ast.Add | ast.Sub) else tag
        words = f"{SIGNS[kind]} should be {SIGNS[other]}"
        yield Change(NEAR, tag, ast.BinOp(left, other(), right), words, f"look at the {SIGNS[kind]}")
    if kind in _ORDERED:
        words = f"the operands of {SIGNS.get(kind, '**')} are in the wrong order"
        tag = "path-factor" if sized else _ORDERED[kind]
        yield Change(NEAR, tag, ast.BinOp(right, node.op, left), words, "which of the two comes first?")
    if isinstance(node.op, ast.Mult | ast.Div | ast.Pow | ast.Add | ast.Sub):
        sign = SIGNS.get(kind, "**")
        words = f"{sign} {ast.unparse(right)} does not belong here"
        yield Change(NEAR, _tag_without(site, node, right, world), left, words, f"is {ast.unparse(right)} needed here?")
        if not isinstance(node.op, ast.Div | ast.Pow):
            new = ast.UnaryOp(ast.USub(), right) if isinstance(node.op, ast.Sub) else right
            words = f"{ast.unparse(left)} {sign} does not belong here"
            yield Change(
                NEAR, _tag_without(site, node, left, world), new, words, f"is {ast.unparse(left)} needed here?"
            )
    if isinstance(node.op, ast.MatMult):
        yield from products(left, right)


def _tag_without(site: Site, node: ast.BinOp, dropped: ast.expr, world: World) -> str:
    """Which mistake it is that one operand is too many; '' where that is not certain."""
    if isinstance(node.op, ast.Pow):
        return "derivative"
    is_name = isinstance(dropped, ast.Name) and shape_of(dropped.id, world) is not None
    if isinstance(node.op, ast.Mult | ast.Div):
        return "extra-factor" if is_name or is_of_sizes(dropped, world) else ""
    inside = isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, ast.Mult | ast.Div)
    if isinstance(node.op, ast.Sub) and number_of(dropped) == 1 and inside:
        return "bessel"
    is_beside = number_of(dropped) is not None and not is_of_sizes(node, world)
    return "extra-term" if is_name or is_beside else ""


def products(left: ast.expr, right: ast.expr) -> Iterator[Change]:
    """The operands of a matrix product, turned over and in either order."""
    hint = "write down the shapes of both operands of the @, and of the result"
    for turns in ((0, 1), (1, 0), (1, 1)):
        new = ast.BinOp(_turn(left, turns[0]), ast.MatMult(), _turn(right, turns[1]))
        cost = NEAR if sum(turns) == 1 else FARTHER
        yield Change(cost, "transposed", new, "the transpose is in the wrong place", hint)
    for turns in ((0, 0), (0, 1), (1, 0), (1, 1)):
        new = ast.BinOp(_turn(right, turns[0]), ast.MatMult(), _turn(left, turns[1]))
        cost = NEAR if sum(turns) == 0 else FARTHER
        yield Change(cost, "transposed", new, "the operands of the @ are in the wrong order", hint)


def _turn(node: ast.expr, turned: int) -> ast.expr:
    if not turned:
        return node
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T", ast.Load())


def _tag_of_brackets(one: ast.BinOp, other: ast.BinOp) -> str:
    """Only a sum against a product is a matter of brackets for sure, and a common factor may stand before each term."""
    if isinstance(one.left, ast.BinOp) and _names(one.left.left) & _names(one.right):
        return ""
    sums = [isinstance(node.op, ast.Add | ast.Sub) for node in (one, other)]
    powers = [isinstance(node.op, ast.Pow | ast.MatMult) for node in (one, other)]
    return "brackets" if sums[0] != sums[1] and not any(powers) else ""


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in walk(node) if isinstance(part, ast.Name)}


def _pair(node: ast.BinOp) -> Iterator[Change]:
    """1 / n - 1 * x, in which n - 1 was meant to be one number."""
    left, first = node.left, node.right
    rest: list[tuple[ast.operator, ast.expr]] = []
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult | ast.Div):
        rest.insert(0, (first.op, first.right))
        first = first.left
    is_sum = isinstance(node.op, ast.Add | ast.Sub) and isinstance(left, ast.BinOp)
    if rest and is_sum and isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mult | ast.Div):
        new = ast.BinOp(left.left, left.op, ast.BinOp(left.right, node.op, first))
        for operator, operand in rest:
            new = ast.BinOp(new, operator, operand)
        yield Change(NEAR, "brackets", new, _BRACKETS, _ORDER)


def _over_all_terms(node: ast.BinOp) -> Iterator[Change]:
    """a * b - c - d, in which a was meant to multiply b - c - d."""
    terms: list[tuple[ast.operator, ast.expr]] = []
    first: ast.expr = node
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Add | ast.Sub):
        terms.insert(0, (first.op, first.right))
        first = first.left
    if len(terms) > 1 and isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult | ast.Div):
        inner = first.right
        for operator, term in terms:
            inner = ast.BinOp(inner, operator, term)
        yield Change(NEAR, "brackets", ast.BinOp(first.left, first.op, inner), _BRACKETS, _ORDER)


def bracket_changes(node: ast.BinOp) -> Iterator[Change]:
    """The same operators in the same order, but evaluated in another one."""
    hint, words = _ORDER, _BRACKETS
    if isinstance(node.right, ast.BinOp):
        inner = node.right
        new = ast.BinOp(ast.BinOp(node.left, node.op, inner.left), inner.op, inner.right)
        yield Change(NEAR, _tag_of_brackets(node, inner), new, words, hint)
    if isinstance(node.left, ast.BinOp):
        inner = node.left
        new = ast.BinOp(inner.left, inner.op, ast.BinOp(inner.right, node.op, node.right))
        yield Change(NEAR, _tag_of_brackets(node, inner), new, words, hint)
    yield from _pair(node)
    yield from _over_all_terms(node)
    if isinstance(node.op, ast.Pow) and isinstance(node.left, ast.UnaryOp) and isinstance(node.left.op, ast.USub):
        new_power = ast.UnaryOp(ast.USub(), ast.BinOp(node.left.operand, ast.Pow(), node.right))
        yield Change(NEAR, "brackets", new_power, words, hint)
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(side, ast.Call) and method_of(side) in _MOVED and isinstance(side.func, ast.Attribute):
            first = side is node.left
            inside = ast.BinOp(side.func.value, node.op, other) if first else ast.BinOp(other, node.op, side.func.value)
            moved = with_receiver(side, inside)
            tag = "" if isinstance(other, ast.Call) else "brackets"
            is_sum = method_of(side) in ("sum", "mean")
            words = f"the {method_of(side)} {'has to run over the whole product' if is_sum else 'belongs to the whole'}"
            yield Change(NEAR, tag, moved, words, hint)
