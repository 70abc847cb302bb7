"""Cells of notebooks in the flat form, in our own words: what learners' notebooks of this exercise are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

IMPORTS = """import random
import torch
import torch.nn.functional as F
import matplotlib.pyplot as plt
%matplotlib inline"""

DATA = """!wget -q https://example.org/names.txt
words = open('names.txt').read().split()
letters = sorted(set(''.join(words)))
stoi = {letter: place + 1 for place, letter in enumerate(letters)}
stoi['.'] = 0
itos = {place: letter for letter, place in stoi.items()}
vocab_size = len(itos)
block_size = 3

def examples(words):
    X, Y = [], []
    for word in words:
        context = [0] * block_size
        for letter in word + '.':
            X.append(context)
            Y.append(stoi[letter])
            context = context[1:] + [stoi[letter]]
    return torch.tensor(X), torch.tensor(Y)

random.seed(42)
random.shuffle(words)
Xtr, Ytr = examples(words)"""

CMP = """def cmp(name, dt, t):
    same = torch.equal(dt, t.grad)
    close = torch.allclose(dt, t.grad)
    print(f'{name:16s} exact {same} close {close} {(dt - t.grad).abs().max().item()}')"""

PARAMETERS = """n_embd = 10
n_hidden = 64
g = torch.Generator().manual_seed(2147483647)
C = torch.randn((vocab_size, n_embd), generator=g)
W1 = torch.randn((n_embd * block_size, n_hidden), generator=g) * (5 / 3) / (n_embd * block_size) ** 0.5
b1 = torch.randn(n_hidden, generator=g) * 0.1
W2 = torch.randn((n_hidden, vocab_size), generator=g) * 0.1
b2 = torch.randn(vocab_size, generator=g) * 0.1
bngain = torch.randn((1, n_hidden)) * 0.1 + 1.0
bnbias = torch.randn((1, n_hidden)) * 0.1
parameters = [C, W1, b1, W2, b2, bngain, bnbias]
for p in parameters:
    p.requires_grad = True
print(sum(p.nelement() for p in parameters))"""

BATCH = """batch_size = 32
n = batch_size
ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
Xb, Yb = Xtr[ix], Ytr[ix]"""

FORWARD = """emb = C[Xb]
embcat = emb.view(emb.shape[0], -1)
hprebn = embcat @ W1 + b1
bnmeani = 1/n*hprebn.sum(0, keepdim=True)
bndiff = hprebn - bnmeani
bndiff2 = bndiff**2
bnvar = 1/(n-1)*(bndiff2).sum(0, keepdim=True)
bnvar_inv = (bnvar + 1e-5)**-0.5
bnraw = bndiff * bnvar_inv
hpreact = bngain * bnraw + bnbias
h = torch.tanh(hpreact)
logits = h @ W2 + b2
logit_maxes = logits.max(1, keepdim=True).values
norm_logits = logits - logit_maxes
counts = norm_logits.exp()
counts_sum = counts.sum(1, keepdims=True)
counts_sum_inv = counts_sum**-1
probs = counts * counts_sum_inv
logprobs = probs.log()
loss = -logprobs[range(n), Yb].mean()
for p in parameters:
    p.grad = None
for t in [logprobs, probs, counts, counts_sum, counts_sum_inv, norm_logits, logit_maxes, logits, h, hpreact, bnraw,
          bnvar_inv, bnvar, bndiff2, bndiff, hprebn, bnmeani, embcat, emb]:
    t.retain_grad()
loss.backward()
loss"""

CHAIN = """dlogprobs = torch.zeros_like(logprobs)
dlogprobs[range(n), Yb] = -1.0 / n
dprobs = dlogprobs / probs
dcounts_sum_inv = (counts * dprobs).sum(1, keepdim=True)
dcounts = counts_sum_inv * dprobs
dcounts_sum = -counts_sum**-2 * dcounts_sum_inv
dcounts += torch.ones_like(counts) * dcounts_sum
dnorm_logits = counts * dcounts
dlogits = dnorm_logits.clone()
dlogit_maxes = -dnorm_logits.sum(1, keepdim=True)
dlogits += F.one_hot(logits.max(1).indices, num_classes=logits.shape[1]) * dlogit_maxes
dh = dlogits @ W2.T
dW2 = h.T @ dlogits
db2 = dlogits.sum(0)
dhpreact = (1.0 - h**2) * dh
dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
dbnraw = bngain * dhpreact
dbnbias = dhpreact.sum(0, keepdim=True)
dbndiff = bnvar_inv * dbnraw
dbnvar_inv = (bndiff * dbnraw).sum(0, keepdim=True)
dbnvar = -0.5 * (bnvar + 1e-5)**-1.5 * dbnvar_inv
dbndiff2 = 1.0 / (n - 1) * torch.ones_like(bndiff2) * dbnvar
dbndiff += 2 * bndiff * dbndiff2
dhprebn = dbndiff.clone()
dbnmeani = -dbndiff.sum(0, keepdim=True)
dhprebn += 1.0 / n * (torch.ones_like(hprebn) * dbnmeani)
dembcat = dhprebn @ W1.T
dW1 = embcat.T @ dhprebn
db1 = dhprebn.sum(0)
demb = dembcat.view(emb.shape)
dC = torch.zeros_like(C)
for k in range(Xb.shape[0]):
    for j in range(Xb.shape[1]):
        ix = Xb[k, j]
        dC[ix] += demb[k, j]"""

TENSORS = tuple(
    "logprobs probs counts_sum_inv counts_sum counts norm_logits logit_maxes logits h W2 b2 hpreact bngain bnbias "
    "bnraw bnvar_inv bnvar bndiff2 bndiff bnmeani hprebn embcat W1 b1 emb C".split()
)
COMPARISONS = "\n".join(f"cmp('{tensor}', d{tensor}, {tensor})" for tensor in TENSORS)

FUSED_LOSS = """loss_fast = F.cross_entropy(logits, Yb)
print(loss_fast.item(), (loss_fast - loss).item())"""
DLOGITS = """dlogits = F.softmax(logits, 1)
dlogits[range(n), Yb] -= 1
dlogits /= n
cmp('logits', dlogits, logits)"""
FUSED_NORM = """hpreact_fast = bngain * (hprebn - hprebn.mean(0, keepdim=True)) / torch.sqrt(
    hprebn.var(0, keepdim=True, unbiased=True) + 1e-5) + bnbias
