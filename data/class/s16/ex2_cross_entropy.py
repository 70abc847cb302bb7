import torch.nn.functional as F


def dlogits(logits, Yb):
    logits = logits.detach().requires_grad_()
    loss = F.cross_entropy(logits, Yb)
    loss.backward()
    return logits.grad
