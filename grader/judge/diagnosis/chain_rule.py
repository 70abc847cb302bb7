"""One factor of the chain rule is wrong: the upstream gradient, another tensor, a forgotten factor, the slope."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from grader.judge.diagnosis.look import Candidate, Look
from grader.judge.diagnosis.ratios import number_of
from grader.judge.reference import Backward
from grader.lesson.graph import Statement
from grader.lesson.model import GRADIENT_PREFIX

_POWERS = (-3, -2, -1.5, -1, -0.5, 0.5, 1, 2, 3)

# What learners take for the slope of an element-wise line y = f(x). (calculus: any table of derivatives)
_SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "{}": lambda z: z,
    "1/{}": lambda z: 1 / z,
    "-1/{}": lambda z: -1 / z,
    "1/{}**2": lambda z: 1 / z**2,
    "-1/{}**2": lambda z: -1 / z**2,
    "{}.log()": lambda z: z.log(),
    "2 * {}": lambda z: 2 * z,
    "1 - {}**2": lambda z: 1 - z**2,
    "1 - {}": lambda z: 1 - z,
    "1 + {}**2": lambda z: 1 + z**2,
    "{}**2 - 1": lambda z: z**2 - 1,
    "{} * (1 - {})": lambda z: z * (1 - z),
    "{}**2": lambda z: z**2,
    "{}.exp()": lambda z: z.exp(),
    "1 - 2 * {}": lambda z: 1 - 2 * z,
    "1 - 2 * {}**2": lambda z: 1 - 2 * z**2,
    "(1 - {})**2": lambda z: (1 - z) ** 2,
    "(1 - {}**2)**2": lambda z: (1 - z**2) ** 2,
    "1 / (1 + {}**2)": lambda z: 1 / (1 + z**2),
    "torch.tanh({})": torch.tanh,
    "torch.sigmoid({})": torch.sigmoid,
}


def upstream_alone(look: Look) -> Iterator[Candidate]:
    """A gradient that arrived, passed on as it is."""
    for cut in sorted(look.cuts):
        statement = look.graph.by_tensor[cut]
        words = (
            f"it is {GRADIENT_PREFIX}{cut} itself; the derivative of {cut} with respect to {look.tensor} is not in it: "
            f"{look.place(statement)}"
        )
        yield Candidate("upstream-only", words, _drawn(cut))


def skipped(look: Look) -> Iterator[Candidate]:
    """A gradient taken for that of a tensor before it: what lies between them is left out."""
    inside = [statement.tensor for statement in look.region if statement.tensor not in look.cuts]
    for inner in inside:
        for later in (statement.tensor for statement in look.region):
            between = later in look.graph.downstream[inner]
            if not between or look.tape.values[later].shape != look.tape.values[inner].shape:
                continue
            words = (
                f"{GRADIENT_PREFIX}{later} stands where {GRADIENT_PREFIX}{inner} should: "
                f"what lies between {inner} and {later} in {look.graph.file.name} is left out"
            )
            adjacent = inner in look.graph.by_tensor[later].reads
            tag = "upstream-only" if adjacent else "wrong-gradient"
            yield Candidate(tag, words, _with_gradient(inner, later))


def local_alone(look: Look) -> Iterator[Candidate]:
    """The local derivative without what arrives."""
    near = look.cuts or {user.tensor for user in look.users} - {look.graph.loss}
    if not near:
        return
    upstream = ", ".join(GRADIENT_PREFIX + cut for cut in sorted(near))
    words = f"it is the local derivative alone; multiply it by what comes from the loss: {upstream}"

    def predict(look: Look) -> Tensor:
        ones = {cut: torch.ones_like(look.tape.values[cut]) for cut in near}
        return Backward(look.tape, ones).gradient(look.tensor)

    yield Candidate("local-only", words, predict)


def missing_factor(look: Look) -> Iterator[Candidate]:
    """A tensor of a forward line that the derivative has to be multiplied by, and is not."""
    for statement in look.region:
        for read in _floating(look, statement) if not statement.picks else ():
            words = f"the factor {read} is missing: {look.place(statement)}"
            yield Candidate("missing-factor", words, _with_value(statement, read, ""))


def extra_factor(look: Look) -> Iterator[Candidate]:
    """A tensor that the derivative is multiplied by, and should not be."""
    for statement in look.region:
        for read in _floating(look, statement):
            for other in (read, *_alike(look, read)):
                words = f"it is multiplied by {other} once too often: {look.place(statement)}"
                yield Candidate("extra-factor", words, _times_value(statement, read, other), other)


def wrong_tensor(look: Look) -> Iterator[Candidate]:
    """Another tensor in place of one that a forward line reads: of its shape, or of one that broadcasts as well."""
    for statement in look.region:
        is_near = statement in look.users
        for read in _floating(look, statement):
            for other in [*_alike(look, read), *(_broadcast(look, read, statement) if is_near else [])]:
                words = f"{other} stands where {read} should: {look.place(statement)}"
                yield Candidate("wrong-tensor", words, _with_value(statement, read, other), other)


def wrong_upstream(look: Look) -> Iterator[Candidate]:
    """A value of the forward pass, or another gradient, in place of the gradient that arrives."""
    for inner in (statement.tensor for statement in look.region if statement.tensor not in look.cuts):
        for other in (inner, *_alike(look, inner)):
            words = f"{other} stands where the gradient {GRADIENT_PREFIX}{inner} should: a value is no gradient"
            yield Candidate("wrong-gradient", words, _with_value_for_gradient(inner, other), other)
    for cut in sorted(look.cuts):
        gradient = GRADIENT_PREFIX + cut
        for other in (cut, *_alike(look, cut)):
            words = f"{other} stands where the gradient {gradient} should: a value is no gradient"
            yield Candidate("wrong-gradient", words, _with_upstream(cut, other, is_value=True), other)
            if other in look.cuts and other != cut:
                words = f"{GRADIENT_PREFIX}{other} stands where {gradient} should"
                yield Candidate(
                    "wrong-gradient", words, _with_upstream(cut, other, is_value=False), GRADIENT_PREFIX + other
                )


def forgotten_constant(look: Look) -> Iterator[Candidate]:
    """A constant added in a forward line, such as eps, left out of its derivative."""
    for statement in look.region:
        for constant, expression in _without_constants(statement.expression):
            words = f"the {constant} of {look.place(statement)} is left out: it stays inside the derivative"
            yield Candidate("eps", words, _with_expression(statement, expression))


def wrong_slope(look: Look) -> Iterator[Candidate]:
    """An element-wise line at the tensor itself whose slope is taken for another one."""
    yield from _slopes(look, [statement for statement in look.users if statement.tensor in look.cuts])


def wrong_slope_inside(look: Look) -> Iterator[Candidate]:
    """The same of any line that a fused step goes through: the last guess, because few write these slopes down."""
    own = [statement for statement in look.users if statement.tensor in look.cuts]
    for candidate in _slopes(look, [statement for statement in look.region if statement not in own]):
        if candidate.tag == "derivative" and candidate.mentions:
            yield candidate


def inverted(look: Look) -> Iterator[Candidate]:
    """A factor of the derivative by which is multiplied where it should be divided, or the other way round."""
    for statement in look.region:
        for read in _floating(look, statement) if not statement.picks else ():
            words = f"{read} divides where it should multiply, or the other way round: {look.place(statement)}"
            yield Candidate("derivative", words, _with_reciprocal(statement, read), read)


def _slopes(look: Look, statements: Iterable[Statement]) -> Iterator[Candidate]:
    for statement in statements:
        floating = _floating(look, statement)
        if len(floating) != 1 or look.tape.values[floating[0]].shape != look.tape.values[statement.tensor].shape:
            continue
        read, made = floating[0], statement.tensor
        place = look.place(statement)
        for form, slope in _SLOPES.items():
            for written, other in ((read, made), (made, read)):
                if _is_the_slope(look, statement, read, slope(look.tape.values[other])):
                    words = f"{written} stands where {other} should: the derivative of {place} is written with {other}"
                    yield Candidate("wrong-tensor", words, _with_slope(statement, read, written, slope), written)
                else:
                    words = f"it multiplies by {form.replace('{}', written)}, which is not the derivative of {place}"
                    is_told = "" if statement.tensor in look.cuts else written
                    yield Candidate("derivative", words, _with_slope(statement, read, written, slope), is_told)
        words = f"it divides where it should multiply, or the other way round: the derivative of {place}"
        yield Candidate("derivative", words, _with_inverse(statement, read))
        yield from _wrong_powers(look, statement, read)


def _wrong_powers(look: Look, statement: Statement, read: str) -> Iterator[Candidate]:
    """The power rule with another exponent or factor."""
    found = _power(statement.expression)
    if not found:
        return
    base, exponent = found
    place = look.place(statement)
    for power in dict.fromkeys((exponent, exponent - 2, exponent + 1, -exponent, 1 - exponent, *_POWERS)):
        for factor in dict.fromkeys((exponent, 1.0, -1.0, -exponent, exponent - 1)):
            if power == exponent - 1:
                continue
            words = (
                f"its exponent is {power:g}: the power rule makes {exponent:g} * ({base})**{exponent - 1:g} of {place}"
            )
            yield Candidate("derivative", words, _with_power(statement, read, base, factor, power))


def _floating(look: Look, statement: Statement) -> list[str]:
    return [name for name in statement.reads if look.tape.values[name].is_floating_point()]


def _alike(look: Look, name: str) -> list[str]:
    """Other floating tensors of the same shape."""
    shape = look.tape.values[name].shape
    return [
        other
        for other, value in look.tape.values.items()
        if other != name and value.shape == shape and value.is_floating_point()
    ]


def _broadcast(look: Look, name: str, statement: Statement) -> list[str]:
    """Other floating tensors of another shape that stretch to what a statement makes."""
    values, made = look.tape.values, look.tape.values[statement.tensor].shape
    return [
        other
        for other, value in values.items()
        if value.is_floating_point()
        and value.shape != values[name].shape
        and value.dim() == len(made)
        and all(length in (1, whole) for length, whole in zip(value.shape, made, strict=True))
    ]


def _drawn(cut: str) -> Callable[[Look], Tensor]:
    return lambda look: look.drawn[cut]


def _with_value(statement: Statement, read: str, other: str) -> Callable[[Look], Tensor | None]:
    """The statement's derivative with the value of `other` for `read`; with ones where `other` is empty."""

    def predict(look: Look) -> Tensor | None:
        value = look.tape.values[other] if other else torch.ones_like(look.tape.values[read])
        upstream = look.backward.upstream(statement.tensor)
        return look.altered(statement, look.tape.vjp_at(statement, upstream, {read: value}))

    return predict


