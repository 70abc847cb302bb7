"""Twenty-six one-liners. A product's gradient is the other factor, a sum's is everyone's."""

import torch
import torch.nn.functional as F

column = dict(dim=1, keepdim=True)
row = dict(dim=0, keepdim=True)

dlogprobs = lambda logprobs, Yb, n: -F.one_hot(Yb, logprobs.shape[1]).to(logprobs) / n
dprobs = lambda dlogprobs, probs: dlogprobs / probs
dcounts_sum_inv = lambda dprobs, counts: (dprobs * counts).sum(**column)
dcounts_sum = lambda dcounts_sum_inv, counts_sum_inv: -dcounts_sum_inv * counts_sum_inv**2
dcounts = lambda dprobs, counts_sum_inv, dcounts_sum: dprobs * counts_sum_inv + dcounts_sum
dnorm_logits = lambda dcounts, counts: dcounts * counts
dlogit_maxes = lambda dnorm_logits: -dnorm_logits.sum(**column)
dlogits = lambda dnorm_logits, dlogit_maxes, logits: (
    dnorm_logits + F.one_hot(logits.argmax(1), logits.shape[1]) * dlogit_maxes
)
dh = lambda dlogits, W2: dlogits @ W2.T
dW2 = lambda dlogits, h: h.T @ dlogits
db2 = lambda dlogits: dlogits.sum(0)
dhpreact = lambda dh, h: dh * (1 - h**2)
dbngain = lambda dhpreact, bnraw: (dhpreact * bnraw).sum(**row)
dbnbias = lambda dhpreact: dhpreact.sum(**row)
dbnraw = lambda dhpreact, bngain: dhpreact * bngain
dbnvar_inv = lambda dbnraw, bndiff: (dbnraw * bndiff).sum(**row)
dbnvar = lambda dbnvar_inv, bnvar_inv: dbnvar_inv * -bnvar_inv**3 / 2
dbndiff2 = lambda dbnvar, n: torch.cat([dbnvar / (n - 1)] * n)
dbndiff = lambda dbnraw, bnvar_inv, dbndiff2, bndiff: dbnraw * bnvar_inv + dbndiff2 * bndiff * 2
dbnmeani = lambda dbndiff: -dbndiff.sum(**row)
dhprebn = lambda dbndiff, dbnmeani, n: dbndiff + dbnmeani / n
dembcat = lambda dhprebn, W1: dhprebn @ W1.T
dW1 = lambda dhprebn, embcat: embcat.T @ dhprebn
db1 = lambda dhprebn: dhprebn.sum(0)
demb = lambda dembcat, emb: dembcat.view_as(emb)
dC = lambda demb, Xb, C: torch.zeros_like(C).index_put((Xb,), demb, accumulate=True)
