"""What can be put to a whole term or to the result: signs, factors, sums, paths, shapes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations

from grader.judge.mend.rules import path_through
from grader.judge.mend.sites import (
    AXES,
    FAR,
    FARTHER,
    NEAR,
    REDUCING,
    Change,
    Scope,
    Site,
    World,
    exponents,
    expression,
    is_added_to,
    likely_factors,
    method_of,
    with_receiver,
)
from grader.lesson.model import GRADIENT_PREFIX
from grader.syntax import walk


def term_changes(site: Site, scope: Scope, world: World) -> Iterator[Change]:
    """Signs, factors and sums put to a whole term."""
    node = site.node
    if not isinstance(node, ast.UnaryOp) and not (isinstance(node, ast.Name) and isinstance(site.parent, ast.Return)):
        negative = ast.UnaryOp(ast.USub(), node)
        tag = "sign" if site.is_result else "path-sign"
        yield Change(NEAR, tag, negative, "a minus is missing", "look at the sign")
    factor = "factor" if site.is_result else "path-factor"
    for size in world.sizes:
        hint = "write the forward line as a formula: which constant stands before the sum?"
        over = ast.BinOp(node, ast.Div(), ast.Name(size))
        yield Change(NEAR, factor, over, f"a division by {size} is missing", hint)
        times = ast.BinOp(node, ast.Mult(), ast.Name(size))
        yield Change(FARTHER, factor, times, f"a factor {size} is missing", hint)
        less = ast.BinOp(node, ast.Div(), ast.BinOp(ast.Name(size), ast.Sub(), ast.Constant(1)))
        yield Change(FARTHER, factor, less, f"a division by {size} - 1 is missing", hint)
    yield Change(NEAR, factor, ast.BinOp(ast.Constant(2), ast.Mult(), node), "a factor 2 is missing", "a factor?")
    yield Change(FARTHER, factor, ast.BinOp(node, ast.Div(), ast.Constant(2)), "it is twice as large as it should be",
                  "a factor?")  # fmt: skip
    for exponent in exponents(world):
        times = ast.BinOp(ast.Constant(exponent), ast.Mult(), node)
        yield Change(NEAR, factor, times, f"the power rule's factor {exponent:g} is missing", "the power rule")
    for name in likely_factors(scope, world):
        words = f"the factor {name} is missing"
        hint = "which tensors stand beside it in the forward line?"
        yield Change(NEAR, "missing-factor", ast.BinOp(ast.Name(name), ast.Mult(), node), words, hint)
    if isinstance(node, ast.Name):
        yield from local_derivatives(node, world)
    if isinstance(node, ast.Name) and isinstance(site.parent, ast.Assign | ast.Return | ast.Tuple):
        yield from products_missing(node, world)
    reduced = isinstance(site.parent, ast.Attribute) or (isinstance(node, ast.Call) and method_of(node) in REDUCING)
    own = [name for name in scope.names if isinstance(site.parent, ast.Return | ast.Assign) and name not in world.sizes]
    for name in own:
        hint = "is there a term that is worked out, and not used?"
        for sign, words in ((ast.Add(), f"the term {name} is missing"), (ast.Sub(), f"the term -{name} is missing")):
            yield Change(FAR, "", ast.BinOp(node, sign, ast.Name(name)), words, hint)
    if not reduced:
        for axis in AXES[:2]:
            for keep in (True, False):
                summed = ast.Call(ast.Attribute(node, "sum", ast.Load()), [ast.Constant(axis)],
                                  [ast.keyword("keepdim", ast.Constant(True))] if keep else [])  # fmt: skip
                words = f"a sum over axis {axis} is missing"
                yield Change(NEAR, "missing-sum", summed, words, "was something broadcast in the forward line?")


def result_changes(site: Site, world: World) -> Iterator[Change]:
    """What can be missing from the result as a whole: a path, a shape, a copy."""
    node = site.node
    for target in world.targets:
        for user in world.graph.users[target] if len(world.graph.users[target]) > 1 else ():
            text = path_through(user, target, world.shapes)
            if text is None:
                continue
            words = f"what comes through {user.tensor} is missing ({world.graph.file.name}:{user.line})"
            hint = f"how many lines of {world.graph.file.name} use {target}?"
            term = expression(text)
            yield Change(FARTHER, "missing-path", ast.BinOp(node, ast.Add(), term), words, hint)
        hint = f"which shape has {target}?"
        if len(world.targets) == 1:
            like = f"torch.ones_like({target})"
            spread = ast.BinOp(node, ast.Mult(), expression(like))
            yield Change(FARTHER, "", spread, f"stretch it to the shape of {target}", hint)
            viewed = expression(f"X.view({target}.shape)")
            assert isinstance(viewed, ast.Call)
            viewed = with_receiver(viewed, node)
            yield Change(FARTHER, "", viewed, f"give it the shape of {target}", hint)
    if isinstance(node, ast.Tuple) and len(node.elts) == 1:
        yield Change(NEAR, "no-tensor", node.elts[0], "the comma makes it a tuple", "look at the comma")
    yield Change(NEAR, "transposed", _transposed(node), "it is transposed", "which shape is asked for?")


def _transposed(node: ast.expr) -> ast.expr:
    """The transpose, as one writes it: that of a product is the product of the transposes, turned over."""
    match node:
        case ast.Attribute(value=inner, attr="T"):
            return inner
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            return ast.BinOp(_transposed(right), ast.MatMult(), _transposed(left))
    return ast.Attribute(node, "T", ast.Load())


def copies(site: Site) -> Iterator[Change]:
    """A copy of what is, or may be, an input itself."""
    match site.node:
        case ast.Name() | ast.Attribute() | ast.Call(func=ast.Attribute(attr="view" | "reshape" | "expand")):
            copied = ast.Call(ast.Attribute(site.node, "clone", ast.Load()), [], [])
            yield Change(FARTHER, "in-place", copied, "work on a copy", "which tensor is changed in place?")


def beginnings(site: Site) -> Iterator[Change]:
    """0 for what terms are added to, one after the other."""
    if is_added_to(site) and not (isinstance(site.node, ast.Call) and method_of(site.node).startswith("zeros")):
        empty = ast.Call(expression("torch.zeros_like"), [site.node], [])
        words = f"the terms are added to {ast.unparse(site.node)}, and should be to 0"
        yield Change(FARTHER, "extra-term", empty, words, "what is there before the first term is added?")


def returned_changes(site: Site) -> Iterator[Change]:
    """Two of several returned values that changed places."""
    if not isinstance(site.parent, ast.Return) or not isinstance(site.node, ast.Tuple | ast.List):
        return
    values = site.node.elts
    for one, other in combinations(range(len(values)), 2):
        swapped = list(values)
        swapped[one], swapped[other] = values[other], values[one]
        first, second = ast.unparse(values[one]), ast.unparse(values[other])
        words = f"{first} is returned in the place of {second}, and the other way round"
        hint = "in which order are the gradients asked for?"
        yield Change(NEAR, "wrong-gradient", ast.Tuple(swapped, ast.Load()), words, hint)


def local_derivatives(node: ast.Name, world: World) -> Iterator[Change]:
    """A gradient that is passed on as it is, where a forward line stands between."""
    for target in world.targets:
        for user in world.graph.users[target]:
            text = path_through(user, target, world.shapes) if node.id == GRADIENT_PREFIX + user.tensor else None
            if text is not None and text != node.id:
                words = f"{node.id} is passed on without the derivative of {user.source}"
                hint = "the chain rule: what arrives, times what?"
                yield Change(FARTHER, "upstream-only", expression(text), words, hint)


def products_missing(node: ast.expr, world: World) -> Iterator[Change]:
    """A matrix product that is left out: every @ of the forward pass, turned back."""
    for statement in world.graph.statements:
        for part in walk(ast.parse(statement.expression, mode="eval")):
            match part:
                case ast.BinOp(left=ast.Name() as left, op=ast.MatMult(), right=ast.Name() as right):
                    hint = f"which product stands between {statement.tensor} and {left.id}?"
                    turned = ast.Attribute(right, "T", ast.Load())
                    yield Change(FARTHER, "missing-factor", ast.BinOp(node, ast.MatMult(), turned),
                                 f"the factor {right.id}.T is missing", hint)  # fmt: skip
                    turned = ast.Attribute(left, "T", ast.Load())
                    yield Change(FARTHER, "missing-factor", ast.BinOp(turned, ast.MatMult(), node),
                                 f"the factor {left.id}.T is missing", hint)  # fmt: skip
