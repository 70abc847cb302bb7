"""All cases of one step -> its verdict, and the message that says why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from msgspec import Struct

from grader.judge.compare import Comparison
from grader.judge.diagnosis import Observation, diagnose
from grader.judge.diagnosis.where import where_off
from grader.judge.picture import error_map
from grader.judge.situation import FAR, TOLERANCE, Situation
from grader.lesson import Lesson, Step
from grader.results.model import PASSING, CaseReport, Float32Row, Instructor, Mistake, StepResult
from grader.wording import apart

Kind = Literal["right", "shape", "wrong", "error", "forbidden", "timeout", "memory", "crashed"]
_UNNOTICED = (
    "the comparison on the real chain does not notice: what differs is zero there, or too small to show; "
    "a step has to be right for any gradient that reaches it"
)
_EXCEPTION = re.compile(r"(?:line \d+: )?([A-Z]\w*)(?=:|$)")
_HIDDEN = {
    "wrong": "some elements differ in a hidden case",
    "shape": "the values are right, but its shape is another in a hidden case",
    "error": "it did not return what is asked for in a hidden case",
    "forbidden": "it reaches outside the language in a hidden case",
    "crashed": "its process ended in a hidden case",
}
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
    public: CaseOutcome | None = None  # the lecture's sizes, as they are shown
    home: tuple[CaseOutcome, ...] = ()  # all cases at the lecture's sizes, up to one that is not right
    masked: tuple[CaseOutcome, ...] = ()  # the same on the zeros of the real chain
    float32: Float32Row | None = None
    far: str = ""  # where it is far off in float32, in two draws
    raised_in_float32: str = ""
    output: str = ""  # what it printed at the lecture's sizes: nothing of the hidden cases is shown
    is_flat: bool = False  # what it changes are the student's own variables
    is_at_home: bool = False  # at the lecture's sizes some step of the same callable is right, and proves it
    is_open: bool = True  # what came of hidden cases may be shown: its text may hold their numbers


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
    if bad and evidence.public and evidence.public.kind == "error":  # whatever sizes are drawn: a view may fit some
        bad = evidence.public
    slipped = next((case for case in cases if case.kind == "shape"), None)
    changed = next((case for case in cases if case.changed), None)
    proved = any(case.comparison and case.comparison.proves for case in cases)
    if ending:
        line = ending.line or base.line
        result = replace(base, verdict=ending.kind, message=_told(ending, evidence), line=line, float32=None)
    elif bad:
        result = _bad(base, evidence, bad)
    elif evidence.far:
        fact = f"right in float64, but {evidence.far} it is off by more than {FAR:g} of the scale, which is no rounding"
        result = replace(base, verdict="wrong", message=fact)
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
        seen = (evidence.public or cases[0]).comparison
        error = (seen.scaled_error if seen else None) or 0.0
        result = replace(base, verdict="exact" if exact else "right", scaled_error=error)
    if result.verdict not in PASSING:
        result = replace(result, instructor=Instructor(cases=_case_reports(evidence)))
    notes = [case.comparison.note for case in cases if case.comparison and case.comparison.note]
    if changed and evidence.is_flat and result.verdict in PASSING:
        notes.append(f"it changes {', '.join(changed.changed)} in place: what reads that afterwards reads other values")
    if evidence.raised_in_float32 and result.verdict in PASSING:
        notes.append(f"in float32, the lecture's own type: {evidence.raised_in_float32}")
    is_unseen = evidence.public is not None and evidence.public.kind == "wrong"
    if (
        result.verdict == "wrong"
        and is_unseen
        and evidence.float32
        and evidence.float32.approximate
        and _is_large(evidence)
    ):
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
    public = evidence.public
    if _earns_half(evidence.home, evidence, bad):
        sizes = ", ".join(f"{name} = {size}" for name, size in bad.situation.case.sizes.items())
        where = f"{bad.situation.case.name}” ({sizes})" if evidence.is_open else f"{bad.situation.case.name}”"
        fact = f"right at the lecture's sizes, but not in the case “{where}: {_told(bad, evidence)}"
        name, size = next(iter(evidence.home[0].situation.case.sizes.items()))
        help = f"look for a number that should be a size ({size} for {name}), or a shape written out"
        return replace(
            base, verdict="hard-coded", message=fact, mistake=Mistake("hard-coded", help), line=bad.line or base.line
        )
    if _earns_half(evidence.masked, evidence, bad):
        names = ", ".join(f"d{cut}" for cut in sorted(evidence.cuts))
        seen = public if public and public.kind == "wrong" else bad
        fact = f"right only where {names} is zero in the same places as in the real chain; in general "
        fact += _told(seen, evidence)
        help = "a step has to be right for any gradient that reaches it, not only for this loss's"
        return replace(base, verdict="hard-coded", message=fact, mistake=Mistake("hard-coded", help))
    if bad.kind == "error":
        seen = public if public and public.kind == "error" else bad  # rather with the sizes the student knows
        mistake = Mistake(seen.tag, _NO_TENSOR) if seen.tag else None
        line = seen.line or base.line
        message = _told(seen, evidence)
        return replace(base, verdict="error", message=message, line=line, float32=None, mistake=mistake)
    mistake = _mistake(evidence, bad)
    is_seen = public is not None and public.kind == "wrong"
    fact = _told(public if public and is_seen else bad, evidence)
    if public and not is_seen and bad is not public:
        fact = f"it is right in the case whose numbers you see; in “{bad.situation.case.name}”, {fact}"
    if public and not mistake and public.comparison and public.comparison.off is not None:
        place = where_off(public.comparison.off, public.situation, evidence.step.tensor)
        fact += f", {place}" if place else ""
    return _with_numbers(replace(base, verdict="wrong", message=fact, mistake=mistake), evidence)


def _mistake(evidence: Evidence, bad: CaseOutcome) -> Mistake | None:
    """What the form shows, or what explains the numbers of all cases."""
    if bad.comparison and bad.comparison.tag:
        return Mistake(bad.comparison.tag, _FORMS[bad.comparison.tag])
    outcomes = [*evidence.cases, *([evidence.public] if evidence.public else [])]
    once = {case.situation.case.name: case for case in reversed(outcomes)}  # of the draws of a case one is enough
    observations = [case.observation for case in once.values() if case.observation and not case.situation.case.ties]
    return diagnose(observations, evidence.step.tensor, evidence.cuts, evidence.mentioned)


def _earns_half(outcomes: Sequence[CaseOutcome], evidence: Evidence, bad: CaseOutcome) -> bool:
    """Right in all of these, where that proves something.

    Where the right answer is 0 in exact arithmetic, 0 of the lecture's size proves the size alone: that is
    enough where the other cases fail for the size (or raise, while the rest of the callable is right here),
    and not where they fail for the values.
    """
    seen = [outcome.comparison for outcome in outcomes]
    if not seen or not all(comparison and comparison.outcome != "wrong" for comparison in seen):
        return False
    if any(comparison and comparison.proves for comparison in seen):
        return True
    other_size = bad.comparison is not None and bad.comparison.got is None
    raises = bad.comparison is None and evidence.is_at_home
    return not evidence.must_prove and (other_size or raises)


def _told(case: CaseOutcome, evidence: Evidence) -> str:
    """What a student may read of one case: of a hidden one no text and no number that came from the answer."""
    if evidence.is_open or case is evidence.public or case.kind in ("timeout", "memory"):
        return case.fact
    if case.kind == "error" and (kind := exception_in(case.fact)):
        return f"it raised {kind} in a hidden case"
    return _HIDDEN.get(case.kind, "it is not right in a hidden case")


def exception_in(text: str) -> str:
    """The type of exception that a text begins with; '' for none."""
    found = _EXCEPTION.match(text)
    return found[1] if found else ""


def _with_numbers(result: StepResult, evidence: Evidence) -> StepResult:
    """The worst element of the public case, in the fields and in the message."""
    public = evidence.public
    worst = _worst(public, evidence) if public else None
    if not (public and public.comparison and worst) or (result.verdict == "wrong" and public.kind != "wrong"):
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
    if public and public.outcome == "shape":
        return public.fact
    return hidden.fact if evidence.is_open else _HIDDEN["shape"]


def _shape_help(evidence: Evidence, slipped: Comparison) -> str:
    tensor = evidence.step.tensor
    mend = ""
    if slipped.tag == "keepdim":
        mend = f"{'no keepdim=True' if slipped.more_axes > 0 else 'keepdim=True'} in a sum, or "
    return (
        f"give it the shape of {tensor} itself ({mend}.view({tensor}.shape)): "
        f"an update in place of {tensor} fails or broadcasts otherwise"
    )
