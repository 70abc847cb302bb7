"""One callable of a student in all its cases -> the results of the steps it answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from grader.judge.budget import Budget, Lost
from grader.judge.compare import Comparison, compare
from grader.judge.desk import Desk, Place, Usual
from grader.judge.diagnosis import Observation
from grader.judge.inject import Impossible, Injection, available, resolve
from grader.judge.situation import Situation, View
from grader.judge.student import Student
from grader.judge.verdict import ENDING, CaseOutcome, Evidence, Kind, decide
from grader.lesson import Case, Exercise, Step
from grader.lesson.model import GRADIENT_PREFIX
from grader.names import one_of
from grader.results.model import Float32Row, StepResult
from grader.submission.answers import Answer as Written
from grader.wire.frames import Part
from grader.wire.messages import Answer, Failed, Loaded, Refused
from grader.wording import counted

_FLOAT32_SMALL = 1e-4  # of the scale
SUSPICIOUS = ("right", "wrong", "shape", "mutates", "hard-coded")  # a numerical difference is never bit-equal
FLOAT32_WORDS = re.compile(r"\.float\b|float32|FloatTensor|import float\b")


def judge_callable(
    desk: Desk, student: Student, exercise: Exercise, steps: Sequence[Step], written: Written
) -> list[StepResult]:
    """Judges one answer for each of `steps` (several when one function answers them all)."""
    results = _judged(desk, student, exercise, steps, written)
    results = [_absent(step, result, written) for step, result in zip(steps, results, strict=True)]
    return [replace(result, file=written.file or None) for result in results]


def _absent(step: Step, result: StepResult, written: Written) -> StepResult:
    """What the text shows of one of several results goes before what the call returned in its place."""
    absent = written.absent.get(step.name)
    return _settled(step, absent.status, absent.message, absent.line) if absent else result


def _judged(
    desk: Desk, student: Student, exercise: Exercise, steps: Sequence[Step], written: Written
) -> list[StepResult]:
    if written.status != "ready":
        return [_settled(step, written.status, written.message, written.line) for step in steps]
    budget = student.budget(desk.lesson.limits.step_seconds)
    targets = [step.tensor for step in steps]
    foreseen = resolve(desk.lesson, targets, Loaded(written.parameters, ()), written)
    ahead = foreseen if isinstance(foreseen, Injection) else Injection((), frozenset())
    guess = _Work(desk, student, exercise, tuple(steps), written, ahead, budget)
    burst = guess.usual().burst if ahead is foreseen else ()
    loaded, replies = student.load_and_call(written, burst, budget)
    if not isinstance(loaded, Loaded):
        return [_not_loaded(step, loaded, written) for step in steps]
    injection = resolve(desk.lesson, targets, loaded, written)
    if isinstance(injection, Impossible):
        return [_settled(step, "error", injection.message, written.line) for step in steps]
    if injection == ahead:
        work = replace(guess, replies=dict(zip(burst, replies, strict=False)))
        evidence = work.at_a_glance(replies) or work.evidence()
    else:
        work = replace(guess, injection=injection)
        evidence = work.evidence()
    results = [decide(of_one, desk.lesson) for of_one in evidence]
    remark = _not_from_the_start(exercise, injection) or _own_numbers(desk, loaded) or None
    suspected = work.suspected() if any(result.verdict in SUSPICIOUS for result in results) else None
    return [
        replace(result, note=result.note or remark, instructor=replace(result.instructor, suspected=suspected))
        for result in results
    ]


def right_in(
    desk: Desk,
    student: Student,
    exercise: Exercise,
    steps: Sequence[Step],
    written: Written,
    case: Case,
    budget: Budget,
) -> list[bool] | None:
    """Whether a ready answer is right in one case, step by step; None if its process was lost."""
    student.forget(written)
    targets = [step.tensor for step in steps]
    ahead = _as_read(resolve(desk.lesson, targets, Loaded(written.parameters, ()), written), written)
    nothing = Injection((), frozenset())
    work = _Work(desk, student, exercise, tuple(steps), written, ahead or nothing, budget)
    burst = (work.situation(case).call(desk.everything if work.place.is_shared else ahead),) if ahead else ()
    loaded, replies = student.load_and_call(written, burst, budget)
    if isinstance(loaded, Lost):
        return None
    injection = (
        _as_read(resolve(desk.lesson, targets, loaded, written), written) if isinstance(loaded, Loaded) else None
    )
    if injection is None:
        return [False] * len(steps)
    known = dict(zip(burst, replies, strict=False)) if injection == ahead else {}
    work = replace(work, injection=injection, replies=known)
    outcomes = work.outcomes_in(case)
    if outcomes[0].kind in ENDING:
        return None
    return [outcome.kind == "right" and not outcome.changed for outcome in outcomes]


def _as_read(injection: Injection | Impossible, written: Written) -> Injection | None:
    """The injection with the gradients that the answer's text mentions for its cut points."""
    if isinstance(injection, Impossible):
        return None
    read = frozenset(tensor for tensor in injection.cuts if GRADIENT_PREFIX + tensor in written.mentioned)
    return replace(injection, cuts=read)


