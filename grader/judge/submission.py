"""One submission -> its results. The whole way, in one place."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache

from grader.errors import KitError, fault_at
from grader.judge.chain import chain_reaches
from grader.judge.course import Course, make_course
from grader.judge.desk import Desk
from grader.judge.flat import with_gradients
from grader.judge.job import Request
from grader.judge.located import located
from grader.judge.mend import Mender, SearchBudget
from grader.judge.real_chain import RealChain
from grader.judge.situation import Situations
from grader.judge.stages import Progress, Stage, empty_result
from grader.judge.steps import Begun, begin
from grader.judge.student import Student
from grader.judge.training import judge_training
from grader.lesson import Exercise, Lesson, Step, TrainingPlan
from grader.results.model import ExerciseResult, StepResult, SubmissionResult
from grader.results.store import kit_hash
from grader.submission.answers import Answers, callable_of, callables, read_answers
from grader.warm.client import Forker

_SLOW = 5.0  # seconds: from here on every exercise is told as it is settled
NO_MENDS = "no mends were looked for, by the kit's own fault:"


class Judge:
    """Judges submissions of one lesson under one seed; references are worked out once and kept."""

    def __init__(self, lesson: Lesson, seed: int, forker: Forker) -> None:
        self._lesson = lesson
        self._seed = seed
        self._forker = forker
        self._kit_hash = kit_hash()
        situations = Situations(lesson, seed)
        self._desk = Desk(lesson, situations, RealChain(lesson, situations.network))
        self._mender = Mender(self._desk, forker)
        self._course = cache(self._make_course)

    def judge(self, request: Request) -> SubmissionResult:
        """Never raises for what a student wrote; raises WorkerFault when the kit itself cannot go on."""
        *_, last = self.stages(request)
        assert last.result is not None
        return last.result

    def stages(self, request: Request) -> Iterator[Progress]:
        """The same, stage by stage: each is told before it begins, with what is settled until then."""
        empty = self._result(request, (), None, ())
        yield Progress(Stage.READING, empty)
        answers = read_answers(request.submission, self._lesson, self._callables_for(request))
        yield Progress(Stage.JUDGING)
        settled = empty
        slow = time.monotonic() + _SLOW
        for judged, exercises, reaches in self._judged(answers, request):
            answers = judged
            settled = self._result(request, exercises, reaches, answers.notes)
            if time.monotonic() > slow:
                yield Progress(Stage.JUDGING, self._located(settled, answers))
        if request.mends and not all(step.passes for exercise in settled.exercises for step in exercise.steps):
            yield Progress(Stage.FIXES, self._located(settled, answers))
            settled = self._mended(settled, answers)
        yield Progress(Stage.PAGE, self._located(settled, answers))

    def _judged(
        self, answers: Answers, request: Request
    ) -> Iterator[tuple[Answers, Sequence[ExerciseResult], str | None]]:
        """The answers, and the results so far after each exercise; last with how far the student's chain is right."""
        with Student(self._forker, self._lesson.limits, self._lesson.vocabulary) as student:
            answers = with_gradients(self._desk, student, answers)
            exercises: list[ExerciseResult] = []
            doubtful: set[str] = set()
            for result in self._tried(student, answers, request, doubtful):
                exercises.append(result)
                yield answers, exercises, None
            doubtful &= {step.path for step in self._lesson.steps if not request.steps or step.path in request.steps}
            if doubtful:
                student.start_again()
                again = list(self._tried(student, answers, replace(request, steps=frozenset(doubtful)), set()))
                exercises = [_with(again, first) for first in exercises]
            yield answers, exercises, self._chain_reaches(student, answers, exercises)

    def _result(
        self, request: Request, exercises: Sequence[ExerciseResult], reaches: str | None, notes: Sequence[str]
    ) -> SubmissionResult:
        layers = self._forker.isolation.layers
        return replace(
            empty_result(self._lesson, request.submission.name, self._seed, layers),
            exercises=tuple(exercises),
            chain_reaches=reaches,
            notes=tuple(notes),
            kit_hash=self._kit_hash,
        )

    def _tried(
        self, student: Student, answers: Answers, request: Request, doubtful: set[str]
    ) -> Iterator[ExerciseResult]:
        """The results of all steps that are asked for, each by itself; adds those to `doubtful` that may be chance."""
        wanted = {
            exercise: steps
            for exercise in self._lesson.exercises
            if (steps := [step for step in exercise.steps if not request.steps or step.path in request.steps])
        }
        # What is shown of an answer comes first: it cannot hold anything that the process has not seen yet.
        places = [
            (exercise, name, [step for step in needed if callable_of(exercise, step) == name])
            for exercise, steps in wanted.items()
            for needed in [self._needed(exercise, steps)]
            for name in dict.fromkeys(callable_of(exercise, step) for step in needed)
        ]
        asked = [(exercise, steps, answers.by_name[exercise.name, name]) for exercise, name, steps in places]
        begun = begin(self._desk, student, asked)
        for exercise, steps in wanted.items():
            own = [one for (whose, *_), one in zip(asked, begun, strict=True) if whose is exercise]
            results = self._exercise(student, exercise, steps, own, answers, request, doubtful)
            yield ExerciseResult(exercise.name, tuple(results))

    def _chain_reaches(self, student: Student, answers: Answers, results: Sequence[ExerciseResult]) -> str | None:
        """How far the student's own chain is right; None where not all of it was asked for."""
        reaches: str | None = None
        for result in results:
            exercise = self._lesson.exercise(result.exercise)
            if exercise.is_chain and len(result.steps) == len(exercise.steps):
                own = {step.name: answers.by_name[exercise.name, step.name] for step in exercise.gradient_steps}
                reaches = chain_reaches(self._desk, student, exercise, own, result.steps)
        return reaches

    def _callables_for(self, request: Request) -> set[tuple[str, str]] | None:
        """Which answers have to be read for what is asked: reading takes longer than judging one step."""
        if not request.steps:
            return None
        return {
            (exercise.name, callable_of(exercise, step))
            for exercise in self._lesson.exercises
            for step in exercise.steps
            if step.path in request.steps
        }

    def _exercise(
        self,
        student: Student,
        exercise: Exercise,
        wanted: Collection[Step],
        begun: Sequence[Begun],
        answers: Answers,
        request: Request,
        doubtful: set[str],
    ) -> list[StepResult]:
        """The results of the wanted steps, in the lesson's order; adds those to `doubtful` that may be chance."""
        results: dict[str, StepResult] = {}
        for one in begun:
            judged = one.finish(is_open=request.is_check)
            results |= {result.step: result for result in judged}
            doubtful |= _doubtful(exercise, judged, student.was_cut_short() or one.was_cut_short)
        for step in wanted:
            if step.is_training:
                results[step.name] = self._training(student, exercise, step, answers, results, request)
                doubtful |= _doubtful(exercise, [results[step.name]], student.was_cut_short())
                if doubtful & {other.path for other in exercise.gradient_steps}:
                    doubtful.add(step.path)  # it rests on them
        return [results[step.name] for step in wanted]

    def _mended(self, settled: SubmissionResult, answers: Answers) -> SubmissionResult:
        """The result with the nearest mend of each wrong step: all verdicts are settled, in other processes."""
        try:
            budget = SearchBudget()
            exercises = [self._exercise_mended(budget, result, answers) for result in settled.exercises]
        except (KitError, MemoryError):
            raise
        except Exception as fault:  # verdicts stand without a mend; a fault in the search must not cost them
            return replace(settled, notes=(*settled.notes, f"{NO_MENDS} {fault_at(fault)}"))
        return replace(settled, exercises=tuple(exercises))

    def _exercise_mended(self, budget: SearchBudget, result: ExerciseResult, answers: Answers) -> ExerciseResult:
        exercise = self._lesson.exercise(result.exercise)
        settled = {step.step: step for step in result.steps}
        for name in callables(exercise):
            written = answers.by_name[exercise.name, name]
            steps = [s for s in exercise.gradient_steps if callable_of(exercise, s) == name and s.name in settled]
            found = [settled[step.name] for step in steps]
            if len(steps) == len(exercise.gradient_steps) or not exercise.function:
                settled |= {r.step: r for r in self._mender.mended(budget, exercise, steps, written, found)}
        return replace(result, steps=tuple(settled[step.step] for step in result.steps))

    def _located(self, result: SubmissionResult, answers: Answers) -> SubmissionResult:
        """The result with the lines of the student's own files."""
        return replace(result, exercises=tuple(self._exercise_located(found, answers) for found in result.exercises))

    def _exercise_located(self, result: ExerciseResult, answers: Answers) -> ExerciseResult:
        exercise = self._lesson.exercise(result.exercise)
        names = {step.name: callable_of(exercise, step) for step in exercise.steps}
        steps = [located(step, answers.by_name[exercise.name, names[step.step]].origin) for step in result.steps]
        return replace(result, steps=tuple(steps))

    def _needed(self, exercise: Exercise, wanted: Collection[Step]) -> list[Step]:
        """The gradient steps to judge: one function is judged as a whole, and training needs its gradients."""
        if exercise.function or any(step.is_training for step in wanted):
            return list(exercise.gradient_steps)
        return [step for step in wanted if not step.is_training]

    def _training(
        self,
        student: Student,
        exercise: Exercise,
        step: Step,
        answers: Answers,
        results: dict[str, StepResult],
        request: Request,
    ) -> StepResult:
        assert self._lesson.training is not None
        assert exercise.function is not None
        plan = self._lesson.training.check if request.is_check else self._lesson.training.grade
        gradients = [results[other.name] for other in exercise.gradient_steps]
        written = answers.by_name[exercise.name, exercise.function]
        # What is right at the lecture's sizes only can train there.
        is_at_home = any(result.verdict == "hard-coded" for result in gradients)
        some = any(result.passes for result in gradients)
        course = self._course(exercise.name, request.is_check, is_at_home) if some else _no_course(plan)
        return judge_training(self._desk, student, exercise, step, course, written, gradients, is_open=request.is_check)

    def _make_course(self, exercise: str, is_check: bool, is_at_home: bool) -> Course:
        assert self._lesson.training is not None
        plan = self._lesson.training.check if is_check else self._lesson.training.grade
        plan = replace(plan, sizes=self._lesson.sizes) if is_at_home else plan
        return make_course(self._desk, self._lesson.exercise(exercise), plan, self._seed)


def _doubtful(exercise: Exercise, results: Sequence[StepResult], was_cut_short: bool) -> set[str]:
    """Those of the steps just judged whose verdict may be the machine's and not the answer's."""
    kinds = {"memory", "crashed", *(["timeout"] if was_cut_short else [])}
    return {f"{exercise.name}.{result.step}" for result in results if result.verdict in kinds}


def _with(again: Sequence[ExerciseResult], first: ExerciseResult) -> ExerciseResult:
    """The results of an exercise, with those that its steps got when they were tried again."""
    newer = {step.step: step for result in again if result.exercise == first.exercise for step in result.steps}
    return replace(first, steps=tuple(newer.get(step.step, step) for step in first.steps))


def _no_course(plan: TrainingPlan) -> Course:
    return Course(plan, (), 0.0)
