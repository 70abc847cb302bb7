import torch
import torch.nn.functional as F
from torch import Tensor


def dlogits(logits: Tensor, Yb: Tensor, n: int) -> Tensor:
    p = F.softmax(logits, dim=1)
    y = F.one_hot(Yb, num_classes=logits.shape[1])
    return torch.stack([p - y]) / n
