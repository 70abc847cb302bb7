"""Behind the language: every way into autograd refuses in a student's process, and is noted for the judge."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from grader.errors import KitError
from grader.judge.student import Student
from grader.lesson import Lesson
from grader.run.backward import LearnersBackward
from grader.submission.answers import Answers
from grader.warm.client import Warm
from grader.wire import frames
from grader.wire.messages import Answer, Call, Failed, Forbidden
from tests.test_worker import LIMITS, TOOLS, X, ask, call_of, tensor_of, time_for, written


@pytest.fixture
def student(unguarded: Warm) -> Iterator[Student]:
    with Student(unguarded, LIMITS) as held:
        yield held


SETUP = "y = torch.ones(2, 3, dtype=torch.float64)"
ROUTES = {
    "autograd.grad": ("torch.autograd.grad(y.sum(), y)", "torch.autograd.grad"),
    "autograd.backward": ("torch.autograd.backward(y.sum())", "torch.autograd.backward"),
    "Tensor.backward": ("y.sum().backward()", "torch.Tensor.backward"),
    "a name bound before": ("from torch import autograd as a; a.grad(y.sum(), y)", "torch.autograd.grad"),
    "the engine's function": (
        "torch.autograd.graph._engine_run_backward()",
        "torch.autograd.graph._engine_run_backward",
    ),
    "a new engine": ("torch._C._ImperativeEngine()", "torch._C._ImperativeEngine"),
    "the engine that is there": (
        "torch.autograd.Variable._execution_engine.run_backward((y,), (y,), False, False, (), True, True)",
        "the autograd engine's run_backward",
    ),
    "jacobian": ("torch.autograd.functional.jacobian(torch.exp, y)", "torch.autograd.functional.jacobian"),
    "vjp": ("torch.autograd.functional.vjp(torch.exp, y, y)", "torch.autograd.functional.vjp"),
    "func.grad": ("torch.func.grad(torch.sum)(y)", "torch.func.grad"),
    "func.vjp": ("torch.func.vjp(torch.exp, y)", "torch.func.vjp"),
    "func.jvp": ("torch.func.jvp(torch.exp, (y,), (y,))", "torch.func.jvp"),
    "func.jacrev": ("torch.func.jacrev(torch.exp)(y)", "torch.func.jacrev"),
    "func.vmap": ("torch.func.vmap(torch.exp)(y)", "torch.func.vmap"),
    "the functions behind func": ("torch._functorch.eager_transforms.vjp(torch.exp, y)", "torch._functorch.eager"),
    "functorch's own levels": ("torch._C._functorch._grad_increment_nesting()", "torch._C._functorch._grad_increment"),
    "forward mode": ("torch.autograd.forward_ad.make_dual(y, y)", "torch.autograd.forward_ad.make_dual"),
    "its levels": ("torch.autograd.forward_ad.enter_dual_level()", "torch.autograd.forward_ad.enter_dual_level"),
    "its operator": ("torch._VF._make_dual(y, y, level=0)", "aten::_make_dual"),
    "jit.script": ("torch.jit.script(step)", "torch.jit.script"),
    "jit.trace": ("torch.jit.trace(torch.exp, y)", "torch.jit.trace"),
    "compile": ("torch.compile(torch.exp)(y)", "torch.compile"),
    "leaving inference mode": ("torch.inference_mode(False).__enter__()", "torch.inference_mode(False)"),
    "tanh backward": ("torch.ops.aten.tanh_backward(y, y)", "aten::tanh_backward"),
    "softmax backward": ("torch._softmax_backward_data(y, y, 1, y.dtype)", "aten::_softmax_backward_data"),
    "log softmax backward": (
        "torch._C._VariableFunctions._log_softmax_backward_data(y, y, 1, y.dtype)",
        "aten::_log_softmax_backward_data",
    ),
    "embedding backward": (
        "torch.ops.aten.embedding_dense_backward(y, torch.tensor([0, 1]), 5, -1, False)",
        "aten::embedding_dense_backward",
    ),
    "batch norm backward": (
        "torch.ops.aten.native_batch_norm_backward(y, y, None, None, None, None, None, True, 1e-5, [True] * 3)",
        "aten::native_batch_norm_backward",
    ),
    "an overload by name": ("torch.ops.aten.tanh_backward.grad_input(y, y, grad_input=y)", "aten::tanh_backward"),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_way_into_autograd_refuses_and_is_noted_also_when_the_refusal_is_caught(route: str, student: Student) -> None:
    body, name = ROUTES[route]
    loud = ask(student, written(f"{SETUP}\n{body}\nreturn x"))
    quiet = ask(student, written(f"{SETUP}\ntry: {body}\nexcept Exception: pass\nreturn x"))
    assert isinstance(loud, Failed), loud
    assert isinstance(quiet, Answer)
    for reply in (loud, quiet):
        assert len(reply.refused) == 1
        assert reply.refused[0].message.startswith(name)
    assert "by hand" in loud.error


def test_what_one_answer_tried_is_not_told_of_the_next(student: Student) -> None:
    ask(student, written("try: torch.func.grad(step)\nexcept RuntimeError: pass\nreturn x"))
    ask(student, written("torch.func.grad(step)"))
    after = ask(student, written("return x"))
    assert isinstance(after, Answer)
    assert after.refused == ()


def test_what_is_tried_at_the_top_level_costs_no_step_that_does_not_need_it(student: Student) -> None:
    source = f"{TOOLS}try: torch.func.grad(print)\nexcept RuntimeError: pass\ndef step(x): return x\n"
    answer = replace(written("return x"), source=source)
    for _ in range(2):
        reply = ask(student, answer)
        assert isinstance(reply, Answer)
        assert reply.refused == ()


def test_a_thousand_attempts_are_a_few_words(student: Student) -> None:
    body = """
    for name in dir(torch.ops.aten) + [n.split("::")[1] for n in torch._C._dispatch_get_all_op_names()]:
        if "backward" in name and "." not in name:
            for arguments in ((x,), (x, x), (x, x, x), (x, x, 1, x.dtype), (x, x, x, x)):
                try: getattr(torch.ops.aten, name)(*arguments)
                except Exception: pass
    return x
    """
    reply = ask(student, written(body))
    assert isinstance(reply, Answer)
    assert 10 < len(reply.refused) <= 16


NO_GRAPH = {
    "its inputs": "print(x.requires_grad, x.grad_fn, x.is_inference())",
    "what it makes of them": "y = x.exp(); print(y.requires_grad, y.grad_fn, y.is_inference())",
    "a leaf that asks for one": "y = torch.ones(2, requires_grad=True) * 2; print(False, y.grad_fn, y.is_inference())",
    "with gradients enabled": "with torch.enable_grad(): y = x.exp(); print(y.requires_grad, y.grad_fn, True)",
}


@pytest.mark.parametrize("what", NO_GRAPH)
def test_nothing_carries_a_graph(what: str, student: Student) -> None:
    reply = ask(student, written(f"{NO_GRAPH[what]}\nreturn x"))
    assert isinstance(reply, Answer), reply
    assert reply.output == "False None True\n"


BENIGN = {
    "names that say grad": "grad = backward = x * 2; return grad + backward",
    "a comment about autograd": "# autograd.grad(x) would do this\nreturn x",
    "forward functions": "import torch.nn.functional as F; return F.log_softmax(x.tanh().softmax(1), 1)",
    "no_grad and detach": "with torch.no_grad(): y = x.detach().clone()\nreturn y.data",
    "inference mode": "with torch.inference_mode(): return x + 1",
    "printing a tensor": "print(x, x.float(), x.long()); return x",
    "losses": "import torch.nn.functional as F; return F.cross_entropy(x, torch.tensor([0, 1])) + x",
}


@pytest.mark.parametrize("what", BENIGN)
def test_honest_words_are_not_noted(what: str, student: Student) -> None:
    reply = ask(student, written(BENIGN[what]))
    assert isinstance(reply, Answer), reply
    assert reply.refused == ()


@pytest.mark.parametrize("end", ["return x", "raise ValueError"])
def test_training_ends_at_an_attempt(end: str, unguarded: Warm, lesson: Lesson) -> None:
    body = f"try: torch.func.grad(print)\nexcept RuntimeError: pass\nx = b1, b2\n{end}"
    place = "ex4_training", "gradients"
    backward = LearnersBackward(
        lesson,
        lesson.exercise("ex4_training"),
        Answers({place: replace(written(body, "gradients", "b1, b2"), exercise="ex4_training")}, ()),
        unguarded,
    )
    with pytest.raises(KitError, match=r"torch\.func\.grad .* by hand") as raised:
        backward.gradients({"b1": torch.ones(2), "b2": torch.ones(2)})
    assert raised.value.exit_code == 1
    backward.close()


# torch's own functions, bound to something else by a student


REBOUND = """
def nothing(*_, **__): raise SystemExit("mine")
for name in ("equal clone frombuffer empty set_default_dtype set_num_threads manual_seed inference_mode no_grad sum "
             "default_generator float64 float32 strided Size tensor").split(): setattr(torch, name, nothing)
