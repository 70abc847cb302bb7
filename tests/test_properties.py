"""Whatever the sizes, the seed and the scale of the parameters: right answers are right, within the one tolerance,
and the smallest plausible mistakes are refused.

Each draw makes a lesson of its own, with one case: down to two examples, one hidden unit, one
character of context, two characters in all; logits of 100, variances of 1e-8. Where the drawn case
need not prove an answer by itself, an ordinary case stands beside it: in a small one a gradient may
be zero in exact arithmetic, as where all rows of a batch hold the same tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from grader.judge.draw import draw_inputs, key_of
from grader.judge.job import Request
from grader.judge.situation import TOLERANCE
from grader.judge.submission import Judge
from grader.lesson import Case, Lesson
from grader.lesson.network import Network
from grader.results.model import StepResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.right_forms.forms import right_forms
from tests.right_forms.packs import packed
from tests.support import PRELUDE, ROOT

SOLUTIONS = ROOT / "solutions" / "mlp"
SCALES: dict[str, Mapping[str, float]] = {
    "as in the lecture": {},
    "logits of 100": {"W2": 50.0},
    "variances of 1e-8": {"W1": 1e-4},
    "both": {"W1": 1e-4, "W2": 50.0},
}
RANGES = {"n": (2, 6), "vocab_size": (2, 6), "n_embd": (1, 3), "block_size": (1, 3), "n_hidden": (1, 4)}
SIZES = st.fixed_dictionaries({name: st.integers(*bounds) for name, bounds in RANGES.items()})
LEAST = {
    "two examples": {"n": 2},
    "one hidden unit": {"n_hidden": 1},
    "one character of context": {"block_size": 1},
    "two characters in all": {"vocab_size": 2},
    "all of these at once": {name: least for name, (least, _) in RANGES.items()},
}
ANY_SCALES = st.sampled_from(list(SCALES.values()))
SEEDS = st.integers(0, 2**30)
PACKS = packed(form for form in right_forms() if not form.is_single)  # what is float32 by its text proves nothing here

# The slips that change least: each changes the real gradient by 1e-5 (eps) or 1/n (Bessel) of itself.
SLIPS = {
    "eps dropped in dbnvar": (
        "ex1_chain.dbnvar",
        "def dbnvar(bnvar, dbnvar_inv): return -0.5 * bnvar**-1.5 * dbnvar_inv",
    ),
    "eps dropped in dbndiff": (
        "ex1_chain.dbndiff",
        "def dbndiff(bnvar, dbnraw, bndiff, dbndiff2): return bnvar**-0.5 * dbnraw + 2 * bndiff * dbndiff2",
    ),
    "eps dropped in BatchNorm at once": (
        "ex3_batchnorm.dhprebn",
        "def dhprebn(dhpreact, bngain, bnraw, bnvar, n):\n"
        "    g = bngain * dhpreact * bnvar**-0.5\n"
        "    return g - g.mean(0) - bnraw * (g * bnraw).sum(0) / (n - 1)",
    ),
    "1/n for 1/(n-1) in dbndiff2": (
        "ex1_chain.dbndiff2",
        "def dbndiff2(dbnvar, bndiff2, n): return torch.ones_like(bndiff2) * dbnvar / n",
    ),
    "1/(n-1) for 1/n in dhprebn": (
        "ex1_chain.dhprebn",
        "def dhprebn(dbndiff, dbnmeani, n): return dbndiff + dbnmeani / (n - 1)",
    ),
    "Bessel dropped in BatchNorm at once": (
        "ex3_batchnorm.dhprebn",
        "def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):\n"
        "    g = bngain * bnvar_inv * dhpreact\n"
        "    return g - g.mean(0) - bnraw * (g * bnraw).mean(0)",
    ),
    "1/(n-1) for 1/n in cross-entropy": (
        "ex2_cross_entropy.dlogits",
        "def dlogits(probs, Yb, n, vocab_size): return (probs - F.one_hot(Yb, vocab_size)) / (n - 1)",
    ),
}


def times(examples: int) -> settings:
    """Settings for a test that goes the whole way through a judge of its own, `examples` times."""
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=checks)


@dataclass(frozen=True)
class Drawn:
    """The lesson with one drawn case in place of its own."""

    lesson: Lesson
    seed: int

    def beside(self, case: Case) -> Drawn:
        """The same, and another case."""
        return replace(self, lesson=replace(self.lesson, cases=(*self.lesson.cases, case)))

    def judged(self, warm: Warm, folder: Path, *steps: str) -> dict[str, StepResult]:
        """The results of a submission, by path, without training."""
        asked = steps or [step.path for step in self.lesson.steps if not step.is_training]
        request = Request(submission_at(folder, self.lesson), frozenset(asked))
        result = Judge(self.lesson, self.seed, warm).judge(request)
        return {f"{exercise.exercise}.{step.step}": step for exercise in result.exercises for step in exercise.steps}

    def refused(self, warm: Warm, folder: Path, *steps: str) -> dict[str, str]:
        """What did not pass, and why."""
        results = self.judged(warm, folder, *steps)
        return {path: f"{step.verdict}: {step.message}" for path, step in results.items() if not step.passes}

    def has_variance(self, path: str) -> bool:
        """Whether every hidden unit has different values in the batch that this step is judged on."""
        exercise, name = path.split(".")
        case = self.lesson.cases[0]
        inputs = draw_inputs(case, key_of(self.seed, exercise, name, case.name))
        values = Network(self.lesson.graph).forward(inputs, case.sizes)
        return bool((values["bnvar"] > 0).all())


def _drawn(lesson: Lesson, sizes: Mapping[str, int], scales: Mapping[str, float], seed: int) -> Drawn:
    inputs = {name: replace(entry, scale=scales.get(name, entry.scale)) for name, entry in lesson.inputs.items()}
    return Drawn(replace(lesson, sizes=sizes, cases=(Case("drawn", sizes, inputs),)), seed)


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
def test_the_solutions_pass_at_any_size_seed_and_scale(scales: Mapping[str, float], lesson: Lesson, warm: Warm) -> None:
    @times(3)
    @given(sizes=SIZES, seed=SEEDS)
    def check(sizes: dict[str, int], seed: int) -> None:
        drawn = _drawn(lesson, sizes, scales, seed).beside(lesson.cases[0])
        assert drawn.refused(warm, SOLUTIONS) == {}

    check()


@pytest.mark.parametrize("least", LEAST.values(), ids=LEAST)
def test_the_solutions_pass_at_the_least_sizes(least: Mapping[str, int], lesson: Lesson, warm: Warm) -> None:
    @times(2)
    @given(sizes=SIZES, scales=ANY_SCALES, seed=SEEDS)
    def check(sizes: dict[str, int], scales: Mapping[str, float], seed: int) -> None:
        drawn = _drawn(lesson, {**sizes, **least}, scales, seed).beside(lesson.cases[0])
        assert drawn.refused(warm, SOLUTIONS) == {}

    check()


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The corpus's right answers, those that are float32 by their text left out, as few submissions."""
    folder = tmp_path_factory.mktemp("packs")
    for number, pack in enumerate(PACKS):
        pack.write(folder / str(number))
    return [folder / str(number) for number in range(len(PACKS))]


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
def test_right_answers_in_other_forms_pass_there_too(
    scales: Mapping[str, float], packs: list[Path], lesson: Lesson, warm: Warm
) -> None:
    @times(3)
    @given(sizes=SIZES, least=st.sampled_from([{}, *LEAST.values()]), seed=SEEDS, number=st.sampled_from(range(12)))
    def check(sizes: dict[str, int], least: dict[str, int], seed: int, number: int) -> None:
        drawn = _drawn(lesson, sizes | least, scales, seed).beside(lesson.cases[0])
        asked = [path for form in PACKS[number].forms.values() for path in form.asked(lesson)]
        gradients = [path for path in asked if not path.endswith(".training")]
        assert drawn.refused(warm, packs[number], *gradients) == {}

    check()


