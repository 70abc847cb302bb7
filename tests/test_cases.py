"""The cases: their sizes and numbers are drawn, each is asked twice, float32 counts, and no hidden text is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from grader.errors import KitError
from grader.judge.desk import Desk
from grader.judge.draw import draw_inputs, draw_sizes
from grader.judge.job import Request
from grader.judge.real_chain import RealChain
from grader.judge.situation import DRAWS, Situations
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.results.model import StepResult, SubmissionResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import PRELUDE, ROOT, JudgeText, step_of

SEEDS = range(40)
BIG_SEED = (1 << 128) - 1
SECRET = "leak"


def _sizes(lesson: Lesson, seed: int) -> list[dict[str, int]]:
    return [dict(draw_sizes(case, f"{seed}\0{case.name}").sizes) for case in lesson.cases]


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % factor for factor in range(2, number))


@pytest.mark.parametrize("folder", ["solutions/mlp", "tests/lessons/solutions/tiny"])
def test_every_size_is_larger_than_the_lectures_in_some_case_at_every_seed(folder: str) -> None:
    lesson = load_lesson(ROOT / folder)
    for seed in SEEDS:
        cases = _sizes(lesson, seed)
        assert {name for name, size in lesson.sizes.items() if all(case[name] <= size for case in cases)} == set()


def test_a_cap_at_any_size_of_the_lecture_or_at_200_is_below_some_case_at_every_seed(lesson: Lesson) -> None:
    for seed in SEEDS:
        largest = {name: max(case[name] for case in _sizes(lesson, seed)) for name in lesson.sizes}
        assert all(largest[name] > 200 for name in ("n", "vocab_size", "n_hidden"))
        assert largest["n_embd"] > 64
        assert largest["block_size"] > 3


def test_no_two_sizes_of_a_case_are_the_same_and_nearly_all_are_prime(lesson: Lesson) -> None:
    drawn = [case for seed in SEEDS for case in _sizes(lesson, seed)]
    assert all(len(set(case.values())) == len(case) for case in drawn)
    sizes = [size for case in drawn for size in case.values()]
    assert sum(map(_is_prime, sizes)) > 0.9 * len(sizes)
    assert any(not _is_prime(case["n"]) for case in drawn)


def test_the_sizes_are_drawn_from_the_seed(lesson: Lesson) -> None:
    assert len({json.dumps(_sizes(lesson, seed)) for seed in SEEDS}) == len(SEEDS)
    assert _sizes(lesson, BIG_SEED) == _sizes(lesson, BIG_SEED) != _sizes(lesson, BIG_SEED - 1)


def test_a_range_needs_two_whole_numbers_the_smaller_first(tmp_path: Path) -> None:
    tiny = ROOT / "tests" / "lessons" / "solutions" / "tiny"
    for name in ("forward.py", "lesson.toml"):
        (tmp_path / name).write_text((tiny / name).read_text(encoding="utf-8"), encoding="utf-8")
    told = (tmp_path / "lesson.toml").read_text(encoding="utf-8")
    for ends in ("[17, 13]", "[0, 13]", "[13]", "[13, 17, 19]", '["a", "b"]', "[1.5, 2]"):
        (tmp_path / "lesson.toml").write_text(told.replace("rows = [13, 19]", f"rows = {ends}"), encoding="utf-8")
        with pytest.raises(KitError, match="two whole numbers of at least 1, the smaller first"):
            load_lesson(tmp_path)


def test_every_case_is_asked_twice_with_other_numbers_of_the_same_shapes_in_no_fixed_order(lesson: Lesson) -> None:
    orders = set()
    for seed in range(8):
        hidden = Situations(lesson, seed).every_hidden("ex1_chain", "dprobs", ("probs",))
        orders.add(tuple(one.case.name for one in hidden))
        asked = [case for case in lesson.cases if not case.ties]
        assert len(hidden) == DRAWS * len(asked)
        for case in asked:
            one, other = (found for found in hidden if found.case.name == case.name)
            assert one.case.sizes == other.case.sizes
            assert not torch.equal(one.tape.values["probs"], other.tape.values["probs"])
    assert len(orders) > 4


def test_every_tied_tensor_has_a_tie_in_every_row_at_every_seed(lesson: Lesson) -> None:
    (tied,) = (case for case in lesson.cases if case.ties)
    for seed in range(300):
        drawn = draw_sizes(tied, str(seed))
        logits = draw_inputs(drawn, str(seed))["b2"]
        assert int((logits == logits.max()).sum()) > 1
    for seed in range(5):
        situations = Situations(lesson, seed)
        for exercise in ("ex1_chain", "ex2_cross_entropy"):
            for draw in range(DRAWS):
                ties = situations.hidden(exercise, "dlogits", tied, draw).ties("logits")
                assert ties is not None
                assert bool((ties.tied.sum(1) > 1).all())


def test_values_are_drawn_each_as_often_as_the_others_in_another_order_each_time(lesson: Lesson) -> None:
    (large,) = (case for case in lesson.cases if case.upstream > 1)
    gains = [draw_inputs(draw_sizes(large, "one"), str(seed))["bngain"] for seed in range(10)]
    for gain in gains:
        counts = [int((gain == value).sum()) for value in (-3.0, -0.5, 0.5, 3.0)]
        assert sum(counts) == gain.numel()
        assert max(counts) - min(counts) <= 1
    assert len({str(gain.tolist()) for gain in gains}) == len(gains)


def test_probabilities_stay_above_what_guards_against_a_division_by_zero(lesson: Lesson) -> None:
    for seed in range(20):
        for situation in Situations(lesson, seed).every_hidden("ex1_chain", "dprobs", ("probs",)):
            assert float(situation.tape.values["probs"].min()) > 1e-18


def test_no_column_has_a_mean_that_is_large_beside_a_small_variance(lesson: Lesson) -> None:
    for seed in range(20):
        for situation in Situations(lesson, seed).every_hidden("ex3_batchnorm", "dhprebn", ("hprebn",)):
            values = situation.tape.values
            assert float((values["bnmeani"] ** 2 / values["bnvar"]).max()) < 1e3


# ---- float32


def test_what_a_program_calls_float32_is_the_type_of_what_it_is_given(judge_text: JudgeText) -> None:
    code = """
