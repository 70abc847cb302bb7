"""Random inputs and gradients. What is drawn depends on its key and name alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from grader.lesson import Case, Input
from grader.lesson.expression import evaluate, whole

PUBLIC = "public"  # in place of a seed: the case whose numbers students may see


def key_of(seed: int | str, exercise: str, name: str, case: str) -> str:
    """What the draws of one case of one callable depend on."""
    return "\0".join((str(seed), exercise, name, case))


def draw_inputs(case: Case, key: str) -> dict[str, Tensor]:
    """Every input of forward() for a case: float64 or int64."""
    return {name: _draw(entry, case.sizes, _generator(key, name)) for name, entry in case.inputs.items()}


def draw_gradient(like: Tensor, key: str, name: str) -> Tensor:
    """A random upstream gradient, N(0, 1), of the shape and dtype of `like`."""
    return torch.randn(like.shape, generator=_generator(key, f"gradient of {name}"), dtype=like.dtype)


def _draw(entry: Input, sizes: Mapping[str, int], generator: torch.Generator) -> Tensor:
    shape = [whole(length, sizes) for length in entry.shape]
    if entry.below is not None:
        return torch.randint(whole(entry.below, sizes), shape, generator=generator)
    if entry.values:
        values = torch.tensor(entry.values, dtype=torch.float64)
        return values[torch.randint(len(values), shape, generator=generator)]
    normal = torch.randn(shape, generator=generator, dtype=torch.float64)
    return entry.shift + float(evaluate(entry.scale, sizes)) * normal


def _generator(key: str, name: str) -> torch.Generator:
    digest = hashlib.sha256(f"{key}\0{name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
