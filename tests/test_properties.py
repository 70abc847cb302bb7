"""Whatever the sizes, the seed and the scale of the parameters: the solutions are right, within the one tolerance.

Two kinds of draws are left out, and named here. Where all rows of a batch hold the same
tokens, BatchNorm has nothing to scale and dbngain proves nothing in this one case. And
where the network is sure of every target, SURE applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from grader.judge.compare import TOLERANCE
from grader.judge.draw import draw_inputs, key_of
from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Case, Lesson
from grader.lesson.network import Network, Values
from grader.results.model import StepResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import ROOT

SOLUTIONS = ROOT / "solutions" / "mlp"
SCALES: dict[str, Mapping[str, float]] = {
    "as in the lecture": {},
    "logits of 100": {"W2": 50.0},
    "variances of 1e-8": {"W1": 1e-4},
    "both": {"W1": 1e-4, "W2": 50.0},
}
SIZES = st.fixed_dictionaries(
    {
        "n": st.integers(2, 6),
        "vocab_size": st.integers(2, 6),
        "n_embd": st.integers(1, 3),
        "block_size": st.integers(1, 3),
        "n_hidden": st.integers(1, 4),
    }
)
SURE = 1e-4  # a loss below this: softmax - one_hot cancels to rounding, and the scale does not see it
ONCE = settings(
    max_examples=6,  # 0.7 s each: the whole way through a judge of its own
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@dataclass(frozen=True)
class Drawn:
    """The lesson with one drawn case in place of its own."""

    lesson: Lesson
    seed: int

    def judged(self, warm: Warm, *steps: str) -> dict[str, StepResult]:
        """The solutions' results, without training."""
        asked = steps or [step.path for step in self.lesson.steps if not step.is_training]
        request = Request(submission_at(SOLUTIONS, self.lesson), frozenset(asked))
        result = Judge(self.lesson, self.seed, warm).judge(request)
        return {f"{exercise.exercise}.{step.step}": step for exercise in result.exercises for step in exercise.steps}

    def values(self, exercise: str, name: str) -> Values:
        """The forward pass that one callable is judged on."""
        case = self.lesson.cases[0]
        inputs = draw_inputs(case, key_of(self.seed, exercise, name, case.name))
        return Network(self.lesson.graph).forward(inputs, case.sizes)


def _drawn(lesson: Lesson, sizes: Mapping[str, int], scales: Mapping[str, float], seed: int) -> Drawn:
    inputs = {name: replace(entry, scale=scales.get(name, entry.scale)) for name, entry in lesson.inputs.items()}
    return Drawn(replace(lesson, sizes=sizes, cases=(Case("drawn", sizes, inputs),)), seed)


def _proves(drawn: Drawn) -> bool:
    """Whether no callable is judged on a batch of equal rows alone, or of certainties alone."""
    for exercise in drawn.lesson.exercises:
        for name in {exercise.function or step.name for step in exercise.gradient_steps}:
            values = drawn.values(exercise.name, name)
            certain = not exercise.is_chain and float(values["loss"]) < SURE
            if certain or not bool(values["bndiff"].any()):
                return False
    return True


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
def test_the_solutions_pass_at_any_size_seed_and_scale(scales: Mapping[str, float], lesson: Lesson, warm: Warm) -> None:
    @ONCE
    @given(sizes=SIZES, seed=st.integers(0, 2**30))
    def check(sizes: dict[str, int], seed: int) -> None:
        drawn = _drawn(lesson, sizes, scales, seed)
        assume(_proves(drawn))
        failed = {path: step.message for path, step in drawn.judged(warm).items() if not step.passes}
        assert failed == {}

    check()


@pytest.mark.parametrize(
    ("step", "sizes", "seed"),
    [  # scaled errors 2.5e-11, 2.9e-11
        ("ex2_cross_entropy.dlogits", (6, 3, 2, 2, 3), 790505910),
        ("ex4_training.db2", (5, 2, 3, 2, 3), 1073312160),
    ],
)
def test_cross_entropy_in_one_expression_is_right_where_the_network_is_sure_of_every_target(
    step: str, sizes: tuple[int, ...], seed: int, lesson: Lesson, warm: Warm
) -> None:
    drawn = _drawn(lesson, dict(zip(lesson.sizes, sizes, strict=True)), SCALES["logits of 100"], seed)
    judged = drawn.judged(warm, step)[step]
    assert judged.passes, judged.message


def test_the_chain_is_right_there_all_the_same(lesson: Lesson, warm: Warm) -> None:
    sizes = dict(zip(lesson.sizes, (6, 3, 2, 2, 3), strict=True))
    drawn = _drawn(lesson, sizes, SCALES["logits of 100"], 790505910)
    steps = [step.path for step in lesson.exercises[0].steps]
    assert {path: step.message for path, step in drawn.judged(warm, *steps).items() if not step.passes} == {}


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
def test_the_tolerance_leaves_two_orders_of_magnitude_at_ordinary_sizes(
    scales: Mapping[str, float], lesson: Lesson, warm: Warm
) -> None:
    drawn = _drawn(lesson, lesson.cases[0].sizes, scales, 1)
    errors = {path: step.scaled_error or 0.0 for path, step in drawn.judged(warm).items()}
    assert {path: error for path, error in errors.items() if error > 1e-2 * TOLERANCE} == {}


def test_the_tolerance_is_one_number_that_no_configuration_loosens() -> None:
    assert TOLERANCE == 1e-12