@dataclass(frozen=True)
class _Work:
    """One callable being judged."""

    desk: Desk
    student: Student
    exercise: Exercise
    steps: tuple[Step, ...]
    written: Written
    injection: Injection
    budget: Budget
    replies: dict[Part, Answer | Failed | Lost] = field(default_factory=dict)  # to calls made ahead

    @property
    def place(self) -> Place:
        """Whose cases are drawn for it."""
        is_shared = self.written.flat is not None and self.written.place >= 0
        return Place("", "") if is_shared else Place(self.exercise.name, self.written.name)

    def usual(self) -> Usual:
        """What is asked of every answer like this one."""
        tensors = tuple(step.tensor for step in self.steps)
        return self.desk.usual(self.exercise, self.place, tensors, self.injection)

    def at_a_glance(self, replies: Sequence[object]) -> list[Evidence] | None:
        """The evidence where the replies to the burst are right, and prove it; None where a longer look is needed."""
        usual = self.usual()
        errors, real = usual.scaled_errors(replies), usual.real_answer(replies)
        if errors is None or real is None or (self.exercise.is_chain and not all(usual.proves)):
            return None
        outcomes = [
            CaseOutcome(usual.cases[-1], "right", comparison=Comparison("right", proves=proves, scaled_error=error))
            for proves, error in zip(usual.proves, errors, strict=True)
        ]
        return [
            self._evidence(step, (outcome,), row, real.output)
            for step, outcome, row in zip(self.steps, outcomes, self._compared_as_in_the_lecture(real), strict=True)
        ]

    def evidence(self) -> list[Evidence]:
        """What each step showed, in all cases and, where these are not right, at the lecture's sizes."""
        work, cases, views = self._most_favourable()
        lost = any(outcomes[-1].kind in ENDING for outcomes in cases)
        float32, output = ([None] * len(self.steps), "") if lost else self._float32()
        public, masked = (None, None) if lost else work._second_look(cases, views)
        return [
            replace(
                work._evidence(
                    step,
                    (*cases[place], public[place]) if public and _all_right([cases[place]]) else tuple(cases[place]),
                    float32[place],
                    output,
                ),
                public=public[place] if public else None,
                masked=masked[place] if masked else None,
                is_at_home=any(other.kind == "right" and _proves(other) for other in public or ()),
            )
            for place, step in enumerate(self.steps)
        ]

    def _evidence(self, step: Step, cases: tuple[CaseOutcome, ...], row: Float32Row | None, output: str) -> Evidence:
        return Evidence(
            step,
            self.exercise.is_chain,
            self.injection.cuts,
            self.written.mentioned,
            self.written.line,
            cases,
            float32=row,
            output=output,
            is_flat=self.written.is_flat,
        )

    def _most_favourable(self) -> tuple[_Work, list[list[CaseOutcome]], list[View]]:
        """The outcomes by step, under the reading of the answer that does it most justice; the view of each step.

        First every gradient that is asked for is a cut point. An answer that asks for more than
        it reads is then judged by what it reads, and one that computes in float32 in float32.
        """
        work, cases = self, self._cases("plain")
        views: list[View] = ["plain"] * len(self.steps)
        is_known = self.place.is_shared  # its run has shown what it reads
        if not is_known and not _all_right(cases) and self.injection.cuts and cases[0][-1].kind not in ENDING:
            read = self._read()
            if read != self.injection.cuts:
                work = replace(self, injection=replace(self.injection, cuts=read))
                cases = work._cases("plain")
        if FLOAT32_WORDS.search(self.written.own_text) and any(map(_smells_of_float32, cases)):
            single = work._cases("single")
            views = ["single" if _all_right([better]) else "plain" for better in single]
            cases = [
                better if view == "single" else seen for seen, better, view in zip(cases, single, views, strict=True)
            ]
        return work, cases, views

    def _read(self) -> frozenset[str]:
        """The gradients that the answer really reads: those it answers otherwise without."""
        case = next(case for case in self.desk.lesson.cases if not case.ties)
        situation = self.desk.situations.hidden(self.place.exercise, self.place.name, case)
        view: View = "plain"
        usual = self._call(situation, self.injection)
        if isinstance(usual, Failed) and FLOAT32_WORDS.search(self.written.own_text):  # mixed dtypes raise
            view = "single"
            usual = self._call(situation, self.injection, view)
        read: set[str] = set()
        for cut in sorted(self.injection.cuts):
            other = self._call(situation, replace(self.injection, cuts=self.injection.cuts - {cut}), view)
            if not (isinstance(usual, Answer) and isinstance(other, Answer) and _same(usual, other)):
                read.add(cut)
        return frozenset(read)

    def situation(self, case: Case) -> Situation:
        """A case for this callable."""
        if case is self.desk.lesson.public_case:
            return self.desk.situations.public(self.place.exercise, self.place.name)
        return self.desk.situations.hidden(self.place.exercise, self.place.name, case)

    def outcomes_in(self, case: Case) -> list[CaseOutcome]:
        """One case alone."""
        return self._outcomes(self.situation(case), "plain")

    def _cases(self, view: View) -> list[list[CaseOutcome]]:
        """For each step its outcomes in all cases, up to one in which the process is lost."""
        cases: list[list[CaseOutcome]] = [[] for _ in self.steps]
        for situation in self._hidden():
            for outcomes, outcome in zip(cases, self._outcomes(situation, view), strict=True):
                outcomes.append(outcome)
            if cases[0][-1].kind in ENDING:
                break
        return cases

    def _hidden(self) -> tuple[Situation, ...]:
        tensors = tuple(step.tensor for step in self.steps)
        return self.desk.situations.every_hidden(self.place.exercise, self.place.name, tensors)

    def _second_look(
        self, cases: Sequence[Sequence[CaseOutcome]], views: Sequence[View]
    ) -> tuple[list[CaseOutcome], list[CaseOutcome] | None]:
        """At the lecture's sizes; where not all is right, also with gradients that have the zeros of real ones."""
        situation = self.desk.situations.public(self.place.exercise, self.place.name)
        seen = {view: self._outcomes(situation, view) for view in sorted(set(views))}
        public = [seen[view][place] for place, view in enumerate(views)]
        clean = all(outcome.kind == "right" for outcomes in cases for outcome in outcomes)
        if clean or not self.injection.cuts:
            return public, None
        loud = self.desk.situations.loud(self.place.exercise, self.place.name)
        louder = self._outcomes(loud, "plain")
        public = [_worse(one, big) for one, big in zip(public, louder, strict=True)]
        masked = [
            _worse(one, big)
            for one, big in zip(self._outcomes(situation, "masked"), self._outcomes(loud, "masked"), strict=True)
        ]
        return public, masked

    def _call(self, situation: Situation, injection: Injection, view: View = "plain") -> Answer | Failed | Lost:
        return self._reply_to(situation.call(self.desk.everything if self.place.is_shared else injection, view))

    def _reply_to(self, call: Part) -> Answer | Failed | Lost:
        """The reply that came ahead, once; else the one to a call now."""
        made_ahead = self.replies.pop(call, None)
        return made_ahead if made_ahead else self.student.call(self.written, call, self.budget)

    def _outcomes(self, situation: Situation, view: View) -> list[CaseOutcome]:
        """One call, and what it shows of each step."""
        reply = self._call(situation, self.injection, view)
        if isinstance(reply, Lost):
            return [CaseOutcome(situation, reply.verdict, reply.message) for _ in self.steps]
        if reply.refused:
            first = reply.refused[0]
            return [CaseOutcome(situation, "forbidden", str(first), line=first.line) for _ in self.steps]
        if isinstance(reply, Failed):
            kind: Kind = "memory" if reply.is_memory else "error"
            targets = [step.tensor for step in self.steps]
            told = available(self.desk.lesson, targets, self.written, reply.name) or one_of(reply.near)
            fact = _error_message(reply) + told
            return [CaseOutcome(situation, kind, fact, line=reply.line) for _ in self.steps]
        return self._compared(situation, reply, view)

    def _compared(self, situation: Situation, reply: Answer, view: View) -> list[CaseOutcome]:
        wanted = len(self.steps) if self.exercise.function else None
        problem = _wrong_form(reply, wanted, self.exercise)
        if problem:
            refused = any(isinstance(item, Refused) for item in reply.returned[:1])
            tag = "no-tensor" if wanted is None or refused else ""
            return [CaseOutcome(situation, "error", problem, tag=tag) for _ in self.steps]
        outcomes: list[CaseOutcome] = []
        for step, item in zip(self.steps, reply.returned, strict=True):
            if isinstance(item, Refused):
                fact = f"it returned {item.what}; expected a tensor"
                outcomes.append(CaseOutcome(situation, "error", fact, tag="no-tensor"))
                continue
            comparison = compare(item, situation, step.tensor, self.injection.cuts, view)
            outcomes.append(
                CaseOutcome(
                    situation,
                    comparison.outcome,
                    comparison.fact,
                    comparison,
                    Observation(situation, item) if comparison.outcome == "wrong" else None,
                    reply.changed,
                )
            )
        return outcomes

    def suspected(self) -> str | None:
        """What looks like numerical differentiation, as a sentence for the instructor; never a verdict."""
        if self.written.flat is not None:
            shift = self.written.shift
        else:
            reply = self._call(
                self.desk.situations.public(self.place.exercise, self.place.name), self.injection, "watched"
            )
            shift = reply.shift if isinstance(reply, Answer) else None
        if shift is None:
            return None
        where = f"line {shift.line} " if shift.line else ""
        return f"{where}evaluates {shift.operation} again at inputs shifted by {shift.step:.1g}"

    def _float32(self) -> tuple[list[Float32Row | None], str]:
        """The lecture's comparison, step by step (None where the call failed), and what the call printed."""
        asked = self.desk.everything if self.place.is_shared else self.injection
        reply = self._reply_to(self.desk.real_chain.call(self.place.exercise, self.place.name, asked))
        if not isinstance(reply, Answer) or len(reply.returned) != len(self.steps):
            return [None] * len(self.steps), reply.output if isinstance(reply, Failed | Answer) else ""
        return self._compared_as_in_the_lecture(reply), reply.output

    def _compared_as_in_the_lecture(self, reply: Answer) -> list[Float32Row | None]:
        return [
            None if isinstance(item, Refused) else self.desk.real_chain.compare(item, step.tensor)
            for step, item in zip(self.steps, reply.returned, strict=True)
        ]


