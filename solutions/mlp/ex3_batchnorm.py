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
    # BEGIN SOLUTION
    # why: take one column, and write g for dhpreact, x for bnraw, s for bnvar_inv. With
    # dbnraw = bngain * g, the steps of exercise 1 become
    #     dbnvar   = -1/2 * s**3 * sum(bndiff * dbnraw) = -1/2 * s**2 * bngain * sum(x * g)
    #     dbndiff  = s * dbnraw + 2 * bndiff / (n-1) * dbnvar
    #              = bngain * s * (g - x / (n-1) * sum(x * g))             because bndiff = x / s
    #     dbnmeani = -sum(dbndiff) = -bngain * s * sum(g)                  because sum(x) = 0
    #     dhprebn  = dbndiff + dbnmeani / n
    #              = bngain * s * (g - sum(g) / n - x * sum(x * g) / (n-1))
    # and with n taken out in front, the line below. n/(n-1) is what Bessel's correction leaves:
    # the variance divides by n - 1, the mean by n. The 1e-5 needs no place of its own: it is
    # inside bnvar_inv, and nothing here is an approximation.
    #
    # What it means: hprebn may not gain from moving the whole column (the first sum is taken
    # off) nor from stretching it (the second is): BatchNorm undoes both. The sums run over the
    # batch and keep their dimension, so that every row subtracts the same (1, n_hidden) row.
    sum_g = dhpreact.sum(0, keepdim=True)
    sum_xg = (bnraw * dhpreact).sum(0, keepdim=True)
    return bngain * bnvar_inv / n * (n * dhpreact - sum_g - n / (n - 1) * bnraw * sum_xg)
    # END SOLUTION
