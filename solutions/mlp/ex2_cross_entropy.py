"""Exercise 2: cross-entropy in one expression.

In exercise 1 the way from the loss back to the logits took eight steps. Most of
that work cancels. Take pen and paper: write the loss of one example as a formula
in its logits, differentiate it, and simplify. What is left is short, and it has a
meaning worth knowing. Then average over the batch, and write it as code.

No gradient is given here: `dlogits` starts from the logits and the targets alone.

    make check STEP=ex2_cross_entropy.dlogits
    make hint STEP=ex2_cross_entropy.dlogits
"""

import torch.nn.functional as F
from torch import Tensor


def dlogits(logits: Tensor, Yb: Tensor, n: int) -> Tensor:
    """logit_maxes = logits.max(1, keepdim=True).values
    norm_logits = logits - logit_maxes
    counts = norm_logits.exp()
    counts_sum = counts.sum(1, keepdim=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = probs.log()
    loss = -logprobs[range(n), Yb].mean()
    ->  gradient w.r.t. logits, (n, vocab_size), straight from logits and Yb.

    Given: logits (n, vocab_size), Yb (n,), n.
    Watch: 1:28:34
    """
    # BEGIN SOLUTION
    # why: for one example with logits l and target y,
    #     loss = -log(exp(l[y]) / sum over j of exp(l[j])) = log(sum over j of exp(l[j])) - l[y].
    # The first term has slope exp(l[k]) / sum of exp(l[j]) in l[k]: the softmax, p[k].
    # The second has slope -1 in l[y], and none elsewhere. Together: p - one_hot(y).
    # The batch takes the mean of n such losses, so all of it, the -1 too, is divided by n.
    # (The row maximum is missing because it cancels: softmax does not see a shift of the row.)
    #
    # What it means: every row adds up to 0. The target's logit is pulled up by 1 - p[y], and
    # the others are pushed down, each by the probability it wrongly took. A sure and right
    # answer is left alone.
    return (F.softmax(logits, 1) - F.one_hot(Yb, num_classes=logits.shape[1])) / n
    # END SOLUTION
