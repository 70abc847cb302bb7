"""Whole notebooks in the styles of many learners, each with the verdict that is known for each gradient.

Beside habits.py, which changes one thing at a time in one notebook, these are written by as many hands as possible.
What is right in them is proven by running them (plain.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.notebooks import fused
from tests.notebooks.chains import CHAINS
from tests.notebooks.parts import CHAIN, COMPARISONS, DHPREBN, DLOGITS, SET_UP, TENSORS, TRAINING, notebook
from tests.notebooks.plain import without_marks


@dataclass(frozen=True)
class Learner:
    """One notebook. Every step is right but those in `others`."""

    name: str
    cells: tuple[str | dict[str, Any], ...]
    others: Mapping[str, str] = field(default_factory=dict)  # "exercise.step" or an exercise's name -> verdict
    notes: tuple[str, ...] = ()  # what the notes have to say
    fails: bool = False  # cells fail where it is run as it stands
    runs: bool = True  # from top to bottom, so that this shows its gradients

    @property
    def text(self) -> str:
        return notebook([without_marks(cell) if isinstance(cell, str) else cell for cell in self.cells])


_CHAIN = CHAIN + "\n# take ex1"
_DLOGITS = DLOGITS.replace("cmp(", "# take ex2\ncmp(")
_DHPREBN = DHPREBN.replace("cmp(", "# take ex3\ncmp(")
_TRAINING = TRAINING.replace("        grads = [", "        # take ex4\n        grads = [")
_NO_MARKS = (_CHAIN, COMPARISONS)

NOTEBOOKS = (
    *(Learner(f"chain: {name}", (*SET_UP, chain, COMPARISONS, _DLOGITS, _DHPREBN, _TRAINING)) for name, chain in CHAINS.items()),
    *(Learner(f"dlogits: {name}", (*SET_UP, *_NO_MARKS, cell, _DHPREBN, _TRAINING)) for name, cell in fused.DLOGITS.items()),
    *(Learner(f"dhprebn: {name}", (*SET_UP, *_NO_MARKS, _DLOGITS, cell, _TRAINING)) for name, cell in fused.DHPREBN.items()),
    *(Learner(f"training: {name}", (*SET_UP, *_NO_MARKS, _DLOGITS, _DHPREBN, cell)) for name, cell in fused.TRAINING.items()),
)  # fmt: skip


def _without(cell: str, *starts: str) -> str:
    return "\n".join(line for line in cell.split("\n") if not line.startswith(starts))


def _cells(
    chain: Any = _CHAIN, dlogits: Any = _DLOGITS, dhprebn: Any = _DHPREBN, training: Any = _TRAINING, **more: Any
) -> tuple[Any, ...]:
    """A whole notebook; each part is one cell or several."""
    parts = (more.get("set_up", SET_UP), chain, more.get("comparisons", COMPARISONS), dlogits, dhprebn, training)
    return tuple(cell for part in parts for cell in (part if isinstance(part, tuple | list) else [part]) if cell)


TOY = """# toy: d = a @ b + c, what is dL/da?
torch.manual_seed(1)
a, b, c = torch.randn(2, 3), torch.randn(3, 4), torch.randn(4)
d = a @ b + c
dd = torch.ones_like(d)
da, db, dc = dd @ b.T, a.T @ dd, dd.sum(0)
da.shape, db.shape, dc.shape"""

EVALUATION = """# calibrate
with torch.no_grad():
    emb = C[Xtr]
    embcat = emb.view(emb.shape[0], -1)
    hpreact = embcat @ W1 + b1
    bnmean = hpreact.mean(0, keepdim=True)
    bnvar = hpreact.var(0, keepdim=True, unbiased=True)

@torch.no_grad()
def split_loss(split):
    x, y = {'train': (Xtr, Ytr), 'val': (Xtr, Ytr)}[split]
    emb = C[x]
    embcat = emb.view(emb.shape[0], -1)
    hpreact = embcat @ W1 + b1
    hpreact = bngain * (hpreact - bnmean) * (bnvar + 1e-5)**-0.5 + bnbias
    h = torch.tanh(hpreact)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, y)
    print(split, loss.item())

