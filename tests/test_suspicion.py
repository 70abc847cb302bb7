"""Numerical differences are told to the instructor; no honest form is."""

from __future__ import annotations

import re

import pytest

from grader.judge import steps
from tests.support import PRELUDE, JudgeText, step_of
from tests.test_language import blocks

# Each is the answer to the first function that it defines as d<tensor>.
DIFFERENCES = blocks(r"""
--- central, of tanh
def dhpreact(hpreact, dh):
    h = 1e-6
    return (torch.tanh(hpreact + h) - torch.tanh(hpreact - h)) / (2 * h) * dh
--- forward, of tanh
def dhpreact(hpreact, dh):
    return dh * (torch.tanh(hpreact + 1e-7) - torch.tanh(hpreact)) / 1e-7
--- backward, of a method
def dhpreact(hpreact, dh, h):
    step = 1e-7
    return dh * (h - (hpreact - step).tanh()) / step
--- by names for both sides
def dprobs(probs, dlogprobs):
    eps = 1e-6
    up = (probs + eps).log()
    down = (probs - eps).log()
    slope = (up - down) / (2 * eps)
    return slope * dlogprobs
--- times a large number
def dprobs(probs, dlogprobs):
    return (torch.log(probs + 1e-6) - torch.log(probs - 1e-6)) * 5e5 * dlogprobs
--- a helper that differentiates anything
def slope(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)
def dnorm_logits(norm_logits, dcounts):
    return slope(torch.exp, norm_logits) * dcounts
--- the forward line as a helper
def forward(bnvar):
    return (bnvar + 1e-5) ** -0.5
def dbnvar(bnvar, dbnvar_inv):
    h = 1e-7
    return (forward(bnvar + h) - forward(bnvar - h)) / (2 * h) * dbnvar_inv
--- the forward line as it stands
def dbnvar(bnvar, dbnvar_inv):
    h = 1e-7
    return ((bnvar + h + 1e-5) ** -0.5 - (bnvar + 1e-5) ** -0.5) / h * dbnvar_inv
--- four points in a sum
def dhpreact(hpreact, dh):
    h = 1e-3
    weights = [1, -8, 8, -1]
    places = [-2, -1, 1, 2]
    total = sum(w * torch.tanh(hpreact + p * h) for w, p in zip(weights, places))
    return total / (12 * h) * dh
--- four points written out
def dhpreact(hpreact, dh):
    h = 0.001
    f = torch.tanh
    return (f(hpreact - 2 * h) - 8 * f(hpreact - h) + 8 * f(hpreact + h) - f(hpreact + 2 * h)) / (12 * h) * dh
--- Richardson
def dhpreact(hpreact, dh):
    def central(h):
        return (torch.tanh(hpreact + h) - torch.tanh(hpreact - h)) / (2 * h)
    return (4 * central(0.0005) - central(0.001)) / 3 * dh
--- element by element, in place
def dlogits(logits, dnorm_logits, dlogit_maxes):
    h = 1e-6
    out = torch.zeros_like(logits)
    for i in range(logits.shape[0]):
        for j in range(logits.shape[1]):
            up, down = logits.clone(), logits.clone()
            up[i, j] += h
            down[i, j] -= h
            dmax = (up.max(1, keepdim=True).values - down.max(1, keepdim=True).values) / (2 * h)
            out[i, j] = dnorm_logits[i, j] + (dmax * dlogit_maxes).sum()
    return out
--- element by element, there and back
def dcounts_sum(counts_sum, dcounts_sum_inv):
    x, h = counts_sum.clone(), 1e-6
    out = torch.zeros_like(x)
    for i in range(len(x)):
        x[i] += h
        up = (x ** -1 * dcounts_sum_inv).sum()
        x[i] -= 2 * h
        down = (x ** -1 * dcounts_sum_inv).sum()
        x[i] += h
        out[i] = (up - down) / (2 * h)
    return out
--- a direction that holds the step
def dh(h, W2, b2, dlogits):
    out = torch.zeros_like(h)
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            e = torch.zeros_like(h)
            e[i, j] = 1e-4
            out[i, j] = (((h + e) @ W2 + b2) * dlogits - ((h - e) @ W2 + b2) * dlogits).sum() / 2e-4
    return out
--- a linear line with a step of one
def dembcat(embcat, W1, b1, dhprebn):
    out = torch.zeros_like(embcat)
    for j in range(embcat.shape[1]):
        e = torch.zeros_like(embcat)
        e[:, j] = 1
        out[:, j] = (((embcat + e) @ W1 + b1 - (embcat @ W1 + b1)) * dhprebn).sum(1)
    return out
--- a step that depends on the value
def dprobs(probs, dlogprobs):
    h = probs * 1e-6
    return (torch.log(probs + h) - torch.log(probs - h)) / (2 * h) * dlogprobs
--- a step made of eps
def dprobs(probs, dlogprobs):
    h = torch.finfo(probs.dtype).eps ** 0.5
    return dlogprobs * (torch.log(probs + h) - torch.log(probs)).div(h)
--- functions in place of operators
def dhpreact(hpreact, dh):
    h = 1e-6
    up, down = torch.tanh(torch.add(hpreact, h)), torch.tanh(torch.sub(hpreact, h))
    return torch.div(torch.sub(up, down), 2 * h).mul(dh)
--- subtracted in place
def dhpreact(hpreact, dh):
    h = 1e-6
    out = torch.tanh(hpreact + h)
    out -= torch.tanh(hpreact - h)
    out /= 2 * h
    return out * dh
--- the sign in front
def dhpreact(hpreact, dh):
    h = 2 ** -20
    return (-torch.tanh(hpreact - h) + torch.tanh(hpreact + h)) * (0.5 / h) * dh
--- each divided alone
def dhpreact(hpreact, dh):
    h = 1e-6
    return dh * (torch.tanh(hpreact + h) / (2 * h) - torch.tanh(hpreact - h) / (2 * h))
--- the loss at two places
def dbngain(bngain, bnraw, bnbias, dhpreact):
    def value(gain):
        return ((gain * bnraw + bnbias) * dhpreact).sum()
    out = torch.zeros_like(bngain)
    for j in range(bngain.shape[1]):
        e = torch.zeros_like(bngain)
        e[0, j] = 1e-3
        out[0, j] = (value(bngain + e) - value(bngain - e)) / 2e-3
    return out
--- a lambda
f = lambda v: v.log()
dprobs = lambda probs, dlogprobs: dlogprobs * (f(probs + 1e-6) - f(probs - 1e-6)) / 2e-6
--- a class
class Slope:
    h = 1e-6
    def __init__(self, f):
        self.f = f
    def __call__(self, x):
        return (self.f(x + self.h) - self.f(x - self.h)) / (2 * self.h)
def dprobs(probs, dlogprobs):
    return Slope(torch.log)(probs) * dlogprobs
""")


