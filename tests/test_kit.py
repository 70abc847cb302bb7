"""The kit as a student has it: these need no solutions, and hold none."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Exercise, Lesson
from grader.results.kit import released_hash
from grader.results.store import kit_hash
from grader.submission.answers import callables
from grader.submission.find import submission_at
from tests.support import PRELUDE, ROOT, JudgeText, run_grader, step_of

EXERCISES = ROOT / "exercises" / "mlp"


def exercise_text(exercise: Exercise) -> str:
    """As handed out: a student may have filled in the other copy already."""
    kept = ROOT / "stubs" / "mlp" / exercise.file
    return (kept if kept.is_file() else EXERCISES / exercise.file).read_text(encoding="utf-8")


@pytest.fixture
def handed_out(tmp_path: Path, lesson: Lesson) -> Path:
    for exercise in lesson.exercises:
        (tmp_path / exercise.file).write_text(exercise_text(exercise), encoding="utf-8")
    return tmp_path


def test_every_step_starts_as_missing(handed_out: Path, judge: Judge, lesson: Lesson) -> None:
    result = judge.judge(Request(submission_at(handed_out, lesson)))
    assert {step.verdict for exercise in result.exercises for step in exercise.steps} == {"missing"}
    assert result.kit_hash == kit_hash()


def test_zeros_are_refused_for_every_gradient(judge_text: JudgeText, lesson: Lesson) -> None:
    for exercise in lesson.exercises:
        for name in callables(exercise):
            if exercise.function is None:
                tensor = name.removeprefix("d")
                text = f"{PRELUDE}def {name}({tensor}): return torch.zeros_like({tensor})\n"
                step = step_of(judge_text({exercise.name: text}, f"{exercise.name}.{name}"), f"{exercise.name}.{name}")
                assert step.verdict == "wrong", name


def test_the_parameters_of_every_stub_are_typed_so_that_an_editor_knows_them(lesson: Lesson) -> None:
    for exercise in lesson.exercises:
        module = ast.parse(exercise_text(exercise))
        for node in module.body:
            if isinstance(node, ast.FunctionDef):
                typed = {
                    argument.arg: ast.unparse(argument.annotation or ast.Constant("")) for argument in node.args.args
                }
                assert typed == {name: "int" if name in lesson.sizes else "Tensor" for name in typed}, node.name
                returns = ast.unparse(node.returns or ast.Constant(""))
                assert returns == ("tuple[Tensor, ...]" if exercise.function else "Tensor")


def test_the_names_in_a_stub_are_imported_in_its_file(lesson: Lesson) -> None:
    for exercise in lesson.exercises:
        text = exercise_text(exercise)
        assert "from torch import Tensor\n" in text


SHAPES = {
    "a product that does not fit": ("return dlogits @ W2", "dlogits is (32, 27), W2 is (64, 27)"),
    "a view that does not fit": ("return dlogits.view(n, 5)", "dlogits is (32, 27)"),
    "a helper's own line": ("return helped(W2)", "given is (64, 27)"),
    "a sum in place": ("dlogits += W2\n    return dlogits", "dlogits is (32, 27), W2 is (64, 27)"),
    "a number": ("return dlogits.sum() @ W2", "dlogits is (32, 27), W2 is (64, 27)"),
}


@pytest.mark.parametrize("what", SHAPES)
def test_an_error_shows_the_students_line_and_the_shapes_in_it(what: str, judge_text: JudgeText) -> None:
    body, shapes = SHAPES[what]
    text = f"{PRELUDE}def helped(given):\n    return given @ given\ndef dh(dlogits, W2, n):\n    {body}\n"
    step = step_of(judge_text({"ex1_chain": text}, "ex1_chain.dh"), "ex1_chain.dh")
    assert step.verdict == "error"
    assert step.message.endswith(f"; {shapes}")
    assert step.line == (5 if "helped" in body else 7)


def test_an_error_without_tensors_says_no_shapes(judge_text: JudgeText) -> None:
    text = f"{PRELUDE}def dh(dlogits, W2):\n    return dlogits * (1 / 0)\n"
    step = step_of(judge_text({"ex1_chain": text}, "ex1_chain.dh"), "ex1_chain.dh")
    assert step.message == "line 5: ZeroDivisionError: division by zero"


def test_check_at_a_glance_is_the_whole_picture(handed_out: Path) -> None:
    path = handed_out / "ex1_chain.py"
    text = path.read_text(encoding="utf-8")
    for name in ("dprobs", "dcounts", "dnorm_logits", "dlogits", "dh"):
        text = text.replace(f'raise NotImplementedError("{name}")', "return 1 / 0")
    path.write_text(text, encoding="utf-8")
    ran = run_grader("check", handed_out)
    assert ran.returncode == 1
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("ex1_chain          ")
    assert lines[0].endswith("0 of 26  ·✗··✗✗·✗✗·················")
    assert lines[4] == "end to end: your own chain begins when dlogprobs is right"
    assert ran.stdout.count("ZeroDivisionError") == 3
    assert "not right either: ex1_chain.dlogits error, dh error" in ran.stdout
    assert "missing in ex4_training: all 8 steps" in ran.stdout
    assert "next: make hint STEP=dlogprobs   then: make check STEP=dlogprobs" in ran.stdout
    assert run_grader("check", handed_out, "--all").stdout.count("ZeroDivisionError") == 5


def test_check_json_names_the_kit_by_its_hash(handed_out: Path) -> None:
    result = json.loads(run_grader("check", handed_out, "ex2_cross_entropy", "--json").stdout)
    assert result["kit_hash"] == kit_hash()


def test_this_copy_is_as_it_was_handed_out_or_no_release() -> None:
    assert released_hash(ROOT) in (None, kit_hash())


@pytest.mark.parametrize(("note", "said"), [('{"kit_hash": "abc"}', "abc"), ("{}", ""), ("junk", ""), ("[1]", "")])
def test_a_release_says_its_hash(note: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(note, encoding="utf-8")
    assert released_hash(tmp_path) == said


def test_doctor_says_where_things_are_one_line_each() -> None:
    ran = run_grader("doctor")
    assert ran.returncode == 0, ran.stdout
    kinds = [line[3:].split()[0] for line in ran.stdout.splitlines() if not line.startswith("   ")]
    assert {"Python", "torch", "kit", "lesson", "answers", "progress", "solutions", "isolation"} <= set(kinds)
    assert f"source hash {kit_hash()[:12]}" in ran.stdout
    assert "exercises/mlp/progress.json" in ran.stdout


def test_a_lesson_elsewhere_has_no_stubs_to_go_back_to(tmp_path: Path) -> None:
    shutil.copytree(EXERCISES, tmp_path / "exercises" / "mlp")
    ran = run_grader("explain", "dprobs", "--lesson", tmp_path / "exercises" / "mlp")
    assert ran.returncode == 2
    assert "not in this copy" in ran.stderr