split_loss('train')
split_loss('val')"""

SAMPLING = """g = torch.Generator().manual_seed(2147483647 + 10)
for _ in range(3):
    out = []
    context = [0] * block_size
    while len(out) < 20:
        emb = C[torch.tensor([context])]
        embcat = emb.view(emb.shape[0], -1)
        hpreact = embcat @ W1 + b1
        hpreact = bngain * (hpreact - bnmean) * (bnvar + 1e-5)**-0.5 + bnbias
        h = torch.tanh(hpreact)
        logits = h @ W2 + b2
        probs = F.softmax(logits, dim=1)
        ix = torch.multinomial(probs, num_samples=1, generator=g).item()
        context = context[1:] + [ix]
        out.append(ix)
        if ix == 0:
            break
    print(''.join(itos[i] for i in out))"""

TRUTHS = """def check(grad, t, name=''):
    diff = (grad - t.grad).abs().max().item()
    print(f'{name:>15} {"ok" if torch.allclose(grad, t.grad, atol=1e-6) else "NO"} {diff:.2e}')"""

LETTERS = {"Xb": "xb", "Yb": "yb", "bnmeani": "mu", "bnvar_inv": "rstd", "bnvar": "s2", "bnraw": "xhat", "bndiff2": "sq",
           "bndiff": "cent", "logit_maxes": "mx", "norm_logits": "shifted", "counts_sum_inv": "Zinv", "counts_sum": "Z",
           "counts": "e", "embcat": "flat", "hprebn": "z1", "hpreact": "a1", "bngain": "gamma", "bnbias": "beta"}  # fmt: skip


def _renamed(cell: str, names: Mapping[str, str]) -> str:
    pattern = re.compile(
        r"(?<![A-Za-z0-9_.])(d?)(" + "|".join(sorted(names, key=len, reverse=True)) + r")(?![A-Za-z0-9_(])"
    )
    return pattern.sub(lambda m: m.group(1) + names[m.group(2)], cell)


def _in_letters(cells: tuple[str, ...]) -> tuple[str, ...]:
    """A notebook with LETTERS for the lesson's names, its marks with them."""
    inputs = "".join(f" @{own}={LETTERS[own]}" for own in ("Xb", "Yb", "bngain", "bnbias"))
    gradients = "".join(f" {own}=d{other}" for own, other in LETTERS.items())
    return tuple(re.sub(r"(# take \w+)", rf"\1{inputs}{gradients}", _renamed(cell, LETTERS)) for cell in cells)


def _affixed(cell: str, before: str, after: str) -> str:
    names = sorted(TENSORS, key=len, reverse=True)
    return re.sub(r"\bd(" + "|".join(names) + r")\b", before + r"\1" + after, cell)


def _with_affix(cells: tuple[str, ...], before: str, after: str) -> tuple[str, ...]:
    """A notebook whose gradients are called otherwise, its marks with them."""
    gradients = "".join(f" {tensor}={before}{tensor}{after}" for tensor in TENSORS)
    return tuple(re.sub(r"(# take \w+)", rf"\1{gradients}", _affixed(cell, before, after)) for cell in cells)


def _uncompared(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_without(cell, "cmp(") for cell in cells)


NO_EX1 = {"ex1_chain": "missing"}
NO_EX2 = {"ex2_cross_entropy": "missing"}
NO_EX3 = {"ex3_batchnorm": "missing"}
NO_EX4 = {"ex4_training": "missing"}

WHOLE_CHAIN_FUNCTION = (
    "def backward_all():\n"
    + "\n".join("    " + line for line in CHAIN.split("\n"))
    + """
    return (dlogprobs, dprobs, dcounts_sum_inv, dcounts_sum, dcounts, dnorm_logits, dlogit_maxes, dlogits, dh, dW2, db2,
            dhpreact, dbngain, dbnbias, dbnraw, dbnvar_inv, dbnvar, dbndiff2, dbndiff, dbnmeani, dhprebn, dembcat, dW1, db1, demb, dC)

(dlogprobs, dprobs, dcounts_sum_inv, dcounts_sum, dcounts, dnorm_logits, dlogit_maxes, dlogits, dh, dW2, db2,
 dhpreact, dbngain, dbnbias, dbnraw, dbnvar_inv, dbnvar, dbndiff2, dbndiff, dbnmeani, dhprebn, dembcat, dW1, db1, demb, dC) = backward_all()
# take ex1"""
)

