"""Exercise 3: BatchNorm in one expression.

In exercise 1 the way back through BatchNorm, from hpreact to hprebn, took seven
steps: bnraw, bnvar_inv, bnvar, bndiff2, bndiff, bnmeani, and hprebn itself. Do it
again on paper, for one column: put each step into the next, and simplify. All that
is needed in the end is two sums over the batch.

    make check STEP=ex3_batchnorm.dhprebn
    make hint STEP=ex3_batchnorm.dhprebn
"""

from torch import Tensor


def dhprebn(dhpreact: Tensor, bngain: Tensor, bnraw: Tensor, bnvar_inv: Tensor, n: int) -> Tensor:
    """bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)
    bnvar_inv = (bnvar + 1e-5) ** -0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    ->  gradient w.r.t. hprebn, (n, n_hidden), straight from dhpreact.

    Given: dhpreact (n, n_hidden), bngain (1, n_hidden), bnraw (n, n_hidden), bnvar_inv (1, n_hidden), n.
    Watch: 1:36:38
    """
    raise NotImplementedError("dhprebn")
