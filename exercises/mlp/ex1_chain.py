"""Exercise 1: the chain. 26 gradients, from the loss back to the embedding table.

Read forward.py first, then walk it backwards. Each function below answers one
question: how does the loss change when this one tensor changes a little? The
docstring shows every forward line that uses the tensor, and the shape to return.

A parameter is filled in by its name: a tensor or an input of the forward pass
(`probs`, `Yb`), a size (`n`, `vocab_size`, `n_embd`, `block_size`, `n_hidden`), or
the gradient of a later tensor (`dprobs`). You may add and drop parameters.

Three ideas carry all 26 steps:
    * the gradient that arrives, times the local derivative of the line;
    * a value that was spread out by broadcasting collects from everywhere it went;
    * a tensor that several lines use gets a gradient from each of them.

Every answer has exactly its tensor's shape, works at any sizes, and leaves its
inputs as they were. Each step is given right gradients to start from, so a
mistake in one does not spoil the next, and you may begin anywhere.

    make check STEP=dprobs      is it right, and if not, what kind of mistake is it?
    make hint STEP=dprobs       a nudge; there are three, each clearer than the last
    make check                  everything
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def dlogprobs(logprobs: Tensor, Yb: Tensor, n: int) -> Tensor:
    """loss = -logprobs[range(n), Yb].mean()  ->  gradient w.r.t. logprobs, (n, vocab_size).

    Given: logprobs (n, vocab_size), Yb (n,), n.
    Watch: 13:01
    """
    raise NotImplementedError("dlogprobs")


def dprobs(dlogprobs: Tensor, probs: Tensor) -> Tensor:
    """logprobs = probs.log()  ->  gradient w.r.t. probs, (n, vocab_size).

    Given: dlogprobs (n, vocab_size), probs (n, vocab_size).
    Watch: 19:06
    """
    raise NotImplementedError("dprobs")


def dcounts_sum_inv(dprobs: Tensor, counts: Tensor) -> Tensor:
    """probs = counts * counts_sum_inv  ->  gradient w.r.t. counts_sum_inv, (n, 1).

    Given: dprobs (n, vocab_size), counts (n, vocab_size).
    Watch: 20:56
    """
    raise NotImplementedError("dcounts_sum_inv")


def dcounts_sum(dcounts_sum_inv: Tensor, counts_sum: Tensor) -> Tensor:
    """counts_sum_inv = counts_sum**-1  ->  gradient w.r.t. counts_sum, (n, 1).

    Given: dcounts_sum_inv (n, 1), counts_sum (n, 1).
    Watch: 27:57
    """
    raise NotImplementedError("dcounts_sum")


def dcounts(dprobs: Tensor, dcounts_sum: Tensor, counts_sum_inv: Tensor) -> Tensor:
    """counts_sum = counts.sum(1, keepdim=True)
    probs = counts * counts_sum_inv
    ->  gradient w.r.t. counts, (n, vocab_size).

    Given: dprobs (n, vocab_size), dcounts_sum (n, 1), counts_sum_inv (n, 1).
    Watch: 26:26
    """
    raise NotImplementedError("dcounts")


def dnorm_logits(dcounts: Tensor, counts: Tensor) -> Tensor:
    """counts = norm_logits.exp()  ->  gradient w.r.t. norm_logits, (n, vocab_size).

    Given: dcounts (n, vocab_size), counts (n, vocab_size).
    Watch: 32:27
    """
    raise NotImplementedError("dnorm_logits")


def dlogit_maxes(dnorm_logits: Tensor) -> Tensor:
    """norm_logits = logits - logit_maxes  ->  gradient w.r.t. logit_maxes, (n, 1).

    Given: dnorm_logits (n, vocab_size).
    Watch: 33:14
    """
    raise NotImplementedError("dlogit_maxes")


def dlogits(dnorm_logits: Tensor, dlogit_maxes: Tensor, logits: Tensor) -> Tensor:
    """logit_maxes = logits.max(1, keepdim=True).values
    norm_logits = logits - logit_maxes
    ->  gradient w.r.t. logits, (n, vocab_size).

    Given: dnorm_logits (n, vocab_size), dlogit_maxes (n, 1), logits (n, vocab_size).
    Watch: 38:27
    """
    raise NotImplementedError("dlogits")


def dh(dlogits: Tensor, W2: Tensor) -> Tensor:
    """logits = h @ W2 + b2  ->  gradient w.r.t. h, (n, n_hidden).

    Given: dlogits (n, vocab_size), W2 (n_hidden, vocab_size).
    Watch: 41:45
    """
    raise NotImplementedError("dh")


def dW2(dlogits: Tensor, h: Tensor) -> Tensor:
    """logits = h @ W2 + b2  ->  gradient w.r.t. W2, (n_hidden, vocab_size).

    Given: dlogits (n, vocab_size), h (n, n_hidden).
    Watch: 41:45
    """
    raise NotImplementedError("dW2")


def db2(dlogits: Tensor) -> Tensor:
    """logits = h @ W2 + b2  ->  gradient w.r.t. b2, (vocab_size,).

    Given: dlogits (n, vocab_size).
    Watch: 41:45
    """
    raise NotImplementedError("db2")


def dhpreact(dh: Tensor, h: Tensor) -> Tensor:
    """h = torch.tanh(hpreact)  ->  gradient w.r.t. hpreact, (n, n_hidden).

    Given: dh (n, n_hidden), h (n, n_hidden).
    Watch: 53:37
    """
    raise NotImplementedError("dhpreact")


def dbngain(dhpreact: Tensor, bnraw: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias  ->  gradient w.r.t. bngain, (1, n_hidden).

    Given: dhpreact (n, n_hidden), bnraw (n, n_hidden).
    Watch: 55:13
    """
    raise NotImplementedError("dbngain")


