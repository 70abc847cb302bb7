"""Tensors as plain numbers, one after the other, beside a text that says of each its dtype and shape.

    ["F64", [32, 27]]

Each begins at a multiple of 8 bytes. Whatever a reader is given, it makes tensors or raises WireError;
nothing is allocated for more numbers than there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, Any, Literal, overload

import numpy as np
import torch
from msgspec import Meta
from torch import Tensor

from grader.wire.messages import Refused, Word

MAX_BLOCK = 64 << 20
ALIGNED = 8
_MOST_AXES = 8  # of a tensor that is made where it is looked at; odder ones are made at once, or refused

# A student's code may rebind torch's own functions: these are bound before it runs.
_frombuffer, _empty, _as_strided = torch.frombuffer, torch.empty, torch.as_strided
_detach, _contiguous = Tensor.detach, Tensor.contiguous
_view, _numpy, _numel, _element_size = Tensor.view, Tensor.numpy, Tensor.numel, Tensor.element_size

_DTYPES: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_SIZES = {name: dtype.itemsize for name, dtype in _DTYPES.items()}

Dtype = Literal["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]
Shape = Annotated[tuple[Annotated[int, Meta(ge=0, le=1 << 40)], ...], Meta(max_length=64)]
Form = tuple[Dtype | Literal[""], Shape, Word]  # what is no tensor has no dtype, and is told in words


class WireError(Exception):
    """The other side sent something that is not one well-formed message."""


def crosses(tensor: Tensor) -> bool:
    """Whether a tensor of this dtype and size can be written to a frame."""
    return tensor.dtype in _NAMES and _numel(tensor) * _element_size(tensor) <= MAX_BLOCK // 4


def put(tensor: Tensor, block: list[bytes]) -> Any:
    """Appends the numbers of a tensor to the block; what the text says of it."""
    dense = _contiguous(_detach(tensor) if tensor.requires_grad else tensor)
    shown = _view(dense, torch.int16) if dense.dtype is torch.bfloat16 else dense  # NumPy has no such numbers
    numbers = _numpy(shown).tobytes()
    block.append(numbers)
    if len(numbers) % ALIGNED:
        block.append(bytes(-len(numbers) % ALIGNED))
    return _NAMES[dense.dtype], tuple(dense.shape)


class Items(Sequence["Tensor | Refused"]):
    """What an answer returned. A tensor is made when it is looked at; its form and its numbers are there before."""

    __slots__ = ("_block", "_end", "_starts", "forms")

    def __init__(self, block: Block, forms: list[Form], starts: list[int], end: int) -> None:
        self._block, self._starts, self._end = block, starts, end
        self.forms = forms

    @overload
    def __getitem__(self, place: int) -> Tensor | Refused: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Tensor | Refused, ...]: ...
    def __getitem__(self, place: int | slice) -> Tensor | Refused | tuple[Tensor | Refused, ...]:
        if isinstance(place, slice):
            return tuple(self[number] for number in range(*place.indices(len(self))))
        kind, shape, words = self.forms[place]
        return self._block.tensor(kind, shape, self._starts[place]) if kind else Refused(words)

    def __len__(self) -> int:
        return len(self.forms)

    def numbers(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The numbers of all of them in a row, where every form is that of a float64 tensor."""
        return self._block.float64(self._starts[0], self._end)


class Block:
    """The numbers of a frame, tensor after tensor."""

    def __init__(self, frame: bytearray, start: int) -> None:
        self._frame, self._start, self._next = frame, start, start
        self._flat: dict[str, Tensor] = {}

    def take(self, kind: Dtype, shape: Shape) -> Tensor:
        """The next tensor. Raises WireError for one of more numbers than there are."""
        return self.tensor(kind, shape, self._pass(kind, shape))

    def items(self, forms: list[Form]) -> Sequence[Tensor | Refused]:
        """The next ones, of these forms. Raises WireError where their numbers are not there."""
        starts = [self._pass(kind, shape) if kind else self._next for kind, shape, _ in forms]
        items = Items(self, forms, starts, self._next)
        is_plain = all(kind and prod(shape) and len(shape) <= _MOST_AXES for kind, shape, _ in forms)
        return items if is_plain and forms else tuple(items)

    def ends(self) -> None:
        """Raises WireError where numbers are left."""
        if self._next != len(self._frame):
            raise WireError("numbers that belong to no tensor")

    def tensor(self, kind: Dtype, shape: Shape, start: int) -> Tensor:
        """The tensor whose numbers begin there."""
        strides, count = [], 1
        for length in reversed(shape):
            strides.append(count)
            count *= length
        try:
            if not count:
                return _empty(shape, dtype=_DTYPES[kind])
            return _as_strided(self._numbers(kind), shape, strides[::-1], (start - self._start) // _SIZES[kind])
        except (RuntimeError, ValueError, OverflowError, TypeError) as error:
            raise WireError(f"not a tensor: {type(error).__name__}") from None

    def float64(self, start: int, end: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Plain numbers from one place to another."""
        return np.frombuffer(self._frame, np.float64, (end - start) // ALIGNED, start)

    def _pass(self, kind: Dtype, shape: Shape) -> int:
        """Where the next tensor begins, once it is known to be whole."""
        start, size = self._next, prod(shape) * _SIZES[kind]
        self._next = start + size + -size % ALIGNED
        if self._next > len(self._frame):
            raise WireError("a tensor of more numbers than there are")
        if kind == "BOOL" and self._frame[start : start + size].strip(b"\x00\x01"):
            raise WireError("a bool tensor that holds other bytes than 0 and 1")
        return start

    def _numbers(self, kind: Dtype) -> Tensor:
        """The whole block as numbers of one dtype."""
        if kind not in self._flat:
            self._flat[kind] = _frombuffer(
                self._frame,
                dtype=_DTYPES[kind],
                count=(len(self._frame) - self._start) // _SIZES[kind],
                offset=self._start,
            )
        return self._flat[kind]
