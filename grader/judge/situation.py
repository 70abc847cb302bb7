"""One case of one callable: the values that are injected, and what is right for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from grader.judge.draw import PUBLIC, draw_gradient, draw_inputs, draw_sizes, key_of, shuffled
from grader.judge.inject import Injection, written_call
from grader.judge.reference import Backward, Reference, reference
from grader.judge.tape import Tape
from grader.judge.ties import Ties, ties_of
from grader.lesson import Case, Lesson
from grader.lesson.network import Network
from grader.wire.frames import Part

TOLERANCE = 1e-12  # of the scale, in float64
FAR = 1e-3  # of the scale: in float32 an error above this is no rounding
DRAWS = 2  # of each case: what an answer keeps from one call is of no use in the next, and shows
_MOST_KEPT = 256
_MOST_PATHS = 1024  # of one case: gradients of which some path is left out

# How a case is looked at: as it is; with the drawn gradients zero where the real ones are; with everything in float32;
# as it is, and the answer is to say what it evaluates at shifted inputs.
View = Literal["plain", "masked", "single", "watched"]


class Situation:
    """A case, drawn once for all submissions; calls and references are kept for each set of cuts."""

    def __init__(self, network: Network, case: Case, key: str, answer_key: str) -> None:
        """`case` has the sizes of this situation."""
        self.case = case
        self._network = network
        self._key = key
        self._answer_key = answer_key
        self._inputs = draw_inputs(case, key)
        self.tape = Tape(network, self._inputs, case.sizes)
        self._references: dict[tuple[str, frozenset[str], bool], Reference] = {}
        self._without: dict[tuple[str, frozenset[str], frozenset[tuple[str, str]]], Tensor] = {}
        self._float32: dict[tuple[str, frozenset[str]], Tensor] = {}
        self._calls: dict[tuple[Injection, View], Part] = {}

    def call(self, injection: Injection, view: View = "plain") -> Part:
        """The call message that injects what the callable asks for."""
        if (injection, view) not in self._calls:
            keep_small(self._calls)
            tape = self._single_tape if view == "single" else self.tape
            cuts = self._cuts(injection.cuts, view)
            dtype = "float32" if view == "single" else "float64"
            self._calls[injection, view] = written_call(
                self._answer_key,
                dtype,
                injection,
                self.case.sizes,
                tape.values,
                lambda tensor: self._gradient(tensor, cuts, tape),
                is_watched=view == "watched",
            )
        return self._calls[injection, view]

    def _gradient(self, tensor: str, cuts: Mapping[str, Tensor], tape: Tape) -> Tensor:
        """The drawn gradient; 1 for the loss; noise that fits nothing where the gradient is not read."""
        if tensor in cuts:
            return cuts[tensor]
        if tensor == self._network.graph.loss:
            return torch.ones_like(tape.values[tensor])
        return draw_gradient(tape.values[tensor], self._key, f"{tensor}, not read")

    def reference(self, tensor: str, cuts: frozenset[str], view: View = "plain") -> Reference:
        """What is right for `tensor` when the gradients of `cuts` are the drawn ones."""
        used = cuts & self._network.graph.downstream[tensor]
        masked = view == "masked"
        if (tensor, used, masked) not in self._references:
            keep_small(self._references)
            self._references[tensor, used, masked] = reference(
                self.tape, tensor, self._cuts(used, "masked" if masked else "plain")
            )
        return self._references[tensor, used, masked]

    def without(self, tensor: str, cuts: frozenset[str], closed: frozenset[tuple[str, str]]) -> Tensor:
        """The gradient of `tensor` if nothing flowed back along the `closed` paths: of many wrong answers the same."""
        if (tensor, cuts, closed) not in self._without:
            keep_small(self._without, _MOST_PATHS)
            drawn = {cut: self.drawn(cut) for cut in sorted(cuts)}
            self._without[tensor, cuts, closed] = Backward(self.tape, drawn, closed).gradient(tensor)
        return self._without[tensor, cuts, closed]

    def is_far(self, got: Tensor, tensor: str, cuts: frozenset[str]) -> bool:
        """Whether an answer in float32 is further off autograd's own than rounding explains."""
        if (tensor, cuts) not in self._float32:
            keep_small(self._float32)
            self._float32[tensor, cuts] = Backward(self._single_tape, self._cuts(cuts, "single")).gradient(tensor)
        return is_far(got, self._float32[tensor, cuts], self.reference(tensor, cuts))

    def drawn(self, tensor: str) -> Tensor:
        """The drawn gradient of `tensor`."""
        return self.case.upstream * draw_gradient(self.tape.values[tensor], self._key, tensor)

    def ties(self, tensor: str) -> Ties | None:
        """The entries of `tensor` that are tied at a maximum; None where no statement takes one of it."""
        return ties_of(self.tape, tensor)

    @cached_property
    def _single_tape(self) -> Tape:
        """The same forward pass in float32."""
        single = {name: _single(value) for name, value in self._inputs.items()}
        return Tape(self._network, single, self.case.sizes)

    def _cuts(self, cuts: frozenset[str], view: View) -> Mapping[str, Tensor]:
        drawn = {name: self.drawn(name) for name in cuts}
        if view == "single":
            return {name: _single(value) for name, value in drawn.items()}
        if view == "masked":
            real = Backward(self.tape, {})
            return {name: value * (real.gradient(name) != 0) for name, value in drawn.items()}
        return drawn


