"""The judge against answers whose verdicts are known: right ones in many styles, wrong ones of many kinds."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from grader.judge import steps
from grader.judge.submission import Judge
from grader.lesson import Lesson
from tests.right_forms.forms import right_forms
from tests.right_forms.packs import Pack, packed
from tests.support import PRELUDE, ROOT, JudgeText, step_of
from tests.wrong_answers import JudgedPacks, WrongPack, parts, wrong_answers

CORPUS = Path(__file__).parent / "corpus"


RIGHT = packed(right_forms())
WRONG = [
    pytest.param(pack, marks=pytest.mark.xdist_group(f"wrong answers {number}"), id=f"part {number}, pack {place}")
    for number, part in enumerate(parts())
    for place, pack in enumerate(part)
]


def test_every_answer_of_the_corpus_is_judged_in_one_pack() -> None:
    assert sorted(map(id, wrong_answers())) == sorted(id(form) for part in parts() for p in part for form in p.answers)
    right = [form for pack in RIGHT for form in pack.forms.values()]
    assert sorted(map(str, right)) == sorted(map(str, right_forms()))


@pytest.mark.parametrize("pack", RIGHT, ids=[f"pack {place}" for place in range(len(RIGHT))])
def test_a_right_answer_passes_whatever_its_style_and_none_is_suspected_of_differences(
    pack: Pack, judge: Judge, lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "SUSPICIOUS", ("exact", *steps.SUSPICIOUS))
    pack.write(tmp_path)
    rejected = pack.rejections(judge, lesson, tmp_path)
    assert {f"{form.path}: {form.name}": facts for form, facts in rejected.items()} == {}


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


@pytest.mark.parametrize("pack", WRONG)
def test_a_wrong_answer_is_caught_on_its_own_step_and_on_no_other(
    pack: WrongPack, judged_packs: JudgedPacks, lesson: Lesson
) -> None:
    wrong = {path: answer for answer in pack.answers for path in answer.gradients(lesson)}
    result = judged_packs.result(pack)
    judged = {f"{found.exercise}.{step.step}": step for found in result.exercises for step in found.steps}
    assert wrong.keys() <= judged.keys()
    for path, step in judged.items():
        if path in wrong:
            assert step.verdict == wrong[path].verdict, f"{wrong[path]}: {path} is {step.verdict}: {step.message}"
            assert step.message, wrong[path]
        else:
            assert step.passes, f"{path} is {step.verdict}: {step.message}, beside {[*map(str, pack.answers)]}"


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
