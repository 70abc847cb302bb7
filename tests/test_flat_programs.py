"""Gradients that are variables: a notebook or a script is run, and what it made is judged."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.results.model import PASSING, SubmissionResult
from grader.submission.find import submission_at
from tests.notebooks.parts import (
    CHAIN,
    COMPARISONS,
    DHPREBN,
    DLOGITS,
    FORWARD,
    SET_UP,
    TENSORS,
    TRAINING,
    WHOLE,
    notebook,
    with_lines,
)
from tests.support import PRELUDE, JudgeText, step_of


def judged(judge: Judge, lesson: Lesson, folder: Path, *cells: str) -> SubmissionResult:
    path = folder / "ann.ipynb"
    path.write_text(notebook(cells), encoding="utf-8")
    return judge.judge(Request(submission_at(path, lesson), mends=False))


def script(judge: Judge, lesson: Lesson, folder: Path, text: str) -> SubmissionResult:
    path = folder / "ann.py"
    path.write_text(text, encoding="utf-8")
    return judge.judge(Request(submission_at(path, lesson), mends=False))


def not_passing(result: SubmissionResult, exercise: str = "ex1_chain") -> dict[str, str]:
    """What of an exercise does not pass, with the reason."""
    steps = next(found.steps for found in result.exercises if found.exercise == exercise)
    return {step.step: f"{step.verdict}: {step.message}" for step in steps if step.verdict not in PASSING}


def indented(text: str) -> str:
    return textwrap.indent(text, "    ")


def changed(old: str, new: str) -> str:
    assert old in CHAIN
    return CHAIN.replace(old, new)


def kept(place: str) -> str:
    """The chain with its gradients in other places than variables."""
    return re.sub(rf"\bd({'|'.join(TENSORS)})\b", place, CHAIN)


LINES = CHAIN.split("\n")
DC = CHAIN[CHAIN.index("dC = ") :]
BACKWARD = f"def backward():\n{indented(CHAIN)}\n    return {{'dC': dC}}\n"
NOTHING = f"def backward():\n{indented(CHAIN)}\n"
RIGHT = {
    "a gradient that is bound to another first": (changed("db2 = dlogits.sum(0)", "db2 = dlogits\ndb2 = db2.sum(0)"),),
    "index_add on what zeros_like gives": (
        CHAIN.replace(DC, "dC = torch.zeros_like(C).index_add_(0, Xb.view(-1), demb.view(-1, C.shape[1]))"),
    ),
    "a second forward pass with a suffix": (
        CHAIN,
        "emb2 = C[Xb]\nembcat2 = emb2.view(emb2.shape[0], -1)\nhprebn2 = embcat2 @ W1 + b1\n"
        "h2 = torch.tanh(bngain * (hprebn2 - hprebn2.mean(0)) * bnvar_inv + bnbias)\nlogits2 = h2 @ W2 + b2",
    ),
    "a function that returns a dictionary, never called": (BACKWARD,),
    "a function that returns nothing, never called": (NOTHING,),
    "a function that is called for its dictionary": (BACKWARD, "grads = backward()"),
    "a function that prints, called": (NOTHING, "backward()"),
    "a function of the gradient behind it": (
        with_lines(CHAIN, dh="pass", dW2="pass", db2="pass"),
        "def h_bp(dlogits, W2):\n    dh = dlogits @ W2.T\n    return dh",
        "def w_bp(dlogits, h):\n    dW2 = h.T @ dlogits\n    db2 = dlogits.sum(0)\n    return dW2, db2",
    ),
    "sizes under names of one's own": (
        "EMB = 12; CONTEXT = 5\nC = torch.randn((27, EMB))\nXb = torch.randint(0, 27, (32, CONTEXT))",
        changed("demb = dembcat.view(emb.shape)", "demb = dembcat.view(-1, CONTEXT, EMB)"),
    ),
    "a loop variable that is a view": (
        changed(
            "dlogprobs[range(n), Yb] = -1.0 / n",
            "for i, row in enumerate(dlogprobs):\n    row[Yb[i]] = -1.0 / n",
        ),
    ),
    "a scratch after the last comparison": (CHAIN, COMPARISONS, "dprobs *= 0\ndprobs"),
    "a comparison before it is whole": (
        changed("dlogprobs[range(n), Yb]", "cmp('logprobs', dlogprobs, logprobs)\ndlogprobs[range(n), Yb]"),
    ),
    "a half-written cell, a plot and a download": ("dprobs = (", "plt.plot(x)", "!wget x", CHAIN),
    "another name, compared later and wrong": (CHAIN, COMPARISONS, "dC2 = dC * 2\ncmp('C', dC2, C)"),
    "gradients that an object holds, too": (
        "class Store: pass\nd = Store()",
        changed("dprobs = dlogprobs / probs", "d.logprobs = dlogprobs\ndprobs = d.logprobs / probs"),
    ),
    "a context of one's own around it": (
        "import time\nclass Timer:\n    def __enter__(self):\n        self.start = time.time()\n"
        "    def __exit__(self, *_):\n        print(time.time() - self.start)",
        f"with Timer():\n{indented(CHAIN)}",
    ),
    "a condition around it": ("run = 1", f"if run == 1:\n{indented(CHAIN)}\nelse:\n    dh = dW2 = 0 * h"),
    "an attempt around it": (f"try:\n{indented(CHAIN)}\nexcept RuntimeError as error:\n    print(error)",),
    "a dictionary of gradients": ("grads = {}", kept(r"grads['\1']")),
    "a namespace of gradients": (
        "from types import SimpleNamespace\ngrads = SimpleNamespace()",
        kept(r"grads.\1"),
    ),
    "gradients that go through plain numbers": (
        with_lines(
            CHAIN,
            dlogits="dlogits = dnorm_logits.clone()",
            dlogit_maxes="dlogit_maxes = -dnorm_logits.sum(1, keepdim=True)\nmaxes = dlogit_maxes.tolist()\n"
            "for i in range(n):\n    dlogits[i, logits[i].argmax()] += maxes[i][0]",
        ),
    ),
    "a product that float64 cannot make": (
        CHAIN.replace(DC, "dC = F.one_hot(Xb.view(-1), C.shape[0]).float().T @ demb.view(-1, C.shape[1])"),
    ),
    "sizes of one's own from what was refused": (
        "alphabet = open('names.txt').read()\nV = len(alphabet)\nD, H, B = 10, 64, 32\nT = 3\n"
        "C = torch.randn(V, D)\nW1 = torch.randn(T * D, H)\nXb = torch.randint(0, V, (B, T))",
        CHAIN.replace("torch.zeros_like(logprobs)", "torch.zeros(B, V)").replace("emb.shape", "B, T, D"),
    ),
    "sizes in a class and in a dictionary": (
        "class Config:\n    batch = 32\n    width = 10\ncfg = Config()\nsizes = {'block_size': 3, 'v': 27}",
        CHAIN.replace("/ n\n", "/ cfg.batch\n", 1)
        .replace("torch.zeros_like(logprobs)", "torch.zeros(Config.batch, sizes['v'])")
        .replace("emb.shape", "cfg.batch, sizes['block_size'], cfg.width"),
    ),
    "a small number of one's own that only a gradient shows to be a size": (
        "CONTEXT = 3\nsquare = 2",
        CHAIN.replace("emb.shape", "n, CONTEXT, -1"),
    ),
    "a helper that compares what it hands back": (
        "def noted(grad, t):\n    ok = torch.allclose(grad, t.grad)\n    print(ok)\n    cmp('', grad, t)\n"
        "    if not ok:\n        print('no')\n    assert torch.allclose(grad, t.grad), 'no'\n    return grad",
        re.sub(r"^(d\w+) = (.*)$", r"\1 = noted(\2, h)", CHAIN, flags=re.MULTILINE),
    ),
    "a variable that is bound to what it holds already": (
        "def same(x):\n    return x",
        changed("dprobs = dlogprobs / probs", "dlogprobs = same(dlogprobs)\ndprobs = dlogprobs / probs"),
    ),
}


@pytest.mark.parametrize("what", RIGHT)
def test_the_chain_is_right_with(what: str, judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    assert not_passing(judged(judge, lesson, tmp_path, *SET_UP, *RIGHT[what])) == {}


TORCH = "import torch\nimport torch.nn.functional as F\n"
SCRIPTS = {
    "under a main guard": f"{TORCH}if __name__ == '__main__':\n{indented(CHAIN)}\n",
    "in a marimo notebook": f"import marimo\n{TORCH}app = marimo.App()\n"
    f"@app.cell\ndef _(logprobs, probs):\n{indented(CHAIN)}\n    return (dprobs,)\n",
    "in a function that takes a cache": f"{TORCH}def backward(cache, n):\n    probs = cache['probs']\n"
    f"    counts = cache['counts']\n{indented(CHAIN)}\n    return dC\n",
}


@pytest.mark.parametrize("where", SCRIPTS)
def test_a_script_is_right_whose_chain_stands(where: str, judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    assert not_passing(script(judge, lesson, tmp_path, SCRIPTS[where])) == {}


def test_a_mistake_costs_its_own_step_also_where_a_function_holds_all(
    judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    text = BACKWARD.replace("dprobs = dlogprobs / probs", "dprobs = -dlogprobs / probs")
    assert list(not_passing(judged(judge, lesson, tmp_path, *SET_UP, text))) == ["dprobs"]


def test_a_gradient_that_is_a_tensor_of_the_lesson_costs_its_own_step(
    judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    result = judged(judge, lesson, tmp_path, *SET_UP, changed("dh = dlogits @ W2.T", "dh = h"))
    assert list(not_passing(result)) == ["dh"]


def test_a_gradient_read_from_grad_in_a_helper_is_forbidden(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    helper = "def true(t):\n    print(t.grad)\n    found = t.grad\n    return found"
    result = judged(judge, lesson, tmp_path, *SET_UP, helper, changed("dh = dlogits @ W2.T", "dh = true(h)"))
    assert list(not_passing(result)) == ["dh"]
    assert step_of(result, "ex1_chain.dh").verdict == "forbidden"


def test_a_gradient_that_could_not_be_made_costs_its_own_step(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    result = judged(judge, lesson, tmp_path, *SET_UP, changed("dprobs = dlogprobs / probs", "dprobs = nothing / probs"))
    assert list(not_passing(result)) == ["dprobs"]
    assert "name 'nothing' is not defined" in step_of(result, "ex1_chain.dprobs").message


def test_a_gradient_read_from_grad_is_forbidden_and_costs_its_own_step(
    judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    result = judged(judge, lesson, tmp_path, *SET_UP, changed("dh = dlogits @ W2.T", "dh = h.grad"))
    assert list(not_passing(result)) == ["dh"]
    assert step_of(result, "ex1_chain.dh").verdict == "forbidden"


def test_exercises_do_not_displace_each_other(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    result = judged(judge, lesson, tmp_path, *WHOLE)
    assert result.score == result.max_score


LAYER = """class Layer:
    def __init__(self, W): self.W = W
    def back(self, d): return d @ self.W.T
