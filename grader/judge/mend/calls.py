"""The changes of calls and indices."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from grader.judge.mend.expressions import products
from grader.judge.mend.sites import (
    AXES,
    FARTHER,
    NEAR,
    Change,
    Scope,
    World,
    expression,
    method_of,
    receiver_of,
    with_receiver,
)

_TRANSPARENT = frozenset({
    "exp", "log", "sum", "mean", "view", "reshape", "flatten", "squeeze", "unsqueeze", "expand", "expand_as", "abs",
    "half", "int", "long", "float", "round", "t", "transpose", "permute", "flip", "relu", "sqrt", "tanh", "sigmoid",
})  # fmt: skip
_NARROWING = frozenset({"half", "int", "long"})
_FUNCTIONS = frozenset({"exp", "log", "tanh", "sigmoid", "sqrt"})
_TURNING = frozenset({"t", "transpose", "permute", "flip"})
# Operations that are taken for one another, and the mistake, where that is certain.
_FAMILIES = (
    (("exp", "expm1", "exp2"), "derivative"),
    (("log", "log1p", "log2", "log10"), "derivative"),
    (("tanh", "sigmoid", "sin", "atan", "erf", "relu"), "derivative"),
    (("softmax", "log_softmax", "softmin"), ""),
    (("sum", "mean"), "factor"),
    (("sum", "prod", "amax", "amin"), ""),
    (("max", "min"), ""),
    (("argmax", "argmin"), ""),
    (("zeros_like", "ones_like"), ""),
)


def call_changes(node: ast.Call, world: World) -> Iterator[Change]:
    method = method_of(node)
    receiver = receiver_of(node)
    if receiver is None:
        return
    if method in _TRANSPARENT:
        yield Change(
            NEAR, _tag_of_call(method), receiver, f".{method}() does not belong here", f"is the {method} needed here?"
        )
    yield from _relatives(node, method)
    if method in ("sum", "mean", "max", "amax"):
        yield from _keepdim(node)
        if isinstance(receiver, ast.BinOp) and isinstance(receiver.op, ast.Mult) and method in ("sum", "mean"):
            words = f"the {method} should run over one factor only"
            for one, other in ((receiver.left, receiver.right), (receiver.right, receiver.left)):
                new_product = ast.BinOp(other, receiver.op, with_receiver(node, one))
                yield Change(FARTHER, "", new_product, words, "over what does the sum run?")
    if method.endswith("_") and method not in ("index_add_", "scatter_add_", "zero_", "fill_", "index_put_"):
        new = copy.deepcopy(node)
        assert isinstance(new.func, ast.Attribute)
        new.func.attr = method.rstrip("_")
        yield Change(NEAR, "in-place", new, f"{method} changes an input; {method.rstrip('_')} makes a new tensor",
                      "which call changes a tensor in place?")  # fmt: skip
    if method in ("view", "reshape") and len(world.targets) == 1:
        shaped = copy.copy(node)
        shaped.args = [*_before_the_shape(node), expression(f"{world.targets[0]}.shape")]
        words = f"the shape is not that of {world.targets[0]}"
        yield Change(FARTHER, "", shaped, words, f"which shape has {world.targets[0]}, at any sizes?")
    if method in ("matmul", "mm") and len(node.args) == 2 and isinstance(node.func, ast.Attribute):
        yield from products(node.args[0], node.args[1])


def _before_the_shape(node: ast.Call) -> list[ast.expr]:
    """The arguments of a view that are no sizes: none of x.view(n, -1), and x of torch.reshape(x, (n, -1))."""
    inner = node.func.value if isinstance(node.func, ast.Attribute) else None
    return node.args[:1] if isinstance(inner, ast.Name) and inner.id == "torch" else []


def _relatives(node: ast.Call, method: str) -> Iterator[Change]:
    """The same call of a related operation."""
    for family, tag in _FAMILIES:
        for other in family if method in family else ():
            if other != method:
                new = copy.deepcopy(node)
                assert isinstance(new.func, ast.Attribute)
                new.func.attr = other
                yield Change(NEAR, tag, new, f"{method} should be {other}", f"is {method} the right operation?")


def _tag_of_call(method: str) -> str:
    """Which mistake it is that a call is too many; '' where that is not certain."""
    if method in ("sum", "mean"):
        return "extra-sum"
    if method in _TURNING:
        return "transposed"
    if method in _FUNCTIONS:
        return "derivative"
    return "dtype" if method in _NARROWING else ""


def _keepdim(node: ast.Call) -> Iterator[Change]:
    given = [keyword for keyword in node.keywords if keyword.arg in ("keepdim", "keepdims")]
    new = copy.deepcopy(node)
    new.keywords = [keyword for keyword in new.keywords if keyword.arg not in ("keepdim", "keepdims")]
    hint = "which shape does the sum have, and which shape is asked for?"
    if given:
        yield Change(NEAR, "keepdim", new, "keepdim does not belong here", hint)
    if not given or not (isinstance(given[0].value, ast.Constant) and given[0].value.value is True):
        kept = copy.deepcopy(new)
        kept.keywords.append(ast.keyword("keepdim", ast.Constant(True)))
        yield Change(NEAR, "keepdim", kept, "keepdim=True is missing", hint)
        if not node.args and not any(keyword.arg in ("dim", "axis") for keyword in node.keywords):
            for axis in AXES[:2]:
                over = copy.deepcopy(new)
                over.args = [ast.Constant(axis)]
                words = f"the sum runs over everything, and should over axis {axis}"
                yield Change(NEAR, "extra-sum", over, words, hint)
                over = copy.deepcopy(kept)
                over.args = [ast.Constant(axis)]
                yield Change(NEAR, "extra-sum", over, words, hint)


def index_changes(node: ast.Subscript, scope: Scope) -> Iterator[Change]:
    if not isinstance(node.slice, ast.Tuple):
        return
    parts = node.slice.elts
    hint = "which entries does this index name?"
    if len(parts) == 2:
        swapped = ast.Subscript(node.value, ast.Tuple([parts[1], parts[0]], ast.Load()), node.ctx)
        yield Change(NEAR, "transposed", swapped, "the indices are in the wrong order", hint)
    for place, part in enumerate(parts):
        if isinstance(part, ast.Slice) and part.lower is None and part.upper is None and "n" in scope.names:
            others = [*parts[:place], expression("range(n)"), *parts[place + 1 :]]
            new = ast.Subscript(node.value, ast.Tuple(others, ast.Load()), node.ctx)
            yield Change(NEAR, "spread", new, "`:` names whole rows; range(n) goes with the other index", hint)