NOTEBOOKS += (
    Learner("a toy before the chain", _cells(chain=(TOY, _CHAIN))),
    Learner("the toy between the steps, with the names of the chain", _cells(chain=(
        CHAIN[: CHAIN.index("dh = ")],
        "# toy\nx = torch.randn(4, 3); w = torch.randn(3, 2); out = x @ w\ndout = torch.ones_like(out)\ndx = dout @ w.T\ndw = x.T @ dout",
        CHAIN[CHAIN.index("dh = "):] + "\n# take ex1"))),
    Learner("scratch work under the names of the chain, then the chain", _cells(chain=(
        "# how does dprobs look? (first guess, not used)\ndprobs = torch.ones_like(probs)\ndcounts = dprobs * 2\ndcounts.shape",
        "dh = torch.zeros_like(h)\ndh.shape, W2.shape", _CHAIN))),
    Learner("evaluation between the exercises", _cells(training=(_TRAINING, EVALUATION, SAMPLING))),
    Learner("sampling and evaluation before exercise 2 in the file, run afterwards", _cells(chain=(_CHAIN, COMPARISONS), comparisons=(), dlogits=(_DLOGITS,), training=(_TRAINING, EVALUATION, SAMPLING))),
    Learner("compared by a function of one's own, arguments the other way", _cells(
        comparisons="\n".join(f"check(d{t}, {t}, '{t}')" for t in ("probs", "logits", "h", "W2", "C", "counts")),
        set_up=(*SET_UP[:2], TRUTHS, *SET_UP[2:]))),
    Learner("compared by asserts", _cells(comparisons="\n".join(f"assert torch.allclose(d{t}, {t}.grad, atol=1e-6), '{t}'" for t in ("probs", "logits", "h")),
        dlogits=_DLOGITS + "\nassert torch.allclose(dlogits, logits.grad, atol=1e-6)")),
    Learner("compared in a loop over names", _cells(comparisons="for name in ['logprobs', 'probs', 'counts', 'C']:\n    cmp(name, eval('d' + name), eval(name))")),
    Learner("compared in a loop over pairs", _cells(comparisons="for dt, t in zip([dlogprobs, dprobs, dcounts, dC], [logprobs, probs, counts, C]):\n    print((dt - t.grad).abs().max())")),
    Learner("compared in a dict", _cells(comparisons="pairs = {'probs': (dprobs, probs), 'C': (dC, C)}\nfor name, (dt, t) in pairs.items():\n    cmp(name, dt, t)")),
    Learner("tensors in letters", _in_letters(_cells()), notes=("dZinv for dcounts_sum_inv",)),
    Learner("tensors in letters, nothing compared", _in_letters(_cells(comparisons=()))),
    *(Learner(f"gradients called {before}x{after}, compared", _with_affix(_cells(), before, after))
      for before, after in (("grad_", ""), ("d_", ""), ("dL_d", ""), ("", "_grad"), ("g_", ""), ("dloss_d", ""))),
    *(Learner(f"gradients called {before}x{after}, nothing compared", _with_affix(_uncompared(_cells(comparisons=())), before, after))
      for before, after in (("grad_", ""), ("dL_d", ""), ("", "_grad"))),
    Learner("the whole chain in one function", _cells(chain=WHOLE_CHAIN_FUNCTION)),
    Learner("the whole chain in one function, exercise 2 not done", _cells(chain=WHOLE_CHAIN_FUNCTION, dlogits=(), dhprebn=()), {**NO_EX2, **NO_EX3}),
    Learner("stopped at hpreact", _cells(chain=CHAIN[: CHAIN.index("dbngain")] + "# TODO: the rest of batchnorm tomorrow", comparisons="cmp('h', dh, h)\ncmp('hpreact', dhpreact, hpreact)",
        dhprebn=(), training=()), {**{f"ex1_chain.d{t}": "missing" for t in "bngain bnbias bnraw bnvar_inv bnvar bndiff2 bndiff bnmeani hprebn embcat W1 b1 emb C".split()}, **NO_EX3, **NO_EX4}),
    Learner("a line that is no Python yet", _cells(chain=CHAIN.replace("dW2 = h.T @ dlogits", "dW2 = ???")), {"ex1_chain.dW2": "error"}, fails=True),
    Learner("merged from two people", (*SET_UP, "# --- part of A ---", CHAIN[: CHAIN.index("dhpreact")], COMPARISONS[: COMPARISONS.index("cmp('hpreact'")],
        "# --- part of B, has her own set-up ---", *SET_UP[1:], CHAINS["numpy words"], COMPARISONS, _DLOGITS, _DHPREBN, _TRAINING)),
    Learner("the answers above the set-up, run out of order", (_CHAIN, _DLOGITS, _DHPREBN, *SET_UP, COMPARISONS, _TRAINING), fails=True, runs=False),
    Learner("the last cell first", tuple(reversed(_cells())), fails=True, runs=False),
    Learner("attempts left as comments and texts", _cells(chain=("'''\ndprobs = dlogprobs * probs  # no\ndcounts = 0\n'''\n# dh = dlogits @ W2\n" + _CHAIN))),
    Learner("tries in try and except", _cells(chain=(_CHAIN, "try:\n    dW2_try = dlogits @ h\nexcept RuntimeError as error:\n    print(error)"))),
    Learner("a repeated cell with a mistake mended below its comparison", _cells(chain=(
        CHAIN.replace("dbnvar = -0.5", "dbnvar = 0.5"), "cmp('bnvar', dbnvar, bnvar)", "# sign!\n" + CHAIN[CHAIN.index("dbnvar = "):] + "\n# take ex1"),
        ), {"ex1_chain.dbndiff": "wrong"}),
    Learner("a mend alone, below", _cells(chain=(CHAIN.replace("dbnvar = -0.5", "dbnvar = 0.5"), "cmp('bnvar', dbnvar, bnvar)", "dbnvar = -0.5 * (bnvar + 1e-5)**-1.5 * dbnvar_inv", "cmp('bnvar', dbnvar, bnvar)"),
        comparisons=_without(COMPARISONS, "cmp('bnvar',")), {"ex1_chain.dbnvar": "right"}),
    Learner("a partial answer shown in steps", _cells(chain=_CHAIN.replace("dcounts += torch", "dcounts.shape\nprint(dcounts[0])\ncmp('counts', dcounts, counts) # not yet\ndcounts += torch"))),
    Learner("sizes written out", _cells(chain=_CHAIN.replace("demb = dembcat.view(emb.shape)", "demb = dembcat.view(32, 3, 10)").replace("dC = torch.zeros_like(C)", "dC = torch.zeros(27, 10)")
        .replace("num_classes=logits.shape[1]", "num_classes=27")),
        {"ex1_chain.demb": "hard-coded", "ex1_chain.dC": "hard-coded", "ex1_chain.dlogits": "hard-coded"}),
    Learner("sizes as the notebook's own constants", _cells(set_up=tuple(c.replace("n_embd = 10\nn_hidden = 64", "EMB = 10\nHID = 64\nn_embd = EMB\nn_hidden = HID") for c in SET_UP),
        chain=_CHAIN.replace("demb = dembcat.view(emb.shape)", "demb = dembcat.view(batch_size, block_size, EMB)"))),
    Learner("mistakes of a beginner", _cells(chain=CHAIN.replace("-1.0 / n", "1.0 / n").replace("dprobs = dlogprobs / probs", "dprobs = 1 / probs")
        .replace("db2 = dlogits.sum(0)", "db2 = dlogits.sum(0, keepdim=True)").replace("(1.0 - h**2)", "(1.0 - hpreact**2)").replace("dC[ix] += ", "dC[ix] = ")
        .replace("1.0 / (n - 1) * torch.ones_like(bndiff2) * dbnvar", "1.0 / n * torch.ones_like(bndiff2) * dbnvar").replace("dhprebn += 1.0 / n *", "dhprebn += ")),
        {"ex1_chain.dlogprobs": "wrong", "ex1_chain.dprobs": "wrong", "ex1_chain.db2": "shape", "ex1_chain.dhpreact": "wrong", "ex1_chain.dC": "wrong",
         "ex1_chain.dbndiff2": "wrong", "ex1_chain.dhprebn": "wrong"}),
    Learner("no maximum path, the lecture's dbnmeani, a lost minus in exercise 2", _cells(chain=_without(CHAIN, "dlogits += F").replace("dbnmeani = -dbndiff.sum(0, keepdim=True)", "dbnmeani = (-dbndiff).sum(0)"),
        dlogits=DLOGITS.replace("-= 1", "+= 1"), dhprebn=DHPREBN.replace("dhpreact.sum(0)", "dhpreact.sum(1, keepdim=True)")),
        {"ex1_chain.dlogits": "wrong", "ex1_chain.dbnmeani": "shape", "ex2_cross_entropy.dlogits": "wrong", "ex3_batchnorm.dhprebn": "wrong"}),
    Learner("exercise 2 copies exercise 1", _cells(dlogits="dlogits_2 = dlogits\ncmp('logits', dlogits_2, logits)"), NO_EX2),
    Learner("exercise 2 copies exercise 1 by clone", _cells(dlogits="dlogits_fast = dlogits.clone()\ncmp('logits', dlogits_fast, logits)"), NO_EX2),
    Learner("answers read from .grad by another name", _cells(chain=_CHAIN.replace("dhpreact = (1.0 - h**2) * dh", "truth = hpreact.grad\ndhpreact = truth"),
        dlogits="g2 = logits.grad\ndlogits_fast = g2 * 1\ncmp('logits', dlogits_fast, logits)"), {"ex1_chain.dhpreact": "forbidden", "ex2_cross_entropy.dlogits": "forbidden"}),
    Learner("autograd.grad in the chain", _cells(chain=_CHAIN.replace("dh = dlogits @ W2.T", "dh, = torch.autograd.grad(loss, h, retain_graph=True)")), {"ex1_chain.dh": "forbidden"}, fails=True),
)  # fmt: skip

