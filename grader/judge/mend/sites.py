"""Where edits can be made in a function, and the names they may use there."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.judge.diagnosis.ratios import number_of
from grader.judge.mend.rules import Shapes
from grader.judge.mend.text import Source
from grader.lesson.graph import Graph
from grader.lesson.model import GRADIENT_PREFIX
from grader.syntax import children, walk

NEAR, FARTHER, FAR = 1, 2, 4  # how far an edit leads away from what is written
AXES = (0, 1, 2)
MODULES = frozenset({"torch", "F", "math"})
_COUNTING = frozenset({"range", "arange", "one_hot", "len", "enumerate", "zip"})
_OF_TENSORS = frozenset({
    "matmul", "mm", "mul", "div", "add", "sub", "mul_", "div_", "add_", "sub_", "dot", "outer", "where", "einsum",
})  # fmt: skip
_WITH_INDEX = frozenset({"index_add", "index_add_", "scatter_add", "scatter_add_", "index_put", "index_put_"})
REDUCING = frozenset(
    {"sum", "mean", "max", "min", "amax", "amin", "softmax", "log_softmax", "argmax", "prod", "var", "std"}
)


@dataclass(frozen=True)
class World:
    """What the edits of one answer may draw on."""

    graph: Graph
    sizes: Mapping[str, int]  # the lecture's
    shapes: Shapes  # of every tensor of the forward pass, at one set of sizes
    targets: tuple[str, ...]  # the tensors whose gradients are asked for
    name: str  # of the callable
    barred: frozenset[str] = frozenset()  # gradients that the exercise wants worked out; "*" for all


@dataclass(frozen=True)
class Site:
    """An expression in the student's code, and where it stands."""

    node: ast.expr
    parent: ast.AST
    statement: ast.stmt
    function: ast.FunctionDef | ast.Lambda
    is_counted: bool = False  # it stands in an index, a shape, an axis: no part of what is calculated

    @property
    def is_result(self) -> bool:
        """Whether it is the whole of what is returned, as far as one statement shows."""
        if isinstance(self.parent, ast.Return | ast.Lambda):
            return True
        if not isinstance(self.statement, ast.Assign) or self.parent is not self.statement:
            return False
        return _target_of(self.statement) in _returned(self.function)


@dataclass(frozen=True)
class Change:
    """A node written otherwise."""

    cost: int
    tag: str
    new: ast.expr
    words: str
    hint: str


@dataclass(frozen=True)
class Scope:
    """The names that a function can use: its parameters, and what it assigns."""

    parameters: tuple[str, ...]
    assigned: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.parameters, *self.assigned)))


def scope_of(function: ast.FunctionDef | ast.Lambda) -> Scope:
    arguments = function.args
    parameters = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    body = function.body if isinstance(function.body, list) else [function.body]
    stored = [n.id for part in body for n in walk(part) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return Scope(tuple(parameters), tuple(dict.fromkeys(stored)))


def sites_of(function: ast.FunctionDef | ast.Lambda) -> Iterator[Site]:
    """Every expression that is read in the function's body, the last statement's first."""
    if isinstance(function, ast.Lambda):
        whole = ast.copy_location(ast.Expr(function.body), function.body)
        yield from _inside(function.body, function, whole, function)
        return
    statements = [node for part in function.body for node in walk(part) if isinstance(node, ast.stmt)]
    for statement in sorted(statements, key=lambda s: -s.lineno):
        if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Assert | ast.Pass):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        for child in children(statement):
            if isinstance(child, ast.expr):
                counted = isinstance(statement, ast.For | ast.While | ast.If)
                yield from _inside(child, statement, statement, function, counted)


def _inside(
    node: ast.expr, parent: ast.AST, statement: ast.stmt, function: ast.FunctionDef | ast.Lambda, counted: bool = False
) -> Iterator[Site]:
    stored = isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
    if not stored or isinstance(node, ast.Subscript):
        yield Site(node, parent, statement, function, counted)
    for child in children(node):
        if isinstance(child, ast.keyword):
            child = child.value
        if isinstance(child, ast.expr) and not isinstance(child, ast.Lambda):
            yield from _inside(child, node, statement, function, counted or _is_counted(child, node))


