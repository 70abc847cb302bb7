"""Right answers in many styles stay right at other seeds than the corpus's own, and on a real chain without the judge.

A light version of `python -m tests.right_forms.run`, which judges all of them at 20 seeds.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.warm.client import Warm
from tests.right_forms.chain import draw_chain
from tests.right_forms.direct import TOLERANCES, Direct
from tests.right_forms.forms import HARD, Form, all_paths, counted, right_forms
from tests.right_forms.packs import packed

FORMS = right_forms()
PACKS = packed(FORMS)
SEEDS = range(1, 5)  # a pack is judged at one of them, by its place
LEAST, LEAST_OF_THE_HARD = 8, 12


def test_every_step_has_at_least_eight_forms_and_every_hard_one_twelve(lesson: Lesson) -> None:
    counts = counted(FORMS)
    few = {path: counts[path] for path in all_paths(lesson) if counts[path] < LEAST}
    few |= {path: counts[path] for path in HARD if counts[path] < LEAST_OF_THE_HARD}
    assert few == {}
    assert counts.keys() == set(all_paths(lesson))


def test_no_two_forms_of_a_step_are_the_same_code_or_have_the_same_name() -> None:
    for key in ("name", "code"):
        seen = [(form.path, "".join(getattr(form, key).split())) for form in FORMS]
        assert [entry for entry in seen if seen.count(entry) > 1] == []


def test_every_form_is_in_one_pack() -> None:
    assert sorted(map(id, FORMS)) == sorted(id(form) for pack in PACKS for form in pack.forms.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_judge_accepts_every_form_at_one_more_seed(seed: int, lesson: Lesson, warm: Warm, tmp_path: Path) -> None:
    judge = Judge(lesson, seed, warm)
    rejected: dict[Form, list[str]] = {}
    for pack in PACKS[SEEDS.index(seed) :: len(SEEDS)]:
        place = tmp_path / str(PACKS.index(pack))
        pack.write(place)
        rejected |= pack.rejections(judge, lesson, place)
    assert {form.name: facts for form, facts in rejected.items()} == {}


def test_a_wrong_answer_in_a_pack_is_named_and_its_neighbours_are_not(
    lesson: Lesson, judge: Judge, tmp_path: Path
) -> None:
    right = next(form for form in FORMS if form.path == "ex1_chain.dcounts")
    wrong = Form("ex1_chain", "dprobs", "the sign", "def dprobs(dlogprobs, probs): return -dlogprobs / probs")
    (pack,) = packed([right, wrong])
    pack.write(tmp_path)
    rejected = pack.rejections(judge, lesson, tmp_path)
    assert list(rejected) == [wrong]
    assert rejected[wrong][0].startswith("ex1_chain.dprobs is wrong: ")


@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float64", "float32"])
def test_every_form_has_what_plain_autograd_has_on_a_real_chain(dtype: torch.dtype, lesson: Lesson) -> None:
    chain = draw_chain(1, dtype)
    unlike = {form.path + ": " + form.name: Direct(form, lesson).misfits(chain, dtype) for form in FORMS}
    assert {name: misfits for name, misfits in unlike.items() if misfits} == {}


@pytest.mark.parametrize("dtype", TOLERANCES, ids=["float64", "float32"])
def test_plain_autograd_tells_wrong_answers_from_right_ones(dtype: torch.dtype, lesson: Lesson) -> None:
    chain = draw_chain(1, dtype)
    wrong = {
        "the sign": "def dprobs(dlogprobs, probs): return -dlogprobs / probs",
        "a shape": "def dprobs(dlogprobs, probs): return (dlogprobs / probs)[None]",
        "an input": "def dprobs(dlogprobs, probs): return dlogprobs.div_(probs)",
        "NaN": "def dprobs(dlogprobs, probs): return dlogprobs / probs * math.nan",
        "no tensor": "def dprobs(dlogprobs, probs): return None",
        "an error": "def dprobs(dlogprobs, probs): return dlogprobs @ probs",
    }
    forms = {name: Form("ex1_chain", "dprobs", name, code) for name, code in wrong.items()}
    assert {name for name, form in forms.items() if not Direct(form, lesson).misfits(chain, dtype)} == set()
