"""What is known at a glance is what a longer look says: the glance saves time, and never decides otherwise."""

from __future__ import annotations

import shutil
import textwrap
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from grader.judge import training
from grader.judge.chain import _Chain
from grader.judge.compare import compare
from grader.judge.glance import Right, right_at_a_glance
from grader.judge.job import Request
from grader.judge.real_chain import RealChain
from grader.judge.situation import TOLERANCE, Situation, Situations
from grader.judge.steps import _Work
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.results.model import StepResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from grader.wire import frames
from grader.wire.messages import Answer
from tests.bench.classes import lecture_style
from tests.support import PRELUDE, ROOT

NAN, INF = float("nan"), float("inf")
FIRST, SECOND = torch.arange(6, dtype=torch.float64).reshape(2, 3), torch.tensor([7.0], dtype=torch.float64)


def came(*returned: Tensor) -> Answer:
    """An answer as it comes over the pipe."""
    (reply,) = frames.read_replies(frames.join([frames.write(Answer(returned, True, (), ""))]))
    assert isinstance(reply, Answer)
    return reply


@pytest.fixture(scope="module")
def right() -> Right:
    """Two replies, of two tensors and of one; the first tensor may be off by 0.1, the others by nothing."""
    made = right_at_a_glance([[FIRST, SECOND], [SECOND]], [[0.1, 0.0], [0.0]])
    assert made
    return made


def _changed(tensor: Tensor, by: float) -> Tensor:
    tensor = tensor.clone()
    tensor.view(-1)[-1] += by
    return tensor


GLANCES: dict[str, tuple[Tensor, Tensor, list[float] | None]] = {
    "the same": (FIRST, SECOND, [0.0, 0.0, 0.0]),
    "off by what is allowed": (_changed(FIRST, 0.0625), SECOND, [0.0625, 0.0, 0.0]),
    "off by more": (_changed(FIRST, -0.11), SECOND, None),
    "off where nothing is allowed": (FIRST, _changed(SECOND, 1e-15), None),
    "not a number": (_changed(FIRST, NAN), SECOND, None),
    "infinite": (_changed(FIRST, INF), SECOND, None),
    "minus infinite": (_changed(FIRST, -INF), SECOND, None),
    "another shape": (FIRST.reshape(3, 2), SECOND, None),
    "an axis more": (FIRST, SECOND[None], None),
    "float32": (FIRST.float(), SECOND, None),
    "whole numbers": (FIRST.long(), SECOND, None),
    "an axis of none": (FIRST[:, :0], SECOND, None),
}


@pytest.mark.parametrize("what", GLANCES)
@pytest.mark.filterwarnings("error")
def test_all_that_came_is_right_or_nothing_is_said(what: str, right: Right) -> None:
    first, second, errors = GLANCES[what]
    found = right.errors([came(first, second).returned, came(SECOND).returned])
    assert (None if found is None else found.tolist()) == errors


def test_more_or_fewer_tensors_than_asked_for_are_not_right_at_a_glance(right: Right) -> None:
    assert right.errors([came(FIRST).returned, came(SECOND).returned]) is None
    assert right.errors([came(FIRST, SECOND, SECOND).returned, came(SECOND).returned]) is None


def test_of_a_gradient_without_numbers_nothing_is_known_at_a_glance() -> None:
    assert right_at_a_glance([[FIRST, FIRST[:0]]], [[0.0, 0.0]]) is None
    assert right_at_a_glance([], []) is None
    assert right_at_a_glance([[FIRST]], [[INF]]) is None


@pytest.fixture(scope="module")
def situation(lesson: Lesson) -> Situation:
    return Situations(lesson, 0).public("ex1_chain", "dprobs")


@settings(max_examples=60, deadline=None, database=None)
@given(
    times=st.floats(0.5, 1.5) | st.sampled_from([0.0, 1e-3, 1.0, 1e3, 1e300, INF, NAN]),
    tensor=st.sampled_from(["probs", "bnmeani", "C"]),
    place=st.integers(0, 26),
)
def test_around_the_tolerance_a_glance_and_a_long_look_agree(
    times: float, tensor: str, place: int, situation: Situation
) -> None:
    reference = situation.reference(tensor, frozenset())
    got = reference.gradient.clone()
    got.view(-1)[place] += times * TOLERANCE * reference.scale
    made = right_at_a_glance([[reference.gradient]], [[TOLERANCE * reference.scale]])
    assert made
    errors = made.errors([came(got).returned])
    looked = compare(got, situation, tensor, frozenset())
    assert (errors is not None) == (looked.outcome == "right")
    if errors is not None and looked.scaled_error is not None:
        assert errors.tolist()[0] / reference.scale == looked.scaled_error


