"""Where the numbers of a tensor come from: labels that follow every operation, by the storage they lie in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Labels = frozenset[int]
_NONE: Labels = frozenset()
# What these return hangs on the shape, the dtype or the device of a tensor alone.
_SHAPES_ONLY = frozenset({
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like", "new_zeros",
    "new_ones", "new_empty", "new_full", "new_tensor", "size", "dim", "ndimension", "numel", "nelement", "stride",
    "element_size", "is_floating_point", "is_complex",
})  # fmt: skip
_NUMBERS = frozenset({"item", "tolist", "__float__", "__int__", "__index__"})  # no tensor comes out of these
_LIKE_THE_SECOND = frozenset({"view_as", "expand_as", "reshape_as", "type_as"})
_DEEPEST = 3


class Tracker(TorchFunctionMode):
    """While it is entered, every operation of torch hands on the labels of what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[int, Labels] = {}
        self.begin()

    def begin(self, numbers: Labels = _NONE) -> None:
        """Before a statement; numbers: the labels of what it reads that is no tensor."""
        self.changed: set[int] = set()  # storages that were written to
        self.read = self.numbers = numbers  # what it computes with; what of that it has as plain numbers

    def of(self, tensor: Tensor) -> Labels:
        """The labels of a tensor's numbers."""
        return self.labels.get(place_of(tensor), _NONE)

    def label(self, tensor: Tensor, labels: Iterable[int]) -> None:
        """Gives a tensor these labels alone."""
        self.labels[place_of(tensor)] = frozenset(labels)

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in _SHAPES_ONLY:
            read: list[Tensor] = []
        else:
            read = list(_tensors(args[:1] if name in _LIKE_THE_SECOND else (args, kwargs), 0))
        places = list(map(place_of, read))
        labels = self.numbers.union(*(self.labels.get(place, _NONE) for place in places))
        self.read |= labels  # before it may raise
        result = function(*args, **kwargs)
        if name in _NUMBERS:
            self.numbers = labels
        writes = _writes(name, kwargs)
        made = list(_tensors(result, 0))
        if writes and read:
            target = kwargs["out"] if isinstance(kwargs.get("out"), Tensor) else read[0]
            made.append(target)
            self.changed.add(place_of(target))
        for tensor in made:
            place = place_of(tensor)
            known = self.labels.get(place, _NONE) if place in places else _NONE
            if labels or known or place in self.labels:
                self.labels[place] = known | labels
        return result


def place_of(tensor: Tensor) -> int:
    """Where the numbers of a tensor lie: the same for it and its views."""
    with torch._C.DisableTorchFunction():
        return int(tensor.untyped_storage().data_ptr())


def _writes(name: str, kwargs: Any) -> bool:
    """Whether a function changes its first tensor."""
    if name.startswith("__"):
        return name in ("__setitem__", "__set__") or (
            name.startswith("__i") and name not in ("__invert__", "__int__", "__index__")
        )
    return name.endswith("_") or kwargs.get("out") is not None


def _tensors(value: Any, depth: int) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list) and depth <= _DEEPEST:
        for item in value:
            yield from _tensors(item, depth + 1)
    elif isinstance(value, dict) and depth <= _DEEPEST:
        yield from _tensors(list(value.values()), depth + 1)
