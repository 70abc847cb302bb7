"""The mutation proof, in a sample: mutants through the real judge, and the parts of the tool that says so."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch

from grader.judge.submission import Judge
from grader.judge.tags import TAGS
from grader.lesson import Lesson, load_lesson
from grader.results.model import StepResult
from tests.mutation.cases import SOLUTIONS
from tests.mutation.equality import agreements, agrees_in_single, is_right_at_home, starts_elsewhere, vanishes_too
from tests.mutation.judging import Fate, Workbench, fate_of
from tests.mutation.mutators import OPERATORS, Mutant, all_mutants
from tests.mutation.run import sample
from tests.mutation.scene import scene_of
from tests.mutation.seeds import Seed, all_seeds
from tests.mutation.truths import fingerprints, shared_tags, true_tags

SAMPLE, PARTS = 250, 5
PRODUCT = Seed(
    "ex1_chain",
    "dbnraw",
    "for these tests",
    "def dbnraw(dhpreact, bngain):\n    return bngain * dhpreact",
    ("dbnraw",),
)
SUM = Seed(
    "ex1_chain",
    "dbnbias",
    "for these tests",
    "def dbnbias(dhpreact):\n    return dhpreact.sum(0, keepdim=True)",
    ("dbnbias",),
)
TWO_STATEMENTS = Seed(
    "ex1_chain",
    "dhprebn",
    "for these tests",
    "def dhprebn(dbndiff, dbnmeani, n):\n    grad = dbndiff.clone()\n    grad += dbnmeani / n\n    return grad",
    ("dhprebn",),
)
MEAN = Seed(
    "ex1_chain",
    "dhprebn",
    "for these tests",
    "def dhprebn(dbndiff, dbnmeani, n):\n    return (dbndiff + dbnmeani) / n",
    ("dhprebn",),
)


@cache
def _seeds() -> tuple[Seed, ...]:
    return all_seeds(load_lesson(SOLUTIONS))


@cache
def _mutants() -> tuple[Mutant, ...]:
    return all_mutants(_seeds())


@pytest.fixture
def bench(lesson: Lesson, judge: Judge, tmp_path: Path) -> Workbench:
    return Workbench(lesson, judge, tmp_path)


# --- the proof, in a sample ------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(PARTS))
def test_no_mutant_of_a_sample_escapes_and_none_that_is_equal_is_refused(part: int, bench: Workbench) -> None:
    outcomes = list(bench.outcomes(sample(_mutants(), SAMPLE, 0)[part::PARTS]))
    assert len(outcomes) == SAMPLE // PARTS
    bad = [outcome for outcome in outcomes if outcome.fate in (Fate.ESCAPED, Fate.REFUSED)]
    assert not bad, "\n".join(f"{found.fate.value}: {found.mutant.title}\n{found.mutant.source}" for found in bad)


def test_a_sample_holds_every_operator() -> None:
    assert {mutant.operator for mutant in sample(_mutants(), SAMPLE, 0)} == set(OPERATORS)


def test_a_sample_depends_on_its_seed_alone() -> None:
    assert sample(_mutants(), 50, 1) == sample(_mutants(), 50, 1) != sample(_mutants(), 50, 2)


def test_every_seed_is_right(bench: Workbench) -> None:
    for seed in _seeds():
        for result in bench.results(seed, seed.source):
            assert result.passes, f"{seed.place} ({seed.form}), {result.step}: {result.verdict}, {result.message}"


# --- the mutants -----------------------------------------------------------------------------------------


def test_there_are_at_least_1500_mutants_and_15_of_every_step(lesson: Lesson) -> None:
    counts = Counter(path for mutant in _mutants() for path in mutant.seed.paths)
    assert len(_mutants()) >= 1500
    for exercise in lesson.exercises:
        for step in exercise.gradient_steps:
            assert counts[step.path] >= 15, step.path


def test_no_two_mutants_of_a_step_are_the_same_text_and_none_is_a_right_answer() -> None:
    texts = [(mutant.seed.place, mutant.source) for mutant in _mutants()]
    assert len(set(texts)) == len(texts)
    assert not set(texts) & {(seed.place, seed.source) for seed in _seeds()}


def test_every_mutant_names_its_line_and_only_tags_of_the_list() -> None:
    for mutant in _mutants():
        assert mutant.tags <= set(TAGS), mutant.title
        assert 1 < mutant.line <= len(mutant.seed.source.splitlines()), mutant.title


def _bodies(operator: str, seed: Seed) -> set[str]:
    """What an operator makes of a seed, without the first line."""
    edits = OPERATORS[operator](scene_of(seed))
    return {edit.source.split("\n", 1)[1].replace("\n    ", "; ").strip() for edit in edits}


@pytest.mark.parametrize(
    ("operator", "seed", "expected"),
    [
        ("sign", PRODUCT, {"return -(bngain * dhpreact)", "return -bngain * dhpreact", "return bngain * -dhpreact"}),
        ("drop-factor", PRODUCT, {"return bngain", "return dhpreact"}),
        ("symbol", PRODUCT, {"return bngain / dhpreact", "return bngain + dhpreact"}),
        ("keepdim", SUM, {"return dhpreact.sum(0)", "return dhpreact.sum(0, keepdim=False)"}),
        ("axis", SUM, {"return dhpreact.sum(1, keepdim=True)", "return dhpreact.sum(-2, keepdim=True)"}),
        ("axis", SUM, {"return dhpreact.sum(keepdim=True)"}),
        ("reduction", SUM, {"return dhpreact.mean(0, keepdim=True)"}),
        ("drop-call", SUM, {"return dhpreact"}),
        ("transpose", SUM, {"return dhpreact.T.sum(0, keepdim=True)"}),
        ("precision", SUM, {"return dhpreact.sum(0, keepdim=True).half()"}),
        ("precision", SUM, {"return dhpreact.float().sum(0, keepdim=True)"}),
        ("assign", TWO_STATEMENTS, {"grad = dbndiff.clone(); grad = dbnmeani / n; return grad"}),
        ("alias", TWO_STATEMENTS, {"grad = dbndiff; grad += dbnmeani / n; return grad"}),
        ("drop-term", TWO_STATEMENTS, {"grad = dbndiff.clone(); return grad"}),
        ("assign", TWO_STATEMENTS, {"grad = dbndiff.clone(); grad -= dbnmeani / n; return grad"}),
        ("constant", TWO_STATEMENTS, {"grad = dbndiff.clone(); grad += dbnmeani / (n - 1); return grad"}),
        ("constant", TWO_STATEMENTS, {"grad = dbndiff.clone(); grad += dbnmeani / 32; return grad"}),
        ("in-place", PRODUCT, {"return dhpreact.mul_(bngain)"}),
        ("brackets", MEAN, {"return dbndiff + dbnmeani / n"}),
        ("guard", MEAN, {"return ((dbndiff + dbnmeani) / n).clamp(-1, 1)"}),
        ("operand-order", MEAN, {"return n / (dbndiff + dbnmeani)"}),
        ("factor", MEAN, {"return 2 * ((dbndiff + dbnmeani) / n)", "return (2 * dbndiff + dbnmeani) / n"}),
    ],
)  # fmt: skip
def test_an_operator_makes(operator: str, seed: Seed, expected: set[str]) -> None:
    assert expected <= _bodies(operator, seed)


def test_only_a_solution_is_swapped_with_tensors_that_it_has_to_ask_for() -> None:
    assert not _bodies("swap-tensor", SUM)
    solution = next(seed for seed in _seeds() if seed.name == "dnorm_logits" and seed.is_solution)
    sources = {edit.source for edit in OPERATORS["swap-tensor"](scene_of(solution))}
    assert "def dnorm_logits(dcounts, counts, probs):\n    return probs * dcounts" in sources


# --- what is equal ---------------------------------------------------------------------------------------


def _agrees(seed: Seed, body: str) -> tuple[bool, bool, bool, bool]:
    head = seed.source.split("\n", 1)[0]
    (found,) = agreements(seed, f"{head}\n    {body}")
    return found.is_identical, found.is_equal, found.is_equal_but_for_form, found.changes_input


def test_the_same_numbers_are_identical_and_others_by_rounding_equal() -> None:
    assert _agrees(PRODUCT, "return dhpreact * bngain") == (True, True, True, False)
    assert _agrees(PRODUCT, "return (3 * dhpreact) * bngain / 3")[1:] == (True, True, False)


def test_another_shape_or_dtype_is_not_equal() -> None:
    assert _agrees(SUM, "return dhpreact.sum(0)") == (False, False, True, False)
    assert not _agrees(SUM, "return dhpreact.sum(0, keepdim=True).float()")[1]


def test_a_small_difference_is_not_equal() -> None:
    assert not any(_agrees(PRODUCT, "return dhpreact * bngain * (1 + 1e-11)"))


def test_values_that_are_cut_off_far_out_are_not_equal() -> None:
    assert not any(_agrees(PRODUCT, "return (dhpreact * bngain).clamp(-1000, 1000)"))


def test_a_changed_input_is_seen() -> None:
    assert _agrees(PRODUCT, "return dhpreact.mul_(bngain)") == (True, True, True, True)


def test_an_answer_that_raises_agrees_with_nothing() -> None:
    assert not any(_agrees(PRODUCT, "return dhpreact @ bngain"))


def test_the_default_dtype_is_as_in_a_students_process_and_then_as_before() -> None:
    assert _agrees(PRODUCT, "return bngain * torch.ones(dhpreact.shape) * dhpreact")[1]
    assert torch.get_default_dtype() is torch.float32


def test_float32_agrees_within_its_rounding_and_half_precision_does_not() -> None:
    single = "def dbnraw(dhpreact, bngain):\n    return bngain.float() * dhpreact"
    assert agrees_in_single(PRODUCT, single, 0)
    assert not agrees_in_single(PRODUCT, single.replace("float", "half"), 0)
    assert not agrees_in_single(PRODUCT, single.replace("dhpreact\n", "dhpreact.sum()\n").replace("* d", "* 2 * d"), 0)


def test_what_is_zero_in_exact_arithmetic_may_be_multiplied() -> None:
    both = "def dbnbias(bndiff):\n    return {}bndiff.sum(0, keepdim=True)"
    seed = Seed("ex1_chain", "dbnbias", "zero", both.format(""), ("dbnbias",))
    assert vanishes_too(seed, both.format("1000 * "), 0)
    assert not vanishes_too(seed, both.format("1e-6 + "), 0)
    assert not vanishes_too(SUM, SUM.source.replace("return ", "return 2 * "), 0)


def test_an_answer_may_start_from_another_gradient() -> None:
    source = "def dcounts_sum_inv(dprobs, counts):\n    return (dprobs * counts).sum(1, keepdim=True)"
    seed = Seed("ex1_chain", "dcounts_sum_inv", "near", source, ("dcounts_sum_inv",))
    parameters = source.replace("(dprobs,", "(dlogprobs, probs,")
    assert starts_elsewhere(seed, parameters.replace("dprobs *", "dlogprobs / probs *"), 0)
    assert not starts_elsewhere(seed, parameters.replace("dprobs *", "dlogprobs * probs *"), 0)
    assert not starts_elsewhere(seed, source, 0)


def test_right_at_home_means_at_the_lectures_sizes() -> None:
    source = "def dhprebn(dbndiff, dbnmeani):\n    return dbndiff + dbnmeani / {}"
    assert is_right_at_home(TWO_STATEMENTS, source.format(32), 0)
    assert not is_right_at_home(TWO_STATEMENTS, source.format(31), 0)


# --- what becomes of a mutant ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "body", "fate"),
    [
        ("right", "return dhpreact * bngain", Fate.EQUAL),
        ("exact", "return dhpreact * bngain * 2", Fate.ESCAPED),
        ("right", "return dhpreact.mul_(bngain)", Fate.ESCAPED),
        ("right", "return (dhpreact * bngain).float()", Fate.SINGLE),
        ("right", "return (dhpreact * bngain * 2).float()", Fate.ESCAPED),
        ("wrong", "return dhpreact * bngain", Fate.REFUSED),
        ("wrong", "return dhpreact", Fate.CAUGHT),
        ("error", "return dhpreact @ bngain", Fate.CAUGHT),
        ("shape", "return (dhpreact * bngain)[None]", Fate.CAUGHT),
        ("shape", "return dhpreact * bngain", Fate.REFUSED),
        ("shape", "return dhpreact[None]", Fate.ESCAPED),
        ("mutates", "return dhpreact.mul_(bngain)", Fate.CAUGHT),
        ("mutates", "return dhpreact.mul_(2)", Fate.ESCAPED),
        ("mutates", "return dhpreact * bngain", Fate.REFUSED),
        ("hard-coded", "return dhpreact * bngain * dhpreact.shape[0] / 32", Fate.CAUGHT),
        ("hard-coded", "return dhpreact * bngain * dhpreact.shape[0] / 31", Fate.ESCAPED),
    ],
)  # fmt: skip
def test_a_verdict_is_held_against_what_the_mutant_returns(verdict: str, body: str, fate: Fate) -> None:
    mutant = Mutant(PRODUCT, "sign", "", 2, f"def dbnraw(dhpreact, bngain):\n    {body}", frozenset())
    (agreement,) = agreements(PRODUCT, mutant.source)
    assert fate_of(mutant, 0, StepResult("dbnraw", verdict, 0.0, 1.0), agreement) is fate


# --- which mistakes the numbers show ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        ("return -dhpreact * bngain", "sign"),
        ("return dhpreact * bngain * 0", "zeros"),
        ("return dhpreact * bngain * 7", "factor"),
        ("return dhpreact * bngain * len(dhpreact) / (len(dhpreact) - 1)", "bessel"),
        ("return (dhpreact * bngain).T", "transposed"),
        ("return (dhpreact * bngain).flip(0)", "reordered"),
        ("return (dhpreact * bngain).sum(0)", "extra-sum"),
        ("return (dhpreact * bngain)[None]", "keepdim"),
        ("return (dhpreact * bngain).half()", "dtype"),
        ("return dhpreact / 0 * bngain", "not-finite"),
        ("return [dhpreact * bngain]", "no-tensor"),
        ("return dhpreact.mul_(bngain)", "in-place"),
    ],
)  # fmt: skip
def test_numbers_show(body: str, tag: str) -> None:
    (shown,) = true_tags(PRODUCT, f"def dbnraw(dhpreact, bngain):\n    {body}")
    assert tag in shown


def test_numbers_show_a_sum_that_is_missing_and_a_gradient_that_is_another() -> None:
    (shown,) = true_tags(SUM, "def dbnbias(dhpreact):\n    return dhpreact")
    assert shown == {"missing-sum", "wrong-gradient"}


def test_a_right_answer_shows_no_mistake() -> None:
    for seed in _seeds():
        assert not any(true_tags(seed, seed.source)), seed.place


def test_a_factor_is_shown_where_two_sizes_are_sometimes_the_same() -> None:
    source = "def dhprebn(dbndiff, dbnmeani, n, vocab_size):\n    return (dbndiff + dbnmeani) / vocab_size"
    (shown,) = true_tags(MEAN, source)
    assert shown == {"factor"}


def test_mutants_with_the_same_numbers_share_their_tags() -> None:
    texts = ["return dbndiff.add(dbnmeani)", "return dbnmeani + dbndiff", "return dbndiff"]
    sources = [f"def dhprebn(dbndiff, dbnmeani):\n    {text}" for text in texts]
    tags = [frozenset({"path-factor"}), frozenset({"missing-factor"}), frozenset({"missing-path"})]
    shared = shared_tags(Mutant(MEAN, "sign", "", 2, *pair) for pair in zip(sources, tags, strict=True))
    ((one,), (same,), (other,)) = (fingerprints(MEAN, source) for source in sources)
    assert one == same != other
    assert shared == {one: tags[0] | tags[1], other: tags[2]}
    assert fingerprints(MEAN, "def dhprebn(dbndiff):\n    return None") == ()
