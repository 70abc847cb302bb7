import torch.nn.functional as F
from torch import Tensor


def dlogits(logits: Tensor, Yb: Tensor, n: int) -> Tensor:
    p = F.softmax(logits, dim=0)
    return (p - F.one_hot(Yb, logits.shape[1])) / n
