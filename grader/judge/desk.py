"""What the judge has on its desk during a run, worked out once for all submissions: calls, and what is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeGuard

import numpy as np

from grader.judge.glance import Numbers, Right, right_at_a_glance
from grader.judge.inject import Injection
from grader.judge.real_chain import RealChain
from grader.judge.reference import Reference
from grader.judge.situation import TOLERANCE, Situation, Situations, keep_small
from grader.lesson import Exercise, Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.wire.frames import Part
from grader.wire.messages import Answer


@dataclass(frozen=True)
class Usual:
    """What is asked of every answer that asks for the same: all cases, then twice the lecture's sizes."""

    cases: tuple[Situation, ...]  # the one at the lecture's sizes last
    calls: tuple[Part, ...]  # one a case
    real: Part  # the lecture's own comparison
    tensors: tuple[str, ...]
    cuts: frozenset[str]
    is_sequence: bool  # whether a function returns them all at once

    @cached_property
    def burst(self) -> tuple[Part, ...]:
        """All of it."""
        return (*self.calls, self.real)

    @cached_property
    def proves(self) -> tuple[bool, ...]:
        """Of which tensors a right answer proves something, in some case."""
        return tuple(any(case[place].proves for case in self._references) for place in range(len(self.tensors)))

    def scaled_errors(self, replies: Sequence[object]) -> list[float] | None:
        """The largest error of each tensor over all cases, as a part of its scale; None for what is not all right.

        `replies` are those to the burst.
        """
        plain = [reply.returned for reply in replies[: len(self.calls)] if self._is_plain(reply) and not reply.changed]
        errors = self._right.errors(plain) if len(plain) == len(self.calls) and self._right else None
        return None if errors is None else (errors / self._scales).reshape(-1, len(self.tensors)).max(0).tolist()

    def real_answer(self, replies: Sequence[object]) -> Answer | None:
        """What came last, at the lecture's own comparison, where it is of the form asked for."""
        reply = replies[-1] if len(replies) == len(self.burst) else None
        return reply if self._is_plain(reply) else None

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
        tolerances = [[TOLERANCE * reference.scale for reference in case] for case in self._references]
        return right_at_a_glance(gradients, tolerances)

    @cached_property
    def _scales(self) -> Numbers:
        """Of each tensor in each case; 1 where it is 0, and with it every error that is right."""
        return np.array([reference.scale or 1.0 for case in self._references for reference in case])


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
            cases = (*hidden, self.situations.public(place_of.exercise, name))
            calls = tuple(case.call(asked) for case in cases)
            real = self.real_chain.call(place_of.exercise, name, asked)
            is_sequence = exercise.function is not None
            self._usual[place] = Usual(cases, calls, real, tensors, injection.cuts, is_sequence)
        return self._usual[place]