def _proves(outcome: CaseOutcome) -> bool:
    return outcome.comparison is not None and outcome.comparison.proves


def _worse(one: CaseOutcome, big: CaseOutcome) -> CaseOutcome:
    """Of the same look at ordinary and at large gradients the one that is not right."""
    return big if one.kind == "right" else one


def _all_right(cases: Sequence[Sequence[CaseOutcome]]) -> bool:
    return all(outcome.kind in ("right", "shape") for outcomes in cases for outcome in outcomes)


def _smells_of_float32(outcomes: Sequence[CaseOutcome]) -> bool:
    """Every case that is not right either raised, as mixed dtypes do, or is off by no more than float32 rounds."""
    bad = [outcome for outcome in outcomes if outcome.kind not in ("right", "shape")]
    return bool(bad) and all(
        outcome.kind == "error"
        or (outcome.comparison is not None and (outcome.comparison.scaled_error or 1.0) < _FLOAT32_SMALL)
        for outcome in bad
    )


def _same(one: Answer, other: Answer) -> bool:
    """Whether two answers hold the same numbers, bit for bit (NaN is itself)."""
    if len(one.returned) != len(other.returned):
        return False
    return all(
        isinstance(a, Refused) == isinstance(b, Refused)
        and (isinstance(a, Refused) or isinstance(b, Refused) or _equal(a, b))
        for a, b in zip(one.returned, other.returned, strict=True)
    )


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool(((a == b) | ((a != a) & (b != b))).all())