def _is_counted(node: ast.expr, parent: ast.expr) -> bool:
    """Whether `node` says which or how many, and not how much."""
    match parent:
        case ast.Subscript(slice=inner):
            return node is inner
        case ast.Call(func=ast.Name(id=name)):
            return name in _COUNTING and node is not parent.func
        case ast.Call(func=ast.Attribute(value=receiver, attr=name)):
            is_function = isinstance(receiver, ast.Name) and receiver.id in ("torch", "F")
            if name in _COUNTING:
                return node is not parent.func
            if name in _WITH_INDEX and not is_function:  # what is added comes last
                return node not in (parent.func, *parent.args[-1:])
            return node not in ((parent.func, *parent.args) if is_function or name in _OF_TENSORS else (parent.func,))
    return isinstance(parent, ast.Compare)


def is_term(site: Site) -> bool:
    """Whether the site is a product as a whole: a factor or a sign put to it concerns all of it."""
    parent = site.parent
    if isinstance(site.node, ast.Constant | ast.Tuple | ast.List | ast.Slice | ast.Compare):
        return False
    if isinstance(parent, ast.Return | ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Lambda | ast.MatMult):
        return True
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, ast.Add | ast.Sub | ast.MatMult)
    if isinstance(parent, ast.Attribute):
        return parent.attr in REDUCING
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Attribute) and parent.func.attr in REDUCING and site.node in parent.args[:1]
    return isinstance(parent, ast.Tuple) and isinstance(site.statement, ast.Return)


def makes_the_result(site: Site) -> bool:
    """Whether the site is the whole of what a function returns: where it is made, if that is one statement."""
    if isinstance(site.parent, ast.Return | ast.Lambda):
        return not is_made_before(site)
    target = _target_of(site.statement)
    is_returned = site.is_result and target in _returned(site.function, alone=True)
    return is_returned and _bindings(site.function)[target] == 1


def is_made_before(site: Site) -> bool:
    """Whether the site is a returned name that one statement made: an edit there is the same, and says more."""
    name = site.node.id if isinstance(site.node, ast.Name) else ""
    return isinstance(site.parent, ast.Return) and _bindings(site.function)[name] == 1


def is_added_to(site: Site) -> bool:
    """Whether the site is what a name stands for before terms are added to it."""
    target = _target_of(site.statement) if site.parent is site.statement else ""
    if not target:
        return False
    sums = [node.target for node in walk(site.function) if isinstance(node, ast.AugAssign)]
    roots = [total.value if isinstance(total, ast.Subscript) else total for total in sums]
    return any(isinstance(root, ast.Name) and root.id == target for root in roots)


def is_copied(site: Site) -> bool:
    """Whether the site is what another name is given to: changed in place, both are changed."""
    return isinstance(site.statement, ast.Assign) and site.parent is site.statement and bool(_target_of(site.statement))


