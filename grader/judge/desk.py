"""What the judge has on its desk during a run, worked out once for all submissions: calls, and what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeGuard

from torch import Tensor

from grader.judge.glance import Right, right_at_a_glance
from grader.judge.inject import Injection
from grader.judge.real_chain import RealChain
from grader.judge.reference import Reference
from grader.judge.situation import TOLERANCE, Situation, Situations, keep_small
from grader.lesson import Exercise, Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.wire.frames import Part
from grader.wire.messages import Answer

Said = Callable[[Part], object]  # the reply to a call


@dataclass(frozen=True)
class Usual:
    """What is asked of every answer that asks for the same.

    What a student may see comes first, before anything hidden has come into the process: the lecture's sizes, and
    the lecture's own comparison. Then come all cases, and large gradients in float32.
    """

    cases: tuple[Situation, ...]  # the public one first
    calls: tuple[Part, ...]  # one a case
    real: Part  # the lecture's own comparison
    loud: Situation
    loud_call: Part
    tensors: tuple[str, ...]
    cuts: frozenset[str]
    is_sequence: bool  # whether a function returns them all at once

    @cached_property
    def shown(self) -> tuple[Part, ...]:
        """What is asked first, and may be shown."""
        return (self.calls[0], self.real)

    @cached_property
    def rest(self) -> tuple[Part, ...]:
        """All else."""
        return (*self.calls[1:], self.loud_call)

    @cached_property
    def proves(self) -> tuple[bool, ...]:
        """Of which tensors a right answer proves something, in some case."""
        return tuple(any(case[place].proves for case in self._references) for place in range(len(self.tensors)))

    def scaled_errors(self, replies: Said) -> list[float] | None:
        """The error of each tensor at the lecture's sizes, as a part of its scale; None for what is not all right."""
        said = [replies(call) for call in self.calls]
        plain = [reply.returned for reply in said if self._is_plain(reply) and not reply.changed]
        if len(plain) < len(said):
            return None
        errors = self._right.measured(plain) if self._right else None
        if errors is None:
            return None
        references = [reference for case in self._references for reference in case]
        found = list(zip(errors.tolist(), references, strict=True))
        if not all(error <= TOLERANCE * one.largest or error <= TOLERANCE * one.scale for error, one in found):
            return None
        return [error / (one.scale or 1.0) for error, one in found[: len(self.tensors)]]

    def answer_to(self, call: Part, replies: Said) -> Answer | None:
        """What came, where it is of the form asked for."""
        reply = replies(call)
        return reply if self._is_plain(reply) else None

    def is_far(self, loud: Answer) -> bool:
        """Whether an answer to large gradients in float32 is far off for one of the tensors."""
        return any(
            isinstance(item, Tensor) and self.loud.is_far(item, tensor, self.cuts)
            for tensor, item in zip(self.tensors, loud.returned, strict=True)
        )

    def _is_plain(self, reply: object) -> TypeGuard[Answer]:
        """Whether it is of the form asked for, and nothing is to be said of how it came about."""
        return (
            isinstance(reply, Answer)
            and not reply.refused
            and reply.is_sequence == self.is_sequence
            and len(reply.returned) == len(self.tensors)
        )

    @cached_property
    def _references(self) -> list[list[Reference]]:
        return [[case.reference(tensor, self.cuts) for tensor in self.tensors] for case in self.cases]

    @cached_property
    def _right(self) -> Right | None:
        gradients = [[reference.gradient for reference in case] for case in self._references]
        return right_at_a_glance(
            gradients, [[TOLERANCE * reference.largest for reference in case] for case in self._references]
        )


@dataclass(frozen=True)
class Place:
    """Whose cases are drawn: a callable's own; or one draw for all gradients that are variables of one program."""

    exercise: str
    name: str

    @property
    def is_shared(self) -> bool:
        return not self.name


@dataclass(frozen=True)
class Desk:
    """The lesson, the cases, the real chain, and what is asked of every answer."""

    lesson: Lesson
    situations: Situations
    real_chain: RealChain
    chain_calls: dict[tuple[str, str, Injection], Part] = field(default_factory=dict)  # of a chain that is right
    chain_rights: dict[tuple[str, ...], Right | None] = field(default_factory=dict)  # of so many steps of an exercise
    _usual: dict[tuple[str, str, tuple[str, ...], Injection], Usual] = field(default_factory=dict)

    @cached_property
    def hidden_chain(self) -> RealChain:
        """The same of other numbers, drawn from the seed."""
        return RealChain(self.lesson, self.situations.network, self.situations.seed)

    @cached_property
    def everything(self) -> Injection:
        """All tensors, sizes and gradients: what a program is given whose gradients are variables."""
        values = self.situations.public("", "").tape.values
        cuts = sorted(name for name, value in values.items() if value.is_floating_point() and name != self.lesson.loss)
        names = (*sorted(values), *self.lesson.sizes, *(GRADIENT_PREFIX + tensor for tensor in cuts))
        return Injection(names, frozenset(cuts))

    def usual(self, exercise: Exercise, place_of: Place, tensors: tuple[str, ...], injection: Injection) -> Usual:
        """What is asked of an answer that asks for this."""
        name, asked = place_of.name, self.everything if place_of.is_shared else injection
        place = (place_of.exercise, name, tensors, injection)
        if place not in self._usual:
            keep_small(self._usual)
            hidden = self.situations.every_hidden(place_of.exercise, name, tensors)
            cases = (self.situations.public(place_of.exercise, name), *hidden)
            calls = tuple(case.call(asked) for case in cases)
            real = self.real_chain.call(place_of.exercise, name, asked)
            loud = self.situations.loud(place_of.exercise, name)
            is_sequence = exercise.function is not None
            self._usual[place] = Usual(
                cases, calls, real, loud, loud.call(asked, "single"), tensors, injection.cuts, is_sequence
            )
        return self._usual[place]
