"""The judge against answers whose verdicts are known: right ones in many styles, wrong ones of many kinds."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from grader.lesson import Lesson
from tests.support import PRELUDE, ROOT, JudgeText, step_of

CORPUS = Path(__file__).parent / "corpus"


def _answers(kind: str) -> list[Any]:
    found = []
    for file in sorted((CORPUS / kind).glob("*.toml")):
        for answer in tomllib.loads(file.read_text(encoding="utf-8"))["answer"]:
            found.append(pytest.param(file.stem, answer, id=f"{file.stem}.{answer['step']}: {answer['name']}"))
    return found


@pytest.mark.parametrize(("exercise", "answer"), _answers("right"))
def test_a_right_answer_passes_whatever_its_style(
    exercise: str, answer: dict[str, str], judge_text: JudgeText, lesson: Lesson
) -> None:
    asked = [step.path for step in lesson.exercise(exercise).steps if answer["step"] in ("*", step.name)]
    result = judge_text({exercise: PRELUDE + answer["code"]}, *asked)
    assert asked
    for path in asked:
        step = step_of(result, path)
        assert step.passes, f"{path} is {step.verdict}: {step.message} (line {step.line})"


def _pending() -> list[Any]:
    answers = tomllib.loads((CORPUS / "right_pending.toml").read_text(encoding="utf-8"))["answer"]
    return [pytest.param(answer, id=f"{answer['exercise']}.{answer['step']}: {answer['name']}") for answer in answers]


@pytest.mark.xfail(strict=True, reason="right answers that the judge still refuses; each says why")
@pytest.mark.parametrize("answer", _pending())
def test_a_right_answer_that_is_still_refused_is_known(
    answer: dict[str, str], judge_text: JudgeText, lesson: Lesson
) -> None:
    exercise = answer["exercise"]
    asked = [step.path for step in lesson.exercise(exercise).steps if answer["step"] in ("*", step.name)]
    result = judge_text({exercise: PRELUDE + answer["code"]}, *asked)
    assert all(step_of(result, path).passes for path in asked)


@pytest.mark.parametrize(("exercise", "answer"), _answers("wrong"))
def test_a_wrong_answer_is_caught_on_its_own_step_and_on_no_other(
    exercise: str, answer: dict[str, str], judge_text: JudgeText, lesson: Lesson
) -> None:
    solution = (ROOT / "solutions" / "mlp" / f"{exercise}.py").read_text(encoding="utf-8")
    steps = [step.path for step in lesson.exercise(exercise).gradient_steps]
    result = judge_text({exercise: f"{solution}\n{PRELUDE}{answer['code']}"}, *steps)
    for path in steps:
        step = step_of(result, path)
        if answer["step"] in ("*", step.step):
            assert step.verdict == answer["verdict"], f"{path}: {step.message}"
            assert step.message
        else:
            assert step.passes, f"{path} is {step.verdict}: {step.message}"


def _chain_steps() -> list[str]:
    steps = tomllib.loads((ROOT / "solutions" / "mlp" / "lesson.toml").read_text(encoding="utf-8"))["exercises"][0]
    return [step["name"] for step in steps["steps"]]


@pytest.mark.parametrize("name", _chain_steps())
@pytest.mark.parametrize("reads", ["nothing", "what the solution reads"])
def test_all_zeros_fail_on_every_step_of_the_chain(
    name: str, reads: str, judge_text: JudgeText, lesson: Lesson
) -> None:
    tensor = name.removeprefix("d")
    upstream = [f"d{user.tensor}" for user in lesson.graph.users[tensor]] if reads != "nothing" else []
    looks = "".join(f"    {gradient} + 0\n" for gradient in upstream)
    code = f"def {name}({', '.join([tensor, *upstream])}):\n{looks}    return torch.zeros_like({tensor})\n"
    result = judge_text({"ex1_chain": PRELUDE + code}, f"ex1_chain.{name}")
    assert step_of(result, f"ex1_chain.{name}").verdict == "wrong"
