"""Gradients that are variables, as answers: a program is opened, recorded, planned for, and called case by case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from grader.runner.answer import CappedText, StudentWorld, checked
from grader.runner.flat import FlatProgram, Recorder, World, replay
from grader.runner.program import Skipped
from grader.wire.messages import (
    MOST,
    Answer,
    Attempt,
    Call,
    Failed,
    Open,
    Outcome,
    Plan,
    Ran,
    Recorded,
    Refused,
    Replayed,
    Reply,
)

_UNMADE = "nothing makes it"


@dataclass
class Gradients:
    """The programs of this process whose gradients are variables."""

    programs: dict[str, FlatProgram] = field(default_factory=dict)
    calls: dict[str, Callable[[Call], Reply]] = field(default_factory=dict)

    def open(self, request: Open) -> Reply:
        """A program, ready to be recorded by a call of its key."""
        try:
            program = self.programs[request.key] = FlatProgram(request)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return Failed(False, f"{type(error).__name__}: {error}", getattr(error, "lineno", None), "")
        self.calls[request.key] = lambda call: _record(program, call)
        return Ran(0)

    def plan(self, request: Plan) -> Reply:
        """What calls of a program that was recorded give."""
        program = self.programs.get(request.program)
        if program is None:
            return Failed(False, "no such program", None, "")
        self.calls[request.key] = lambda call: _replayed(program, request.attempts, call)
        if request.loop:
            loop = _Loop(program, request)
            self.calls[request.loop_key] = loop.call
        return Ran(0)


def _kit(call: Call) -> dict[str, Any]:
    return {**call.tensors, **call.sizes}


def _record(program: FlatProgram, call: Call) -> Recorded:
    with StudentWorld(CappedText(), call.dtype):
        recorder = Recorder(program, _kit(call))
        lines = recorder.run()
    return Recorded(tuple(lines), {**program.alike, **program.aliases}, tuple(recorder.shifts.found[:MOST]))


def _replayed(program: FlatProgram, attempts: tuple[Attempt, ...], call: Call) -> Replayed:
    """All attempts at the values of one call: each is taken where it ends, and its variable then holds the cut."""
    output = CappedText()
    by_last: dict[int, list[int]] = {}
    for place, attempt in enumerate(attempts):
        by_last.setdefault(attempt.last, []).append(place)
    returned: list[Tensor | Refused] = [Refused(_UNMADE)] * len(attempts)
    outcomes = [Outcome(failed=Failed(False, _UNMADE, None, ""))] * len(attempts)
    starts = {attempt.first: 0 for attempt in attempts}
    with StudentWorld(output, call.dtype):
        world = program.world(_kit(call))
        lines = program.lines[: max(by_last, default=-1) + 1]
        told = {id(lines[last]) for last in by_last}
        written = 0
        run = replay(program, world, lines, told)
        for number in range(len(lines)):
            if number in starts:
                starts[number] = output.length
            _, skipped = next(run)
            written = output.length
            for place in by_last.get(number, ()):
                attempt = attempts[place]
                printed = output.text()[starts[attempt.first] : written]
                returned[place], outcomes[place] = _taken(attempt, world, skipped, printed)
            for place in by_last.get(number, ()):
                if attempts[place].is_cut and attempts[place].tensor in world.cuts:
                    _cut(attempts[place], world)
    return Replayed(returned, tuple(outcomes))


def _cut(attempt: Attempt, world: World) -> None:
    """From now on a variable holds the gradient that was given; so does whatever else holds its tensor."""
    cut, own = world.cuts[attempt.tensor], world.space.names.get(attempt.variable)
    if type(own) is Tensor and own.shape == cut.shape and own.dtype == cut.dtype and own.is_contiguous():
        own.detach().copy_(cut)
    else:
        world.space.names[attempt.variable] = cut.clone()


def _taken(attempt: Attempt, world: World, skipped: Skipped | None, printed: str) -> tuple[Tensor | Refused, Outcome]:
    """The value of an attempt where it ends."""
    if skipped:
        what = skipped.error or skipped.reason
        failed = Failed(skipped.is_memory, what, skipped.line, printed, skipped.refused)
        return Refused(_UNMADE), Outcome(printed, failed)
    value = world.space.names.get(attempt.variable)
    item = checked(value)
    return (item.clone() if isinstance(item, Tensor) else item), Outcome(printed)


@dataclass
class _Loop:
    """The body of a training loop, called for one iteration at a time, in one namespace."""

    program: FlatProgram
    plan: Plan
    world: World | None = None

    def call(self, call: Call) -> Reply:
        output = CappedText()
        section = self.plan.loop_section
        lines = self.program.lines
        first = next(at for at, line in enumerate(lines) if line.opened.section == section)
        body = [line for line in lines if line.opened.section == section]
        wanted = [attempt for attempt in self.plan.loop if attempt]
        told = {id(lines[attempt.last]) for attempt in wanted}
        values: dict[int, Tensor | Refused] = {}
        with StudentWorld(output, call.dtype):
            if self.world is None or not self.world.is_shaped_as(_kit(call)):
                self.world = self.program.world(_kit(call))
                before = [line for line in lines[:first] if not line.opened.section]
                for _ in replay(self.program, self.world, before):
                    pass
            world = self.world
            world.kit = _kit(call)
            self.program.bind_kit(world, in_place=True)
            for at, (_, skipped) in enumerate(replay(self.program, world, body, told, section), start=first):
                for place, attempt in enumerate(self.plan.loop):
                    if attempt and attempt.last == at:
                        values[place], outcome = _taken(attempt, world, skipped, "")
                        if outcome.failed:
                            return outcome.failed
            items = tuple(values.get(place, Refused("None")) for place in range(len(self.plan.loop)))
        return Answer(items, True, (), output.text())
