"""What is on the screen, as data. Events make the next session; nothing here reads keys, files or clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from grader.invocation import command
from grader.judge.job import Request
from grader.lesson import Lesson, Step
from grader.results.model import StepResult, SubmissionResult
from grader.results.progress import StepProgress, fingerprint
from grader.submission.answers import Answer, Answers, callable_of
from grader.submission.find import Submission

View = Literal["step", "list", "forward", "explain"]
Action = Literal["", "quit", "reset", "hint", "again"]
AnswerKey = tuple[str, str]  # exercise, callable


@dataclass(frozen=True)
class Session:
    """Everything that the picture shows."""

    lesson: Lesson
    submission: Submission
    answers: Mapping[AnswerKey, Answer]
    notes: tuple[str, ...]
    focus: Step
    results: Mapping[str, StepResult] = field(default_factory=dict)
    progress: Mapping[str, StepProgress] = field(default_factory=dict)
    reaches: str | None = None
    view: View = "step"
    level: int = 0  # of the hint that is shown
    page: int = 0  # of what does not fit on the screen
    is_asking: bool = False  # whether to reset the step in focus
    says: str = ""
    waiting: tuple[Request, ...] = ()  # what is being judged, the first one now
    changed: frozenset[str] = frozenset()  # the steps of the last save, until their verdict is there
    kit: str = ""

    @property
    def result(self) -> StepResult | None:
        """The verdict on the step in focus, as far as it is known."""
        return self.results.get(self.focus.path)

    @property
    def answer(self) -> Answer:
        """What stands in the student's files for the step in focus."""
        return self.answers[_key(self.lesson, self.focus)]

    @property
    def file(self) -> Path | None:
        """The file that it stands in."""
        return next((path for path, name in self.submission.names().items() if name == self.answer.file), None)

    @property
    def score(self) -> float:
        return sum(result.score for result in self.results.values())


def opened(submission: Submission, lesson: Lesson, answers: Answers) -> Session:
    """The session at its start: everything is to be judged, an exercise at a time."""
    session = Session(lesson, submission, answers.by_name, answers.notes, lesson.steps[0])
    return replace(session, waiting=_whole(session, [exercise.name for exercise in lesson.exercises]))


def saved(session: Session, submission: Submission, answers: Answers) -> Session:
    """After a save: the answers that say something new are judged first and fast, then their exercises as a whole."""
    before, now = session.answers, answers.by_name
    new = {key for key in now if key not in before or fingerprint(before[key]) != fingerprint(now[key])}
    moved = {key for key in now if key in before and before[key].line != now[key].line}
    session = replace(session, submission=submission, answers=now, notes=answers.notes, is_asking=False)
    if not new:
        says = session.says or ("" if session.waiting else "saved; no answer changed")
        return replace(session, says=says, waiting=(*session.waiting, *_whole(session, {key[0] for key in moved})))
    steps = [step for step in session.lesson.steps if _key(session.lesson, step) in new]
    changed = frozenset(step.path for step in steps)
    fast = frozenset(step.path for step in steps if not step.is_training)
    unsettled = {path.split(".")[0] for request in session.waiting for path in request.steps}
    rest = _whole(session, {exercise for exercise, _ in new | moved} | unsettled)
    only = {exercise: path for exercise, path in submission.files.items() if any(key[0] == exercise for key in new)}
    alone = replace(submission, files=only)  # the others need not even be read
    waiting = (Request(alone, fast, is_check=True, mends=False), *rest) if fast else rest
    return replace(session, changed=changed, waiting=waiting, says="")


def judged(session: Session, request: Request, result: SubmissionResult) -> Session:
    """With a verdict: the focus goes to what was just written, and first to what is not right of it."""
    news = {f"{exercise.exercise}.{step.step}": step for exercise in result.exercises for step in exercise.steps}
    after = replace(
        session,
        results={**session.results, **news},
        reaches=result.chain_reaches if _holds_the_chain(session.lesson, request) else session.reaches,
        waiting=session.waiting[1:],
        kit=f"{result.kit} ({result.kit_hash[:12]})",
    )
    written = [step for step in session.lesson.steps if step.path in session.changed and step.path in news]
    if written:
        first = next((step for step in written if not news[step.path].passes), written[-1])
        level = 0 if news[first.path].passes else after.level
        after = replace(looking_at(replace(after, level=level), first), changed=frozenset())
    elif session.focus.path not in session.results and _passes(after, after.focus):
        after = looking_at(after, _next_to_do(after) or after.focus)  # at the start: on to what is to do
    return after