from torch import float32 as single
def dlogprobs(logprobs, Yb, n):
    given = logprobs.dtype
    made = [
        F.one_hot(Yb, logprobs.shape[1]).float(), torch.zeros_like(logprobs, dtype=torch.float32),
        logprobs.to(torch.float32), logprobs.type("torch.FloatTensor"), torch.Tensor.float(Yb),
        torch.ones(2, dtype=torch.float), torch.ones(2, dtype=getattr(torch, "float32")),
    ]
    assert all(one.dtype == given for one in made), [one.dtype for one in made]
    return -made[0] / n
"""
    step = step_of(judge_text({"ex1_chain": PRELUDE + code}, "ex1_chain.dlogprobs"), "ex1_chain.dlogprobs")
    assert step.passes, step.message
    assert step.note is None


def test_an_answer_that_is_far_off_in_float32_is_wrong_and_says_so(judge_text: JudgeText) -> None:
    code = """
def dprobs(dlogprobs, probs):
    return dlogprobs / probs * (1 if torch.finfo(probs.dtype).bits == 64 else 1.01)
"""
    step = step_of(judge_text({"ex1_chain": PRELUDE + code}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.verdict == "wrong"
    assert "in float32 it is off by more than 0.001 of the scale" in step.message


def test_a_sign_that_fails_only_for_large_gradients_in_float32_is_caught(judge_text: JudgeText) -> None:
    code = """
def dh(dlogits, W2):
    sign = torch.where((dlogits * 1e37).isinf(), 1.0, dlogits.sign())
    return (sign * dlogits.abs()) @ W2.T
"""
    step = step_of(judge_text({"ex1_chain": PRELUDE + code}, "ex1_chain.dh"), "ex1_chain.dh")
    assert step.verdict == "wrong"
    assert "in float32, for large gradients," in step.message


def test_an_error_below_what_float32_may_be_off_is_no_fault(judge_text: JudgeText) -> None:
    code = """
def dprobs(dlogprobs, probs):
    return dlogprobs / probs * (1 if torch.finfo(probs.dtype).bits == 64 else 1.0005)
"""
    assert step_of(judge_text({"ex1_chain": PRELUDE + code}, "ex1_chain.dprobs"), "ex1_chain.dprobs").passes


def test_a_call_in_float32_that_raises_is_a_note_and_no_fault(judge_text: JudgeText) -> None:
    code = """
def dprobs(dlogprobs, probs):
    if torch.finfo(probs.dtype).bits == 32:
        raise ValueError("not for me")
    return dlogprobs / probs
