"""Random sizes, inputs and gradients. What is drawn depends on its key and name alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from grader.lesson import Case, Input
from grader.lesson.expression import evaluate, whole

PUBLIC = "public"  # in place of a seed: the case whose numbers students may see


def key_of(seed: int | str, exercise: str, name: str, case: str) -> str:
    """What the draws of one case of one callable depend on."""
    return "\0".join((str(seed), exercise, name, case))


def draw_sizes(case: Case, key: str) -> Case:
    """The case with its sizes: no drawn one like another where its range allows, and a prime where there is one."""
    sizes = {name: size for name, size in case.sizes.items() if name not in case.ranges}
    for name, bounds in case.ranges.items():
        every = range(bounds.least, bounds.most + 1)
        new = [size for size in every if size not in sizes.values()] or [*every]
        chosen = [*filter(_is_prime, new)] or new
        sizes[name] = chosen[int(torch.randint(len(chosen), (), generator=_generator(key, f"the size {name}")))]
    return replace(case, sizes={name: sizes[name] for name in case.sizes}, ranges={})


def draw_inputs(case: Case, key: str) -> dict[str, Tensor]:
    """Every input of forward() for a case: float64 or int64."""
    return {name: _draw(entry, case.sizes, _generator(key, name)) for name, entry in case.inputs.items()}


def draw_gradient(like: Tensor, key: str, name: str) -> Tensor:
    """A random upstream gradient, N(0, 1), of the shape and dtype of `like`."""
    return torch.randn(like.shape, generator=_generator(key, f"gradient of {name}"), dtype=like.dtype)


def shuffled(count: int, key: str) -> list[int]:
    """The numbers below `count` in random order."""
    order: list[int] = torch.randperm(count, generator=_generator(key, "order")).tolist()
    return order


def _draw(entry: Input, sizes: Mapping[str, int], generator: torch.Generator) -> Tensor:
    shape = [whole(length, sizes) for length in entry.shape]
    if entry.below is not None:
        return torch.randint(whole(entry.below, sizes), shape, generator=generator)
    if entry.values:
        # Not at random: then a value that shows something might be missing, or a tie.
        values = torch.tensor(entry.values, dtype=torch.float64)
        return values[torch.rand(shape, generator=generator).argsort(-1) % len(values)]
    normal = torch.randn(shape, generator=generator, dtype=torch.float64)
    return entry.shift + float(evaluate(entry.scale, sizes)) * normal


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % factor for factor in range(2, int(number**0.5) + 1))


def _generator(key: str, name: str) -> torch.Generator:
    digest = hashlib.sha256(f"{key}\0{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
