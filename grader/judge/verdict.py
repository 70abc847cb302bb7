"""All cases of one step -> its verdict, and the message that says why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from msgspec import Struct

from grader.judge.compare import Comparison
from grader.judge.diagnosis import Observation, diagnose
from grader.judge.diagnosis.where import where_off
from grader.judge.picture import error_map
from grader.judge.situation import TOLERANCE, Situation
from grader.lesson import Lesson, Step
from grader.results.model import PASSING, CaseReport, Float32Row, Instructor, Mistake, StepResult
from grader.wording import apart

Kind = Literal["right", "shape", "wrong", "error", "forbidden", "timeout", "memory", "crashed"]
_UNNOTICED = (
    "the comparison on the real chain does not notice: what differs is zero there, or too small to show; "
    "a step has to be right for any gradient that reaches it"
)
_NOTICEABLE = 1e-3  # of the scale
_NO_TENSOR = "return the gradient itself, as one torch tensor; a function without `return` returns None"
_FORMS = {
    "dtype": "work in the type of the inputs: no .int(), .long() or .half(), and no tensor of integers to add into",
    "not-finite": "look for a division by zero, the log of zero, or a power of something negative",
}
ENDING = frozenset({"forbidden", "timeout", "memory", "crashed"})  # after one of these no further case is asked


class CaseOutcome(Struct, frozen=True):
    """One step in one case."""

    situation: Situation
    kind: Kind
    fact: str = ""
    comparison: Comparison | None = None
    observation: Observation | None = None
    changed: tuple[str, ...] = ()
    line: int | None = None
    tag: str = ""  # of the mistake, where the form alone shows it


@dataclass(frozen=True)
class Evidence:
    """Everything that was seen of one step."""

    step: Step
    must_prove: bool  # a reference that is zero in exact arithmetic proves nothing
    cuts: frozenset[str]
    mentioned: frozenset[str]  # the names in the student's code
    line: int | None
    cases: tuple[CaseOutcome, ...]
    public: CaseOutcome | None = None  # the lecture's sizes; looked at when a case is not right
    masked: CaseOutcome | None = None  # the same on the zeros of the real chain
    float32: Float32Row | None = None
    output: str = ""  # what it printed at the lecture's sizes: nothing of the hidden cases is shown
    is_flat: bool = False  # what it changes are the student's own variables
    is_at_home: bool = False  # at the lecture's sizes some step of the same callable is right, and proves it


def decide(evidence: Evidence, lesson: Lesson) -> StepResult:
    """The result of one step, in this order: forbidden, lost, error, wrong, shape, mutates, hard-coded, right."""
    cases = evidence.cases
    base = StepResult(
        evidence.step.name,
        "right",
        1.0,
        evidence.step.points,
        float32=evidence.float32,
        line=evidence.line,
        output=evidence.output,
    )
    ending = next((case for case in cases if case.kind in ENDING), None)
    bad = next((case for case in cases if case.kind in ("error", "wrong")), None)
    slipped = next((case for case in cases if case.kind == "shape"), None)
    changed = next((case for case in cases if case.changed), None)
    proved = any(case.comparison and case.comparison.proves for case in cases)
    if ending:
        line = ending.line or base.line
        result = replace(base, verdict=ending.kind, message=ending.fact, line=line, float32=None)
    elif bad:
        result = _bad(base, evidence, bad)
    elif evidence.must_prove and not proved:
        result = _proves_nothing(base, evidence, lesson)
    elif slipped and slipped.comparison:
        result = _with_numbers(
            replace(
                base,
                verdict="shape",
                message=_shape_fact(evidence, slipped.comparison),
                mistake=Mistake(slipped.comparison.tag, _shape_help(evidence, slipped.comparison)),
            ),
            evidence,
        )
    elif changed and not evidence.is_flat:
        names = ", ".join(changed.changed)
        result = replace(
            base,
            verdict="mutates",
            message=f"the values are right, but it changed its input {names} in place",
            mistake=Mistake("in-place", f"work on a copy: {changed.changed[0]}.clone()"),
        )
    else:
        exact = evidence.float32 is not None and evidence.float32.exact
        error = max((case.comparison.scaled_error or 0.0 for case in cases if case.comparison), default=0.0)
        result = replace(base, verdict="exact" if exact else "right", scaled_error=error)
    if result.verdict not in PASSING:
        result = replace(result, instructor=Instructor(cases=_case_reports(evidence)))
    notes = [case.comparison.note for case in cases if case.comparison and case.comparison.note]
    if changed and evidence.is_flat and result.verdict in PASSING:
        notes.append(f"it changes {', '.join(changed.changed)} in place: what reads that afterwards reads other values")
    if result.verdict == "wrong" and evidence.float32 and evidence.float32.approximate and _is_large(evidence):
        notes.append(_UNNOTICED)
    return replace(result, credit=credit_of(result.verdict, lesson), note=notes[0] if notes else None)


def _is_large(evidence: Evidence) -> bool:
    """Whether an answer is off by more than what a comparison in float32 lets pass as rounding."""
    errors = [case.comparison.scaled_error or 0.0 for case in evidence.cases if case.comparison]
    return max(errors, default=0.0) > _NOTICEABLE


def credit_of(verdict: str, lesson: Lesson) -> float:
    """The part of its points that a step with this verdict earns."""
    return 1.0 if verdict in ("right", "exact") else lesson.credit.get(verdict, 0.0)


def _bad(base: StepResult, evidence: Evidence, bad: CaseOutcome) -> StepResult:
    """Hard-coded, error or wrong."""
    public, masked = evidence.public, evidence.masked
    if public and _earns_half(public, evidence, bad):
        sizes = ", ".join(f"{name} = {size}" for name, size in bad.situation.case.sizes.items())
        fact = f"right at the lecture's sizes, but not in the case “{bad.situation.case.name}” ({sizes}): {bad.fact}"
        help = "look for a number that should be a size (32 for n), a shape written out, values that are cut off"
        return replace(
            base, verdict="hard-coded", message=fact, mistake=Mistake("hard-coded", help), line=bad.line or base.line
        )
    if masked and _earns_half(masked, evidence, bad):
        names = ", ".join(f"d{cut}" for cut in sorted(evidence.cuts))
        fact = f"right only where {names} is zero in the same places as in the real chain; in general {bad.fact}"
        help = "a step has to be right for any gradient that reaches it, not only for this loss's"
        return replace(base, verdict="hard-coded", message=fact, mistake=Mistake("hard-coded", help))
    if bad.kind == "error":
        seen = public if public and public.kind == "error" else bad  # rather with the sizes the student knows
        mistake = Mistake(seen.tag, _NO_TENSOR) if seen.tag else None
        line = seen.line or base.line
        return replace(base, verdict="error", message=seen.fact, line=line, float32=None, mistake=mistake)
    mistake = _mistake(evidence, bad)
    shown = public.comparison if public and public.comparison and public.kind == "wrong" else bad.comparison
    fact = shown.fact if shown else bad.fact
    if public and not mistake and public.comparison and public.comparison.off is not None:
        place = where_off(public.comparison.off, public.situation, evidence.step.tensor)
        fact += f", {place}" if place else ""
    return _with_numbers(replace(base, verdict="wrong", message=fact, mistake=mistake), evidence)


def _mistake(evidence: Evidence, bad: CaseOutcome) -> Mistake | None:
    """What the form shows, or what explains the numbers of all cases."""
    if bad.comparison and bad.comparison.tag:
        return Mistake(bad.comparison.tag, _FORMS[bad.comparison.tag])
    outcomes = [*evidence.cases, *([evidence.public] if evidence.public else [])]
    observations = [case.observation for case in outcomes if case.observation and not case.situation.case.ties]
    return diagnose(observations, evidence.step.tensor, evidence.cuts, evidence.mentioned)


def _earns_half(outcome: CaseOutcome, evidence: Evidence, bad: CaseOutcome) -> bool:
    """Right there to the last digits, where that proves something.

    Where the right answer is 0 in exact arithmetic, 0 of the lecture's size proves the size alone: that is
    enough where the other cases fail for the size (or raise, while the rest of the callable is right here),
    and not where they fail for the values.
    """
    seen = outcome.comparison
    if seen is None or seen.outcome == "wrong":
        return False
    other_size = bad.comparison is not None and bad.comparison.got is None
    raises = bad.comparison is None and evidence.is_at_home
    if not seen.proves and (evidence.must_prove or not (other_size or raises)):
        return False
    return seen.scaled_error is not None and seen.scaled_error <= TOLERANCE


def _with_numbers(result: StepResult, evidence: Evidence) -> StepResult:
    """The worst element of the public case, in the fields and in the message."""
    public = evidence.public
    worst = _worst(public, evidence) if public else None
    if not (public and public.comparison and worst):
        return result
    index, got, expected = worst
    message = result.message
    if result.verdict == "wrong":
        at = f" at {tuple(index)}" if index else ""
        shown = apart(got, expected)
        message += f", worst{at}: got {shown[0]}, expected {shown[1]}"
        if public.comparison.scaled_error is not None:
            message += f" (off by {public.comparison.scaled_error:.0e} of the scale; {TOLERANCE:.0e} is allowed)"
    return replace(
        result,
        message=message,
        scaled_error=public.comparison.scaled_error,
        worst_index=index,
        got=got,
        expected=expected,
        error_map=_error_map(public, evidence) if result.verdict == "wrong" else None,
    )


def _error_map(public: CaseOutcome, evidence: Evidence) -> tuple[str, ...] | None:
    """Where the answer is off in the public case, and how much."""
    seen = public.comparison
    if seen is None or seen.got is None or seen.off is None:
        return None
    reference = public.situation.reference(evidence.step.tensor, evidence.cuts)
    return error_map((seen.got - reference.gradient).abs(), seen.off, reference.scale)


def _worst(case: CaseOutcome, evidence: Evidence) -> tuple[tuple[int, ...], float, float] | None:
    """Where the answer is off the most in a case, what stands there, what should."""
    if not (case.comparison and case.comparison.got is not None):
        return None
    reference = case.situation.reference(evidence.step.tensor, evidence.cuts)
    error = (case.comparison.got - reference.gradient).abs()
    place = int(error.argmax())
    index: list[int] = []
    for length in reversed(error.shape):
        index.insert(0, place % length)
        place //= length
    return tuple(index), float(case.comparison.got[tuple(index)]), float(reference.gradient[tuple(index)])


def _case_reports(evidence: Evidence) -> tuple[CaseReport, ...]:
    """Every case, for the instructor."""
    reports = []
    outcomes = [*evidence.cases, *([evidence.public] if evidence.public else [])]
    for outcome in {id(outcome): outcome for outcome in outcomes}.values():  # each once: it may be among the cases
        index, got, expected = _worst(outcome, evidence) or (None, None, None)
        case = outcome.situation.case
        error = outcome.comparison.scaled_error if outcome.comparison else None
        reports.append(CaseReport(case.name, case.sizes, outcome.kind, outcome.fact, error, index, got, expected))
    return tuple(reports)


def _proves_nothing(base: StepResult, evidence: Evidence, lesson: Lesson) -> StepResult:
    tensor = evidence.step.tensor
    users = lesson.graph.users[tensor]
    if evidence.cuts:
        fact = f"d{tensor} is zero in every case of this lesson, so that nothing here can prove the answer right"
        return replace(base, verdict="wrong", message=fact)
    read = ", ".join(f"d{user.tensor}" for user in users)
    fact = (
        f"d{tensor} is zero in exact arithmetic for this loss, "
        f"so an answer that reads no gradient proves nothing; write it from {read}"
    )
    return replace(base, verdict="wrong", message=fact, mistake=Mistake("zeros", lesson.graph.uses(tensor)))


def _shape_fact(evidence: Evidence, hidden: Comparison) -> str:
    """The shapes at the sizes the student knows, where it slips there, too."""
    public = evidence.public.comparison if evidence.public else None
    return public.fact if public and public.outcome == "shape" else hidden.fact


def _shape_help(evidence: Evidence, slipped: Comparison) -> str:
    tensor = evidence.step.tensor
    mend = ""
    if slipped.tag == "keepdim":
        mend = f"{'no keepdim=True' if slipped.more_axes > 0 else 'keepdim=True'} in a sum, or "
    return (
        f"give it the shape of {tensor} itself ({mend}.view({tensor}.shape)): "
        f"an update in place of {tensor} fails or broadcasts otherwise"
    )
