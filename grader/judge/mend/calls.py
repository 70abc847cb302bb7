"""The changes of calls and indices."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from itertools import permutations

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
    tensor_of,
    with_receiver,
)

_TRANSPARENT = frozenset({
    "exp", "log", "sum", "mean", "view", "reshape", "flatten", "squeeze", "unsqueeze", "expand", "expand_as", "abs",
    "half", "int", "long", "float", "round", "clamp", "clip", "norm", "ones_like", "neg", "square", "t",
    "transpose", "permute", "flip", "relu", "sqrt", "tanh", "sigmoid",
})  # fmt: skip
_MOST_LETTERS = 3  # of one operand, whose orders are tried
_NARROWING = frozenset({"half", "int", "long"})
_FUNCTIONS = frozenset({"exp", "log", "tanh", "sigmoid", "sqrt"})
_TURNING = frozenset({"t", "transpose", "permute", "flip"})
# Operations that are taken for one another, and the mistake, where that is certain.
_FAMILIES = (
    (("exp", "expm1", "exp2", "log", "sqrt"), "derivative"),
    (("log", "log1p", "log2", "log10"), "derivative"),
    (("tanh", "sigmoid", "sin", "atan", "erf", "relu"), "derivative"),
    (("softmax", "log_softmax", "softmin"), "wrong-tensor"),
    (("sum", "mean"), "path-factor"),
    (("sum", "prod", "amax", "amin", "norm"), ""),
    (("sqrt", "square", "rsqrt", "reciprocal", "neg"), "derivative"),
    (("clone", "detach", "contiguous"), "in-place"),
    (("max", "min"), ""),
    (("argmax", "argmin"), ""),
    (("zeros_like", "ones_like"), ""),
)


def call_changes(node: ast.Call, scope: Scope, world: World) -> Iterator[Change]:
    method = method_of(node)
    receiver = receiver_of(node)
    if isinstance(node.func, ast.Name) and node.func.id == "range":
        yield from _from_the_first(node)
    if receiver is None:
        return
    if method == "einsum":
        yield from equation_changes(node)
    if method == "one_hot":
        yield from _as_numbers(node, scope, world)
    if method in ("index_add_", "index_add") and len(node.args) == 3:
        yield from _flattened(node)
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
            words = f"the sum runs over everything, and should over axis {axis}"
            for keywords in ([], [ast.keyword("keepdim", ast.Constant(True))]):
                over = copy.deepcopy(new)
                over.args, over.keywords = [ast.Constant(axis)], [*over.keywords, *keywords]
                yield Change(NEAR, "extra-sum", over, words, hint)


def _from_the_first(node: ast.Call) -> Iterator[Change]:
    """range(n) for range(1, n)."""
    if len(node.args) == 2:
        whole = ast.Call(node.func, [node.args[1]], [])
        words = f"what comes before {ast.unparse(node.args[0])} is left out"
        yield Change(NEAR, "missing-path", whole, words, "at which index does the loop begin?")


def _as_numbers(node: ast.Call, scope: Scope, world: World) -> Iterator[Change]:
    """one_hot makes whole numbers, which a matrix product with others refuses."""
    for name in scope.parameters:
        if tensor_of(name, world):
            converted = expression(f"X.to({name}.dtype)")
            assert isinstance(converted, ast.Call)
            words = "one_hot makes whole numbers, which do not go into a product with others"
            yield Change(NEAR, "dtype", with_receiver(converted, node), words, "of which type is what one_hot makes?")
            return


def _flattened(node: ast.Call) -> Iterator[Change]:
    """An index of several axes, or what is added, that has to be laid out in one."""
    hint = "how many axes may the index have, and how many rows are added?"
    for place, text in ((1, "X.flatten()"), (2, "X.flatten(0, 1)")):
        call = expression(text)
        assert isinstance(call, ast.Call)
        new = copy.copy(node)
        new.args = [*node.args]
        new.args[place] = with_receiver(call, node.args[place])
        yield Change(NEAR, "", new, f"{ast.unparse(node.args[place])} has an axis too many here", hint)


def equation_changes(node: ast.Call) -> Iterator[Change]:
    """The letters of one operand, or of the result, in another order, one fewer, one more."""
    if not (node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)):
        return
    inputs, arrow, result = node.args[0].value.replace(" ", "").partition("->")
    if not arrow or "." in inputs + result:
        return
    operands = inputs.split(",")
    hint = "write down which letter stands for which axis"
    for place, letters in enumerate((*operands, result)):
        for tag, other in _other_letters(letters, inputs, place == len(operands)):
            new = copy.copy(node)
            parts = [other if number == place else part for number, part in enumerate((*operands, result))]
            text = f"{','.join(parts[:-1])}->{parts[-1]}"
            new.args = [ast.Constant(text), *node.args[1:]]
            yield Change(NEAR, tag, new, f"{letters or 'nothing'} should be {other or 'nothing'} in the einsum", hint)


def _other_letters(letters: str, known: str, is_result: bool) -> Iterator[tuple[str, str]]:
    for order in permutations(letters) if len(letters) <= _MOST_LETTERS else ():
        if "".join(order) != letters:
            yield "transposed", "".join(order)
    if not is_result:
        return
    for letter in letters:
        yield "missing-sum", letters.replace(letter, "")
    for letter in sorted(set(known) - set(letters) - {","}):
        for place in range(len(letters) + 1):
            yield "extra-sum", letters[:place] + letter + letters[place:]


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