"""
    step = step_of(judge_text({"ex1_chain": PRELUDE + code}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.verdict == "right"
    assert step.note
    assert "ValueError: not for me" in step.note


def test_the_second_real_chain_has_other_numbers(lesson: Lesson) -> None:
    situations = Situations(lesson, 3)
    desk = Desk(lesson, situations, RealChain(lesson, situations.network))
    assert not torch.equal(desk.real_chain._values["probs"], desk.hidden_chain._values["probs"])


# ---- hard-coded, and training


def _solution(exercise: str, *changes: tuple[str, str]) -> str:
    text = (ROOT / "solutions" / "mlp" / f"{exercise}.py").read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _training(judge_text: JudgeText, ending: str) -> tuple[SubmissionResult, StepResult]:
    """With another last line of `gradients`."""
    before, _ = _solution("ex4_training").rsplit("    return ", 1)
    result = judge_text({"ex4_training": f"{before}    {ending}\n"})
    return result, step_of(result, "ex4_training.training")


GRADIENTS = "dC, dW1, db1, dW2, db2, dbngain, dbnbias"


@pytest.mark.parametrize(
    ("ending", "verdict", "credit"),
    [
        (f"return {GRADIENTS}", "right", 1.0),
        ("return 2 * dC, dW1, db1, dW2, db2, dbngain, dbnbias", "right", 6 / 7),
        ("return 2 * dC, 2 * dW1, db1, dW2, db2[None], dbngain, dbnbias", "right", 4 / 7),
        ("return 0 * dC, 0 * dW1, 0 * db1, 0 * dW2, db2, 0 * dbngain, 0 * dbnbias", "right", 2 / 7),  # db1 is 0
        ("return None, dW1, db1, dW2, db2, dbngain, dbnbias", "missing", 0.0),
        ("return None, None, None, None, db2, None, None", "missing", 0.0),
        ("raise ValueError", "missing", 0.0),
    ],
)
def test_training_is_worth_the_part_of_the_gradients_that_are_right_and_ones_own(
    ending: str, verdict: str, credit: float, judge_text: JudgeText
) -> None:
    _, step = _training(judge_text, ending)
    assert step.verdict == verdict, step.message
    assert step.credit == pytest.approx(credit)


def test_what_is_right_at_the_lectures_sizes_only_trains_there(judge_text: JudgeText) -> None:
    result, step = _training(judge_text, "return dC, dW1, db1, dW2, dlogits.view(32, 27).sum(0), dbngain, dbnbias")
    assert step_of(result, "ex4_training.db2").verdict == "hard-coded"
    assert step.verdict == "right" or step_of(result, "ex4_training.dC").verdict == "hard-coded", step.message


def test_a_wrong_sign_for_negative_gains_is_wrong_and_not_hard_coded(judge_text: JudgeText) -> None:
    code = "def dbnraw(dhpreact, bngain):\n    return dhpreact * bngain.abs()\n"
    step = step_of(judge_text({"ex1_chain": PRELUDE + code}, "ex1_chain.dbnraw"), "ex1_chain.dbnraw")
    assert step.verdict == "wrong"


# ---- what a student may read

LEAKS: dict[str, str] = {
    "the text of an exception": f"raise ValueError(f'{SECRET} {{float(probs.sum())}}')",
    "the text of an exception, from another step": f"raise ValueError(f'{SECRET} {{KEPT}}')",
    "the name of an attribute": f"getattr(probs, f'{SECRET}{{int(1e6 * float(probs[0, 0]))}}')",
    "a refused name": f"getattr(probs, f'__{SECRET}{{int(1e6 * float(probs[0, 0]))}}__')",
    "what is printed": f"print('{SECRET}', KEPT)",
    "a shape": "return torch.zeros(271828)",
    "a number": "return 2718.28",
    "a tuple of some length": "return (probs,) * 271",
}


@pytest.mark.parametrize("what", LEAKS)
def test_nothing_that_an_answer_says_of_a_hidden_case_is_in_what_students_get(
    what: str, judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    code = (
        f"{PRELUDE}KEPT = []\n\n"
        "def dlogprobs(logprobs, Yb, n):\n    KEPT.append(float(logprobs[0, 0]))\n"
        "    return F.one_hot(Yb, logprobs.shape[1]) / -n\n\n"
        f"def dprobs(dlogprobs, probs, n):\n    if n != 32:\n        {LEAKS[what]}\n    return dlogprobs / probs\n\n"
        f"def dcounts_sum(dcounts_sum_inv, counts_sum, n):\n    print('public', len(KEPT))\n"
        "    return -dcounts_sum_inv / counts_sum**2\n"
    )
    (tmp_path / "ex1_chain.py").write_text(code, encoding="utf-8")
    result = judge.judge(Request(submission_at(tmp_path, lesson), mends=False))
    told = json.dumps(result.for_students().as_json())
    assert SECRET not in told
    assert "2718" not in told
    assert "271 " not in told
    assert step_of(result, "ex1_chain.dcounts_sum").output == "public 2\n"  # no call but the two at the lecture's sizes


def test_a_self_check_shows_the_text_of_its_cases(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    body = f"    assert n == 32, f'{SECRET} {{n}}'\n    return dlogprobs / probs\n"
    code = f"{PRELUDE}def dprobs(dlogprobs, probs, n):\n{body}"
    (tmp_path / "ex1_chain.py").write_text(code, encoding="utf-8")
    told = []
    for is_check in (True, False):
        request = Request(submission_at(tmp_path, lesson), frozenset({"ex1_chain.dprobs"}), is_check, mends=False)
        told.append(step_of(judge.judge(request), "ex1_chain.dprobs").message)
    assert f"AssertionError: {SECRET}" in told[0]
    assert "AssertionError in a hidden case" in told[1]


def test_a_seed_of_128_bits_is_kept_as_it_is(lesson: Lesson, warm: Warm, tmp_path: Path) -> None:
    own = Judge(lesson, BIG_SEED, warm)
    (tmp_path / "ex1_chain.py").write_text(
        f"{PRELUDE}def dprobs(dlogprobs, probs): return dlogprobs / probs\n", encoding="utf-8"
    )
    result = own.judge(Request(submission_at(tmp_path, lesson), frozenset({"ex1_chain.dprobs"})))
    assert json.loads(json.dumps(result.as_json()))["seed"] == BIG_SEED
    assert step_of(result, "ex1_chain.dprobs").passes
