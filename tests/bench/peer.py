"""The peer: one pytest process a submission, as an instructor would write it without this kit.

    python -m pytest tests/bench/peer.py        with SUBMISSION=folder, SEED=0

The same answers on the same cases, compared with autograd by the same rule: every step with drawn
gradients in all cases, the lecture's sizes twice, the chain from end to end, 25 steps of training.
No seal, no pipe, no limits, no diagnosis.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.judge.compare import compare
from grader.judge.draw import draw_inputs, key_of
from grader.judge.inject import Injection
from grader.judge.real_chain import RealChain
from grader.judge.situation import Situation, Situations
from grader.lesson import Exercise, load_lesson
from grader.wire import frames

torch.set_num_threads(1)
LESSON = load_lesson(Path(__file__).resolve().parents[2] / "solutions" / "mlp")
SITUATIONS = Situations(LESSON, int(os.environ.get("SEED", "0")))
REAL_CHAIN = RealChain(LESSON, SITUATIONS.network)
FOLDER = Path(os.environ.get("SUBMISSION", LESSON.folder))
CALLABLES = [(e, e.function) if e.function else (e, step.name) for e in LESSON.exercises for step in e.gradient_steps]


def function_of(exercise: Exercise, name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"submitted_{exercise.name}", FOLDER / exercise.file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def injection_of(function: Any) -> Injection:
    names = tuple(inspect.signature(function).parameters)
    return Injection(names, frozenset(n[1:] for n in names if n[1:] in LESSON.graph.tensors and n not in LESSON.sizes
                                      and n not in LESSON.graph.tensors) - {LESSON.loss})  # fmt: skip


def called(function: Any, part: frames.Part) -> tuple[torch.Tensor, ...]:
    call: Any = frames.read_requests(frames.join([part]))[0]
    torch.set_default_dtype(torch.float64 if call.dtype == "float64" else torch.float32)
    returned = function(**call.tensors, **call.sizes)
    return returned if isinstance(returned, tuple) else (returned,)


def situations(exercise: Exercise, name: str, tensors: list[str]) -> list[Situation]:
    cases = [SITUATIONS.hidden(exercise.name, name, case) for case in LESSON.cases]
    kept = [s for s in cases if not s.case.ties or any(s.ties(tensor) for tensor in tensors)]
    return [*kept, SITUATIONS.public(exercise.name, name)]


@pytest.mark.parametrize(("exercise", "name"), dict.fromkeys(CALLABLES), ids=lambda it: str(getattr(it, "name", it)))
def test_answer(exercise: Exercise, name: str) -> None:
    function = function_of(exercise, name)
    injection = injection_of(function)
    tensors = [s.tensor for s in exercise.gradient_steps] if exercise.function else [name[1:]]
    for situation in situations(exercise, name, tensors):
        for tensor, got in zip(tensors, called(function, situation.call(injection)), strict=True):
            assert compare(got, situation, tensor, injection.cuts).outcome == "right"
    for tensor, got in zip(tensors, called(function, REAL_CHAIN.call(exercise.name, name, injection)), strict=True):
        assert REAL_CHAIN.compare(got, tensor).approximate


def test_chain() -> None:
    exercise = next(e for e in LESSON.exercises if e.is_chain)
    situation = SITUATIONS.public(exercise.name, "the chain")
    own: dict[str, Any] = {**situation.tape.values, **situation.case.sizes}
    torch.set_default_dtype(torch.float64)
    for step in exercise.gradient_steps:
        function = function_of(exercise, step.name)
        own[step.name] = function(**{name: own[name] for name in inspect.signature(function).parameters})
        assert compare(own[step.name], situation, step.tensor, frozenset()).outcome == "right"


def test_training() -> None:
    exercise = next(e for e in LESSON.exercises if e.function)
    training = LESSON.training
    assert training is not None
    function = function_of(exercise, str(exercise.function))
    asked = tuple(inspect.signature(function).parameters)
    case = LESSON.cases[0]
    inputs = draw_inputs(case, key_of(0, exercise.name, "peer", "start"))
    by_hand, learned = dict(inputs), dict(inputs)
    names = [step.tensor for step in exercise.gradient_steps]
    torch.set_default_dtype(torch.float64)
    for _ in range(training.grade.steps):
        values: dict[str, Any] = {**SITUATIONS.network.forward(by_hand, case.sizes), **case.sizes}
        leaves = {n: v.detach().requires_grad_(v.is_floating_point()) for n, v in learned.items()}
        loss = SITUATIONS.network.forward(leaves, case.sizes)[LESSON.loss]
        right = float(loss.detach())
        assert abs(float(values[LESSON.loss]) - right) <= 1e-9 * abs(right)
        for name, gradient in zip(names, function(**{name: values[name] for name in asked}), strict=True):
            by_hand[name] = by_hand[name] - training.learning_rate * gradient
        for name, gradient in zip(names, torch.autograd.grad(loss, [leaves[name] for name in names]), strict=True):
            learned[name] = learned[name] - training.learning_rate * gradient