first, second = Layer(W1), Layer(W2)"""


def test_layers_that_are_made_before_a_training_loop_hold_its_parameters(
    judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    loop = TRAINING.replace("dlogits @ W2.T", "second.back(dlogits)").replace("dhprebn @ W1.T", "first.back(dhprebn)")
    assert not_passing(judged(judge, lesson, tmp_path, *SET_UP, LAYER, loop), "ex4_training") == {}


def test_exercise_3_alone_is_wrong_alone(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    result = judged(judge, lesson, tmp_path, *SET_UP, CHAIN, DLOGITS, DHPREBN.replace("n/(n-1)*", ""))
    assert not_passing(result) == {}
    assert not_passing(result, "ex2_cross_entropy") == {}
    assert list(not_passing(result, "ex3_batchnorm")) == ["dhprebn"]


def test_a_forward_pass_of_ones_own_is_undone(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    wrong = FORWARD.replace("counts = norm_logits.exp()", "counts = norm_logits.exp() * 2")
    assert not_passing(judged(judge, lesson, tmp_path, *SET_UP[:-1], wrong, CHAIN)) == {}


def test_the_same_notebook_gets_the_same_verdicts_again(judge: Judge, lesson: Lesson, tmp_path: Path) -> None:
    cells = (*SET_UP, changed("dprobs = dlogprobs / probs", "dprobs = dlogprobs * probs"))
    first, second = (judged(judge, lesson, tmp_path, *cells).as_json() for _ in range(2))
    assert first == second


def test_an_error_whose_name_cannot_be_read_costs_its_own_gradient_alone(judge_text: JudgeText) -> None:
    source = f"""{PRELUDE}class Odd(NameError):
    @property
    def name(self):
        return 1 / 0
def fail():
    raise Odd
dprobs = fail()
dlogits = dnorm_logits + dlogit_maxes * (logits == logit_maxes)
"""
    result = judge_text({"ex1_chain": source}, "ex1_chain.dprobs", "ex1_chain.dlogits")
    assert step_of(result, "ex1_chain.dprobs").verdict == "error"
    assert "Odd" in step_of(result, "ex1_chain.dprobs").message
    assert step_of(result, "ex1_chain.dlogits").passes
