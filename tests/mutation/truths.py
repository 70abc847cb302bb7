"""Which mistakes the numbers of a mutant show, whatever was changed: a diagnosis that says them is no lie.

Mutants with the same numbers cannot be told apart: what is true of one of them is true of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from tests.mutation.cases import Gradients, random_cases
from tests.mutation.equality import called, made
from tests.mutation.mutators import Mutant
from tests.mutation.scene import is_gradient
from tests.mutation.seeds import Seed

Fingerprint = tuple[str | float, ...]
_LOOKED_AT = 6  # cases
_FINGERS = 3  # cases, of which each gives one number
_FITS = 1e-9


def true_tags(seed: Seed, source: str) -> tuple[frozenset[str], ...]:
    """For each step the tags that hold in every case looked at."""
    function, names = made(source)
    own, own_names = made(seed.source)
    found: list[frozenset[str] | None] = [None] * len(seed.steps)
    for case in random_cases()[:_LOOKED_AT]:
        got = called(function, names, case, len(seed.steps))
        right = called(own, own_names, case, len(seed.steps))
        if got.returned is None or right.returned is None:
            return (frozenset(),) * len(seed.steps)
        for step, (answer, wanted) in enumerate(zip(got.returned, right.returned, strict=True)):
            in_place = {"in-place"} if got.changed else set()
            if in_place or not _is_it(answer, wanted) or answer.shape != wanted.shape:  # else the case shows nothing
                here = frozenset(_tags(answer, wanted, case.sizes)) | in_place
                found[step] = here if (seen := found[step]) is None else seen & here
    return tuple(
        (tags or frozenset()) | (frozenset({"wrong-gradient"}) if is_another else frozenset())
        for tags, is_another in zip(found, _is_another(seed, source), strict=True)
    )


def _is_another(seed: Seed, source: str) -> list[bool]:
    """For each step whether it returns another gradient, or a tensor of the forward pass, as it is."""
    function, names = made(source)
    kind: Gradients = "following" if any(map(is_gradient, names)) else "real"
    same: list[set[str]] = [set() for _ in seed.steps]
    for number, case in enumerate(random_cases(kind)[:_LOOKED_AT]):
        got = called(function, names, case, len(seed.steps))
        for step, answer in enumerate(got.returned or [None] * len(seed.steps)):
            fitting = {name for name, value in case.tensors.items() if _is_it(answer, value)}
            fitting = set() if seed.steps[step] in fitting else fitting
            same[step] = fitting if number == 0 else same[step] & fitting
    return [bool(fitting) for fitting in same]


def _is_it(answer: Any, value: Tensor) -> bool:
    return isinstance(answer, Tensor) and _same_in_order(answer.double(), value.double()) and bool(value.any())


def shared_tags(mutants: Iterable[Mutant]) -> Mapping[Fingerprint, frozenset[str]]:
    """The operators' tags of all mutants with the same numbers, by these."""
    shared: dict[Fingerprint, frozenset[str]] = {}
    for mutant in mutants:
        for fingerprint in fingerprints(mutant.seed, mutant.source):
            shared[fingerprint] = shared.get(fingerprint, frozenset()) | mutant.tags
    return shared


def fingerprints(seed: Seed, source: str) -> tuple[Fingerprint, ...]:
    """For each step what tells its numbers from others; nothing of an answer that raises, or returns no numbers."""
    function, names = made(source)
    found: list[list[float]] = [[] for _ in seed.steps]
    for case in random_cases()[:_FINGERS]:
        got = called(function, names, case, len(seed.steps))
        if got.returned is None or not all(isinstance(item, Tensor) for item in got.returned):
            return ()
        for step, answer in enumerate(got.returned):
            flat = answer.double().flatten()
            weights = torch.arange(1, flat.numel() + 1, dtype=torch.float64).sin()
            found[step] += [float(flat.numel()), float((flat * weights).sum())]
    return tuple(
        (path, *(float(f"{number:.9g}") for number in numbers)) for path, numbers in zip(seed.paths, found, strict=True)
    )


def _tags(got: Any, right: Tensor, sizes: Mapping[str, int]) -> Iterator[str]:
    if not isinstance(got, Tensor):
        yield "no-tensor"
        return
    if got.dtype not in (torch.float64, torch.float32):
        yield "dtype"
        return
    if not bool(got.isfinite().all()):
        yield "not-finite"
        return
    got = got.double()
    if got.numel() == right.numel():
        yield from _of_values(got.reshape(right.shape), right, sizes)
        if got.shape != right.shape and _same(got.reshape(right.shape), right):
            yield from ("keepdim", "flattened")
        if _same(got.flatten().sort().values, right.flatten().sort().values):
            yield "reordered"
    yield from _of_axes(got, right)


def _of_values(got: Tensor, right: Tensor, sizes: Mapping[str, int]) -> Iterator[str]:
    """Of answers with as many elements as the right one."""
    if bool((got.abs() <= _FITS * right.abs().max()).all()):
        yield "zeros"
        return
    if _same(got, -right):
        yield "sign"
    place = right.abs().argmax()
    ratio = float(got.flatten()[place] / right.flatten()[place])
    if ratio != 1 and _same(got, ratio * right):
        yield "factor"
        n = sizes["n"]
        if any(abs(ratio - mixed) < _FITS for mixed in ((n - 1) / n, n / (n - 1))):
            yield "bessel"


def _of_axes(got: Tensor, right: Tensor) -> Iterator[str]:
    """Sums too many or too few, transposes, rows that stand for all."""
    if right.dim() == 2 and _same(got, right.T):
        yield "transposed"
    for axis in range(got.dim()):
        if got.shape[axis] > 1 and _same_in_order(got.sum(axis), right):
            yield "missing-sum"
    for axis in range(right.dim()):
        if right.shape[axis] > 1 and _same_in_order(got, right.sum(axis)):
            yield "extra-sum"
        first = right.narrow(axis, 0, 1)
        if right.shape[axis] > 1 and _same(first.expand_as(right), right) and _same_in_order(got, first):
            yield "not-expanded"
    if got.numel() == 1 and _same_in_order(got, right.sum()):
        yield "extra-sum"


def _same_in_order(one: Tensor, other: Tensor) -> bool:
    return one.numel() == other.numel() and _same(one.flatten(), other.flatten())


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or not bool(one.isfinite().all()):
        return False
    size = max(float(other.abs().max()), float(one.abs().max()))
    return bool(((one - other).abs() <= _FITS * size).all())
