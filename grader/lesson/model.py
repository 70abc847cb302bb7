"""What a lesson says, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from grader.lesson.graph import Graph

GRADIENT_PREFIX = "d"  # the gradient of the loss with respect to `probs` is called `dprobs`


@dataclass(frozen=True)
class Input:
    """How one argument of forward() is drawn.

    Integer inputs are uniform in [0, below). Floating inputs are `shift + scale * N(0, 1)`, or `values`
    in random order, each as often as the others along the last axis. Shape, bound, scale are expressions
    over the sizes.
    """

    name: str
    shape: tuple[str | int, ...]
    below: str | int | None = None
    scale: str | float = 1.0
    shift: float = 0.0
    values: tuple[float, ...] = ()

    @property
    def is_integer(self) -> bool:
        return self.below is not None


@dataclass(frozen=True)
class Range:
    """A size that is drawn from `least` to `most`, both included: a prime, where there is one."""

    least: int
    most: int


@dataclass(frozen=True)
class Case:
    """One situation in which every step is judged: sizes, and inputs with the case's own changes."""

    name: str
    sizes: Mapping[str, int]
    inputs: Mapping[str, Input]
    ties: bool = False  # maxima are tied on purpose: judged by any subgradient
    upstream: float = 1.0  # the scale of the drawn gradients
    ranges: Mapping[str, Range] = field(default_factory=dict)  # of the sizes that are drawn; above is the most


@dataclass(frozen=True)
class Step:
    """One thing asked of the student: the gradient of one tensor, or the training run."""

    name: str
    exercise: str
    points: float
    watch: str
    hints: tuple[str, ...]
    is_training: bool = False

    @property
    def tensor(self) -> str:
        return self.name.removeprefix(GRADIENT_PREFIX)

    @property
    def path(self) -> str:
        return f"{self.exercise}.{self.name}"


@dataclass(frozen=True)
class Exercise:
    """One file of the lesson, and its steps in order."""

    name: str
    title: str
    about: str
    steps: tuple[Step, ...]
    is_chain: bool = False  # judged end to end, too; a vanishing reference proves nothing
    function: str | None = None  # one function that answers all gradient steps, in order
    unless_reads: tuple[str, ...] = ()  # in one namespace: an answer is this exercise's unless it reads these

    @property
    def file(self) -> str:
        return f"{self.name}.py"

    @property
    def gradient_steps(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.is_training)

    @property
    def max_score(self) -> float:
        return sum(step.points for step in self.steps)


@dataclass(frozen=True)
class Limits:
    """Seconds of processor time, with a longer wall clock behind; MiB of memory on top of what torch itself maps."""

    call_seconds: float = 2.0
    step_seconds: float = 10.0  # over all its calls
    submission_seconds: float = 60.0
    training_seconds: float = 20.0
    memory_mib: int = 2048


@dataclass(frozen=True)
class TrainingPlan:
    """One kind of training run: how many steps, at which sizes."""

    steps: int
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class Training:
    """Training with the student's gradients: which inputs are the batch, and how fast to learn."""

    batch: tuple[str, ...]
    learning_rate: float
    check: TrainingPlan
    grade: TrainingPlan


@dataclass(frozen=True)
class Lesson:
    """A lesson: exercises, the network's graph, and how to judge."""

    folder: Path
    name: str
    title: str
    loss: str
    video: str
    sizes: Mapping[str, int]
    inputs: Mapping[str, Input]
    cases: tuple[Case, ...]
    exercises: tuple[Exercise, ...]
    limits: Limits
    credit: Mapping[str, float]
    training: Training | None
    graph: Graph
    vocabulary: Mapping[str, tuple[str, ...]]  # what this lesson allows beyond the kit's own list
    notebook: str = ""  # the file name of the same exercises as a notebook; '' for none

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for exercise in self.exercises for step in exercise.steps)

    @property
    def max_score(self) -> float:
        return sum(exercise.max_score for exercise in self.exercises)

    @cached_property
    def home_cases(self) -> tuple[Case, ...]:
        """Every case at the lecture's sizes: what is right in all of these, and not elsewhere, fails for the sizes."""
        at_home = [replace(case, name=self.public_case.name, sizes=self.sizes, ranges={}) for case in self.cases]
        return tuple(case for place, case in enumerate(at_home) if case not in at_home[:place])

    @cached_property
    def loud_case(self) -> Case:
        """The lecture's sizes with the largest gradients of any case."""
        return replace(self.public_case, upstream=max(case.upstream for case in self.cases))

    @cached_property
    def public_case(self) -> Case:
        """The lecture's sizes, the inputs as declared: the case whose numbers a student may see."""
        return Case("the lecture's sizes", self.sizes, self.inputs)

    def exercise(self, name: str) -> Exercise:
        return next(exercise for exercise in self.exercises if exercise.name == name)

    def watch_url(self, step: Step) -> str:
        """The lesson's video at the step's minute; '' where there is none."""
        if not self.video or not step.watch:
            return ""
        seconds = 0
        for part in step.watch.split(":"):
            seconds = seconds * 60 + int(part)
        return f"{self.video}&t={seconds}s"