LAYERS = """class Linear:
    def __init__(self, x, w):
        self.x, self.w = x, w
    def backward(self, dout):
        return dout @ self.w.T, self.x.T @ dout, dout.sum(0)

class Tanh:
    def __init__(self, out):
        self.out = out
    def backward(self, dout):
        return dout * (1 - self.out**2)

second, activation, first = Linear(h, W2), Tanh(h), Linear(embcat, W1)"""
_LETTERS_WRONG = CHAINS["one letter helpers"].replace("d * (1 - h * h)", "d * (1 - h)")
assert CHAINS["one letter helpers"] != _LETTERS_WRONG
_BY_LAYERS = (
    _CHAIN.replace("dh = dlogits @ W2.T\ndW2 = h.T @ dlogits\ndb2 = dlogits.sum(0)", "dh, dW2, db2 = second.backward(dlogits)")
    .replace("dhpreact = (1.0 - h**2) * dh", "dhpreact = activation.backward(dh)")
    .replace("dembcat = dhprebn @ W1.T\ndW1 = embcat.T @ dhprebn\ndb1 = dhprebn.sum(0)", "dembcat, dW1, db1 = first.backward(dhprebn)")
)  # fmt: skip
_TIMED = (
    WHOLE_CHAIN_FUNCTION
    + "\nimport time\nstart = time.time()\nfor _ in range(3):\n    backward_all()\nprint(time.time() - start)"
)
_SEARCH = """# how large may the rate be?
for e in range(-3, 0):
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    W2.data -= 10**e * dW2
    b2.data -= 10**e * db2"""