print('max diff:', (hpreact_fast - hpreact).abs().max())"""
DHPREBN = """dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
cmp('hprebn', dhprebn, hprebn)"""

TRAINING = """n_hidden = 200
parameters = [C, W1, b1, W2, b2, bngain, bnbias]
max_steps = 200000
batch_size = 32
n = batch_size
lossi = []
with torch.no_grad():
    for i in range(max_steps):
        ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
        Xb, Yb = Xtr[ix], Ytr[ix]
        emb = C[Xb]
        embcat = emb.view(emb.shape[0], -1)
        hprebn = embcat @ W1 + b1
        bnmean = hprebn.mean(0, keepdim=True)
        bnvar = hprebn.var(0, keepdim=True, unbiased=True)
        bnvar_inv = (bnvar + 1e-5)**-0.5
        bnraw = (hprebn - bnmean) * bnvar_inv
        hpreact = bngain * bnraw + bnbias
        h = torch.tanh(hpreact)
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, Yb)
        for p in parameters:
            p.grad = None
        dlogits = F.softmax(logits, 1)
        dlogits[range(n), Yb] -= 1
        dlogits /= n
        dh = dlogits @ W2.T
        dW2 = h.T @ dlogits
        db2 = dlogits.sum(0)
        dhpreact = (1.0 - h**2) * dh
        dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
        dbnbias = dhpreact.sum(0, keepdim=True)
        dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
        dembcat = dhprebn @ W1.T
        dW1 = embcat.T @ dhprebn
        db1 = dhprebn.sum(0)
        demb = dembcat.view(emb.shape)
        dC = torch.zeros_like(C)
        for k in range(Xb.shape[0]):
            for j in range(Xb.shape[1]):
                ix = Xb[k, j]
                dC[ix] += demb[k, j]
        grads = [dC, dW1, db1, dW2, db2, dbngain, dbnbias]
        rate = 0.1 if i < 100000 else 0.01
        for p, grad in zip(parameters, grads):
            p.data += -rate * grad
        if i % 10000 == 0:
            print(f'{i}/{max_steps}: {loss.item():.4f}')
        lossi.append(loss.log10().item())"""

PLOT = """plt.figure(figsize=(4, 4))
plt.imshow(dlogits.detach(), cmap='gray')"""

SET_UP = (IMPORTS, DATA, CMP, PARAMETERS, BATCH, FORWARD)
WHOLE = (*SET_UP, CHAIN, COMPARISONS, FUSED_LOSS, DLOGITS, PLOT, FUSED_NORM, DHPREBN, TRAINING)


def code(source: str, **more: Any) -> dict[str, Any]:
    """A code cell of nbformat 4."""
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": lines, **more}


def markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def notebook(cells: Iterable[str | Mapping[str, Any]], **more: Any) -> str:
    """The text of a notebook with these cells; a text is a code cell."""
    language = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    every = [code(cell) if isinstance(cell, str) else cell for cell in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 0, "metadata": language, "cells": every, **more})


def with_lines(cell: str, **lines: str) -> str:
    """A cell in which the lines that make or change these variables are written otherwise.

    `dprobs="..."` takes the place of the first such line; any further one is dropped.
    """
    found: list[str] = []
    left = dict(lines)
    for line in cell.split("\n"):
        name = line.strip().split(" ")[0].split("[")[0]
        if name not in lines:
            found.append(line)
        elif name in left:
            indent = line[: len(line) - len(line.lstrip())]
            found += [indent + part for part in left.pop(name).split("\n")]
    assert not left, f"nothing makes {sorted(left)}"
    return "\n".join(found)


def statement_by_statement(cell: str) -> list[str]:
    """A cell for each top-level statement."""
    cells: list[str] = []
    for line in cell.split("\n"):
        if line.startswith((" ", ")")) and cells:
            cells[-1] += "\n" + line
        else:
            cells.append(line)
    return cells