@pytest.mark.parametrize(("step", "code"), SLIPS.values(), ids=SLIPS)
def test_the_least_slips_are_refused_there_all_the_same(
    step: str, code: str, tmp_path: Path, lesson: Lesson, warm: Warm
) -> None:
    exercise, _ = step.split(".")
    (tmp_path / f"{exercise}.py").write_text(f"{PRELUDE}\n{code}\n", encoding="utf-8")

    @times(8)
    @given(sizes=SIZES, scales=ANY_SCALES, seed=SEEDS)
    def check(sizes: dict[str, int], scales: Mapping[str, float], seed: int) -> None:
        drawn = _drawn(lesson, sizes, scales, seed)
        # Of two examples BatchNorm makes +-1/sqrt(2) whatever they are, so nearly nothing comes back through it.
        assume(sizes["n"] > 2 and drawn.has_variance(step))
        result = drawn.judged(warm, tmp_path, step)[step]
        assert result.verdict == "wrong", result

    check()


@pytest.mark.parametrize(
    ("step", "sizes", "seed"),
    [  # scaled errors 2.5e-11, 2.9e-11 where the scale does not see that softmax - one_hot cancels to rounding
        ("ex2_cross_entropy.dlogits", (6, 3, 2, 2, 3), 790505910),
        ("ex4_training.db2", (5, 2, 3, 2, 3), 1073312160),
    ],
)
def test_cross_entropy_in_one_expression_is_right_where_the_network_is_sure_of_every_target(
    step: str, sizes: tuple[int, ...], seed: int, lesson: Lesson, warm: Warm
) -> None:
    drawn = _drawn(lesson, dict(zip(lesson.sizes, sizes, strict=True)), SCALES["logits of 100"], seed)
    assert drawn.refused(warm, SOLUTIONS, step) == {}


def test_the_chain_is_right_there_all_the_same(lesson: Lesson, warm: Warm) -> None:
    sizes = dict(zip(lesson.sizes, (6, 3, 2, 2, 3), strict=True))
    drawn = _drawn(lesson, sizes, SCALES["logits of 100"], 790505910)
    assert drawn.refused(warm, SOLUTIONS, *[step.path for step in lesson.exercises[0].steps]) == {}


@pytest.mark.parametrize("scales", SCALES.values(), ids=SCALES)
def test_the_tolerance_leaves_two_orders_of_magnitude_at_ordinary_sizes(
    scales: Mapping[str, float], lesson: Lesson, warm: Warm
) -> None:
    drawn = _drawn(lesson, lesson.cases[0].sizes, scales, 1)
    errors = {path: step.scaled_error or 0.0 for path, step in drawn.judged(warm, SOLUTIONS).items()}
    assert {path: error for path, error in errors.items() if error > 1e-2 * TOLERANCE} == {}


def test_the_tolerance_is_one_number_that_no_configuration_loosens() -> None:
    assert TOLERANCE == 1e-12