NOTEBOOKS += (
    Learner("one letter helpers, a mistake on the way", _cells(chain=_LETTERS_WRONG), {"ex1_chain.dhpreact": "wrong"}),
    Learner("layers as classes with a backward", _cells(chain=(LAYERS, _BY_LAYERS))),
    Learner("the chain as a function, timed in a loop, is no training", _cells(chain=_TIMED, training=()), NO_EX4),
    Learner("a search for the rate behind the training", _cells(training=(_TRAINING, _SEARCH))),
    Learner("a search for the rate before the training", _cells(training=(_SEARCH, _TRAINING))),
    Learner("a softmax of one's own over the wrong axis", _cells(dlogits=fused.DLOGITS["own softmax, the tensors' names taken again"].replace("counts.sum(1", "counts.sum(0")),
        {"ex2_cross_entropy.dlogits": "wrong"}),
    Learner("a backward function with a mistake", _cells(training=fused.TRAINING["a backward function that returns a list"].replace("(1 - h**2)", "(1 - h)")),
        {f"ex4_training.d{t}": "wrong" for t in ("C", "W1", "bngain", "bnbias")} | {"ex4_training.db1": "right"}),
    Learner("exercise 2 copies exercise 1 by a name of its own", _cells(chain=_CHAIN + "\nkept = dlogits.clone()", dlogits="dlogits_fast = kept\ncmp('logits', dlogits_fast, logits)"), NO_EX2),
    Learner("exercise 3 copies exercise 1", _cells(dhprebn="dhprebn_fast = dhprebn + 0\ncmp('hprebn', dhprebn_fast, hprebn)"), NO_EX3),
    Learner("a step that takes its own gradient by another name", _cells(chain=_CHAIN.replace("dprobs = dlogprobs / probs", "dprobs_again = dlogprobs * probs\ncmp('probs', dprobs_again, probs)\ndprobs = dprobs_again")),
        {"ex1_chain.dprobs": "wrong"}),
)  # fmt: skip