class Situations:
    """All situations of a run, made when first needed."""

    def __init__(self, lesson: Lesson, seed: int) -> None:
        self.lesson = lesson
        self.network = Network(lesson.graph)
        self.seed = seed
        self._made: dict[tuple[str, str, str], Situation] = {}
        self._every: dict[tuple[str, str, tuple[str, ...]], tuple[Situation, ...]] = {}

    def every_hidden(self, exercise: str, name: str, tensors: tuple[str, ...]) -> tuple[Situation, ...]:
        """The cases drawn from the seed, each twice, in random order; one with ties where one of the tensors has some.

        The two draws of a case have the same sizes.
        """
        place = (exercise, name, tensors)
        if place not in self._every:
            every = [self.hidden(exercise, name, case, draw) for case in self.lesson.cases for draw in range(DRAWS)]
            asked = self._about(every, tensors)
            order = shuffled(len(asked), key_of(self.seed, exercise, name, ""))
            self._every[place] = tuple(asked[number] for number in order)
        return self._every[place]

    def at_home(self, exercise: str, name: str, tensors: tuple[str, ...]) -> tuple[Situation, ...]:
        """Every case at the lecture's sizes, drawn from the seed: where nothing but the sizes differs."""
        every = [
            self._situation(exercise, name, case, key_of(self.seed, exercise, name, f"at home {number}"))
            for number, case in enumerate(self.lesson.home_cases)
        ]
        return self._about(every, tensors)

    def _about(self, every: Sequence[Situation], tensors: tuple[str, ...]) -> tuple[Situation, ...]:
        """Those without ties, and those with ties in one of these tensors."""
        return tuple(s for s in every if not s.case.ties or any(map(s.ties, tensors)))

    def hidden(self, exercise: str, name: str, case: Case, draw: int = 0) -> Situation:
        """A case drawn from the seed."""
        key = key_of(self.seed, exercise, name, case.name)
        return self._situation(exercise, name, draw_sizes(case, key), f"{key}\0{draw}" if draw else key)

    def public(self, exercise: str, name: str) -> Situation:
        """The case at the lecture's sizes, whose numbers a student may see."""
        case = self.lesson.public_case
        return self._situation(exercise, name, case, key_of(PUBLIC, exercise, name, case.name))

    def loud(self, exercise: str, name: str, draw: int = 0) -> Situation:
        """The lecture's sizes with large gradients, drawn from the seed."""
        case = self.lesson.loud_case
        return self._situation(exercise, name, case, key_of(self.seed, exercise, name, f"loud {draw}"))

    def _situation(self, exercise: str, name: str, case: Case, key: str) -> Situation:
        place = (exercise, name, key)
        if place not in self._made:
            self._made[place] = Situation(self.network, case, key, answer_key(exercise, name))
        return self._made[place]


def is_far(got: Tensor, rounded: Tensor, reference: Reference) -> bool:
    """Whether `got` is further off than rounding explains from autograd's answer in float32, `rounded`.

    Where that is itself far off the right one, float32 overflows, and nothing is known.
    """
    if got.numel() == rounded.numel():
        off = _largest(got.double().reshape(rounded.shape) - rounded.double())
        if off <= FAR * reference.largest or off <= FAR * reference.scale:
            return False
    return _largest(rounded.double() - reference.gradient) <= FAR * reference.scale


def _largest(values: Tensor) -> float:
    return float(values.abs().max()) if values.numel() else 0.0


def answer_key(exercise: str, name: str) -> str:
    """How the student process knows one callable."""
    return f"{exercise}.{name}"


def keep_small(cache: dict[Any, Any], most: int = _MOST_KEPT) -> None:
    """Forgets everything once a cache is large, so that odd submissions cannot grow the judge without end."""
    if len(cache) >= most:
        cache.clear()


def _single(value: Tensor) -> Tensor:
    return value.to(torch.float32) if value.is_floating_point() else value