def _with_reciprocal(statement: Statement, read: str) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        upstream = look.backward.upstream(statement.tensor)
        return look.altered(statement, look.tape.vjp_at(statement, upstream, {read: 1 / look.tape.values[read]}))

    return predict


def _with_expression(statement: Statement, expression: str) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        upstream = look.backward.upstream(statement.tensor)
        return look.altered(statement, look.tape.vjp_at(statement, upstream, {}, expression))

    return predict


def _with_upstream(cut: str, other: str, is_value: bool) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        wrong = look.tape.values[other] if is_value else look.drawn[other]
        statement = look.graph.by_tensor[cut]
        return look.altered(statement, look.tape.vjp(statement, wrong))

    return predict


def _with_gradient(inner: str, later: str) -> Callable[[Look], Tensor | None]:
    return lambda look: look.with_gradient(inner, look.backward.upstream(later))


def _with_value_for_gradient(inner: str, other: str) -> Callable[[Look], Tensor | None]:
    return lambda look: look.with_gradient(inner, look.tape.values[other])


def _times_value(statement: Statement, read: str, other: str) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        products = look.backward.through(statement.tensor)
        if read not in products:
            return None
        return look.altered(statement, {**products, read: products[read] * look.tape.values[other]})

    return predict


def _with_slope(
    statement: Statement, read: str, written: str, slope: Callable[[Tensor], Tensor]
) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        upstream = look.backward.upstream(statement.tensor)
        return look.altered(statement, {read: slope(look.tape.values[written]) * upstream})

    return predict


