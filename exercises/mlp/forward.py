"""The network of this lesson, one tensor a line: given, and read first.

A 2-layer MLP with batch normalisation that predicts the next character of a
name from the `block_size` characters before it. Every intermediate has a name,
because every one of them has a gradient that you will write by hand.

Shapes, with n examples in the batch:

    Xb (n, block_size)  the context, as token numbers     Yb (n,)  the next token
    C  (vocab_size, n_embd)                               the embedding table
    W1 (block_size * n_embd, n_hidden)   b1 (n_hidden,)   the 1st linear layer
    bngain, bnbias (1, n_hidden)                          BatchNorm's scale and shift
    W2 (n_hidden, vocab_size)            b2 (vocab_size,) the 2nd linear layer
"""

import torch
from torch import Tensor


def forward(
    Xb: Tensor, Yb: Tensor,
    C: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, bngain: Tensor, bnbias: Tensor,
    n: int,
) -> Tensor:
    """The loss of one batch: a scalar, the mean negative log-likelihood of Yb."""
    # embedding
    emb = C[Xb]
    embcat = emb.view(n, -1)
    # 1st linear layer
    hprebn = embcat @ W1 + b1
    # BatchNorm
    bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)  # Bessel's correction: n - 1, not n
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    # non-linearity
    h = torch.tanh(hpreact)
    # 2nd linear layer
    logits = h @ W2 + b2
    # cross-entropy
    logit_maxes = logits.max(1, keepdim=True).values
    norm_logits = logits - logit_maxes  # so that exp cannot overflow
    counts = norm_logits.exp()
    counts_sum = counts.sum(1, keepdim=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = probs.log()
    loss = -logprobs[range(n), Yb].mean()
    return loss
