"""Gradients that are variables: what a recorded program answers, for which exercise, and where each answer is taken.

The record is a claim of the student's process. What follows from it is decided here, and no claim gets beyond it: a
gradient that is said to be read has to lie between the step's tensor and the loss, or the step is an error.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from msgspec.structs import replace as replace_struct

from grader.judge.desk import Desk
from grader.judge.inject import written_call
from grader.judge.student import Student
from grader.lesson import Exercise, Lesson
from grader.lesson.model import GRADIENT_PREFIX
from grader.submission.answers import Answer, Answers
from grader.submission.exercise import exercise_for
from grader.submission.flatform import Absent, FlatProgram
from grader.submission.program import Origin
from grader.submission.statement import Statement
from grader.syntax import walk
from grader.wire.messages import Attempt, Event, Line, Open, Plan, Recorded, Shift

REPLAY = "."  # the key of the calls that all attempts answer together
_TWICE = 2
_MOST = 20  # attempts at one gradient


@dataclass(eq=False)
class Try:
    """One time that a gradient is made: its events, in the lines where they came."""

    tensor: str
    variable: str
    section: int
    events: list[tuple[int, int]] = field(default_factory=list)  # line, event (-1 where the line failed)
    compared: list[int] = field(default_factory=list)
    is_cut: bool = True

    @property
    def first(self) -> int:
        return self.events[0][0]

    used: set[int] = field(default_factory=set)  # those of its events that other gradients are made from

    @property
    def end(self) -> tuple[int, int]:
        """The last change before the last comparison, or from which others are made; without any, the last."""
        before = [e for e in self.events if self.compared and (e[0] <= self.compared[-1] or e[1] in self.used)]
        return (before or self.events)[-1]


class Planner:
    """What one recorded program answers."""

    def __init__(self, flat: FlatProgram, lesson: Lesson, recorded: Recorded) -> None:
        self._flat, self._lesson, self._recorded = flat, lesson, recorded
        self._lines = recorded.lines
        self._events: list[Event] = [event for line in recorded.lines for event in line.events]
        self._tries = list(self._found_tries())
        self._note_uses()
        self._chosen: dict[tuple[str, str], Try] = {}

    def answers(self) -> tuple[list[Answer], Plan]:
        """Its answers, which refer to the plan."""
        self._choose()
        keys = list(self._chosen)
        others = [one for one in self._tries if not one.section and one not in self._chosen.values()]
        found = [self._answer(exercise, name, place) for place, (exercise, name) in enumerate(keys)]
        firsts = [self._first(one, answer) for one, answer in zip(self._chosen.values(), found, strict=True)]
        attempts = [
            replace_struct(self._attempt(one), first=first)
            for one, first in zip(self._chosen.values(), firsts, strict=True)
        ]
        attempts += map(self._attempt, others)
        loop, loop_answer = self._loop()
        plan = Plan(self._flat.key, REPLAY, tuple(attempts), *(loop or ()))
        return [replace(one, plan=plan) for one in (*found, *([loop_answer] if loop_answer else []))], plan

    def _first(self, one: Try, answer: Answer) -> int:
        """The line where what an attempt prints begins: that of its first helper in its own cell."""
        cell = self._flat.program.cell_start(self._lines[one.first].line)
        lines = {s.node.lineno for s in answer.helpers if s.node.lineno >= cell and not s.is_definition}
        return min([one.first, *(at for at, line in enumerate(self._lines) if line.line in lines and not line.section)])

    def _attempt(self, one: Try) -> Attempt:
        return Attempt(one.variable, one.tensor, one.end[0], one.is_cut, one.first)

    # Attempts

    def _found_tries(self) -> Iterator[Try]:
        open_ones: dict[tuple[int, str], Try] = {}
        number = 0
        for at, line in enumerate(self._lines):
            for event in line.events:
                yield from self._put(open_ones, at, line, number, event)
                number += 1
            for variable in line.unmade:
                yield from self._failed(open_ones, at, line, variable)
            for variable, tensor in self._comparisons.get((line.line, line.column), ()):
                one = open_ones.get((line.section, variable))
                if one and one.tensor == tensor:
                    one.compared.append(at)

    def _note_uses(self) -> None:
        made = {number: one for one in self._tries for _, number in one.events}
        for event in self._events:
            for read in event.reads:
                if read in made and made[read].variable != event.variable:
                    made[read].used.add(read)

    def _put(
        self, open_ones: dict[tuple[int, str], Try], at: int, line: Line, number: int, event: Event
    ) -> Iterator[Try]:
        place = line.section, event.variable
        before = open_ones.get(place)
        is_failed = before is not None and before.events[-1][1] < 0
        if event.source != "made" or event.tensor not in self._lesson.graph.tensors:
            if not is_failed:
                open_ones.pop(place, None)
            return
        if is_failed and not event.starts:  # what could not be made, and was given, is changed
            return
        goes_on = before and (
            not event.starts or any(read == number_ for _, number_ in before.events for read in event.reads)
        )
        if before is None or not goes_on:
            before = open_ones[place] = Try(event.tensor, event.variable, line.section)
            yield before
        before.events.append((at, number))

    def _failed(self, open_ones: dict[tuple[int, str], Try], at: int, line: Line, variable: str) -> Iterator[Try]:
        """A statement that would have made a gradient, and raised."""
        place = line.section, variable
        tensor = self._tensor_of(variable)
        statement = self._statement(at)
        if tensor is None or statement is None:
            return
        before = open_ones.get(place)
        goes_on = before and (isinstance(statement.node, ast.AugAssign) or variable in statement.needs)
        if before is None or not goes_on:
            before = open_ones[place] = Try(tensor, variable, line.section)
            yield before
        before.events.append((at, -1))

    def _tensor_of(self, variable: str) -> str | None:
        return self._flat.tensor_of(variable, self._recorded.aliases)

    # Reads

    @cached_property
    def _finals(self) -> dict[int, Try]:
        return {one.end[1]: one for one in self._tries if one.end[1] >= 0}

    def reads(self, one: Try) -> tuple[frozenset[str], frozenset[str]]:
        """The gradients from which an attempt starts, by tensor; variables that were made before its loop began."""
        cuts: set[str] = set()
        stale: set[str] = set()
        seen: set[int] = set()
        at, last = one.end
        own = [number for _, number in one.events if number >= 0]
        waiting = [r for r in self._events[last].reads if r < last] if last >= 0 else [*own, *self._lines[at].read]
        while waiting:
            read = waiting.pop()
            if read in seen or not 0 <= read < len(self._events):
                continue
            seen.add(read)
            event, final = self._events[read], self._finals.get(read)
            is_cut = event.source == "given" or (final and final.is_cut and not final.section and final is not one)
            if event.source == "stale":
                stale.add(event.variable)
            elif is_cut and event.tensor != one.tensor:
                cuts.add(event.tensor)
            else:
                waiting += [earlier for earlier in event.reads if earlier < read]  # no claim can be of what comes later
        return frozenset(cuts), frozenset(stale)

    # Which attempt is whose

    def _choose(self) -> None:
        by_step: dict[tuple[str, str], list[Try]] = {}
        last = {id(one) for tensor in {one.tensor for one in self._tries} for one in self._last_of(tensor)}
        for one in self._tries:
            exercise = self._exercise(one) if id(one) in last else None
            if exercise:
                by_step.setdefault((exercise.name, GRADIENT_PREFIX + one.tensor), []).append(one)
        for exercise in self._lesson.exercises:
            for step in exercise.gradient_steps if exercise.unless_reads and not exercise.function else ():
                tries = [one for (_, name), some in by_step.items() if name == step.name for one in some]
                if (exercise.name, step.name) not in by_step and len(tries) >= _TWICE:
                    self._by_way_of_its_own(exercise, step.name, tries, by_step)
        for place, tries in by_step.items():
            exact = [one for one in tries if one.variable == GRADIENT_PREFIX + one.tensor] or tries
            compared = [one for one in exact if one.compared] or [one for one in tries if one.compared]
            self._chosen[place] = (compared or exact)[-1]

    def _last_of(self, tensor: str) -> list[Try]:
        """The attempts at a gradient that are looked at; of the earlier ones those that are compared."""
        tries = [one for one in self._tries if one.tensor == tensor and not one.section]
        return [*[one for one in tries[:-_MOST] if one.compared][-_MOST:], *tries[-_MOST:]]

    def _by_way_of_its_own(
        self, exercise: Exercise, name: str, tries: list[Try], by_step: dict[tuple[str, str], list[Try]]
    ) -> None:
        """An answer in one expression that goes by way of gradients which its own cell makes anew."""
        last = tries[-1]
        start = self._flat.program.cell_start(self._lines[last.first].line)
        own = [
            one
            for one in self._tries
            if one is not last and self._lines[one.first].line >= start and one.first < last.end[0]
        ]
        is_strict = "*" in exercise.unless_reads
        if is_strict:
            own = [one for one in own if one.variable != GRADIENT_PREFIX + one.tensor]
        for one in own:
            one.is_cut = False
        read, _ = self.reads(last)
        if (
            (not read if is_strict else read)
            and own
            and not {GRADIENT_PREFIX + tensor for tensor in read} & set(exercise.unless_reads)
        ):
            by_step[exercise.name, name] = [last]
            for some in by_step.values():
                if last in some and len(some) > 1:
                    some.remove(last)
        else:
            for one in own:
                one.is_cut = True

    def _exercise(self, one: Try) -> Exercise | None:
        """Which exercise an attempt is for; None where none asks for it."""
        name = GRADIENT_PREFIX + one.tensor
        candidates = [
            exercise
            for exercise in self._lesson.exercises
            if not exercise.function and any(step.name == name for step in exercise.gradient_steps)
        ]
        if self._flat.named is not None:
            return self._flat.named if self._flat.named in candidates else None
        statement = self._statement(one.first)
        if not candidates:
            return None
        marked = self._flat.program.marker(statement.node, name) if statement else ""
        reads = {GRADIENT_PREFIX + tensor for tensor in self.reads(one)[0]}
        return exercise_for(candidates, marked, reads, self._lesson)

    # Answers

    def _answer(self, exercise: str, name: str, place: int) -> Answer:
        one = self._chosen[exercise, name]
        cuts, _ = self.reads(one)
        return self._written(exercise, name, [one], tuple(sorted(GRADIENT_PREFIX + tensor for tensor in cuts)), place)

    def _written(
        self, exercise: str, name: str, tries: Sequence[Try], parameters: tuple[str, ...], place: int
    ) -> Answer:
        lines = sorted({at for one in tries for at, _ in one.events if at <= one.end[0]})
        statements = [s for at in lines if (s := self._statement(at))]
        helpers = tuple(self._helpers(statements, parameters, lines))
        program = self._flat.program
        return Answer(
            exercise,
            name,
            "ready",
            "",
            program.file,
            self._lines[min(one.first for one in tries)].line,
            program.text,
            parameters,
            frozenset(parameters).union(*(statement.mentions for statement in statements)),
            Origin(program.cells),
            is_flat=True,
            statements=tuple(statements),
            own_files=self._flat.own_files,
            flat=self._flat,
            place=place,
            helpers=helpers,
            results=tuple(one.variable for one in tries),
            shift=self._shift([*statements, *helpers]),
        )

    def _shift(self, statements: Sequence[Statement]) -> Shift | None:
        """What one of these statements evaluates at shifted inputs."""
        lines = {line for one in statements for line in range(one.node.lineno, (one.node.end_lineno or 0) + 1)}
        return next((shift for shift in self._recorded.shifts if shift.line in lines), None)

    def _helpers(
        self, statements: Sequence[Statement], parameters: Sequence[str], lines: Sequence[int]
    ) -> Iterator[Statement]:
        """What makes the names of the student's own that these statements need, in the order it stands."""
        lesson, program = self._lesson, self._flat.program
        given = {*parameters, *lesson.graph.tensors, *lesson.sizes, *self._recorded.aliases}
        last = self._lines[lines[-1]].line if lines else 0
        chosen = {id(statement.node): statement for statement in statements}
        found: dict[int, Statement] = {}
        waiting = [*statements]
        while waiting:
            statement = waiting.pop()
            own = statement.stored if isinstance(statement.node, ast.For | ast.While) else frozenset()
            for needed in statement.needs - given - own:
                binders = [s for s in program.binders.get(needed, ()) if s.is_definition or s.node.lineno <= last]
                for maker in binders[-1:]:
                    if id(maker.node) not in chosen:
                        chosen[id(maker.node)] = found[id(maker.node)] = maker
                        waiting.append(maker)
        yield from sorted(found.values(), key=lambda statement: statement.node.lineno)

    def _loop(self) -> tuple[tuple[str, int, tuple[Attempt | None, ...]] | None, Answer | None]:
        """The training loop that makes the most gradients, of those the last, as one answer."""
        exercise = next((e for e in self._lesson.exercises if e.function and self._flat.named in (None, e)), None)
        if exercise is None or exercise.function is None:
            return None, None
        best: tuple[int, int, dict[str, Try], dict[str, Absent]] | None = None
        for section in sorted({one.section for one in self._tries if one.section}):
            made, absent = self._results(exercise, section)
            if made and (best is None or len(absent) <= best[0]):
                best = len(absent), section, made, absent
        if best is None:
            return None, None
        _, section, made, absent = best
        attempts = tuple(
            self._attempt(made[step.name]) if step.name in made else None for step in exercise.gradient_steps
        )
        lesson = self._lesson
        asked = (*sorted(lesson.graph.tensors - {lesson.loss}), *lesson.sizes)
        answer = self._written(exercise.name, exercise.function, list(made.values()), asked, -1)
        return (f"{exercise.name}.{exercise.function}", section, attempts), replace(answer, absent=absent)

    def _results(self, exercise: Exercise, section: int) -> tuple[dict[str, Try], dict[str, Absent]]:
        made: dict[str, Try] = {}
        absent: dict[str, Absent] = {}
        for step in exercise.gradient_steps:
            tries = [one for one in self._tries if one.section == section and one.tensor == step.tensor]
            if not tries:
                absent[step.name] = Absent("missing", f"the training loop does not make {step.name}")
                continue
            one = ([one for one in tries if one.compared] or tries)[-1]
            _, stale = self.reads(one)
            if stale:
                absent[step.name] = Absent("error", _stale(step.name, sorted(stale)), self._lines[one.first].line)
            else:
                made[step.name] = one
        return made, absent

    # Text

    def _statement(self, at: int) -> Statement | None:
        line = self._lines[at]
        return self._flat.statement_at((line.line, line.column))

    @cached_property
    def _comparisons(self) -> Mapping[tuple[int, int], list[tuple[str, str]]]:
        """By the statement: `cmp("probs", dprobs, probs)`, `torch.allclose(dprobs, probs.grad)`."""
        found: dict[tuple[int, int], list[tuple[str, str]]] = {}
        aliases = self._recorded.aliases
        for statement in self._flat.program.statements:
            node = statement.node
            if not isinstance(node, ast.Expr | ast.Assert | ast.Assign):
                continue
            for inner in walk(node):
                if isinstance(inner, ast.Call):
                    pairs = found.setdefault((node.lineno, node.col_offset), [])
                    pairs += self._flat.compared_in(inner, aliases)
        return found


