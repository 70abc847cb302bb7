"""Whether an answer evaluates an operation at shifted inputs, as numerical differentiation does.

By its numbers such an answer cannot be told from algebra; by what it does it can: it evaluates the same operation
twice, at inputs that differ by one small step, the same in every entry that differs, or small beside each of them.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from grader.wire.messages import Shift

_MOST_LOOKS = 400  # evaluations of one answer that are kept
_MOST_NUMBERS = 4_000_000  # that they are of
_LARGEST = 10_000  # entries of a tensor that is looked at
_BACK = 8  # evaluations of one operation, to which the next one is compared
_STEP = 0.5  # of the largest entry: a shift that is the same everywhere is smaller
_SMALL = 1e-2  # of each entry: so is a shift that is not
_SAME = 1e-3  # by which one step may differ from itself, rounded
_ROUNDED = 1e-12  # of each entry: by no more differs what is the same
_FEW = 4  # entries: below this it takes _AGAIN shifts by the same step, which is small
_SMALL_OF_FEW = 1e-3
_ROUND = 1e-5  # by which a step of one digit, or a power of two, may differ from that
_AGAIN = 3
# What algebra, too, does with shifted numbers: it adds them up, copies, compares and reads them.
_PLAIN = frozenset({
    "add", "sub", "rsub", "subtract", "neg", "sum", "mean", "cumsum", "clone", "copy", "to", "double", "float",
    "detach", "contiguous", "get", "set", "getitem", "setitem", "eq", "ne", "lt", "le", "gt", "ge", "equal",
    "allclose", "isclose", "item", "tolist", "len", "repr", "format", "index_add", "scatter_add", "stack", "cat",
    "concat", "reshape", "view", "transpose", "permute", "squeeze", "unsqueeze", "expand", "flatten", "select",
    "narrow", "size", "dim", "numel",
})  # fmt: skip
_equal, _finite = torch.equal, torch.isfinite


class Shifts(TorchFunctionMode):
    """While it is entered, what torch evaluates is looked at; `found` is what was evaluated at shifted inputs.

    `given` are the values of the forward pass: one evaluation beside one of these is enough.
    """

    def __init__(self, file: str, given: Iterable[Any]) -> None:
        super().__init__()
        self.found: list[Shift] = []
        self._file = file
        self._given = list(_numbers(given))
        self._left = _MOST_LOOKS
        self._room = _MOST_NUMBERS
        self._before: dict[tuple[str, str], deque[list[Tensor]]] = {}
        self._steps: list[float] = []  # of tensors with few entries

    def again(self) -> None:
        """What follows is another statement."""
        self._left = _MOST_LOOKS if self._room > 0 else 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        word = getattr(function, "__name__", "").strip("_")
        if self._left <= 0 or word in _PLAIN:
            return function(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            step = self._look(word, (*args, *kwargs.values()))
        result = function(*args, **kwargs)
        with torch._C.DisableTorchFunction():
            if not step and len(args) == 1 and not kwargs and type(args[0]) is type(result) is Tensor:
                step = self._beside_given(args[0], result)
        if step:
            self.found.append(Shift(_line(sys._getframe(), self._file), word, step))
            self._left = 0  # one is enough
        return result

    def _look(self, word: str, given: tuple[Any, ...]) -> float | None:
        """The step between the inputs of an evaluation and those of one before."""
        tensors = list(_numbers(given))
        if not tensors or sum(tensor.numel() for tensor in tensors) > _LARGEST:
            return None
        self._left -= 1
        self._room -= sum(tensor.numel() for tensor in tensors)
        rest = [item for item in given if isinstance(item, int | float | str | tuple)]
        shapes = [tuple(tensor.shape) for tensor in tensors]
        before = self._before.setdefault((word, f"{shapes} {rest}"), deque(maxlen=_BACK))
        step = next((step for other in before if (step := self._step_between(tensors, other))), None)
        before.append([tensor.clone() for tensor in tensors])
        return step

    def _beside_given(self, operand: Tensor, result: Tensor) -> float | None:
        """The step from a tensor of the forward pass to an operand, where the result lies beside another one."""
        if not _FEW <= operand.numel() <= _LARGEST or result.shape != operand.shape:
            return None
        alike = [value for value in self._given if value.shape == operand.shape and value.dtype == operand.dtype]
        apart = [((result - value) / value).abs().max().item() for value in alike]
        if not any(_ROUNDED < most <= _SMALL for most in apart):
            return None
        return next((step for value in alike if (step := self._step_between([operand], [value]))), None)

    def _step_between(self, here: list[Tensor], there: list[Tensor]) -> float | None:
        """By how much one of the inputs is shifted; None where none is, or more than one differs."""
        differing = [(a, b) for a, b in zip(here, there, strict=True) if not _equal(a, b)]
        if len(differing) != 1:
            return None
        a, b = differing[0]
        difference = (a - b).abs()
        if not bool(_finite(difference).all()):
            return None
        apart = difference[difference > 0]
        most, scale = float(apart.max()), float(b.abs().max())
        is_one = most - float(apart.min()) <= _SAME * most and most <= _STEP * scale and _is_round(most)
        if a.numel() >= _FEW:
            return most if is_one or bool((difference <= _SMALL * b.abs()).all()) else None
        if not is_one or most > _SMALL_OF_FEW * scale:
            return None
        self._steps.append(most)
        return most if sum(abs(step - most) <= _SAME * most for step in self._steps) >= _AGAIN else None


def _is_round(step: float) -> bool:
    """Whether a person would choose it: 1e-6, 2e-06, 0.005, 2**-20."""
    digit = step / 10 ** math.floor(math.log10(step) + _ROUND)
    binary = math.log2(step)
    return abs(digit - round(digit)) <= _ROUND * digit or abs(binary - round(binary)) <= _ROUND


def _numbers(given: Iterable[Any]) -> Iterator[Tensor]:
    for item in given:
        if isinstance(item, Tensor) and item.is_floating_point():
            yield item
        elif isinstance(item, tuple | list):
            yield from (inner for inner in item if isinstance(inner, Tensor) and inner.is_floating_point())


def _line(frame: FrameType | None, file: str) -> int | None:
    """The line of the student's file at which this was evaluated."""
    while frame and frame.f_code.co_filename != file:
        frame = frame.f_back
    return frame.f_lineno if frame else None
