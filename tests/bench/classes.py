"""Classes made for measuring: complete submissions as the lecture writes them, and a mixed class."""

from __future__ import annotations

import itertools
from pathlib import Path

_IMPORTS = "import torch\nimport torch.nn.functional as F\n\n\n"

_CHAIN = {
    "dlogprobs(logprobs, Yb, n)": "dlogprobs = torch.zeros_like(logprobs)\ndlogprobs[range(n), Yb] = -1.0/n",
    "dprobs(dlogprobs, probs)": "dprobs = (1.0 / probs) * dlogprobs",
    "dcounts_sum_inv(dprobs, counts)": "dcounts_sum_inv = (counts * dprobs).sum(1, keepdim=True)",
    "dcounts_sum(dcounts_sum_inv, counts_sum)": "dcounts_sum = (-counts_sum**-2) * dcounts_sum_inv",
    "dcounts(dprobs, counts_sum_inv, dcounts_sum, counts)": (
        "dcounts = counts_sum_inv * dprobs\ndcounts += torch.ones_like(counts) * dcounts_sum"
    ),
    "dnorm_logits(dcounts, counts)": "dnorm_logits = counts * dcounts",
    "dlogit_maxes(dnorm_logits)": "dlogit_maxes = (-dnorm_logits).sum(1, keepdim=True)",
    "dlogits(dnorm_logits, dlogit_maxes, logits)": (
        "dlogits = dnorm_logits.clone()\n"
        "dlogits += F.one_hot(logits.max(1).indices, num_classes=logits.shape[1]) * dlogit_maxes"
    ),
    "dh(dlogits, W2)": "dh = dlogits @ W2.T",
    "dW2(dlogits, h)": "dW2 = h.T @ dlogits",
    "db2(dlogits)": "db2 = dlogits.sum(0)",
    "dhpreact(dh, h)": "dhpreact = (1.0 - h**2) * dh",
    "dbngain(dhpreact, bnraw)": "dbngain = (bnraw * dhpreact).sum(0, keepdim=True)",
    "dbnraw(dhpreact, bngain)": "dbnraw = bngain * dhpreact",
    "dbnbias(dhpreact)": "dbnbias = dhpreact.sum(0, keepdim=True)",
    "dbnvar_inv(dbnraw, bndiff)": "dbnvar_inv = (bndiff * dbnraw).sum(0, keepdim=True)",
    "dbnvar(dbnvar_inv, bnvar)": "dbnvar = (-0.5*(bnvar + 1e-5)**-1.5) * dbnvar_inv",
    "dbndiff2(dbnvar, bndiff2, n)": "dbndiff2 = (1.0/(n-1))*torch.ones_like(bndiff2) * dbnvar",
    "dbndiff(dbnraw, bnvar_inv, dbndiff2, bndiff)": (
        "dbndiff = bnvar_inv * dbnraw\ndbndiff += (2*bndiff) * dbndiff2"
    ),
    "dbnmeani(dbndiff)": "dbnmeani = (-dbndiff).sum(0, keepdim=True)",
    "dhprebn(dbndiff, dbnmeani, hprebn, n)": (
        "dhprebn = dbndiff.clone()\ndhprebn += 1.0/n * (torch.ones_like(hprebn) * dbnmeani)"
    ),
    "dembcat(dhprebn, W1)": "dembcat = dhprebn @ W1.T",
    "dW1(dhprebn, embcat)": "dW1 = embcat.T @ dhprebn",
    "db1(dhprebn)": "db1 = dhprebn.sum(0)",
    "demb(dembcat, emb)": "demb = dembcat.view(emb.shape)",
    "dC(demb, Xb, C)": (
        "dC = torch.zeros_like(C)\n"
        "for k in range(Xb.shape[0]):\n"
        "    for j in range(Xb.shape[1]):\n"
        "        ix = Xb[k,j]\n"
        "        dC[ix] += demb[k,j]"
    ),
}  # fmt: skip

_CROSS_ENTROPY = """\
def dlogits(logits, Yb, n):
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    return dlogits
"""

_BATCHNORM = """\
def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):
    return bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
"""

_TRAINING = """\
def gradients(Xb, Yb, C, emb, embcat, W1, bnraw, bnvar_inv, bngain, h, W2, logits, n):
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    # 2nd layer backprop
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    # tanh
    dhpreact = (1.0 - h**2) * dh
    # batchnorm backprop
    dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
    # 1st layer
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    # embedding
    demb = dembcat.view(emb.shape)
    dC = torch.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            ix = Xb[k,j]
            dC[ix] += demb[k,j]
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias
"""


def lecture_style() -> dict[str, str]:
    """The files of a complete submission with the lecture's own expressions, its double loop for dC included."""
    return {
        "ex1_chain.py": _IMPORTS + "\n\n".join(itertools.starmap(_function, _CHAIN.items())),
        "ex2_cross_entropy.py": _IMPORTS + _CROSS_ENTROPY,
        "ex3_batchnorm.py": _IMPORTS + _BATCHNORM,
        "ex4_training.py": _IMPORTS + _TRAINING,
    }


def complete_class(folder: Path, students: int) -> None:
    """Writes so many complete submissions; no two have the same bytes."""
    files = lecture_style()
    for number in range(students):
        _write(folder / f"s{number:04}", files, f"# student {number}\n")


def mixed_class(folder: Path, students: int, samples: Path, left_out: str = "") -> None:
    """Writes so many submissions, the samples in turn: right ones, wrong ones, empty ones, broken ones."""
    every = sorted(sample for sample in samples.iterdir() if sample.is_dir() and sample.name != left_out)
    for number, sample in zip(range(students), itertools.cycle(every), strict=False):
        files = {path.name: path.read_text(encoding="utf-8") for path in sample.glob("*.py")}
        _write(folder / f"s{number:04}", files, f"\n# student {number}\n")


def _write(folder: Path, files: dict[str, str], remark: str) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text + remark, encoding="utf-8")


def _function(signature: str, body: str) -> str:
    name = signature.partition("(")[0]
    lines = "\n".join(f"    {line}" for line in [*body.split("\n"), f"return {name}"])
    return f"def {signature}:\n{lines}\n"