def _never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer is looked at long from here on."""
    monkeypatch.setattr(_Work, "at_a_glance", lambda *_: None)
    monkeypatch.setattr(_Chain, "are_right", lambda *_: False)
    monkeypatch.setattr(training, "_along", lambda *_: training._Left(0))


def _solutions() -> dict[str, str]:
    return {file.stem: file.read_text(encoding="utf-8") for file in (ROOT / "solutions" / "mlp").glob("ex*.py")}


def _from_the_corpus(every: int) -> dict[str, str]:
    """The solutions with every so-manieth wrong and right answer in place of theirs, each for a step of its own."""
    texts = _solutions()
    for kind in ("wrong", "right"):
        for file in sorted((ROOT / "tests" / "corpus" / kind).glob("*.toml")):
            answers = tomllib.loads(file.read_text(encoding="utf-8"))["answer"]
            chosen = {answer["step"]: answer["code"] for answer in answers[::every] if answer["step"] != "*"}
            texts[file.stem] += "".join(f"\n{PRELUDE}{code}" for code in chosen.values())
    return texts


def _float32() -> dict[str, str]:
    texts = _solutions()
    texts["ex4_training"] = texts["ex4_training"].replace(
        "    return ", "    dlogits = dlogits.float()\n    return ", 1
    )
    texts["ex1_chain"] = texts["ex1_chain"].replace("return dlogprobs / probs", "return (dlogprobs / probs).float()")
    return texts


def _zeros() -> dict[str, str]:
    """Right by luck: the gradients that are zero for this loss, from nothing."""
    texts = _solutions()
    texts["ex1_chain"] += "\n\ndef db1(b1):\n    return torch.zeros_like(b1)\n"
    return texts


CLASSES: dict[str, Callable[[], dict[str, str]]] = {
    "the solutions": _solutions,
    "the lecture's style": lambda: {name.removesuffix(".py"): text for name, text in lecture_style().items()},
    "every 7th of the corpus": lambda: _from_the_corpus(7),
    "every 11th of the corpus": lambda: _from_the_corpus(11),
    "float32": _float32,
    "zeros that prove nothing": _zeros,
}


@pytest.mark.parametrize("texts", CLASSES)
def test_with_and_without_a_glance_the_results_are_the_same(
    texts: str, judge: Judge, lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for exercise, text in CLASSES[texts]().items():
        (tmp_path / f"{exercise}.py").write_text(text, encoding="utf-8")
    request = Request(submission_at(tmp_path, lesson), mends=False)
    at_a_glance = judge.judge(request)
    _never(monkeypatch)
    assert judge.judge(request).as_json() == at_a_glance.as_json()


def test_a_right_submission_needs_no_longer_look(judge: Judge, lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Work, "evidence", lambda self: pytest.fail(f"{self.written.name} was looked at"))
    monkeypatch.setattr(training, "_run", lambda *_: pytest.fail("training was run step by step"))
    result = judge.judge(Request(submission_at(ROOT / "solutions" / "mlp", lesson)))
    assert all(step.passes for exercise in result.exercises for step in exercise.steps)
    assert result.chain_reaches == "dC"


def _trained(extra: str, lesson: Lesson, warm: Warm, folder: Path, *, seconds: float = 20.0) -> StepResult:
    """The training of the solution with these lines at its start; COUNT holds as many things as it was called."""
    before, rest = _solutions()["ex4_training"].split("def gradients(", 1)
    signature, body = rest.split(":\n", 1)
    lines = textwrap.indent(f"COUNT.append(1)\n{extra}", "    ")
    text = f"{PRELUDE}import os\nCOUNT: list[int] = []\n{before}def gradients({signature}:\n{lines}\n{body}"
    (folder / "ex4_training.py").write_text(text, encoding="utf-8")
    assert lesson.training
    short = replace(lesson.training, check=lesson.training.grade)
    lesson = replace(lesson, limits=replace(lesson.limits, training_seconds=seconds), training=short)
    asked = Request(submission_at(folder, lesson), frozenset({"ex4_training.training"}), is_check=True, mends=False)
    result = Judge(lesson, 0, warm).judge(asked)
    (step,) = (step for exercise in result.exercises for step in exercise.steps)
    return step


BACKWARD = """\
if len(COUNT) == 25:
    try: torch.ones(2, requires_grad=True).sum().backward()
    except BaseException: pass"""
# Twelve calls come before the training, so the 25th is its 13th step.
ENDS = {
    "it raises once": ("if len(COUNT) == 25: raise ValueError('no')", "error", "at step 13: ValueError: no"),
    "it runs out of memory": ("if len(COUNT) >= 25: raise MemoryError", "memory", "at step 13: ran out of memory"),
    "its process ends": ("if len(COUNT) == 25: os._exit(3)", "crashed", "at step 11 to 15: the process ended itself"),
    "its process is killed": ("if len(COUNT) == 25: os.kill(os.getpid(), 9)", "memory", "at step 11 to 15: "),
    "it tries autograd": (BACKWARD, "forbidden", "at training step 13, torch.Tensor.backward"),
    "it is wrong once": (
        "if len(COUNT) == 25: W2 = W2 * 2",
        "wrong",
        "the loss leaves autograd's at step 14 of 25: ",
    ),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_ends_a_training_run_is_told_with_its_step(
    what: str, lesson: Lesson, unguarded: Warm, tmp_path: Path
) -> None:
    extra, verdict, words = ENDS[what]
    step = _trained(extra, lesson, unguarded, tmp_path)
    assert (step.verdict, step.message[: len(words)]) == (verdict, words)


def test_a_run_that_takes_too_long_says_how_far_it_came(lesson: Lesson, warm: Warm, tmp_path: Path) -> None:
    step = _trained("while len(COUNT) > 25: pass", lesson, warm, tmp_path, seconds=1.0)
    assert step.verdict == "timeout"
    assert step.message.startswith("it was at step 11 to 15 when the 1 s of processor time for training were over")


def test_an_answer_that_hangs_in_the_chain_costs_no_other_exercise(lesson: Lesson, warm: Warm, tmp_path: Path) -> None:
    texts = _solutions()
    texts["ex1_chain"] += (
        "\nCOUNT: list[int] = []\n\ndef dprobs(dlogprobs, probs):\n    COUNT.append(1)\n"
        "    while len(COUNT) > 12: pass\n    return dlogprobs / probs\n"
    )
    for exercise, text in texts.items():
        (tmp_path / f"{exercise}.py").write_text(text, encoding="utf-8")
    limits = replace(lesson.limits, step_seconds=1.0, submission_seconds=12.0)
    result = Judge(replace(lesson, limits=limits), 0, warm).judge(Request(submission_at(tmp_path, lesson), mends=False))
    assert [step.step for exercise in result.exercises for step in exercise.steps if not step.passes] == []


def test_two_chains_with_the_same_steps_are_told_apart(warm: Warm, tmp_path: Path) -> None:
    tiny = shutil.copytree(ROOT / "tests" / "lessons" / "solutions" / "tiny", tmp_path / "tiny")
    told = (tiny / "lesson.toml").read_text(encoding="utf-8")
    first = told.index("[[exercises]]")
    second = told.index("[[exercises]]", first + 1)
    again = told[first:second].replace('name = "ex_walk"', 'name = "ex_stroll"')
    (tiny / "lesson.toml").write_text(told[:second] + again + told[second:], encoding="utf-8")
    walk = (tiny / "ex_walk.py").read_text(encoding="utf-8")
    (tiny / "ex_stroll.py").write_text(walk, encoding="utf-8")
    (tiny / "ex_walk.py").write_text(walk.replace("2 * delta * dsquare", "3 * delta * dsquare"), encoding="utf-8")
    lesson = load_lesson(tiny)
    result = Judge(lesson, 0, warm).judge(Request(submission_at(tiny, lesson), mends=False))
    assert result.chain_reaches == lesson.exercise("ex_stroll").gradient_steps[-1].name


@pytest.mark.parametrize("off", [0.0, 0.3, 0.99, 1.01, 3.0, NAN, INF])
def test_the_lectures_comparison_is_torch_allclose(off: float, lesson: Lesson) -> None:
    chain = RealChain(lesson, Situations(lesson, 0).network)
    right = chain._gradients["logits"]
    got = right + off * (1e-8 + 1e-5 * right.abs())
    assert chain.compare(got, "logits").approximate == torch.allclose(got, right)