def looking_at(session: Session, step: Step) -> Session:
    """The same with another step in focus; a hint that is open stays open where it stays the same step."""
    if step == session.focus:
        return replace(session, view="step", is_asking=False)
    return replace(session, focus=step, view="step", level=0, is_asking=False, says="")


def pressed(session: Session, key: str) -> tuple[Session, Action]:
    """What a key does: the next session, and what the loop has to do besides."""
    if session.is_asking:
        return replace(session, is_asking=False, says="" if key == "y" else "nothing was changed"), (
            "reset" if key == "y" else ""
        )
    if key == "space":
        return replace(session, page=session.page + 1), ""
    session = replace(session, page=0)
    match key:
        case "q":
            return session, "quit"
        case "h":
            return _hinted(session)
        case "n":
            return _next(session), ""
        case "up" | "left" | "k" | "down" | "right" | "j":
            return _moved(session, -1 if key in ("up", "left", "k") else 1), ""
        case "l":
            return replace(session, view="step" if session.view == "list" else "list", says=""), ""
        case "o":
            return replace(session, view="step" if session.view == "forward" else "forward", says=""), ""
        case "e":
            return _explained(session), ""
        case "r":
            return _asking(session), ""
        case "c":
            everything = _whole(session, [exercise.name for exercise in session.lesson.exercises])
            return replace(session, waiting=everything, says="checking everything again"), "again"
        case "enter" | "escape":
            return replace(session, view="step", says=""), ""
    return session, ""


def _hinted(session: Session) -> tuple[Session, Action]:
    """The next level; at the last one it says so."""
    most = len(session.focus.hints)
    if session.view != "step" and session.level:
        return replace(session, view="step"), ""
    if session.level >= most:
        return replace(session, says=f"hint {most} is the last one"), ""
    return replace(session, view="step", level=session.level + 1, says=""), "hint"


def _next(session: Session) -> Session:
    step = _next_to_do(session)
    if step is None:
        return replace(session, says=f"every step is right: {command('train')} trains the network with them")
    return looking_at(session, step)


def _next_to_do(session: Session) -> Step | None:
    """The first step after the one in focus that is not right, from the top again where need be."""
    steps = session.lesson.steps
    start = steps.index(session.focus)
    ahead = [*steps[start + 1 :], *steps[: start + 1]]
    return next((step for step in ahead if not _passes(session, step)), None)


def _passes(session: Session, step: Step) -> bool:
    result = session.results.get(step.path)
    return result is not None and result.passes


def _moved(session: Session, by: int) -> Session:
    steps = session.lesson.steps
    there = steps[(steps.index(session.focus) + by) % len(steps)]
    return replace(looking_at(session, there), view="list" if session.view == "list" else "step")


def _explained(session: Session) -> Session:
    if not _passes(session, session.focus):
        return replace(session, says=f"{session.focus.name} is explained once your own answer is right")
    return replace(session, view="step" if session.view == "explain" else "explain", says="")


def _asking(session: Session) -> Session:
    if session.answer.status == "missing":
        return replace(session, says=f"{session.focus.name} is not filled in: there is nothing to reset")
    if session.answer.is_flat:
        return replace(session, says=f"{session.focus.name} is a variable among others here, not a stub to go back to")
    return replace(session, is_asking=True, says="")


def _whole(session: Session, exercises: Sequence[str] | set[str]) -> tuple[Request, ...]:
    """A question for each of these exercises as a whole, in the lesson's order."""
    return tuple(
        Request(session.submission, frozenset(step.path for step in exercise.steps), is_check=True)
        for exercise in session.lesson.exercises
        if exercise.name in exercises
    )


def _holds_the_chain(lesson: Lesson, request: Request) -> bool:
    return any(
        exercise.is_chain and all(step.path in request.steps for step in exercise.steps)
        for exercise in lesson.exercises
    )


def _key(lesson: Lesson, step: Step) -> AnswerKey:
    return step.exercise, callable_of(lesson.exercise(step.exercise), step)