_STEP_FUNCTIONS = """def grad_log(dout, x): return dout / x
def grad_mul(dout, a, b): return dout * b, dout * a
def grad_probs(): return grad_log(dlogprobs, probs)
def softmax_part(counts, dcounts):
    out = counts * dcounts
    return out
def maximum_path(g):
    m = -g.sum(1, keepdim=True)
    return m, F.one_hot(logits.argmax(1), logits.shape[1]) * m"""
_BY_STEPS = (
    _CHAIN.replace("dprobs = dlogprobs / probs", "dprobs = grad_probs()")
    .replace("dnorm_logits = counts * dcounts", "dnorm_logits = softmax_part(counts, dcounts)")
    .replace("dlogit_maxes = -dnorm_logits.sum(1, keepdim=True)", "dlogit_maxes, dpath = maximum_path(dnorm_logits)")
    .replace("dlogits += F.one_hot(logits.max(1).indices, num_classes=logits.shape[1]) * dlogit_maxes", "dlogits += dpath")
)  # fmt: skip
_ARGUMENTS = WHOLE_CHAIN_FUNCTION.replace(
    "def backward_all():", "def backward_all(logprobs, probs, counts, n):"
).replace("backward_all()\n#", "backward_all(logprobs, probs, counts, n)\n#")

NOTEBOOKS += (
    Learner("a function for each step, called", _cells(chain=(_STEP_FUNCTIONS, _BY_STEPS))),
    Learner("the whole chain in one function that takes tensors", _cells(chain=_ARGUMENTS)),
    Learner("exercises 2 and 3 in functions without arguments", _cells(
        dlogits="def ex2():\n    g = F.softmax(logits, 1)\n    g[range(n), Yb] -= 1\n    return g / n\ndlogits = ex2()\n# take ex2\ncmp('logits', dlogits, logits)",
        dhprebn="def ex3():\n    s = dhpreact.sum(0)\n    out = bngain*bnvar_inv/n * (n*dhpreact - s - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))\n    return out\ndhprebn = ex3()\n# take ex3\ncmp('hprebn', dhprebn, hprebn)")),
    Learner("autograd turned off by hand, inference mode", _cells(
        chain="torch.set_grad_enabled(False)\n" + _CHAIN + "\ntorch.set_grad_enabled(True)",
        dlogits="with torch.inference_mode():\n" + "\n".join("    " + line for line in DLOGITS.split("\n")) + "\n# take ex2")),
    Learner("forward values computed again, detached", _cells(
        chain="h = h.detach()\nprobs = probs.detach()\ncounts = counts.data\nlogits = logits.detach().clone()\n" + _CHAIN, comparisons=(),
        dlogits=_without(_DLOGITS, "cmp("))),
    Learner("everything at once in letters and functions", _in_letters(_cells(
        dlogits="def ce_back(scores, y):\n    p = F.softmax(scores, 1)\n    p[range(len(y)), y] -= 1\n    return p / len(y)\ndlogits = ce_back(logits, Yb)\n# take ex2\ncmp('logits', dlogits, logits)",
        dhprebn=fused.DHPREBN["rearranged"]))),
)  # fmt: skip
