"""Random cases of the network, drawn without the judge: sizes, one consistent forward pass, gradients."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from grader.lesson import load_lesson
from grader.lesson.network import Network
from tests.support import ROOT

SOLUTIONS = ROOT / "solutions" / "mlp"
CASES = 20
SIZES = ("n", "vocab_size", "n_embd", "block_size", "n_hidden")
# How the gradients of a case are made: each drawn by itself; following from one another as in a chain, from
# a drawn dlogprobs; those of the loss; or drawn, and zero where those of the loss are.
Gradients = Literal["drawn", "following", "real", "masked"]
_W1_SCALES = (1.0, 0.3, 0.01, 1e-3)  # the variance in BatchNorm, ordinary and small
_GRADIENT_SCALES = (1.0, 1e4, 1e-4)  # values that are cut off somewhere show at one of them


@dataclass(frozen=True)
class Case:
    """Values by the names a step may ask for: forward tensors, sizes, and a gradient d<w> drawn for each tensor w."""

    sizes: Mapping[str, int]
    tensors: Mapping[str, Tensor]

    def given(self, names: Iterable[str], dtype: torch.dtype = torch.float64) -> dict[str, Tensor | int]:
        """Fresh copies of what `names` ask for, floating ones in `dtype`. A KeyError is a name that nothing has."""
        values: dict[str, Tensor | int] = {}
        for name in names:
            if name in self.sizes:
                values[name] = self.sizes[name]
            else:
                tensor = self.tensors[name]
                values[name] = tensor.to(dtype, copy=True) if tensor.is_floating_point() else tensor.clone()
        return values


@cache
def network() -> Network:
    """The lesson's forward pass."""
    return Network(load_lesson(SOLUTIONS).graph)


@cache
def public_sizes() -> Mapping[str, int]:
    """The lecture's sizes, which a literal may stand for."""
    return load_lesson(SOLUTIONS).sizes


@cache
def random_cases(gradients: Gradients = "drawn") -> tuple[Case, ...]:
    """The further cases that equality is tried on, the same in every run."""
    return tuple(_random_case(number, gradients) for number in range(CASES))


@cache
def lecture_case(gradients: Gradients) -> Case:
    """One case at the lecture's sizes."""
    return _case(public_sizes(), _W1_SCALES[0], CASES, gradients)


@cache
def plain_case() -> Case:
    """One case whose sizes are different primes, to learn shapes from."""
    return _case({"n": 13, "vocab_size": 11, "n_embd": 5, "block_size": 3, "n_hidden": 17}, _W1_SCALES[0], 0, "drawn")


def _random_case(number: int, gradients: Gradients) -> Case:
    draw = random.Random(number)
    sizes = {
        "n": draw.randint(7, 16),  # as in every case of the lesson: more than n_embd and block_size
        "vocab_size": draw.randint(3, 14),
        "n_embd": draw.randint(2, 6),
        "block_size": draw.randint(2, 5),
        "n_hidden": draw.randint(3, 14),
    }
    return _case(sizes, _W1_SCALES[number % len(_W1_SCALES)], number, gradients)


def _case(sizes: Mapping[str, int], w1_scale: float, number: int, gradients: Gradients) -> Case:
    generator = torch.Generator().manual_seed(number)
    n, vocab_size, n_embd, block_size, n_hidden = (sizes[name] for name in SIZES)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    inputs = {
        "Xb": torch.randint(vocab_size, (n, block_size), generator=generator),
        "Yb": torch.randint(vocab_size, (n,), generator=generator),
        "C": normal(vocab_size, n_embd),
        "W1": w1_scale * normal(block_size * n_embd, n_hidden),
        "b1": normal(n_hidden),
        "W2": 0.5 * normal(n_hidden, vocab_size),
        "b2": normal(vocab_size),
        "bngain": 1 + 0.3 * normal(1, n_hidden),
        "bnbias": normal(1, n_hidden),
    }
    forward = network().forward(inputs, sizes)
    scale = _GRADIENT_SCALES[number % len(_GRADIENT_SCALES)]
    floating = {name: value for name, value in sorted(forward.items()) if value.is_floating_point()}
    drawn = {name: scale * normal(*value.shape) for name, value in floating.items()}
    if gradients == "following":
        drawn = _backward(inputs, sizes, lambda tensors: (tensors["logprobs"] * drawn["logprobs"]).sum())
    elif gradients in ("real", "masked"):
        real = _backward(inputs, sizes, lambda tensors: tensors["loss"])
        masked = {name: value * (real[name] != 0) for name, value in drawn.items() if name in real}
        drawn = real if gradients == "real" else masked
    return Case(sizes, {**forward, **{f"d{name}": value for name, value in drawn.items()}})


def _backward(
    inputs: Mapping[str, Tensor], sizes: Mapping[str, int], end: Callable[[Mapping[str, Tensor]], Tensor]
) -> dict[str, Tensor]:
    """autograd's gradients of `end` with respect to every tensor that it depends on."""
    leaves = {name: value.clone().requires_grad_(value.is_floating_point()) for name, value in inputs.items()}
    tensors = {name: value for name, value in network().forward(leaves, sizes).items() if value.requires_grad}
    found = torch.autograd.grad(end(tensors), list(tensors.values()), allow_unused=True)
    return {name: value for name, value in zip(tensors, found, strict=True) if value is not None}
