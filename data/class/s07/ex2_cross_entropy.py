import torch.nn.functional as F


def dlogits(logits, Yb, n):
    "the loss is minus the mean of log softmax"
    return F.softmax(logits, dim=1) / n