def _with_inverse(statement: Statement, read: str) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        slope = _slope(look, statement, read)
        return look.altered(statement, {read: look.backward.upstream(statement.tensor) / slope})

    return predict


def _with_power(
    statement: Statement, read: str, base: str, factor: float, power: float
) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        value = look.tape.value_of(statement, base)
        if value is None:
            return None
        return look.altered(statement, {read: factor * value**power * look.backward.upstream(statement.tensor)})

    return predict


def _slope(look: Look, statement: Statement, read: str) -> Tensor:
    return look.tape.vjp(statement, torch.ones_like(look.tape.values[statement.tensor]))[read]


def _is_the_slope(look: Look, statement: Statement, read: str, slope: Tensor) -> bool:
    return bool(torch.allclose(_slope(look, statement, read), slope, rtol=1e-9, atol=0))


def _without_constants(expression: str) -> Iterator[tuple[str, str]]:
    """For each number added to something: the number, and the expression without it."""
    tree = ast.parse(expression, mode="eval")
    for place in range(len(_additions(tree))):
        copy = ast.parse(expression, mode="eval")
        node = _additions(copy)[place]
        yield ast.unparse(node.right), ast.unparse(_Replace(node, node.left).visit(copy))


def _additions(tree: ast.AST) -> list[ast.BinOp]:
    """Where a number is added or subtracted."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)]
    return [node for node in found if number_of(node.right) is not None]


class _Replace(ast.NodeTransformer):
    """Puts one node in another's place."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._old:
            return self._new
        return self.generic_visit(node)


def _power(expression: str) -> tuple[str, float] | None:
    """Base and exponent of a line that is one power of something."""
    match ast.parse(expression, mode="eval").body:
        case ast.BinOp(left=base, op=ast.Pow(), right=right):
            exponent = number_of(right)
            return (ast.unparse(base), exponent) if exponent is not None else None
    return None