def _not_from_the_start(exercise: Exercise, injection: Injection) -> str:
    """A remark for an answer that reads gradients of a chain where one expression is asked for."""
    asked = injection.gradients_asked
    read = [name for name in asked if "*" in exercise.unless_reads or name in exercise.unless_reads]
    return f"it starts from {', '.join(read)}, which this exercise wants worked out, too" if read else ""


def _own_numbers(desk: Desk, loaded: Loaded) -> str:
    """A remark on parameters that have a name of the lesson's, and keep a number of the student's own."""
    graph, sizes = desk.lesson.graph, desk.lesson.public_case.sizes
    own = [name for name in loaded.numbers if name in graph.tensors or name in sizes]
    kept = [f"{name}={loaded.numbers[name]:g}" for name in own if loaded.numbers[name] != sizes.get(name)]
    return (
        f"it is called with your own {', '.join(kept)}: without a default, the lesson's value is given" if kept else ""
    )


def _wrong_form(reply: Answer, wanted: int | None, exercise: Exercise) -> str:
    """Why the returned thing is not of the form asked for; '' if it is."""
    if wanted is None:
        return f"it returned a tuple or list of {len(reply.returned)}; expected one tensor" if reply.is_sequence else ""
    names = ", ".join(step.name for step in exercise.gradient_steps)
    if not reply.is_sequence:
        what = reply.returned[0].what if isinstance(reply.returned[0], Refused) else "one tensor"
        return f"it returned {what}; expected the tuple {names}"
    if len(reply.returned) != wanted:
        return f"it returned {counted(len(reply.returned), 'value')}; expected {wanted}: {names}"
    return ""


def _settled(step: Step, verdict: str, message: str, line: int | None) -> StepResult:
    return StepResult(step.name, verdict, 0.0, step.points, message=message, line=line)


def _not_loaded(step: Step, reply: Failed | Lost, written: Written) -> StepResult:
    if isinstance(reply, Lost):
        return _settled(step, reply.verdict, reply.message, written.line)
    if reply.refused:
        return _settled(step, "forbidden", str(reply.refused[0]), reply.refused[0].line or written.line)
    verdict = "memory" if reply.is_memory else "error"
    return _settled(step, verdict, _error_message(reply), reply.line or written.line)


def _error_message(reply: Failed) -> str:
    if reply.is_memory:
        return "it ran out of memory"
    if reply.error.startswith("NotImplementedError"):
        return f"line {reply.line} still raises NotImplementedError; take the stub's raise away"
    place = f"line {reply.line}: " if reply.line else ""
    return place + reply.error
