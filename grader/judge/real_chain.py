"""The lecture's own comparison: float32, the lecture's sizes, gradients of the real loss by loss.backward()."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grader.judge.draw import PUBLIC, draw_inputs, key_of
from grader.judge.inject import Injection, written_call
from grader.judge.reference import Reference, reference
from grader.judge.situation import answer_key, is_far, keep_small
from grader.judge.tape import Tape
from grader.lesson import Lesson
from grader.lesson.network import Network
from grader.results.model import Float32Row
from grader.wire.frames import Part
from grader.wire.messages import Answer

_RTOL, _ATOL = 1e-5, 1e-8  # torch.allclose's defaults
_EXACT = Float32Row(True, True, 0.0)


class RealChain:
    """One float32 forward and backward pass of the whole network at the lecture's sizes."""

    def __init__(self, lesson: Lesson, network: Network, seed: int | str = PUBLIC) -> None:
        case = lesson.public_case
        inputs = draw_inputs(case, key_of(seed, "", "", case.name))
        single = {name: _leaf(value) for name, value in inputs.items()}
        self._tape = Tape(network, inputs, case.sizes)  # says, line by line, what a forward pass may not do
        made = network.forward(single, case.sizes)
        for value in made.values():
            if value.requires_grad:
                value.retain_grad()
        made[lesson.loss].backward()  # type: ignore[no-untyped-call]
        self._sizes = case.sizes
        self._values = {name: value.detach() for name, value in made.items()}
        self._gradients = {name: _gradient(value) for name, value in made.items() if value.is_floating_point()}
        self._allowed = {name: _ATOL + (_RTOL * gradient).abs() for name, gradient in self._gradients.items()}
        self._calls: dict[tuple[str, str, Injection], Part] = {}
        self._references: dict[str, Reference] = {}

    def call(self, exercise: str, name: str, injection: Injection) -> Part:
        """The call message with the real values and gradients."""
        place = (exercise, name, injection)
        if place not in self._calls:
            keep_small(self._calls)
            self._calls[place] = written_call(
                answer_key(exercise, name),
                "float32",
                injection,
                self._sizes,
                self._values,
                self._gradients.__getitem__,
            )
        return self._calls[place]

    def compare(self, got: Tensor, tensor: str) -> Float32Row:
        """Exact, approximate (torch.allclose's defaults), and the largest difference."""
        right = self._gradients[tensor]
        if got.shape == right.shape and got.is_floating_point():
            if torch.equal(got, right):
                return _EXACT
            difference = (got.to(right.dtype) - right).abs()
            is_close = bool((difference <= self._allowed[tensor]).all())
            return Float32Row(False, is_close, float(difference.max()))
        if got.numel() == right.numel():
            return Float32Row(False, False, float((got.reshape(right.shape).to(right.dtype) - right).abs().max()))
        return Float32Row(False, False, None)

    def any_far(self, answer: Answer, tensors: Sequence[str]) -> bool:
        """Whether one of the tensors that came is."""
        return any(
            isinstance(item, Tensor) and self.is_far(item, tensor)
            for tensor, item in zip(tensors, answer.returned, strict=True)
        )

    def is_far(self, got: Tensor, tensor: str) -> bool:
        """Whether an answer is further off autograd's than rounding explains."""
        if tensor not in self._references:
            self._references[tensor] = reference(self._tape, tensor, {})
        return is_far(got, self._gradients[tensor], self._references[tensor])


def _leaf(value: Tensor) -> Tensor:
    return value.to(torch.float32).requires_grad_() if value.is_floating_point() else value


def _gradient(value: Tensor) -> Tensor:
    return torch.zeros_like(value) if value.grad is None else value.grad
