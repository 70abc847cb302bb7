"""The answer as a whole: zeros, a constant times the right one, the gradient of another tensor, a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.judge.diagnosis.look import Candidate, Look
from grader.judge.diagnosis.ratios import Ratio, ratios_near
from grader.lesson.model import GRADIENT_PREFIX

_ROUNDING = 1e-9  # of the gradients that arrive


def zeros(look: Look) -> Iterator[Candidate]:
    """Nothing but 0."""
    if look.got.numel() == look.right.numel():
        yield Candidate("zeros", "every element is 0; the gradient is not", _zeros)


def _zeros(look: Look) -> Tensor | None:
    """Zeros, where the answer is that, but for rounding, and not only small beside a large right one."""
    arrives = [float(gradient.abs().max()) for gradient in look.drawn.values()]
    is_zero = float(look.got.abs().max()) <= _ROUNDING * max(arrives, default=look.reference.scale)
    return torch.zeros_like(look.right) if is_zero else None


def constant_factor(look: Look) -> Iterator[Candidate]:
    """The right answer times a constant that has a meaning."""
    constant = coefficient(look.got, look.right)
    if constant is None:
        return
    for ratio in ratios_near(constant, look.situation.case.sizes, look.region):
        yield Candidate(ratio.tag, f"it is {ratio.words}", _times(ratio))
    for name, size in look.situation.case.sizes.items():
        words = f"a fixed number stands where {name} should: in each case it is off by {name} over that number"
        yield Candidate("factor", words, _fixed(name, constant / size))
    words = f"it is {constant:.4g} times the right answer"
    yield Candidate("factor", words, lambda look: look.right * constant)


def _fixed(name: str, share: float) -> Callable[[Look], Tensor | None]:
    return lambda look: look.right * share * look.situation.case.sizes[name]


def _times(ratio: Ratio) -> Callable[[Look], Tensor | None]:
    return lambda look: look.right * ratio.value(look.situation.case.sizes)


def another_gradient(look: Look) -> Iterator[Candidate]:
    """The gradient of another tensor, or one of the values of the forward pass."""
    for name, value in look.tape.values.items():
        if name == look.tensor or not value.is_floating_point() or name == look.graph.loss:
            continue
        if value.numel() != look.got.numel():
            continue
        gradient = f"{GRADIENT_PREFIX}{name}"
        if look.graph.downstream[name]:
            words = f"it is {gradient}, the gradient of another tensor"
            yield Candidate("wrong-gradient", words, _gradient_of(name))
        words = f"it is {name} itself: a value of the forward pass, no gradient"
        yield Candidate("wrong-gradient", words, _value_of(name), name)


def extra_term(look: Look) -> Iterator[Candidate]:
    """A tensor of the same shape, or ones, added to the right answer."""
    if look.got.numel() != look.right.numel() or not look.reference.proves:
        return
    excess = look.got.reshape(look.right.shape) - look.right
    alike = [name for name, value in look.tape.values.items() if value.shape == look.right.shape]
    gradients = [cut for cut in look.drawn if look.drawn[cut].shape == look.right.shape]
    terms: list[tuple[str, Callable[[Look], Tensor]]] = [
        *((name, _value_of(name)) for name in alike),
        *((GRADIENT_PREFIX + cut, _drawn(cut)) for cut in gradients),
        ("a constant", lambda look: torch.ones_like(look.right)),
    ]
    for words, term in terms:
        share = coefficient(excess, term(look))
        if share is None or share < 1e-9:
            continue
        times = "" if abs(share - 1) < 1e-9 else f"{share:.3g} times "
        yield Candidate("extra-term", f"something is added that does not belong: {times}{words}", _plus(share, term))


def _gradient_of(name: str) -> Callable[[Look], Tensor]:
    return lambda look: look.backward.gradient(name)


def _value_of(name: str) -> Callable[[Look], Tensor]:
    return lambda look: look.tape.values[name].to(torch.float64)


def _drawn(cut: str) -> Callable[[Look], Tensor]:
    return lambda look: look.drawn[cut]


def _plus(share: float, term: Callable[[Look], Tensor]) -> Callable[[Look], Tensor]:
    return lambda look: look.right + share * term(look)


def coefficient(got: Tensor, direction: Tensor) -> float | None:
    """c of the nearest c * direction; None where the two have no common form."""
    if got.numel() != direction.numel() or not got.numel():
        return None
    flat, along = got.reshape(-1), direction.reshape(-1)
    size = float(along @ along)
    return float(flat @ along) / size if size > 0 else None