def dbnbias(dhpreact: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias  ->  gradient w.r.t. bnbias, (1, n_hidden).

    Given: dhpreact (n, n_hidden).
    Watch: 55:13
    """
    raise NotImplementedError("dbnbias")


def dbnraw(dhpreact: Tensor, bngain: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias  ->  gradient w.r.t. bnraw, (n, n_hidden).

    Given: dhpreact (n, n_hidden), bngain (1, n_hidden).
    Watch: 55:13
    """
    raise NotImplementedError("dbnraw")


def dbnvar_inv(dbnraw: Tensor, bndiff: Tensor) -> Tensor:
    """bnraw = bndiff * bnvar_inv  ->  gradient w.r.t. bnvar_inv, (1, n_hidden).

    Given: dbnraw (n, n_hidden), bndiff (n, n_hidden).
    Watch: 59:40
    """
    raise NotImplementedError("dbnvar_inv")


def dbnvar(dbnvar_inv: Tensor, bnvar: Tensor) -> Tensor:
    """bnvar_inv = (bnvar + 1e-5) ** -0.5  ->  gradient w.r.t. bnvar, (1, n_hidden).

    Given: dbnvar_inv (1, n_hidden), bnvar (1, n_hidden).
    Watch: 1:04:15
    """
    raise NotImplementedError("dbnvar")


def dbndiff2(dbnvar: Tensor, bndiff2: Tensor, n: int) -> Tensor:
    """bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)  ->  gradient w.r.t. bndiff2, (n, n_hidden).

    Given: dbnvar (1, n_hidden), bndiff2 (n, n_hidden), n.
    Watch: 1:09:02
    """
    raise NotImplementedError("dbndiff2")


def dbndiff(dbndiff2: Tensor, dbnraw: Tensor, bndiff: Tensor, bnvar_inv: Tensor) -> Tensor:
    """bndiff2 = bndiff**2
    bnraw = bndiff * bnvar_inv
    ->  gradient w.r.t. bndiff, (n, n_hidden).

    Given: dbndiff2 (n, n_hidden), dbnraw (n, n_hidden), bndiff (n, n_hidden), bnvar_inv (1, n_hidden).
    Watch: 1:12:43
    """
    raise NotImplementedError("dbndiff")


def dbnmeani(dbndiff: Tensor) -> Tensor:
    """bndiff = hprebn - bnmeani  ->  gradient w.r.t. bnmeani, (1, n_hidden).

    Given: dbndiff (n, n_hidden).
    Watch: 1:13:59
    """
    raise NotImplementedError("dbnmeani")


def dhprebn(dbndiff: Tensor, dbnmeani: Tensor, n: int) -> Tensor:
    """bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
    bndiff = hprebn - bnmeani
    ->  gradient w.r.t. hprebn, (n, n_hidden).

    Given: dbndiff (n, n_hidden), dbnmeani (1, n_hidden), n.
    Watch: 1:13:59
    """
    raise NotImplementedError("dhprebn")


def dembcat(dhprebn: Tensor, W1: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1  ->  gradient w.r.t. embcat, (n, block_size * n_embd).

    Given: dhprebn (n, n_hidden), W1 (block_size * n_embd, n_hidden).
    Watch: 1:18:36
    """
    raise NotImplementedError("dembcat")


def dW1(dhprebn: Tensor, embcat: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1  ->  gradient w.r.t. W1, (block_size * n_embd, n_hidden).

    Given: dhprebn (n, n_hidden), embcat (n, block_size * n_embd).
    Watch: 1:18:36
    """
    raise NotImplementedError("dW1")


def db1(dhprebn: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1  ->  gradient w.r.t. b1, (n_hidden,).

    Given: dhprebn (n, n_hidden).
    Watch: 1:18:36
    """
    raise NotImplementedError("db1")


def demb(dembcat: Tensor, emb: Tensor) -> Tensor:
    """embcat = emb.view(n, -1)  ->  gradient w.r.t. emb, (n, block_size, n_embd).

    Given: dembcat (n, block_size * n_embd), emb (n, block_size, n_embd).
    Watch: 1:20:35
    """
    raise NotImplementedError("demb")


def dC(demb: Tensor, Xb: Tensor, C: Tensor) -> Tensor:
    """emb = C[Xb]  ->  gradient w.r.t. C, (vocab_size, n_embd).

    Given: demb (n, block_size, n_embd), Xb (n, block_size), C (vocab_size, n_embd).
    Watch: 1:21:59
    """
    raise NotImplementedError("dC")
