"""Exercise 4: all together. Train the network with a backward pass of your own.

`gradients` is the whole way back, from the loss to the seven parameters. Nearly
all of it is in exercises 1 to 3 already: cross-entropy in one expression, a linear
layer, tanh, BatchNorm in one expression, another linear layer, the embedding.

The forward pass and the update are done for you; `gradients` is called once a
step, 200,000 times in a full run. So it pays to compute nothing twice, and to
prefer a few large tensor operations to many small ones or a Python loop. Sizes
differ (n_hidden is 200 in the full run): take them from what you are given.

You may add and drop parameters: any tensor of the forward pass can be asked for.

    make check STEP=ex4_training        the seven gradients, and a short training run
    make hint STEP=ex4_training.dC      the same for dW1, db1, dW2, db2, dbngain, dbnbias, training
    make train                          the full run: losses, and names your network makes up
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def gradients(
    Xb: Tensor, Yb: Tensor, C: Tensor, embcat: Tensor, W1: Tensor,
    bnraw: Tensor, bnvar_inv: Tensor, bngain: Tensor, h: Tensor, W2: Tensor, logits: Tensor,
    n: int,
) -> tuple[Tensor, ...]:
    """All of forward.py  ->  the gradients w.r.t. the seven parameters, in this order:

        dC (vocab_size, n_embd),
        dW1 (block_size * n_embd, n_hidden), db1 (n_hidden,),
        dW2 (n_hidden, vocab_size), db2 (vocab_size,),
        dbngain (1, n_hidden), dbnbias (1, n_hidden)

    Given: Xb (n, block_size), Yb (n,), C (vocab_size, n_embd), embcat (n, block_size * n_embd),
    W1 (block_size * n_embd, n_hidden), bnraw (n, n_hidden), bnvar_inv (1, n_hidden), bngain (1, n_hidden),
    h (n, n_hidden), W2 (n_hidden, vocab_size), logits (n, vocab_size), n.
    Watch: 1:50:03
    """
    raise NotImplementedError("gradients")