def _target_of(statement: ast.stmt) -> str:
    """The one name that an assignment binds."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


def _returned(function: ast.FunctionDef | ast.Lambda, alone: bool = False) -> frozenset[str]:
    """The names that are returned, `alone` or in a tuple."""
    values = [node.value for node in walk(function) if isinstance(node, ast.Return) and node.value]
    if not alone:
        values += [part for value in values if isinstance(value, ast.Tuple | ast.List) for part in value.elts]
    return frozenset(value.id for value in values if isinstance(value, ast.Name))


def _bindings(function: ast.FunctionDef | ast.Lambda) -> Counter[str]:
    """How many statements make or change what a name stands for."""
    found: Counter[str] = Counter()
    for node in walk(function):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=changed))):
                target = changed
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
        if isinstance(target, ast.Name):
            found[target.id] += 1
    return found


def missing_names(new: ast.expr, scope: Scope, world: World) -> tuple[str, ...] | None:
    """The names of the lesson that new code needs as parameters; None if it cannot have them."""
    known = set(scope.names)
    missing: list[str] = []
    for node in walk(new):
        if isinstance(node, ast.Name) and node.id not in known:
            tensor = tensor_of(node.id, world)
            if node.id in world.sizes or node.id in world.graph.tensors:
                missing.append(node.id)
            elif tensor is not None:
                if tensor in world.targets or tensor not in later(world) or {node.id, "*"} & world.barred:
                    return None
                missing.append(node.id)
    return tuple(dict.fromkeys(missing))


def with_parameters(
    source: Source, edited: str, function: ast.FunctionDef | ast.Lambda, missing: Sequence[str]
) -> str | None:
    """The edited text with more parameters: put after the first bracket of the function's own line."""
    if not isinstance(function, ast.FunctionDef) or function.args.posonlyargs:
        return None
    data = source.text.encode()
    start, _ = source.span(function)
    opening = data.index(b"(", start + len("def "))
    arguments = function.args
    separator = ", " if arguments.args or arguments.kwonlyargs or arguments.vararg or arguments.kwarg else ""
    return (
        edited.encode()[: opening + 1] + (", ".join(missing) + separator).encode() + edited.encode()[opening + 1 :]
    ).decode()


def later(world: World) -> frozenset[str]:
    """The tensors between the targets and the loss."""
    found: frozenset[str] = frozenset().union(*(world.graph.downstream[target] for target in world.targets))
    return found - {world.graph.loss}


def tensor_of(name: str, world: World) -> str | None:
    """The tensor whose gradient a name is."""
    tensor = name.removeprefix(GRADIENT_PREFIX)
    return tensor if tensor != name and tensor in world.graph.tensors else None


def shape_of(name: str, world: World) -> Sequence[int] | None:
    tensor = name if name in world.graph.tensors else tensor_of(name, world)
    return None if tensor is None else world.shapes[tensor]


def likely_factors(scope: Scope, world: World) -> list[str]:
    """What a missing factor can be: what the forward lines of the targets read or make, and arriving gradients."""
    lines = [user for target in world.targets for user in world.graph.users[target]]
    tensors = [name for line in lines for name in (*line.reads, line.tensor)]
    gradients = [GRADIENT_PREFIX + line.tensor for line in lines if line.tensor in later(world)]
    own = [name for name in scope.names if shape_of(name, world) is not None]
    floating = [name for name in (*own, *tensors, *gradients) if name != world.graph.loss]
    return list(dict.fromkeys(floating))


def added_constants(name: str, world: World) -> list[str]:
    """'+ 1e-5' for a tensor to which a forward line adds 1e-5."""
    found = []
    for statement in world.graph.users.get(name, ()):
        for node in walk(ast.parse(statement.expression, mode="eval")):
            match node:
                case ast.BinOp(left=ast.Name(id=left), op=ast.Add(), right=right) if left == name:
                    if number_of(right) is not None:
                        found.append(f"+ {ast.unparse(right)}")
    return found


def exponents(world: World) -> list[float]:
    found = []
    for target in world.targets:
        for user in world.graph.users[target]:
            for node in walk(ast.parse(user.expression, mode="eval")):
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                    exponent = number_of(node.right)
                    if exponent not in (None, 1.0, -1.0, 2.0):
                        found.append(exponent)
    return [exponent for exponent in found if exponent is not None]


def method_of(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def receiver_of(node: ast.Call) -> ast.expr | None:
    """What the operation is applied to: x of x.sum(0) and of torch.sum(x, 0)."""
    if not isinstance(node.func, ast.Attribute):
        return None
    inner = node.func.value
    if isinstance(inner, ast.Name) and inner.id in ("torch", "F"):
        return node.args[0] if node.args else None
    return inner


def with_receiver(node: ast.Call, receiver: ast.expr) -> ast.Call:
    new = copy.copy(node)
    assert isinstance(node.func, ast.Attribute)
    if isinstance(node.func.value, ast.Name) and node.func.value.id in ("torch", "F"):
        new.args = [receiver, *node.args[1:]]
    else:
        new.func = ast.Attribute(receiver, node.func.attr, ast.Load())
    return new


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
