"""The real chain at a random draw, written out here with plain autograd: nothing of the judge's has a part in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

# Zero in exact arithmetic on the real chain: their errors are measured by what they are summed from.
MEASURED_BY = {"logit_maxes": "norm_logits", "b1": "hprebn"}


@dataclass(frozen=True)
class Chain:
    """One forward pass, and the gradient of its loss with respect to every tensor of it."""

    sizes: Mapping[str, int]
    values: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]

    def scale(self, tensor: str) -> float:
        """What an error in the gradient of `tensor` is measured by: its largest entry."""
        return float(self.gradients[MEASURED_BY.get(tensor, tensor)].abs().max())


def draw_chain(seed: int, dtype: torch.dtype) -> Chain:
    """Sizes, parameters and a batch drawn from `seed`; the same ones, rounded, for every dtype."""
    sizes = _draw_sizes(Random(seed))
    leaves = {
        name: value.to(dtype).requires_grad_() if value.is_floating_point() else value
        for name, value in _draw_inputs(sizes, torch.Generator().manual_seed(seed)).items()
    }
    values = {**leaves, **_forward(leaves, sizes["n"])}
    for value in values.values():
        if value.requires_grad:
            value.retain_grad()
    values["loss"].backward()  # type: ignore[no-untyped-call]
    gradients = {
        name: torch.zeros_like(value) if value.grad is None else value.grad
        for name, value in values.items()
        if value.is_floating_point()
    }
    return Chain(sizes, {name: value.detach() for name, value in values.items()}, gradients)


def _draw_sizes(random: Random) -> dict[str, int]:
    ranges = {"n": (3, 24), "vocab_size": (3, 20), "n_embd": (2, 8), "block_size": (2, 5), "n_hidden": (2, 24)}
    return {name: random.randint(*bounds) for name, bounds in ranges.items()}


def _draw_inputs(sizes: Mapping[str, int], generator: torch.Generator) -> dict[str, Tensor]:
    n, vocab, width, block, hidden = sizes.values()

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(shape, generator=generator, dtype=torch.float64)

    return {
        "Xb": torch.randint(vocab, (n, block), generator=generator),
        "Yb": torch.randint(vocab, (n,), generator=generator),
        "C": normal(vocab, width),
        "W1": normal(block * width, hidden, scale=(5 / 3) / (block * width) ** 0.5),
        "b1": normal(hidden, scale=0.1),
        "W2": normal(hidden, vocab, scale=0.3),
        "b2": normal(vocab, scale=0.1),
        "bngain": 1 + normal(1, hidden, scale=0.1),
        "bnbias": normal(1, hidden, scale=0.1),
    }


def _forward(given: Mapping[str, Tensor], n: int) -> dict[str, Tensor]:
    """The lecture's forward pass, line by line, with every intermediate."""
    emb = given["C"][given["Xb"]]
    embcat = emb.view(n, -1)
    hprebn = embcat @ given["W1"] + given["b1"]
    bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = given["bngain"] * bnraw + given["bnbias"]
    h = torch.tanh(hpreact)
    logits = h @ given["W2"] + given["b2"]
    logit_maxes = logits.max(1, keepdim=True).values
    norm_logits = logits - logit_maxes
    counts = norm_logits.exp()
    counts_sum = counts.sum(1, keepdim=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = probs.log()
    loss = -logprobs[range(n), given["Yb"]].mean()
    made = locals()
    return {name: made[name] for name in made if name not in ("given", "n", "made")}