def _step(source: str) -> str:
    """The step that a source answers: the first name `d<tensor>` that it binds at its top level."""
    found = re.search(r"^(?:def )?(d[A-Za-z]\w*)(?: =|\()", source, flags=re.MULTILINE)
    assert found
    return found.group(1)


def _suspected(source: str, judge_text: JudgeText) -> str | None:
    step = f"ex1_chain.{_step(source)}"
    result = step_of(judge_text({"ex1_chain": PRELUDE + source}, step), step)
    assert result.verdict in steps.SUSPICIOUS, result.message
    return result.instructor.suspected


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in DIFFERENCES.items()])
def test_a_numerical_difference_is_suspected(source: str, judge_text: JudgeText) -> None:
    said = _suspected(source, judge_text)
    assert said
    assert re.match(r"line \d+ evaluates \w+ again at inputs shifted by \d", said)


HONEST = blocks(r"""
--- the constant of the forward line
def dbnvar(bnvar, dbnvar_inv):
    return -0.5 * (bnvar + 1e-5) ** -1.5 * dbnvar_inv
--- the same constant twice
EPS = 1e-5
def dbnvar(bnvar, dbnvar_inv):
    inv = (bnvar + EPS) ** -0.5
    return -0.5 * inv / (bnvar + EPS) * dbnvar_inv
--- a small number against division by zero
def dprobs(dlogprobs, probs):
    return dlogprobs / (probs + 1e-30)
--- differences of the same function
def dhpreact(hpreact, dh):
    up, down = torch.exp(hpreact), torch.exp(-hpreact)
    h = (up - down) / (up + down)
    return (1 - h ** 2) * dh
--- cosh from both exponentials
def dhpreact(hpreact, dh):
    return dh / ((torch.exp(hpreact) + torch.exp(-hpreact)) / 2) ** 2
--- Bessel's correction beside n
def dbndiff2(dbnvar, bndiff2, n):
    return (n * torch.ones_like(bndiff2) - (n - 1) * torch.ones_like(bndiff2)) / (n - 1) * dbnvar
--- rows and the rows after them
def dprobs(dlogprobs, probs):
    steps = [probs[i + 1] - probs[i] for i in range(len(probs) - 1)]
    return dlogprobs / probs
--- softmax minus one
def dlogprobs(logprobs, Yb, n):
    return (torch.softmax(logprobs, 1) * 0 - F.one_hot(Yb, logprobs.shape[1])) / n
--- a check that is printed
def dnorm_logits(norm_logits, dcounts, counts):
    print((norm_logits.exp() - counts).abs().max() / 1e-8)
    return dcounts * counts
--- shifted by the maximum
def dnorm_logits(logits, logit_maxes, dcounts):
    return (logits - logit_maxes).exp() * dcounts
--- a learning rate
def dW2(h, dlogits):
    lr = 0.1
    step = -lr * (h.T @ dlogits)
    return step / -lr
--- tanh as a difference of sigmoids
def dhpreact(hpreact, dh):
    s = torch.sigmoid(2 * hpreact)
    return (1 - (s - (1 - s)) ** 2) * dh
""")


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in HONEST.items()])
def test_algebra_is_not_suspected(source: str, judge_text: JudgeText, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "SUSPICIOUS", ("exact", *steps.SUSPICIOUS))
    assert _suspected(source, judge_text) is None


def test_the_sentence_names_the_line_the_operation_and_the_step(judge_text: JudgeText) -> None:
    said = _suspected(DIFFERENCES["forward, of tanh"], judge_text)
    assert said == "line 5 evaluates tanh again at inputs shifted by 1e-07"


def test_gradients_that_are_variables_are_looked_at_too(judge_text: JudgeText) -> None:
    cell = "h = 1e-6\nup = torch.tanh(hpreact + h)\ndown = torch.tanh(hpreact - h)\n"
    cell += "dhpreact = (up - down) / (2 * h) * dh\ndbnraw = bngain * dhpreact\n"
    result = judge_text({"ex1_chain": PRELUDE + cell}, "ex1_chain.dhpreact", "ex1_chain.dbnraw")
    said = [step_of(result, f"ex1_chain.{name}").instructor.suspected for name in ("dhpreact", "dbnraw")]
    assert said == ["line 5 evaluates tanh again at inputs shifted by 1e-06", None]
