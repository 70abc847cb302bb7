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
    # BEGIN SOLUTION
    # why: the loss reads one entry a row, the target's, and takes minus the mean of those
    # n entries: loss = -(a + b + ...) / n. So each entry it reads has slope -1/n.
    # Nudge any other entry and the loss does not move: its gradient is 0.
    grad = torch.zeros_like(logprobs)
    grad[range(n), Yb] = -1 / n
    return grad
    # END SOLUTION


def dprobs(dlogprobs: Tensor, probs: Tensor) -> Tensor:
    """logprobs = probs.log()  ->  gradient w.r.t. probs, (n, vocab_size).

    Given: dlogprobs (n, vocab_size), probs (n, vocab_size).
    Watch: 19:06
    """
    # BEGIN SOLUTION
    # why: log has slope 1/x, and works element by element, so the two shapes agree.
    # The slope alone is not the answer: the chain rule multiplies it by what arrives.
    # A target the network thought unlikely (small probs) gets a large gradient.
    return dlogprobs / probs
    # END SOLUTION


def dcounts_sum_inv(dprobs: Tensor, counts: Tensor) -> Tensor:
    """probs = counts * counts_sum_inv  ->  gradient w.r.t. counts_sum_inv, (n, 1).

    Given: dprobs (n, vocab_size), counts (n, vocab_size).
    Watch: 20:56
    """
    # BEGIN SOLUTION
    # why: the slope of a product is the other factor, counts. But the line also broadcasts:
    # the one number of a row multiplies all vocab_size columns. It is used that many times,
    # so it collects that many gradients: sum over the axis it was spread along.
    # keepdim keeps the answer (n, 1), the shape of counts_sum_inv; without it, it is (n,).
    return (counts * dprobs).sum(1, keepdim=True)
    # END SOLUTION


def dcounts_sum(dcounts_sum_inv: Tensor, counts_sum: Tensor) -> Tensor:
    """counts_sum_inv = counts_sum**-1  ->  gradient w.r.t. counts_sum, (n, 1).

    Given: dcounts_sum_inv (n, 1), counts_sum (n, 1).
    Watch: 27:57
    """
    # BEGIN SOLUTION
    # why: the power rule. x**-1 has slope -1 * x**-2.
    # Python reads -x**-2 as -(x**-2), which is what we want; (-x)**-2 would lose the sign.
    return -counts_sum**-2 * dcounts_sum_inv
    # END SOLUTION


def dcounts(dprobs: Tensor, dcounts_sum: Tensor, counts_sum_inv: Tensor) -> Tensor:
    """counts_sum = counts.sum(1, keepdim=True)
    probs = counts * counts_sum_inv
    ->  gradient w.r.t. counts, (n, vocab_size).

    Given: dprobs (n, vocab_size), dcounts_sum (n, 1), counts_sum_inv (n, 1).
    Watch: 26:26
    """
    # BEGIN SOLUTION
    # why: two lines use counts, so a nudge to it reaches the loss on two roads, and the two
    # effects add up.
    #   through probs:      the other factor of the product times what arrives;
    #   through counts_sum: a sum passes its gradient on, unchanged, to every term it added.
    # That second part is (n, 1), and the + below copies it to every column: a sum going
    # forward is a broadcast going back, just as a broadcast is a sum.
    return counts_sum_inv * dprobs + dcounts_sum
    # END SOLUTION


def dnorm_logits(dcounts: Tensor, counts: Tensor) -> Tensor:
    """counts = norm_logits.exp()  ->  gradient w.r.t. norm_logits, (n, vocab_size).

    Given: dcounts (n, vocab_size), counts (n, vocab_size).
    Watch: 32:27
    """
    # BEGIN SOLUTION
    # why: exp is its own slope, and exp(norm_logits) is already there under the name counts.
    return counts * dcounts
    # END SOLUTION


def dlogit_maxes(dnorm_logits: Tensor) -> Tensor:
    """norm_logits = logits - logit_maxes  ->  gradient w.r.t. logit_maxes, (n, 1).

    Given: dnorm_logits (n, vocab_size).
    Watch: 33:14
    """
    # BEGIN SOLUTION
    # why: the slope of a - b in b is -1. logit_maxes is one number a row, subtracted from
    # every column, so it collects from all of them: sum over the columns, keep (n, 1).
    #
    # In the real network the answer is 0, up to rounding: probs do not change when a whole
    # row of logits moves up or down together. The maximum is there to stop exp overflowing,
    # and the loss cannot see it. Is it then worth asking for? Yes: "returns zero here" is a
    # good test of everything above, but it proves nothing about this step. So the step is
    # checked with other gradients arriving, where a wrong sign does show.
    return -dnorm_logits.sum(1, keepdim=True)
    # END SOLUTION