def _stale(name: str, stale: Sequence[str]) -> str:
    words = ", ".join(stale)
    return (
        f"{name} is made from {words}, which this loop does not make: what another exercise left under that name "
        "is of other numbers"
    )


def with_gradients(desk: Desk, student: Student, answers: Answers) -> Answers:
    """The answers, with what the runs of programs show whose gradients may be variables."""
    found = dict(answers.by_name)
    notes: list[str] = []
    variables: set[tuple[str, int, int]] = set()
    for flat in answers.flat:
        made = {(one.exercise, one.name): one for one in _made(desk, student, flat, notes, variables)}
        for place, before in answers.by_name.items():
            is_function = before.position is not None and (before.name, *before.position) not in variables
            is_open = before.status == "missing" or (before.is_flat and not is_function)
            if is_open and place in made and found[place].flat is None:
                found[place] = made[place]
    for place, one in found.items():
        if one.is_flat and one.flat is None:
            is_variable = (one.name, *one.position) in variables if one.position else True
            found[place] = answers.otherwise[place](is_variable)
    return replace(answers, by_name=found, notes=(*answers.notes, *notes))


def _made(
    desk: Desk, student: Student, flat: FlatProgram, notes: list[str], variables: set[tuple[str, int, int]]
) -> list[Answer]:
    """What a program answers; nothing where it cannot be run. Adds a remark, and the variables that hold gradients."""
    lesson = desk.lesson
    situation = desk.situations.public("", "")
    inputs = {name: tuple(map(str, entry.shape)) for name, entry in lesson.public_case.inputs.items()}
    program = flat.program
    opened = Open(
        flat.key, program.file, program.text, flat.own_files, tuple(sorted(lesson.graph.tensors)), inputs,
        flat.affixes, flat.backward, flat.compared, flat.kept,
    )  # fmt: skip
    values = situation.tape.values
    call = written_call(flat.key, "float64", desk.everything, situation.case.sizes, values, situation.drawn)
    student.remember(flat.key, opened, call)
    recorded = student.record(opened, call, student.budget(lesson.limits.step_seconds))
    if not isinstance(recorded, Recorded):
        return []
    made: set[str] = set()
    for line in recorded.lines:  # a variable that is bound to what it holds already stays one
        made |= {event.variable for event in line.events if event.source == "made"}
        statement = flat.statement_at((line.line, line.column))
        names = line.unmade if statement and statement.is_definition else {*line.unmade, *made}
        variables |= {(name, line.line, line.column) for name in names}
    aliases = {own: meant for own, meant in sorted(recorded.aliases.items()) if own != meant}
    used = {word for statement in program.statements for word in statement.mentions}
    gradients = {event.variable: event.tensor for line in recorded.lines for event in line.events}
    other = {own: f"d{tensor}" for own, tensor in sorted(gradients.items()) if own != f"d{tensor}"}
    loss = lesson.loss
    told = [f"{own} for {meant}" for own, meant in {**aliases, **other}.items() if own in used and meant != loss]
    if told:
        notes.append(f"{program.file}: taken for the lesson's names: {', '.join(told)}")
    answers, _ = Planner(flat, lesson, recorded).answers()
    return answers
