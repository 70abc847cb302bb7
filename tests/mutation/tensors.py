"""Operators on tensors as wholes: axes, keepdim, transposes, reductions, calls, other tensors, precision."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.mutation.arithmetic import DERIVATIVE, NONE
from tests.mutation.cases import network
from tests.mutation.scene import Edit, Scene, Site, called, is_gradient, method_of

_ALONG_AN_AXIS = frozenset({"sum", "mean", "max", "argmax", "amax", "softmax", "flatten", "unsqueeze", "index_add_"})
_KEEPS = frozenset({"sum", "mean", "max", "amax"})
_REDUCED = {"sum": ("mean", "amax", "norm"), "mean": ("sum",), "max": ("min",), "argmax": ("argmin",)}
_FUNCTIONS = {
    "exp": ("expm1", "log", "sqrt"),
    "tanh": ("sigmoid", "sin", "atan"),
    "softmax": ("log_softmax", "softmin"),
    "sqrt": ("square", "rsqrt"),
    "reciprocal": ("neg", "rsqrt"),
}
_PRECISIONS = (".float()", ".half()", ".int()", ".bfloat16()", ".round(decimals=6)")
_AXIS_TAGS = frozenset({"wrong-axis", "extra-sum", "missing-sum", "not-expanded"})
_FORM_TAGS = frozenset({"keepdim", "flattened"})
_DROPPED_TAGS = {
    "sum": frozenset({"missing-sum"}),
    "exp": DERIVATIVE | {"wrong-tensor", "missing-factor"},
    "tanh": DERIVATIVE | {"wrong-tensor", "wrong-gradient"},
    "softmax": DERIVATIVE | {"wrong-tensor", "wrong-gradient", "missing-path"},
    "sqrt": DERIVATIVE | {"extra-factor"},
    "reciprocal": DERIVATIVE,
    "expand": frozenset({"not-expanded"}),
    "clone": frozenset({"in-place"}),
    "to": frozenset({"dtype"}),
    **dict.fromkeys(("view", "reshape", "flatten", "unsqueeze"), _FORM_TAGS | {"reordered"}),
}


def axis(scene: Scene) -> Iterator[Edit]:
    """Another axis, the same one counted from the end, none."""
    for site in scene.sites:
        found = _axis_of(site)
        if found is None:
            continue
        call, place, value = found
        rank = _rank_of_base(scene, call)
        for other in range(-rank, rank):
            if other != value:
                yield scene.edit(site, _with_argument(call, place, str(other)), _AXIS_TAGS)
        if called(call) in ("sum", "mean"):
            yield scene.edit(site, _with_argument(call, place, None), frozenset({"extra-sum", "wrong-axis"}))
            if rank > 1:
                yield scene.edit(site, _with_argument(call, place, "(0, 1)"), frozenset({"extra-sum", "wrong-axis"}))


def keepdim(scene: Scene) -> Iterator[Edit]:
    """keepdim given, taken away, False; one axis more or fewer, all in one."""
    tags = _FORM_TAGS | {"wrong-axis", "not-expanded"}
    for site in scene.sites:
        if called(site.node) not in _KEEPS or not isinstance(site.node, ast.Call) or site.fact.kind != "tensor":
            continue
        has = [word for word in site.node.keywords if word.arg == "keepdim"]
        if has:
            yield scene.edit(site, _with_keepdim(site.node, None), tags)
            yield scene.edit(site, _with_keepdim(site.node, False), tags)
        else:
            yield scene.edit(site, _with_keepdim(site.node, True), tags)
    for site in scene.tensors:
        if isinstance(site.parent, ast.Return):
            for form in _other_forms(site.fact.shape):
                yield scene.edit(site, f"({site.text}){form}", tags)


def transpose(scene: Scene) -> Iterator[Edit]:
    """A transpose more or fewer; rows or columns turned round, or in another order."""
    tags = frozenset({"transposed", "reordered"})
    for site in scene.sites:
        match site.node:
            case ast.Attribute(value=base, attr="T"):
                yield scene.edit(site, ast.unparse(base), tags | {"missing-sum"})
    for site in scene.tensors:
        is_whole = isinstance(site.parent, ast.Return)
        if not is_whole and not isinstance(site.node, ast.Name):
            continue
        whole = f"({site.text})"
        is_beside = isinstance(site.parent, ast.BinOp) and not isinstance(site.parent.op, ast.MatMult)
        if len(site.fact.shape) == 2 and not (is_beside and 1 not in site.fact.shape):  # which would only raise
            yield scene.edit(site, f"{whole}.T", tags)
        if len(site.fact.shape) == 3:
            yield scene.edit(site, f"{whole}.transpose(0, 1)", tags)
            yield scene.edit(site, f"{whole}.transpose(1, 2)", tags)
        if is_whole:
            yield from _reordered(scene, site, whole)


def reduction(scene: Scene) -> Iterator[Edit]:
    """mean, largest or norm for a sum; the smallest for the largest."""
    for site in scene.sites:
        name = called(site.node)
        for other in _REDUCED.get(name, ()):
            tags = {"mean": frozenset({"path-factor"}), "sum": frozenset({"path-factor"})}.get(other, NONE)
            if name in ("max", "argmax"):
                tags = frozenset({"reordered", "wrong-tensor", "derivative"})
            yield scene.edit(site, _renamed(site.node, other), tags)


def function(scene: Scene) -> Iterator[Edit]:
    """Another function of the same tensor."""
    for site in scene.sites:
        for other in _FUNCTIONS.get(called(site.node), ()):
            tags = DERIVATIVE | {"wrong-tensor"} | ({"extra-term"} if other == "expm1" else NONE)
            yield scene.edit(site, _renamed(site.node, other), tags)


def drop_call(scene: Scene) -> Iterator[Edit]:
    """What a function was called with, in place of its result."""
    for site in scene.sites:
        if not isinstance(site.node, ast.Call) or site.fact.kind != "tensor" or isinstance(site.parent, ast.Expr):
            continue
        base = method_of(site.node) or next(iter(site.node.args), None)
        if base is None or called(site.node).endswith("_like"):
            continue
        yield scene.edit(site, ast.unparse(base), _DROPPED_TAGS.get(called(site.node), NONE))


def swap_tensor(scene: Scene) -> Iterator[Edit]:
    """Another tensor of the same shape: one at hand; for a solution also others, of the forward pass or gradients."""
    names = {node.id for node in ast.walk(scene.function) if isinstance(node, ast.Name)}
    own = names - set(scene.parameters)
    for site in scene.tensors:
        if not isinstance(site.node, ast.Name):
            continue
        for other, shape in scene.shapes.items():
            is_near = scene.seed.is_solution or other in names
            if shape == site.fact.shape and other != site.text and is_near:
                asked = "" if other in own else other
                yield scene.edit(site, other, _swap_tags(site.text, other), ask=asked)


def precision(scene: Scene) -> Iterator[Edit]:
    """float32, of a tensor or of the whole; half precision, bfloat16, whole numbers, few decimals of the whole."""
    tags = frozenset({"dtype"})
    for site in scene.tensors:
        is_whole = isinstance(site.parent, ast.Return)
        if is_whole or isinstance(site.node, ast.Name):
            for form in _PRECISIONS if is_whole else _PRECISIONS[:1]:
                yield scene.edit(site, f"({site.text}){form}", tags if "round" not in form else NONE)
    for site in scene.sites:
        if called(site.node) in ("zeros_like", "ones_like", "one_hot", "zeros", "eye"):
            yield scene.edit(site, f"{site.text}.float()", tags)


def _other_forms(shape: tuple[int, ...]) -> Iterator[str]:
    """What makes another shape of this one."""
    yield from ("[None]", ".unsqueeze(-1)", ".reshape(-1, 1)")
    if len(shape) > 1:
        yield ".flatten()"
    if 1 in shape:
        yield ".squeeze()"
    if len(shape) != 2 or shape[0] != 1:
        yield ".reshape(1, -1)"


def _axis_of(site: Site) -> tuple[ast.Call, int | str, int] | None:
    """The call, where its axis stands, and which axis it is."""
    if not isinstance(site.node, ast.Call) or called(site.node) not in _ALONG_AN_AXIS:
        return None
    for place, argument in enumerate(site.node.args):
        value = _axis_number(argument)
        if value is not None:
            return site.node, place, value
    for word in site.node.keywords:
        value = _axis_number(word.value)
        if word.arg == "dim" and value is not None:
            return site.node, "dim", value
    return None


def _axis_number(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if type(value) is int else None


def _rank_of_base(scene: Scene, call: ast.Call) -> int:
    base = method_of(call) or call.args[0]
    return next((len(site.fact.shape) for site in scene.sites if site.node is base), 2)


def _with_argument(call: ast.Call, place: int | str, text: str | None) -> str:
    arguments = [ast.unparse(argument) for argument in call.args]
    words = {word.arg: ast.unparse(word.value) for word in call.keywords}
    if isinstance(place, int):
        arguments[place : place + 1] = [text] if text is not None else []
    elif text is None:
        del words[place]
    else:
        words[place] = text
    everything = [*arguments, *(f"{name}={value}" for name, value in words.items())]
    return f"{ast.unparse(call.func)}({', '.join(everything)})"


def _with_keepdim(call: ast.Call, value: bool | None) -> str:
    arguments = [ast.unparse(argument) for argument in call.args]
    words = [f"{word.arg}={ast.unparse(word.value)}" for word in call.keywords if word.arg != "keepdim"]
    last = [] if value is None else [f"keepdim={value}"]
    return f"{ast.unparse(call.func)}({', '.join([*arguments, *words, *last])})"


def _renamed(node: ast.expr, name: str) -> str:
    """The call with another name for what it calls."""
    assert isinstance(node, ast.Call)
    func = node.func
    assert isinstance(func, ast.Attribute)
    rest = ast.unparse(ast.Call(ast.Name("f", ast.Load()), node.args, node.keywords)).removeprefix("f")
    base = ast.unparse(ast.Attribute(func.value, name, ast.Load()))
    return base + rest


def _reordered(scene: Scene, site: Site, whole: str) -> Iterator[Edit]:
    tags = frozenset({"reordered", "transposed"})
    shape = site.fact.shape
    for axis, form in ((0, ".flip(0)"), (-1, ".flip(-1)"), (0, ".roll(1, 0)")):
        if shape[axis] > 1:
            yield scene.edit(site, f"{whole}{form}", tags)
    if len(shape) == 2 and 1 not in shape:
        yield scene.edit(site, f"{whole}.T.reshape({whole}.shape)", tags)
    if len(shape) == 3:
        sizes = f"{whole}.shape[0], {whole}.shape[2], {whole}.shape[1]"
        yield scene.edit(site, f"{whole}.reshape({sizes}).transpose(1, 2)", tags)


def _swap_tags(old: str, new: str) -> frozenset[str]:
    graph = network().graph
    if is_gradient(old):
        is_next = new[1:] in {user.tensor for user in graph.users[old[1:]]}
        return frozenset({"wrong-gradient"} | ({"upstream-only", "missing-factor"} if is_next else set()))
    tags = {"wrong-tensor", "derivative"} | ({"wrong-gradient"} if is_gradient(new) else set())
    if old in graph.by_tensor and new in graph.by_tensor[old].reads:
        tags |= {"missing-factor"}
    if new in graph.by_tensor and old in graph.by_tensor[new].reads:
        tags |= {"extra-factor"}
    return frozenset(tags)