def dlogits(dnorm_logits: Tensor, dlogit_maxes: Tensor, logits: Tensor) -> Tensor:
    """logit_maxes = logits.max(1, keepdim=True).values
    norm_logits = logits - logit_maxes
    ->  gradient w.r.t. logits, (n, vocab_size).

    Given: dnorm_logits (n, vocab_size), dlogit_maxes (n, 1), logits (n, vocab_size).
    Watch: 38:27
    """
    # BEGIN SOLUTION
    # why: two lines, two roads.
    #   through norm_logits: the slope is 1, so dnorm_logits arrives as it is;
    #   through logit_maxes: max copies one entry of the row, so only that entry gets this
    #   part. The one-hot rows mark it: 1 where the maximum was taken, 0 elsewhere.
    # Shapes: (n, vocab_size) * (n, 1), each row's gradient placed in its winning column.
    # If two entries tie for the maximum, max took one of them, and indices says which.
    is_max = F.one_hot(logits.max(1).indices, num_classes=logits.shape[1])
    return dnorm_logits + is_max * dlogit_maxes
    # END SOLUTION


def dh(dlogits: Tensor, W2: Tensor) -> Tensor:
    """logits = h @ W2 + b2  ->  gradient w.r.t. h, (n, n_hidden).

    Given: dlogits (n, vocab_size), W2 (n_hidden, vocab_size).
    Watch: 41:45
    """
    # BEGIN SOLUTION
    # why: written out, logits[i, j] = sum over k of h[i, k] * W2[k, j] + b2[j].
    # h[i, k] touches every logit j of its row, with weight W2[k, j]:
    #     dh[i, k] = sum over j of dlogits[i, j] * W2[k, j]
    # which is a matrix product with W2 turned over. If you forget which one to transpose, ask
    # the shapes: (n, vocab_size) @ (vocab_size, n_hidden) is the only way to (n, n_hidden).
    return dlogits @ W2.T
    # END SOLUTION


def dW2(dlogits: Tensor, h: Tensor) -> Tensor:
    """logits = h @ W2 + b2  ->  gradient w.r.t. W2, (n_hidden, vocab_size).

    Given: dlogits (n, vocab_size), h (n, n_hidden).
    Watch: 41:45
    """
    # BEGIN SOLUTION
    # why: W2[k, j] is used once by every example i, with weight h[i, k]:
    #     dW2[k, j] = sum over i of h[i, k] * dlogits[i, j]
    # The sum over the batch is inside the product: (n_hidden, n) @ (n, vocab_size).
    return h.T @ dlogits
    # END SOLUTION


def db2(dlogits: Tensor) -> Tensor:
    """logits = h @ W2 + b2  ->  gradient w.r.t. b2, (vocab_size,).

    Given: dlogits (n, vocab_size).
    Watch: 41:45
    """
    # BEGIN SOLUTION
    # why: the bias is added with slope 1, to each of the n rows. It is broadcast down the
    # batch, so its gradient is the sum up the batch.
    # No keepdim this time: b2 is (vocab_size,), and its gradient is, too. With keepdim the
    # numbers are the same but the shape is (1, vocab_size), and `b2 += ...` then fails.
    return dlogits.sum(0)
    # END SOLUTION


def dhpreact(dh: Tensor, h: Tensor) -> Tensor:
    """h = torch.tanh(hpreact)  ->  gradient w.r.t. hpreact, (n, n_hidden).

    Given: dh (n, n_hidden), h (n, n_hidden).
    Watch: 53:37
    """
    # BEGIN SOLUTION
    # why: the slope of tanh is 1 - tanh**2: it is cheapest written with the output, and the
    # output is h. Mind which one you square: h, not hpreact.
    # Where h is close to 1 or -1 the slope is close to 0: a saturated unit lets little through.
    return (1 - h**2) * dh
    # END SOLUTION


