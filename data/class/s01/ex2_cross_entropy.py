"""Exercise 2: softmax, log and mean in one go."""

import torch.nn.functional as F
from torch import Tensor


def dlogits(logits: Tensor, Yb: Tensor, n: int) -> Tensor:
    """softmax minus one-hot, over n"""
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    return dlogits
