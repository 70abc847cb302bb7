import torch
import torch.nn.functional as F
from torch import Tensor


def gradients(
    Xb: Tensor, Yb: Tensor, C: Tensor, W1: Tensor, W2: Tensor, bngain: Tensor,
    embcat: Tensor, bnraw: Tensor, bnvar_inv: Tensor, h: Tensor, logits: Tensor, n: int,
) -> tuple[Tensor, ...]:
    dlogits = (F.softmax(logits, dim=1) - F.one_hot(Yb, num_classes=logits.shape[1])) / n
    dW2 = torch.transpose(h, 0, 1) @ dlogits
    db2 = torch.sum(dlogits, 0, keepdim=True)
    dhpreact = dlogits @ torch.transpose(W2, 0, 1) * (1 - h * h)
    dbngain = torch.sum(dhpreact * bnraw, 0)
    dbnbias = torch.sum(dhpreact, 0)
    dhprebn = bngain * bnvar_inv * (dhpreact - dbnbias / n - bnraw * dbngain / (n - 1))
    dW1 = torch.transpose(embcat, 0, 1) @ dhprebn
    db1 = torch.sum(dhprebn, 0, keepdim=True)
    demb = (dhprebn @ torch.transpose(W1, 0, 1)).view(Xb.shape[0], Xb.shape[1], -1)
    dC = torch.einsum("nbv,nbe->ve", F.one_hot(Xb, num_classes=C.shape[0]).to(demb.dtype), demb)
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias
