"""One callable of a student in all its cases -> the results of the steps it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor

from grader.judge.budget import Budget, Lost
from grader.judge.compare import Comparison, compare
from grader.judge.desk import Desk, Place, Usual
from grader.judge.diagnosis import Observation
from grader.judge.inject import Impossible, Injection, available, resolve
from grader.judge.situation import DRAWS, Situation, View
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

_NOTHING = Injection((), frozenset())
_NO_TIME = Budget(0.0, 0.0, 0.0)  # of what does not run yet
SUSPICIOUS = ("right", "wrong", "shape", "mutates", "hard-coded")  # a numerical difference is never bit-equal


def judge_callable(
    desk: Desk, student: Student, exercise: Exercise, steps: Sequence[Step], written: Written
) -> list[StepResult]:
    """Judges one answer for each of `steps` (several when one function answers them all)."""
    (begun,) = begin(desk, student, [(exercise, steps, written)])
    return begun.finish(is_open=True)


@dataclass(frozen=True)
class Begun:
    """An answer that was made ready, and asked what may be shown of it; or its results, where there is no more."""

    steps: tuple[Step, ...]
    written: Written
    work: _Work | None
    remark: str = ""
    results: tuple[StepResult, ...] = ()
    was_cut_short: bool = False  # by the wall clock, so far

    def finish(self, *, is_open: bool) -> list[StepResult]:
        """The results, after all that is hidden; `is_open` where its text and numbers may be shown, too."""
        results = self._judged(self.work, is_open) if self.work else list(self.results)
        results = [_absent(step, result, self.written) for step, result in zip(self.steps, results, strict=True)]
        return [replace(result, file=self.written.file or None) for result in results]

    def _judged(self, work: _Work, is_open: bool) -> list[StepResult]:
        work = work.asked_the_rest()
        evidence = work.at_a_glance() or work.evidence()
        results = [decide(replace(of_one, is_open=is_open), work.desk.lesson) for of_one in evidence]
        suspected = work.suspected() if any(result.verdict in SUSPICIOUS for result in results) else None
        return [
            replace(
                result,
                note=result.note or self.remark or None,
                instructor=replace(result.instructor, suspected=suspected),
            )
            for result in results
        ]


def begin(desk: Desk, student: Student, asked: Sequence[tuple[Exercise, Sequence[Step], Written]]) -> list[Begun]:
    """Makes answers ready, each for some steps of its exercise, and asks them what comes before anything hidden."""
    works = [_foreseen(desk, student, exercise, tuple(steps), written) for exercise, steps, written in asked]
    ahead = [
        (work.written, work.plan.shown)
        for work in works
        if work.written.status == "ready" and work.written.flat is None and work.is_foreseen
    ]
    if len(ahead) > 1:
        student.call_ahead(ahead, student.budget(desk.lesson.limits.step_seconds))
    return [replace(_begun(work), was_cut_short=student.was_cut_short()) for work in works]


def _foreseen(desk: Desk, student: Student, exercise: Exercise, steps: tuple[Step, ...], written: Written) -> _Work:
    """An answer as its text shows it, before it is made ready."""
    targets = [step.tensor for step in steps]
    foreseen = resolve(desk.lesson, targets, Loaded(written.parameters, ()), written)
    if isinstance(foreseen, Impossible):
        return _Work(desk, student, exercise, steps, written, _NOTHING, _NOTHING.cuts, _NO_TIME, is_foreseen=False)
    return _Work(desk, student, exercise, steps, written, foreseen, foreseen.cuts, _NO_TIME)


def _begun(work: _Work) -> Begun:
    desk, student, written, steps = work.desk, work.student, work.written, work.steps
    if written.status != "ready":
        return _ended([_settled(step, written.status, written.message, written.line) for step in steps], steps, written)
    work = replace(work, budget=student.budget(desk.lesson.limits.step_seconds))
    calls = work.plan.shown if work.is_foreseen else ()
    loaded, replies = student.load_and_call(written, calls, work.budget)
    if not isinstance(loaded, Loaded):
        return _ended([_not_loaded(step, loaded, written) for step in steps], steps, written)
    injection = resolve(desk.lesson, [step.tensor for step in steps], loaded, written)
    if isinstance(injection, Impossible):
        return _ended([_settled(step, "error", injection.message, written.line) for step in steps], steps, written)
    if injection != work.injection or not work.is_foreseen:
        work = replace(work, injection=injection, cuts=injection.cuts)
        calls = work.plan.shown
        _, replies = student.load_and_call(written, calls, work.budget)
    work.replies.add_all(calls, replies)
    return Begun(steps, written, work, _not_from_the_start(work.exercise, injection) or _own_numbers(desk, loaded))


def _ended(results: Sequence[StepResult], steps: tuple[Step, ...], written: Written) -> Begun:
    return Begun(steps, written, None, results=tuple(results))


def _absent(step: Step, result: StepResult, written: Written) -> StepResult:
    """What the text shows of one of several results goes before what the call returned in its place."""
    absent = written.absent.get(step.name)
    return _settled(step, absent.status, absent.message, absent.line) if absent else result


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
    asked = ahead or _NOTHING
    work = _Work(desk, student, exercise, tuple(steps), written, asked, asked.cuts, budget)
    burst = (work.situation(case).call(desk.everything if work.place.is_shared else ahead),) if ahead else ()
    loaded, replies = student.load_and_call(written, burst, budget)
    if isinstance(loaded, Lost):
        return None
    injection = (
        _as_read(resolve(desk.lesson, targets, loaded, written), written) if isinstance(loaded, Loaded) else None
    )
    if injection is None:
        return [False] * len(steps)
    if injection == ahead:
        work.replies.add_all(burst, replies)
    work = replace(work, injection=injection, cuts=injection.cuts)
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


class Replies:
    """What was said to each call. Two calls may be the same in every byte, and be answered differently."""

    def __init__(self) -> None:
        self._said: dict[int, tuple[Part, Answer | Failed | Lost]] = {}  # with the call, so that its id stays its own

    def get(self, call: Part) -> Answer | Failed | Lost | None:
        """The reply; None where it was not asked."""
        return self._said[id(call)][1] if id(call) in self._said else None

    def add(self, call: Part, reply: Answer | Failed | Lost) -> Answer | Failed | Lost:
        """Keeps a reply, and gives it."""
        self._said[id(call)] = call, reply
        return reply

    def add_all(self, calls: Sequence[Part], replies: Sequence[Answer | Failed | Lost]) -> None:
        """Keeps those that came, in the order of the calls."""
        for call, reply in zip(calls, replies, strict=False):
            self.add(call, reply)


_Probe = tuple[Part, Callable[[Tensor, str], bool]]  # a call, and whether what it gives for a tensor is far off


@dataclass(frozen=True)
class _Work:
    """One callable being judged."""

    desk: Desk
    student: Student
    exercise: Exercise
    steps: tuple[Step, ...]
    written: Written
    injection: Injection  # what it is given
    cuts: frozenset[str]  # of its gradients those that it reads, as far as that is known
    budget: Budget
    replies: Replies = field(default_factory=Replies)
    is_foreseen: bool = True  # its text says what it asks for

    @property
    def place(self) -> Place:
        """Whose cases are drawn for it."""
        is_shared = self.written.flat is not None and self.written.place >= 0
        return Place("", "") if is_shared else Place(self.exercise.name, self.written.name)

    @cached_property
    def plan(self) -> Usual:
        """What is asked of every answer like this one."""
        return self.desk.usual(self.exercise, self.place, self._tensors, self.injection)

    def asked_the_rest(self) -> _Work:
        """The same, when it was asked all cases, too; not where what came first was its end."""
        budget = self.student.budget(self.desk.lesson.limits.step_seconds)
        budget.used, budget.overrun = self.budget.used, self.budget.overrun or budget.overrun
        if not isinstance(self.replies.get(self.plan.calls[0]), Lost):
            _, replies = self.student.load_and_call(self.written, self.plan.rest, budget)
            self.replies.add_all(self.plan.rest, replies)
        return replace(self, budget=budget)

    def at_a_glance(self) -> list[Evidence] | None:
        """The evidence where all replies are right, and prove it; None where a longer look is needed."""
        usual = self.plan
        errors = usual.scaled_errors(self.replies.get)
        real, loud = usual.answer_to(usual.real, self.replies.get), usual.answer_to(usual.loud_call, self.replies.get)
        if errors is None or real is None or loud is None or (self.exercise.is_chain and not all(usual.proves)):
            return None
        rows = self._compared_as_in_the_lecture(real)
        if None in rows or self.desk.real_chain.any_far(real, usual.tensors) or usual.is_far(loud):
            return None
        outcomes = [
            CaseOutcome(usual.cases[0], "right", comparison=Comparison("right", proves=proves, scaled_error=error))
            for proves, error in zip(usual.proves, errors, strict=True)
        ]
        return [
            self._evidence(step, (outcome,), row, real.output)
            for step, outcome, row in zip(self.steps, outcomes, rows, strict=True)
        ]

    def evidence(self) -> list[Evidence]:
        """What each step showed: at the lecture's sizes, in all cases, and in float32."""
        shown, first = self.plan.calls[0], self.plan.cases[0]
        public = self._seen(self._reply_to(shown), first)
        if public[0].kind in ENDING:
            return [
                replace(self._evidence(step, (one,), None, ""), public=one)
                for step, one in zip(self.steps, public, strict=True)
            ]
        work, cases = self._most_favourable()
        public = work._seen(self._reply_to(shown), first)
        lost = any(outcomes[-1].kind in ENDING for outcomes in cases)
        float32, output, raised = ([None] * len(self.steps), "", "") if lost else self._float32()
        home, masked = ([], []) if lost or _all_right(cases) else work._second_look()
        far = work._far() if any(_all_right([of_one]) for of_one in cases) else [""] * len(self.steps)
        return [
            replace(
                work._evidence(
                    step,
                    (*cases[place], public[place]) if _all_right([cases[place]]) else tuple(cases[place]),
                    float32[place],
                    output,
                ),
                public=public[place],
                home=tuple(outcomes[place] for outcomes in home),
                masked=tuple(outcomes[place] for outcomes in masked),
                is_at_home=any(one.kind == "right" and _proves(one) for outcomes in home for one in outcomes),
                far=far[place],
                raised_in_float32=raised,
            )
            for place, step in enumerate(self.steps)
        ]

    def _evidence(self, step: Step, cases: tuple[CaseOutcome, ...], row: Float32Row | None, output: str) -> Evidence:
        return Evidence(
            step,
            self.exercise.is_chain,
            self.cuts,
            self.written.mentioned,
            self.written.line,
            cases,
            float32=row,
            output=output,
            is_flat=self.written.is_flat,
        )

    @property
    def _tensors(self) -> tuple[str, ...]:
        return tuple(step.tensor for step in self.steps)

    def _most_favourable(self) -> tuple[_Work, list[list[CaseOutcome]]]:
        """The outcomes by step, under the reading of the answer that does it most justice.

        First every gradient that is asked for is a cut point. An answer that asks for more than
        it reads is then judged by what it reads.
        """
        cases = self._cases()
        is_known = self.place.is_shared  # its run has shown what it reads
        if is_known or _all_right(cases) or not self.cuts or cases[0][-1].kind in ENDING:
            return self, cases
        work = replace(self, cuts=self._read())
        return (work, work._cases()) if work.cuts != self.cuts else (self, cases)

    def _read(self) -> frozenset[str]:
        """The gradients that the answer really reads: those it answers otherwise without."""
        case = next(case for case in self.desk.lesson.cases if not case.ties)
        situation = self.situation(case)
        usual = self._call(situation, self.injection)
        read: set[str] = set()
        for cut in sorted(self.injection.cuts):
            other = self._call(situation, replace(self.injection, cuts=self.injection.cuts - {cut}))
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
        return self._outcomes(self.situation(case))

    def _cases(self) -> list[list[CaseOutcome]]:
        """For each step its outcomes in all cases, up to one in which the process is lost."""
        cases: list[list[CaseOutcome]] = [[] for _ in self.steps]
        for situation, call in zip(self.plan.cases[1:], self.plan.calls[1:], strict=True):
            for outcomes, outcome in zip(cases, self._seen(self._reply_to(call), situation), strict=True):
                outcomes.append(outcome)
            if cases[0][-1].kind in ENDING:
                break
        return cases

    def _second_look(self) -> tuple[list[list[CaseOutcome]], list[list[CaseOutcome]]]:
        """All cases at the lecture's sizes; the same with gradients that have the zeros of real ones."""
        home = self.desk.situations.at_home(self.place.exercise, self.place.name, self._tensors)
        return self._until_none_is_right(home, "plain"), self._until_none_is_right(home, "masked") if self.cuts else []

    def _until_none_is_right(self, situations: Sequence[Situation], view: View) -> list[list[CaseOutcome]]:
        """Outcomes, situation by situation, up to where each step was seen to be something else than right."""
        seen: list[list[CaseOutcome]] = []
        open_steps = set(range(len(self.steps)))
        for situation in situations if open_steps else ():
            seen.append(self._outcomes(situation, view))
            open_steps -= {place for place, outcome in enumerate(seen[-1]) if not _all_right([[outcome]])}
            if not open_steps:
                break
        return seen

    def _far(self) -> list[str]:
        """For each step where it is far off in float32, and again in a second draw; '' for nowhere."""
        exercise, name, situations = self.place.exercise, self.place.name, self.desk.situations
        asked = self._asked

        def in_the_chain(draw: int) -> _Probe:
            chain = self.desk.hidden_chain if draw else self.desk.real_chain
            return chain.call(exercise, name, asked), chain.is_far

        def in_loud(draw: int) -> _Probe:
            loud = situations.loud(exercise, name, draw)
            return loud.call(asked, "single"), lambda item, tensor: loud.is_far(item, tensor, self.cuts)

        found = [""] * len(self.steps)
        for where, probe in (("in float32", in_the_chain), ("in float32, for large gradients,", in_loud)):
            far = self._far_in_every_draw(probe)
            found = [one or (where if is_far else "") for one, is_far in zip(found, far, strict=True)]
        return found

    def _far_in_every_draw(self, probe: Callable[[int], _Probe]) -> list[bool]:
        far = [True] * len(self.steps)
        for draw in range(DRAWS):
            call, is_far = probe(draw)
            reply = self._reply_to(call)
            came = reply.returned if isinstance(reply, Answer) and len(reply.returned) == len(self.steps) else ()
            far = [
                was and place < len(came) and isinstance(item := came[place], Tensor) and is_far(item, step.tensor)
                for place, (was, step) in enumerate(zip(far, self.steps, strict=True))
            ]
            if not any(far):
                break
        return far

    @property
    def _asked(self) -> Injection:
        return self.desk.everything if self.place.is_shared else self.injection

    def _call(self, situation: Situation, injection: Injection, view: View = "plain") -> Answer | Failed | Lost:
        return self._reply_to(situation.call(self.desk.everything if self.place.is_shared else injection, view))

    def _reply_to(self, call: Part) -> Answer | Failed | Lost:
        """The reply that came before, or the one to a call now."""
        return self.replies.get(call) or self.replies.add(call, self.student.call(self.written, call, self.budget))

    def _outcomes(self, situation: Situation, view: View = "plain") -> list[CaseOutcome]:
        """One call, and what it shows of each step."""
        return self._seen(self._call(situation, self.injection, view), situation, view)

    def _seen(self, reply: Answer | Failed | Lost, situation: Situation, view: View = "plain") -> list[CaseOutcome]:
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
            comparison = compare(item, situation, step.tensor, self.cuts, view)
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
            reply = self._call(self.plan.cases[0], self.injection, "watched")
            shift = reply.shift if isinstance(reply, Answer) else None
        if shift is None:
            return None
        where = f"line {shift.line} " if shift.line else ""
        return f"{where}evaluates {shift.operation} again at inputs shifted by {shift.step:.1g}"

    def _float32(self) -> tuple[list[Float32Row | None], str, str]:
        """The lecture's comparison, step by step (None where the call failed), what the call printed and raised."""
        reply = self._reply_to(self.plan.real)
        if not isinstance(reply, Answer) or len(reply.returned) != len(self.steps):
            raised = _error_message(reply) if isinstance(reply, Failed) and not reply.refused else ""
            return [None] * len(self.steps), reply.output if isinstance(reply, Failed | Answer) else "", raised
        return self._compared_as_in_the_lecture(reply), reply.output, ""

    def _compared_as_in_the_lecture(self, reply: Answer) -> list[Float32Row | None]:
        return [
            None if isinstance(item, Refused) else self.desk.real_chain.compare(item, step.tensor)
            for step, item in zip(self.steps, reply.returned, strict=True)
        ]


def _proves(outcome: CaseOutcome) -> bool:
    return outcome.comparison is not None and outcome.comparison.proves


def _all_right(cases: Sequence[Sequence[CaseOutcome]]) -> bool:
    return all(outcome.kind in ("right", "shape") for outcomes in cases for outcome in outcomes)


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
