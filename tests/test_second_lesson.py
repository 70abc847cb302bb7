"""A second lesson, another network with other names and limits: the engine grades it as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson, Limits, load_lesson
from grader.results.model import StepResult, SubmissionResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import JudgeText, run_grader

LESSONS = Path(__file__).parent / "lessons"
EXERCISES = LESSONS / "exercises" / "tiny"
SOLUTIONS = LESSONS / "solutions" / "tiny"


@dataclass(frozen=True)
class Wrong:
    """A solution with one mistake in it: `old`, which stands there once, written as `new`."""

    step: str
    name: str
    old: str
    new: str
    verdict: str = "wrong"
    tag: str | None = None  # of the diagnosis; None where nothing explains it


WRONG = (
    Wrong("ex_walk.dshare", "zeros", "return square", "return torch.zeros_like(square)", tag="zeros"),
    Wrong("ex_walk.dshare", "None", "return square", "return None", "error", "no-tensor"),
    Wrong("ex_walk.ddelta", "the 2 forgotten", "2 * delta * dsquare", "delta * dsquare", tag="factor"),
    Wrong("ex_walk.ddelta", "the local derivative alone", "delta * dsquare", "delta + 0 * dsquare", tag="local-only"),
    Wrong("ex_walk.dlift", "the mean's 1/units forgotten",
          "dguess.unsqueeze(1) / units", "dguess.unsqueeze(1)", tag="factor"),
    Wrong("ex_walk.dlift", "8 units",
          "dguess.unsqueeze(1) / units", "dguess.unsqueeze(1) / 8", "hard-coded", "hard-coded"),
    Wrong("ex_walk.dlift", "not spread over the units", "torch.ones_like(lift) * ", "", tag="not-expanded"),
    Wrong("ex_walk.dglu", "exp for the sigmoid",
          "torch.sigmoid(glu) * dlift", "torch.exp(glu) * dlift", tag="derivative"),
    Wrong("ex_walk.dgate", "sign", "return value * dglu", "return -value * dglu", tag="sign"),
    Wrong("ex_walk.dgate", "in place", "return value * dglu", "return dglu.mul_(value)", "mutates", "in-place"),
    Wrong("ex_walk.dgate", "no chain rule", "return value * dglu", "return dglu * 1", tag="upstream-only"),
    Wrong("ex_walk.dslope", "the slope of tanh",
          "gate * (1 - gate) * dgate", "(1 - gate**2) * dgate", tag="derivative"),
    Wrong("ex_walk.dx", "the path through the gate lost",
          "dvalue @ A.T + dslope @ G.T", "dvalue @ A.T", tag="missing-path"),
    Wrong("ex_walk.dx", "the gate subtracted", "A.T + dslope", "A.T - dslope", tag="path-sign"),
    Wrong("ex_walk.dx", "transposed", "dvalue @ A.T + dslope @ G.T", "A @ dvalue.T + G @ dslope.T", tag="transposed"),
    Wrong("ex_walk.dtotal", "the 0.5 forgotten", "(total + 0.5) ** 2", "total**2", tag="eps"),
    Wrong("ex_walk.dtotal", "sign", "return -(worth", "return (worth", tag="sign"),
    Wrong("ex_walk.dtotal", "not summed", "(worth * dshare).sum()", "(worth * dshare)", tag="missing-sum"),
    Wrong("ex_walk.dtotal", "an axis too many",
          "(worth * dshare).sum()", "(worth * dshare).sum(0, True)", "shape", "keepdim"),
    Wrong("ex_walk.dworth", "the path through the total lost", " + dtotal\n", "\n", tag="missing-path"),
    Wrong("ex_walk.dworth", "the total counted twice", " + dtotal\n", " + 2 * dtotal\n", tag="extra-path"),
    Wrong("ex_walk.dprice", "repeats lost", ".index_add(0, kind, drate)", ".index_copy(0, kind, drate)",
          tag="lost-repeats"),
    Wrong("ex_fused.dslope", "softplus forgotten", "torch.sigmoid(glu) * ", "", tag="upstream-only"),
    Wrong("ex_fused.dslope", "the mean's 1/units forgotten", " / units *", " *", tag="factor"),
    Wrong("ex_fit.dA", "transposed", "return x.T @ dvalue,", "return dvalue.T @ x,", tag="transposed"),
    Wrong("ex_fit.dG", "the value's for the gate's", "x.T @ dslope,", "x.T @ dvalue,", tag="wrong-gradient"),
    Wrong("ex_fit.doffset", "not summed", "dvalue.sum(0),", "dvalue,", tag="missing-sum"),
    Wrong("ex_fit.doffset", "keepdim", "dvalue.sum(0),", "dvalue.sum(0, keepdim=True),", "shape", "keepdim"),
    Wrong("ex_fit.doffset", "summed away", "dvalue.sum(0),", "dvalue.sum(),", tag="extra-sum"),
    Wrong("ex_fit.dprice", "the path through the total lost", "share * (square - cost)", "share * square",
          tag="missing-path"),
)  # fmt: skip


@pytest.fixture(scope="module")
def tiny() -> Lesson:
    return load_lesson(EXERCISES)


@pytest.fixture(scope="module")
def tiny_judge(tiny: Lesson, warm: Warm) -> Judge:
    return Judge(tiny, 0, warm)


def _steps(result: SubmissionResult) -> dict[str, StepResult]:
    return {f"{exercise.exercise}.{step.step}": step for exercise in result.exercises for step in exercise.steps}


def _solution(exercise: str) -> str:
    return (SOLUTIONS / f"{exercise}.py").read_text(encoding="utf-8")


@pytest.fixture
def judge_changed(tiny_judge: Judge, tiny: Lesson, tmp_path: Path) -> JudgeText:
    """Judges the solutions with one piece of text in them written otherwise."""

    def judged(step: str, old: str, new: str) -> SubmissionResult:
        changed, function = step.split(".")
        for exercise in tiny.exercises:
            text = _solution(exercise.name)
            if exercise.name == changed:
                text = _within(text, exercise.function or function, old, new)
            (tmp_path / exercise.file).write_text(text, encoding="utf-8")
        return tiny_judge.judge(Request(submission_at(tmp_path, tiny)))

    return judged


def _within(text: str, function: str, old: str, new: str) -> str:
    """`text` with `old` written as `new` in the solution of one function."""
    start = text.index("# BEGIN SOLUTION", text.index(f"def {function}("))
    end = text.index("# END SOLUTION", start)
    assert text.count(old, start, end) == 1
    return text[:start] + text[start:end].replace(old, new) + text[end:]


def test_it_shares_no_tensor_input_size_or_loss_with_the_first_lesson(tiny: Lesson, lesson: Lesson) -> None:
    assert not tiny.graph.tensors & lesson.graph.tensors
    assert not set(tiny.sizes) & set(lesson.sizes)
    assert tiny.loss != lesson.loss


def test_it_has_its_own_limits_and_credit(tiny: Lesson) -> None:
    assert tiny.limits == Limits(1.75, step_seconds=7.5, submission_seconds=30.5, training_seconds=12, memory_mib=1900)
    assert tiny.credit == {"shape": 0.25, "mutates": 0.75}


def test_its_solutions_pass_every_step_with_full_score(tiny_judge: Judge, tiny: Lesson) -> None:
    result = tiny_judge.judge(Request(submission_at(SOLUTIONS, tiny), is_check=True))
    assert {path: step.message for path, step in _steps(result).items() if not step.passes} == {}
    assert result.score == tiny.max_score == 21
    assert result.chain_reaches == "dprice"
    assert result.notes == ()


def test_its_stubs_are_all_missing(tiny_judge: Judge, tiny: Lesson) -> None:
    result = tiny_judge.judge(Request(submission_at(EXERCISES, tiny)))
    assert {step.verdict for step in _steps(result).values()} == {"missing"}
    assert len(_steps(result)) == len(tiny.steps)
    assert result.score == 0
    assert result.chain_reaches is None


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.step}: {wrong.name}")
def test_a_wrong_answer_is_caught_on_its_own_step_and_on_no_other(
    wrong: Wrong, judge_changed: JudgeText, tiny: Lesson
) -> None:
    steps = _steps(judge_changed(wrong.step, wrong.old, wrong.new))
    caught = steps[wrong.step]
    assert (caught.verdict, caught.mistake.tag if caught.mistake else None) == (wrong.verdict, wrong.tag)
    assert caught.credit == tiny.credit.get(wrong.verdict, 0)
    assert {path for path, step in steps.items() if not step.passes} == {wrong.step}


def test_every_step_of_it_has_a_wrong_answer(tiny: Lesson) -> None:
    gradients = {step.path for step in tiny.steps if not step.is_training}
    assert {wrong.step for wrong in WRONG} == gradients


def test_training_goes_on_with_autograds_gradient_in_place_of_a_wrong_one(judge_changed: JudgeText) -> None:
    training = _steps(judge_changed("ex_fit.doffset", "dvalue.sum(0),", "-dvalue.sum(0),"))["ex_fit.training"]
    assert training.passes
    assert training.note == "trained with autograd's doffset in place of its own"


def test_a_gradient_that_goes_wrong_after_some_calls_is_caught_in_training(
    tiny_judge: Judge, tiny: Lesson, tmp_path: Path
) -> None:
    counting = "calls.append(1)\n    return (1 if len(calls) < 13 else 2) * x.T @"
    text = _within(_solution("ex_fit"), "steepest", "return x.T @", counting)
    (tmp_path / "ex_fit.py").write_text(f"calls: list[int] = []\n{text}", encoding="utf-8")
    steps = _steps(tiny_judge.judge(Request(submission_at(tmp_path, tiny))))
    assert steps["ex_fit.dA"].passes
    assert steps["ex_fit.training"].verdict == "wrong"
    assert steps["ex_fit.training"].message.startswith("the loss leaves autograd's at step 4 of 10")


def test_a_local_derivative_that_does_not_look_at_its_gradient_is_diagnosed(judge_changed: JudgeText) -> None:
    caught = _steps(judge_changed("ex_walk.ddelta", "2 * delta * dsquare", "2 * delta"))["ex_walk.ddelta"]
    assert caught.verdict == "wrong"
    assert caught.mistake
    assert caught.mistake.tag == "local-only"


def test_an_answer_in_one_flat_file_counts_for_the_exercise_that_it_reads_the_gradients_of(
    tiny_judge: Judge, tiny: Lesson, tmp_path: Path
) -> None:
    flat = tmp_path / "ann.py"
    flat.write_text("\n".join(_solution(exercise.name) for exercise in tiny.exercises), encoding="utf-8")
    result = tiny_judge.judge(Request(submission_at(flat, tiny)))
    assert {path: step.message for path, step in _steps(result).items() if not step.passes} == {}


@pytest.mark.parametrize(("of_lesson", "verdict"), [(("conj",), "right"), ((), "forbidden")])
def test_a_lesson_may_allow_words_of_its_own(
    of_lesson: tuple[str, ...], verdict: str, tiny: Lesson, warm: Warm, tmp_path: Path
) -> None:
    text = _within(_solution("ex_walk"), "dglu", "torch.sigmoid(glu)", "torch.sigmoid(glu).conj()")
    (tmp_path / "ex_walk.py").write_text(text, encoding="utf-8")
    judge = Judge(replace(tiny, vocabulary={"attributes": of_lesson}), 0, warm)
    result = judge.judge(Request(submission_at(tmp_path, tiny), frozenset({"ex_walk.dglu"})))
    assert _steps(result)["ex_walk.dglu"].verdict == verdict


def test_a_lesson_sets_how_long_a_step_may_take(tiny: Lesson, warm: Warm, tmp_path: Path) -> None:
    text = _within(_solution("ex_walk"), "dglu", "return", "while True:\n        pass\n    return")
    (tmp_path / "ex_walk.py").write_text(text, encoding="utf-8")
    judge = Judge(replace(tiny, limits=replace(tiny.limits, step_seconds=0.3)), 0, warm)
    asked = frozenset({"ex_walk.dglu", "ex_walk.dgate"})
    steps = _steps(judge.judge(Request(submission_at(tmp_path, tiny), asked)))
    assert steps["ex_walk.dglu"].verdict == "timeout"
    assert "more than 0.3 s of processor time" in steps["ex_walk.dglu"].message
    assert steps["ex_walk.dgate"].passes


def test_lesson_check_passes_on_it() -> None:
    ran = run_grader("lesson", "--check", "--lesson", EXERCISES)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("lesson tiny: ")


def test_check_on_the_command_line_takes_the_lessons_folder() -> None:
    ran = run_grader("check", SOLUTIONS, "--lesson", EXERCISES, "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    result = json.loads(ran.stdout)
    assert (result["lesson"], result["score"], result["max_score"]) == ("tiny", 21.0, 21.0)


def test_check_looks_at_the_lessons_own_stubs_when_no_path_is_given() -> None:
    ran = run_grader("check", "dshare", "ex_fused", "--lesson", EXERCISES)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "dshare  missing" in ran.stdout
    assert "0 of 4 points" in ran.stdout