def dbngain(dhpreact: Tensor, bnraw: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias  ->  gradient w.r.t. bngain, (1, n_hidden).

    Given: dhpreact (n, n_hidden), bnraw (n, n_hidden).
    Watch: 55:13
    """
    # BEGIN SOLUTION
    # why: a product again, so the slope is the other factor, bnraw; and a broadcast again,
    # one gain a column for all n rows, so sum over the batch. bngain is (1, n_hidden): keepdim.
    return (bnraw * dhpreact).sum(0, keepdim=True)
    # END SOLUTION


def dbnbias(dhpreact: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias  ->  gradient w.r.t. bnbias, (1, n_hidden).

    Given: dhpreact (n, n_hidden).
    Watch: 55:13
    """
    # BEGIN SOLUTION
    # why: like b2: slope 1, broadcast over the batch, so a sum over the batch. Unlike b2 it is
    # stored as (1, n_hidden), so this time keepdim is needed. Look at each tensor's own shape.
    return dhpreact.sum(0, keepdim=True)
    # END SOLUTION


def dbnraw(dhpreact: Tensor, bngain: Tensor) -> Tensor:
    """hpreact = bngain * bnraw + bnbias  ->  gradient w.r.t. bnraw, (n, n_hidden).

    Given: dhpreact (n, n_hidden), bngain (1, n_hidden).
    Watch: 55:13
    """
    # BEGIN SOLUTION
    # why: the other factor of the product is bngain. Here the broadcast helps us: (1, n_hidden)
    # stretches to (n, n_hidden) going back as it did going forward. bnraw itself was not
    # stretched, so there is nothing to sum.
    return bngain * dhpreact
    # END SOLUTION


def dbnvar_inv(dbnraw: Tensor, bndiff: Tensor) -> Tensor:
    """bnraw = bndiff * bnvar_inv  ->  gradient w.r.t. bnvar_inv, (1, n_hidden).

    Given: dbnraw (n, n_hidden), bndiff (n, n_hidden).
    Watch: 59:40
    """
    # BEGIN SOLUTION
    # why: the other factor is bndiff (not bnraw, which is already scaled). One number a column
    # served all n rows, so it collects from all n rows: sum over the batch, keep (1, n_hidden).
    return (bndiff * dbnraw).sum(0, keepdim=True)
    # END SOLUTION


def dbnvar(dbnvar_inv: Tensor, bnvar: Tensor) -> Tensor:
    """bnvar_inv = (bnvar + 1e-5) ** -0.5  ->  gradient w.r.t. bnvar, (1, n_hidden).

    Given: dbnvar_inv (1, n_hidden), bnvar (1, n_hidden).
    Watch: 1:04:15
    """
    # BEGIN SOLUTION
    # why: the power rule: y**-0.5 has slope -0.5 * y**-1.5, and adding a constant changes
    # nothing: y is bnvar + 1e-5, so its slope in bnvar is 1. But y stays y: the 1e-5 belongs
    # inside the power here, as it did going forward. Dropping it is a small error while
    # the variance is about 1, and a large one where the variance is small.
    return -0.5 * (bnvar + 1e-5) ** -1.5 * dbnvar_inv
    # END SOLUTION


def dbndiff2(dbnvar: Tensor, bndiff2: Tensor, n: int) -> Tensor:
    """bnvar = 1 / (n - 1) * bndiff2.sum(0, keepdim=True)  ->  gradient w.r.t. bndiff2, (n, n_hidden).

    Given: dbnvar (1, n_hidden), bndiff2 (n, n_hidden), n.
    Watch: 1:09:02
    """
    # BEGIN SOLUTION
    # why: the sum adds n rows into one, so going back the one row is handed to all n, each
    # time with the factor in front of the sum. That factor is 1/(n-1), Bessel's correction:
    # the mean was estimated from the same n rows, which uses up one of them.
    # The ones spell out the broadcast: 1/(n-1) * dbnvar alone is still (1, n_hidden).
    return 1 / (n - 1) * torch.ones_like(bndiff2) * dbnvar
    # END SOLUTION


def dbndiff(dbndiff2: Tensor, dbnraw: Tensor, bndiff: Tensor, bnvar_inv: Tensor) -> Tensor:
    """bndiff2 = bndiff**2
    bnraw = bndiff * bnvar_inv
    ->  gradient w.r.t. bndiff, (n, n_hidden).

    Given: dbndiff2 (n, n_hidden), dbnraw (n, n_hidden), bndiff (n, n_hidden), bnvar_inv (1, n_hidden).
    Watch: 1:12:43
    """
    # BEGIN SOLUTION
    # why: two lines use bndiff, so two parts add up.
    #   through bndiff2: the slope of x**2 is 2x;
    #   through bnraw:   the other factor, bnvar_inv, stretched down the batch.
    # Each part alone looks reasonable. If you collect them in two statements, the second one
    # needs +=, or it wipes out the first.
    return bnvar_inv * dbnraw + 2 * bndiff * dbndiff2
    # END SOLUTION


def dbnmeani(dbndiff: Tensor) -> Tensor:
    """bndiff = hprebn - bnmeani  ->  gradient w.r.t. bnmeani, (1, n_hidden).

    Given: dbndiff (n, n_hidden).
    Watch: 1:13:59
    """
    # BEGIN SOLUTION
    # why: the slope of a - b in b is -1, and one mean a column was subtracted from all n rows:
    # minus the sum over the batch. bnmeani is (1, n_hidden), so keep the dimension: a result
    # of (n_hidden,) would broadcast just as well below, and so the slip is easy to miss.
    # In the real network the part of dbndiff that comes from the variance adds up to 0 here,
    # because the rows of bndiff do. The line is the same: it does not need to know.
    return -dbndiff.sum(0, keepdim=True)
    # END SOLUTION


def dhprebn(dbndiff: Tensor, dbnmeani: Tensor, n: int) -> Tensor:
    """bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
    bndiff = hprebn - bnmeani
    ->  gradient w.r.t. hprebn, (n, n_hidden).

    Given: dbndiff (n, n_hidden), dbnmeani (1, n_hidden), n.
    Watch: 1:13:59
    """
    # BEGIN SOLUTION
    # why: every example does two things: it is itself centred, and it moves the mean that
    # centres all the others.
    #   through bndiff:  slope 1, so dbndiff arrives as it is;
    #   through bnmeani: each of the n rows had weight 1/n in the mean. (n here, not n - 1: this
    #   is a plain mean.) The (1, n_hidden) part is copied to all rows by the +.
    return dbndiff + 1 / n * dbnmeani
    # END SOLUTION


def dembcat(dhprebn: Tensor, W1: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1  ->  gradient w.r.t. embcat, (n, block_size * n_embd).

    Given: dhprebn (n, n_hidden), W1 (block_size * n_embd, n_hidden).
    Watch: 1:18:36
    """
    # BEGIN SOLUTION
    # why: a linear layer, as with h and W2. What arrives goes back through the same weights,
    # turned over: (n, n_hidden) @ (n_hidden, block_size * n_embd).
    return dhprebn @ W1.T
    # END SOLUTION


def dW1(dhprebn: Tensor, embcat: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1  ->  gradient w.r.t. W1, (block_size * n_embd, n_hidden).

    Given: dhprebn (n, n_hidden), embcat (n, block_size * n_embd).
    Watch: 1:18:36
    """
    # BEGIN SOLUTION
    # why: a weight's gradient is what went into it times what arrives behind it, summed over
    # the batch; the product does the summing: (block_size * n_embd, n) @ (n, n_hidden).
    return embcat.T @ dhprebn
    # END SOLUTION


def db1(dhprebn: Tensor) -> Tensor:
    """hprebn = embcat @ W1 + b1  ->  gradient w.r.t. b1, (n_hidden,).

    Given: dhprebn (n, n_hidden).
    Watch: 1:18:36
    """
    # BEGIN SOLUTION
    # why: added with slope 1 to every row: sum over the batch. b1 is (n_hidden,), so no keepdim.
    #
    # In the real network this sum is 0, up to rounding. b1 shifts a whole column of hprebn,
    # and its mean by as much, and the next line subtracts the mean: b1 is gone before anyone
    # can see it. (That is why layers before a BatchNorm usually have no bias; bnbias does its
    # work.) Returning zeros would still be a fact about BatchNorm, not the gradient of this
    # line, so the step is checked with other gradients arriving.
    return dhprebn.sum(0)
    # END SOLUTION


def demb(dembcat: Tensor, emb: Tensor) -> Tensor:
    """embcat = emb.view(n, -1)  ->  gradient w.r.t. emb, (n, block_size, n_embd).

    Given: dembcat (n, block_size * n_embd), emb (n, block_size, n_embd).
    Watch: 1:20:35
    """
    # BEGIN SOLUTION
    # why: view computes nothing, it only reads the same numbers in another shape. So going back
    # is reading them in the old shape again. The order of the numbers must stay: permuting or
    # transposing to reach the shape would hand a gradient to the wrong entry.
    return dembcat.view(emb.shape)
    # END SOLUTION


def dC(demb: Tensor, Xb: Tensor, C: Tensor) -> Tensor:
    """emb = C[Xb]  ->  gradient w.r.t. C, (vocab_size, n_embd).

    Given: demb (n, block_size, n_embd), Xb (n, block_size), C (vocab_size, n_embd).
    Watch: 1:21:59
    """
    # BEGIN SOLUTION
    # why: emb[i, j] is a copy of the row C[Xb[i, j]], so what arrives at emb[i, j] belongs to
    # that row. A letter that occurs ten times in the batch was copied ten times: its row
    # collects ten gradients. A row nobody looked up keeps 0. As a loop:
    #     for i in range(n):
    #         for j in range(block_size):
    #             grad[Xb[i, j]] += demb[i, j]
    # index_add_ is that loop, fast. `grad[Xb] += demb` is not: there, of several additions to
    # one row only one survives.
    grad = torch.zeros_like(C)
    grad.index_add_(0, Xb.flatten(), demb.flatten(0, 1))
    return grad
    # END SOLUTION