for name in ("clone detach contiguous reshape data_ptr numel element_size is_complex resolve_neg "
             "sum").split(): setattr(torch.Tensor, name, nothing)
t = torch
t.sum = x
"""


def test_torchs_functions_rebound_by_a_student_are_not_the_workers(student: Student) -> None:
    loaded = ask(student, written("return x + 2", "later"))
    first = ask(student, written(f"{textwrap.dedent(REBOUND)}\nreturn x + 1"))
    second = ask(student, written("x.add_(2)\nprint('heard')\nreturn x", "after"))
    assert torch.equal(tensor_of(loaded), X + 2)
    assert torch.equal(tensor_of(first), X + 1)
    assert torch.equal(tensor_of(second), X + 2)
    assert isinstance(second, Answer)
    assert (second.changed, second.output) == (("x",), "heard\n")


# What it costs


def test_the_judges_own_autograd_is_untouched(unguarded: Warm) -> None:
    """Judges are forked from the same warm process; the watch is registered there, and off."""
    leaf = torch.ones(3, requires_grad=True)
    leaf.tanh().softmax(0)[0].backward()  # type: ignore[no-untyped-call]
    assert isinstance(leaf.grad, Tensor)
    assert unguarded.isolation.layers


def test_an_operator_that_is_not_watched_pays_nothing(student: Student) -> None:
    """Loosely, because machines are shared: 100,000 small operations, watched, against as many here."""
    start = time.perf_counter()
    with torch.inference_mode():
        for _ in range(50_000):
            (X * X).sum(0)
    here = time.perf_counter() - start
    answer = written("for _ in range(50_000): (x * x).sum(0)\nreturn x")
    ask(student, written("return x"))
    start = time.perf_counter()
    reply = student.call(answer, call_of(answer), time_for(60))
    assert isinstance(reply, Answer)
    assert time.perf_counter() - start < 3 * here + 0.5


def test_a_call_and_its_answer_carry_what_was_noted_over_the_pipe() -> None:
    answer = Answer((), True, (), "", (Forbidden(3, "aten::tanh_backward"),))
    call = Call("k", "float64", {}, {})
    assert frames.read_replies(frames.join([frames.write(answer)])) == [answer]
    assert frames.read_requests(frames.join([frames.write(call)])) == [call]
