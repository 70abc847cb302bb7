"""The chain of exercise 1 as different people write it, each whole and right. `# take` marks where its values count."""

CHAINS: dict[str, str] = {}

CHAINS["einsum"] = """with torch.no_grad():
    dlogprobs = torch.zeros_like(logprobs)
    dlogprobs[torch.arange(n), Yb] = -1 / n
    dprobs = dlogprobs * probs.reciprocal()
    dcounts_sum_inv = torch.einsum('ij,ij->i', dprobs, counts).unsqueeze(1)
    dcounts_sum = dcounts_sum_inv * (-1 / counts_sum.square())
    dcounts = torch.einsum('ij,ik->ij', dprobs, counts_sum_inv) + dcounts_sum.expand_as(counts)
    dnorm_logits = dcounts * norm_logits.exp()
    dlogit_maxes = dnorm_logits.sum(dim=1, keepdim=True).neg()
    dlogits = dnorm_logits + torch.zeros_like(logits).scatter(1, logits.argmax(1, keepdim=True), dlogit_maxes)
    dh = torch.einsum('ik,jk->ij', dlogits, W2)
    dW2 = torch.einsum('ij,ik->jk', h, dlogits)
    db2 = torch.einsum('ik->k', dlogits)
    dhpreact = dh * (1 - h.square())
    dbngain = torch.einsum('ij,ij->j', dhpreact, bnraw)[None, :]
    dbnbias = torch.einsum('ij->j', dhpreact)[None, :]
    dbnraw = dhpreact * bngain
    dbnvar_inv = torch.einsum('ij,ij->j', dbnraw, bndiff)[None]
    dbnvar = dbnvar_inv * -0.5 * torch.pow(bnvar + 1e-5, -1.5)
    dbndiff2 = dbnvar.expand(n, -1) / (n - 1)
    dbndiff = dbnraw * bnvar_inv + 2 * bndiff * dbndiff2
    dbnmeani = dbndiff.sum(dim=0, keepdim=True).neg()
    dhprebn = dbndiff + dbnmeani.expand(n, -1) / n
    dembcat = torch.einsum('ij,kj->ik', dhprebn, W1)
    dW1 = torch.einsum('ik,ij->kj', embcat, dhprebn)
    db1 = torch.einsum('ij->j', dhprebn)
    demb = dembcat.unflatten(1, (block_size, -1))
    dC = torch.einsum('ntv,nte->ve', F.one_hot(Xb, C.shape[0]).to(demb.dtype), demb)
# take ex1"""

CHAINS["numpy words"] = """dlogprobs = torch.zeros(logprobs.shape)
dlogprobs[range(len(Yb)), Yb] = -1./len(Yb)
# d log(x) = 1/x
dprobs = dlogprobs * (1./probs)
# probs = counts * counts_sum_inv, (32,27) * (32,1)
dcounts_sum_inv = torch.sum(dprobs*counts, axis=1, keepdims=True)
dcounts = dprobs*counts_sum_inv
dcounts_sum = dcounts_sum_inv * (-1.)*counts_sum**(-2)
dcounts = dcounts + dcounts_sum
dnorm_logits = dcounts*torch.exp(norm_logits)
dlogits = dnorm_logits.clone()
dlogit_maxes = torch.sum(-dnorm_logits, axis=1, keepdims=True)
tmp = torch.zeros(logits.shape)
tmp[range(len(Yb)), torch.argmax(logits, axis=1)] = 1.
dlogits = dlogits + tmp*dlogit_maxes
dh = torch.matmul(dlogits, torch.transpose(W2, 0, 1))
dW2 = torch.matmul(torch.transpose(h, 0, 1), dlogits)
db2 = torch.sum(dlogits, axis=0)
dhpreact = dh*(1. - torch.square(h))
dbngain = torch.sum(dhpreact*bnraw, axis=0, keepdims=True)
dbnbias = torch.sum(dhpreact, axis=0, keepdims=True)
dbnraw = dhpreact*bngain
dbndiff = dbnraw*bnvar_inv
dbnvar_inv = torch.sum(dbnraw*bndiff, axis=0, keepdims=True)
dbnvar = dbnvar_inv*(-0.5)*(bnvar + 1e-5)**(-1.5)
tmp = torch.ones(bndiff2.shape)/(bndiff2.shape[0] - 1)
dbndiff2 = tmp*dbnvar
dbndiff = dbndiff + dbndiff2*2.*bndiff
dbnmeani = torch.sum(-dbndiff, axis=0, keepdims=True)
tmp = torch.ones(hprebn.shape)/hprebn.shape[0]
dhprebn = dbndiff + tmp*dbnmeani
dembcat = torch.matmul(dhprebn, torch.transpose(W1, 0, 1))
dW1 = torch.matmul(torch.transpose(embcat, 0, 1), dhprebn)
db1 = torch.sum(dhprebn, axis=0)
demb = torch.reshape(dembcat, (emb.shape[0], emb.shape[1], emb.shape[2]))
dC = torch.zeros(C.shape)
for i in range(Xb.shape[0]):
    for j in range(Xb.shape[1]):
        dC[Xb[i][j]] += demb[i][j]
# take ex1"""

CHAINS["local derivatives first"] = """dloss = torch.ones(())
# loss = -logprobs[range(n), Yb].mean()
local = torch.zeros_like(logprobs)
local[range(n), Yb] = -1/n
dlogprobs = local * dloss
# logprobs = log(probs)
local = 1 / probs
dprobs = local * dlogprobs
# probs = counts * counts_sum_inv
local_left, local_right = counts_sum_inv, counts
dcounts_1 = local_left * dprobs
dcounts_sum_inv = (local_right * dprobs).sum(1, keepdim=True)
# counts_sum_inv = counts_sum**-1
local = -1 * counts_sum**-2
dcounts_sum = local * dcounts_sum_inv
# counts_sum = counts.sum(1)
local = torch.ones_like(counts)
dcounts_2 = local * dcounts_sum
dcounts = dcounts_1 + dcounts_2
local = counts
dnorm_logits = local * dcounts
# norm_logits = logits - logit_maxes
dlogits_1 = 1.0 * dnorm_logits
dlogit_maxes = (-1.0 * dnorm_logits).sum(1, keepdim=True)
local = F.one_hot(logits.argmax(dim=1), num_classes=vocab_size)
dlogits_2 = local * dlogit_maxes
dlogits = dlogits_1 + dlogits_2
# logits = h @ W2 + b2
dh, dW2, db2 = dlogits @ W2.t(), h.t() @ dlogits, dlogits.sum(0)
local = 1 - h * h
dhpreact = local * dh
dbngain, dbnbias = (bnraw * dhpreact).sum(0, True), dhpreact.sum(0, True)
local = bngain
dbnraw = local * dhpreact
dbndiff_1, dbnvar_inv = bnvar_inv * dbnraw, (bndiff * dbnraw).sum(0, True)
local = -0.5 * (bnvar + 1e-5)**(-3/2)
dbnvar = local * dbnvar_inv
local = 1 / (n - 1) * torch.ones_like(bndiff2)
dbndiff2 = local * dbnvar
local = 2 * bndiff
dbndiff_2 = local * dbndiff2
dbndiff = dbndiff_1 + dbndiff_2
dbnmeani = -dbndiff.sum(0, True)
local = 1 / n * torch.ones_like(hprebn)
dhprebn = dbndiff + local * dbnmeani
dembcat, dW1, db1 = dhprebn @ W1.t(), embcat.t() @ dhprebn, dhprebn.sum(0)
demb = dembcat.view_as(emb)
dC = torch.zeros_like(C)
dC.index_add_(0, Xb.flatten(), demb.flatten(0, 1))
# take ex1"""

CHAINS["loops over rows"] = """dlogprobs = torch.zeros_like(logprobs)
for row in range(n):
    dlogprobs[row, Yb[row]] -= 1.0 / n
dprobs = torch.empty_like(probs)
for row in range(n):
    dprobs[row] = dlogprobs[row] / probs[row]
dcounts_sum_inv = torch.zeros_like(counts_sum_inv)
for row in range(n):
    dcounts_sum_inv[row, 0] = (dprobs[row] * counts[row]).sum()
dcounts_sum = -dcounts_sum_inv / counts_sum**2
dcounts = torch.zeros_like(counts)
for row in range(n):
    dcounts[row] += dprobs[row] * counts_sum_inv[row]
    dcounts[row] += dcounts_sum[row]
dnorm_logits = dcounts * counts
dlogit_maxes = torch.stack([-dnorm_logits[row].sum() for row in range(n)]).view(-1, 1)
dlogits = dnorm_logits.clone()
for row in range(n):
    column = logits[row].argmax()
    dlogits[row, column] = dlogits[row, column] + dlogit_maxes[row, 0]
dh = torch.zeros_like(h)
dW2 = torch.zeros_like(W2)
db2 = torch.zeros_like(b2)
for row in range(n):
    dh[row] = W2 @ dlogits[row]
    dW2 += torch.outer(h[row], dlogits[row])
    db2 += dlogits[row]
dhpreact = dh * (1 - h**2)
dbngain = torch.zeros_like(bngain)
dbnbias = torch.zeros_like(bnbias)
for row in range(n):
    dbngain += dhpreact[row] * bnraw[row]
    dbnbias += dhpreact[row]
dbnraw = dhpreact * bngain
dbnvar_inv = torch.zeros_like(bnvar_inv)
for row in range(n):
    dbnvar_inv += dbnraw[row] * bndiff[row]
dbnvar = dbnvar_inv * -0.5 * (bnvar + 1e-5)**-1.5
dbndiff2 = torch.zeros_like(bndiff2)
for row in range(n):
    dbndiff2[row] = dbnvar / (n - 1)
dbndiff = dbnraw * bnvar_inv
for row in range(n):
    dbndiff[row] += 2 * bndiff[row] * dbndiff2[row]
dbnmeani = torch.zeros_like(bnmeani)
for row in range(n):
    dbnmeani -= dbndiff[row]
dhprebn = dbndiff + dbnmeani / n
dembcat = torch.zeros_like(embcat)
dW1 = torch.zeros_like(W1)
db1 = torch.zeros_like(b1)
for row in range(n):
    dembcat[row] = dhprebn[row] @ W1.T
    dW1 += embcat[row][:, None] * dhprebn[row][None, :]
    db1 += dhprebn[row]
demb = torch.stack([piece.view(block_size, -1) for piece in dembcat])
dC = torch.zeros_like(C)
for token, piece in zip(Xb.view(-1).tolist(), demb.view(-1, demb.shape[-1])):
    dC[token] += piece
# take ex1"""

CHAINS["helpers for each kind of step"] = """def d_log(dout, x):
    return dout / x

def d_exp(dout, y):
    return dout * y

def d_tanh(dout, y):
    return dout * (1 - y.pow(2))

def unbroadcast(grad, like):
    '''sums over the axes that were broadcast'''
    for axis in range(like.ndim):
        if like.shape[axis] == 1 and grad.shape[axis] != 1:
            grad = grad.sum(axis, keepdim=True)
    return grad

def d_mul(dout, x, y):
    return unbroadcast(dout * y, x), unbroadcast(dout * x, y)

def d_affine(dout, x, w):
    return dout @ w.T, x.T @ dout, dout.sum(0)

dlogprobs = torch.zeros_like(logprobs).index_put_((torch.arange(n), Yb), torch.tensor(-1.0 / n, dtype=logprobs.dtype))
dprobs = d_log(dlogprobs, probs)
dcounts, dcounts_sum_inv = d_mul(dprobs, counts, counts_sum_inv)
dcounts_sum = dcounts_sum_inv * (-counts_sum.pow(-2))
dcounts = dcounts + dcounts_sum
dnorm_logits = d_exp(dcounts, counts)
dlogit_maxes = unbroadcast(-dnorm_logits, logit_maxes)
dlogits = dnorm_logits + dlogit_maxes * (logits == logit_maxes)
dh, dW2, db2 = d_affine(dlogits, h, W2)
dhpreact = d_tanh(dh, h)
dbnbias = unbroadcast(dhpreact, bnbias)
dbngain, dbnraw = d_mul(dhpreact, bngain, bnraw)
dbndiff, dbnvar_inv = d_mul(dbnraw, bndiff, bnvar_inv)
dbnvar = dbnvar_inv * (-0.5) * bnvar_inv.pow(3)
dbndiff2 = dbnvar.expand_as(bndiff2) / (n - 1)
dbndiff = dbndiff + dbndiff2 * 2 * bndiff
dbnmeani = unbroadcast(-dbndiff, bnmeani)
dhprebn = dbndiff + dbnmeani.expand_as(hprebn) / n
dembcat, dW1, db1 = d_affine(dhprebn, embcat, W1)
demb = dembcat.reshape(emb.size())
dC = torch.zeros_like(C).index_add(0, Xb.reshape(-1), demb.reshape(-1, emb.size(-1)))
# take ex1"""

CHAINS["the loss counts from dloss"] = """dloss = 1.0
dlogprobs = torch.zeros(n, vocab_size)
mask = torch.zeros(n, vocab_size, dtype=torch.bool)
mask[torch.arange(n), Yb] = True
dlogprobs[mask] = -dloss / n
dprobs = (probs**-1) * dlogprobs
dcounts_sum_inv = (dprobs * counts).sum(-1).view(n, 1)
dcounts_sum = dcounts_sum_inv * -(counts_sum_inv**2)
dcounts = dprobs * counts_sum_inv
dcounts += dcounts_sum.repeat(1, vocab_size)
dnorm_logits = torch.mul(dcounts, counts)
dlogits = torch.clone(dnorm_logits)
dlogit_maxes = dnorm_logits.mul(-1).sum(-1).view(n, 1)
maxima = (logits == logit_maxes).to(dlogits.dtype)
maxima = maxima / maxima.sum(1, keepdim=True)
dlogits += maxima * dlogit_maxes
dh = dlogits.matmul(W2.transpose(1, 0))
dW2 = h.transpose(1, 0).matmul(dlogits)
db2 = torch.ones(n) @ dlogits
dhpreact = dh - h**2 * dh
dbngain = (dhpreact * bnraw).sum(0).unsqueeze(0)
dbnbias = dhpreact.sum(0).unsqueeze(0)
dbnraw = dhpreact * bngain
dbndiff = dbnraw * bnvar_inv
dbnvar_inv = (dbnraw * bndiff).sum(0).unsqueeze(0)
dbnvar = -(bnvar_inv**3) / 2 * dbnvar_inv
dbndiff2 = torch.ones(n, 1) @ dbnvar / (n - 1)
dbndiff += dbndiff2 * (bndiff + bndiff)
dbnmeani = -dbndiff.sum(0).unsqueeze(0)
dhprebn = dbndiff
dhprebn = dhprebn + dbnmeani / n
dembcat = dhprebn.matmul(W1.transpose(1, 0))
dW1 = embcat.transpose(1, 0).matmul(dhprebn)
db1 = torch.ones(n) @ dhprebn
demb = dembcat.view(n, block_size, n_embd)
dC = torch.zeros(vocab_size, n_embd)
for position in range(block_size):
    dC.index_add_(0, Xb[:, position], demb[:, position])
# take ex1"""

CHAINS["devices and dtypes"] = """device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
dlogprobs = torch.zeros(logprobs.shape, device=device, dtype=logprobs.dtype)
dlogprobs[torch.arange(n, device=device), Yb.to(device)] = -1.0 / n
dprobs = (dlogprobs / probs).to(device)
dcounts_sum_inv = (counts * dprobs).sum(1, keepdim=True)
dcounts = (counts_sum_inv * dprobs).to(probs.device)
dcounts_sum = -(counts_sum ** -2) * dcounts_sum_inv
dcounts += torch.ones_like(counts, device=device) * dcounts_sum
dnorm_logits = counts * dcounts
dlogits = dnorm_logits.detach().clone()
dlogit_maxes = (-dnorm_logits).sum(1, keepdim=True)
dlogits += F.one_hot(logits.max(1).indices, num_classes=logits.shape[1]).to(device) * dlogit_maxes
dh = dlogits @ W2.detach().T
dW2 = h.detach().T @ dlogits
db2 = dlogits.sum(0)
dhpreact = (1.0 - h.detach()**2) * dh
dbngain = (bnraw * dhpreact).sum(0, keepdim=True).detach()
dbnbias = dhpreact.sum(0, keepdim=True)
dbnraw = bngain.data * dhpreact
dbndiff = bnvar_inv.data * dbnraw
dbnvar_inv = (bndiff.data * dbnraw).sum(0, keepdim=True)
dbnvar = (-0.5 * (bnvar.data + 1e-5)**-1.5) * dbnvar_inv
dbndiff2 = (1.0 / (n - 1)) * torch.ones_like(bndiff2, device=device) * dbnvar
dbndiff += (2 * bndiff.data) * dbndiff2
dhprebn = dbndiff.clone()
dbnmeani = (-dbndiff).sum(0, keepdim=True)
dhprebn += (1.0 / n) * torch.ones_like(hprebn, device=device) * dbnmeani
dembcat = dhprebn @ W1.data.T
dW1 = embcat.data.T @ dhprebn
db1 = dhprebn.sum(0)
demb = dembcat.view(emb.shape).contiguous()
dC = torch.zeros_like(C, device=device)
dC.index_put_((Xb.to(device),), demb, accumulate=True)
# take ex1"""

CHAINS["underscored paths, deleted afterwards"] = """_one = torch.ones_like(logprobs)
_hit = F.one_hot(Yb, vocab_size)
dlogprobs = -_one * _hit / n
dprobs = dlogprobs / probs
_a = dprobs * counts_sum_inv
dcounts_sum_inv = (dprobs * counts).sum(1, keepdim=True)
dcounts_sum = -1 * dcounts_sum_inv * counts_sum**-2
_b = dcounts_sum.broadcast_to(counts.shape)
dcounts = _a + _b
del _a, _b
dnorm_logits = dcounts * counts
dlogit_maxes = -1 * dnorm_logits.sum(1, keepdim=True)
_a = dnorm_logits
_b = torch.zeros_like(logits)
_b[torch.arange(n), logits.max(1)[1]] = dlogit_maxes[:, 0]
dlogits = _a + _b
del _a, _b
dh = dlogits @ W2.T
dW2 = (dlogits.T @ h).T
db2 = dlogits.T.sum(1)
dhpreact = dh * (1 - torch.tanh(hpreact)**2)
dbngain = (dhpreact * bnraw).sum(0)[None, :]
dbnbias = dhpreact.sum(0)[None, :]
dbnraw = dhpreact * bngain
_a = dbnraw * bnvar_inv
dbnvar_inv = (dbnraw * bndiff).sum(0)[None, :]
dbnvar = dbnvar_inv * -.5 * (bnvar + 1e-5).sqrt()**-3
dbndiff2 = dbnvar.tile(n, 1) / (n - 1)
_b = 2 * bndiff * dbndiff2
dbndiff = _a + _b
del _a, _b
dbnmeani = -dbndiff.sum(0)[None, :]
dhprebn = torch.add(dbndiff, dbnmeani, alpha=1 / n)
dembcat = (W1 @ dhprebn.T).T
dW1 = (dhprebn.T @ embcat).T
db1 = dhprebn.T.sum(1)
demb = torch.stack(dembcat.split(n_embd, 1), 1)
dC = torch.stack([demb[Xb == token].sum(0) for token in range(vocab_size)])
# take ex1"""

CHAINS["sums from zeros"] = """dlogprobs = torch.zeros_like(logprobs); dprobs = torch.zeros_like(probs)
dcounts = torch.zeros_like(counts); dcounts_sum = torch.zeros_like(counts_sum)
dcounts_sum_inv = torch.zeros_like(counts_sum_inv)
dnorm_logits = torch.zeros_like(norm_logits); dlogits = torch.zeros_like(logits)
dlogit_maxes = torch.zeros_like(logit_maxes)
dh, dW2, db2 = torch.zeros_like(h), torch.zeros_like(W2), torch.zeros_like(b2)
dhpreact = torch.zeros_like(hpreact); dbngain = torch.zeros_like(bngain); dbnbias = torch.zeros_like(bnbias)
dbnraw = torch.zeros_like(bnraw); dbndiff = torch.zeros_like(bndiff); dbndiff2 = torch.zeros_like(bndiff2)
dbnvar = torch.zeros_like(bnvar); dbnvar_inv = torch.zeros_like(bnvar_inv)
dbnmeani = torch.zeros_like(bnmeani); dhprebn = torch.zeros_like(hprebn)
dembcat = torch.zeros_like(embcat); dW1 = torch.zeros_like(W1); db1 = torch.zeros_like(b1)
demb = torch.zeros_like(emb); dC = torch.zeros_like(C)

dlogprobs[range(n), Yb] += -1.0 / n
dprobs += dlogprobs / probs
dcounts += dprobs * counts_sum_inv
dcounts_sum_inv += (dprobs * counts).sum(1, keepdim=True)
dcounts_sum += -dcounts_sum_inv / counts_sum**2
dcounts += dcounts_sum
dnorm_logits += dcounts * counts
dlogits += dnorm_logits
dlogit_maxes -= dnorm_logits.sum(1, keepdim=True)
dlogits += F.one_hot(logits.argmax(1), num_classes=logits.shape[1]) * dlogit_maxes
dh += dlogits @ W2.T
dW2 += h.T @ dlogits
db2 += dlogits.sum(0)
dhpreact += dh * (1 - h**2)
dbngain += (dhpreact * bnraw).sum(0, keepdim=True)
dbnbias += dhpreact.sum(0, keepdim=True)
dbnraw += dhpreact * bngain
dbndiff += dbnraw * bnvar_inv
dbnvar_inv += (dbnraw * bndiff).sum(0, keepdim=True)
dbnvar += dbnvar_inv * -0.5 * (bnvar + 1e-5)**-1.5
dbndiff2 += dbnvar / (n - 1)
dbndiff += dbndiff2 * 2 * bndiff
dbnmeani -= dbndiff.sum(0, keepdim=True)
dhprebn += dbndiff
dhprebn += dbnmeani / n
dembcat += dhprebn @ W1.T
dW1 += embcat.T @ dhprebn
db1 += dhprebn.sum(0)
demb += dembcat.view(emb.shape)
for i, context in enumerate(Xb):
    for j, token in enumerate(context):
        dC[token] += demb[i, j]
# take ex1"""

CHAINS["in-place methods"] = """dlogprobs = torch.zeros_like(logprobs).scatter_(1, Yb.view(-1, 1), -1.0 / n)
dprobs = dlogprobs.clone().div_(probs)
dcounts_sum_inv = dprobs.clone().mul_(counts).sum(1, keepdim=True)
dcounts = dprobs.clone()
dcounts.mul_(counts_sum_inv)
dcounts_sum = counts_sum.clone().pow_(-2).neg_().mul_(dcounts_sum_inv)
dcounts.add_(dcounts_sum)
dnorm_logits = dcounts.clone()
dnorm_logits.mul_(counts)
dlogit_maxes = torch.neg(dnorm_logits.sum(1, keepdim=True))
dlogits = dnorm_logits.clone()
dlogits.scatter_add_(1, logits.argmax(1, keepdim=True), dlogit_maxes)
dh = dlogits.mm(W2.t())
dW2 = h.t().mm(dlogits)
db2 = dlogits.sum(0)
dhpreact = h.clone()
dhpreact.pow_(2).neg_().add_(1).mul_(dh)
dbngain = bnraw.clone().mul_(dhpreact).sum(0, keepdim=True)
dbnbias = dhpreact.sum(0, keepdim=True)
dbnraw = dhpreact.clone().mul_(bngain)
dbndiff = dbnraw.clone().mul_(bnvar_inv)
dbnvar_inv = torch.sum(dbnraw * bndiff, 0, keepdim=True)
dbnvar = bnvar.clone()
dbnvar.add_(1e-5)
dbnvar.pow_(-1.5)
dbnvar.mul_(-0.5)
dbnvar.mul_(dbnvar_inv)
dbndiff2 = torch.full_like(bndiff2, 1 / (n - 1))
dbndiff2 *= dbnvar
dbndiff.addcmul_(bndiff, dbndiff2, value=2)
dbnmeani = dbndiff.sum(0, keepdim=True).neg_()
dhprebn = dbndiff.clone()
dhprebn.add_(dbnmeani, alpha=1 / n)
dembcat = torch.mm(dhprebn, W1.t())
dW1 = torch.mm(embcat.t(), dhprebn)
db1 = dhprebn.sum(0)
demb = dembcat.clone().unflatten(1, emb.shape[1:])
dC = C.clone().zero_()
dC.index_add_(0, Xb.ravel(), demb.view(-1, n_embd))
# take ex1"""

CHAINS["brackets, backslashes, comments"] = """# ---------- loss ----------
dlogprobs = torch.zeros_like(
    logprobs,   # (32, 27)
)
dlogprobs[
    range(n),
    Yb,
] = -1.0 / n          # only the entries that were picked

# ---------- softmax ----------
dprobs = (
    dlogprobs
    * 1.0 / probs     # d log x / dx
)
dcounts_sum_inv = \\
    (dprobs * counts).sum(
        1,
        keepdim=True,
    )
dcounts = (dprobs * counts_sum_inv
           )                       # first half, more below!
dcounts_sum = dcounts_sum_inv * (
    -1 * counts_sum ** (-2)
)
dcounts += (
    torch.ones_like(counts) * dcounts_sum   # second half
)
'''
counts = norm_logits.exp()
'''
dnorm_logits = dcounts * counts
dlogits = \\
    dnorm_logits.clone()
dlogit_maxes = (
    -dnorm_logits
).sum(1, keepdim=True)
dlogits += (
    F.one_hot(
        logits.max(1).indices,
        num_classes=logits.shape[1],
    )
    * dlogit_maxes
)
# ---------- linear 2 ----------
dh  = dlogits @ W2.T ; dW2 = h.T @ dlogits ; db2 = dlogits.sum(0)
# ---------- tanh ----------
dhpreact = dh * (
    1 - h ** 2
)
# ---------- batch norm ----------
(dbngain, dbnbias) = (
    (bnraw * dhpreact).sum(0, keepdim=True),
    dhpreact.sum(0, keepdim=True),
)
dbnraw = bngain * dhpreact
dbndiff = bnvar_inv * dbnraw
dbnvar_inv = (bndiff * dbnraw).sum(0, keepdim=True)
dbnvar = (
    -0.5
    * (bnvar + 1e-5) ** (-1.5)
    * dbnvar_inv
)
dbndiff2 = dbnvar * (
    torch.ones_like(bndiff2)
    / (n - 1)
)
dbndiff += 2 * bndiff \\
    * dbndiff2
dhprebn = (dbndiff).clone()
dbnmeani = (-1) * (
    dbndiff.sum(0, keepdim=True)
)
dhprebn += (
    1 / n * torch.ones_like(hprebn)
) * dbnmeani
# ---------- linear 1 ----------
[dembcat, dW1, db1] = [
    dhprebn @ W1.T,
    embcat.T @ dhprebn,
    dhprebn.sum(0),
]
# ---------- embedding ----------
demb = dembcat.view(
    emb.shape
)
dC = torch.zeros_like(C)
for k in range(Xb.shape[0]):
    for j in range(
        Xb.shape[1]
    ):
        ix = Xb[k, j]
        dC[ix] += demb[
            k, j
        ]
# take ex1"""

CHAINS["one letter helpers"] = """N, V = logits.shape
H = h.shape[1]
E = C.shape[1]
T = Xb.shape[1]
d = torch.zeros(N, V)
d[torch.arange(N), Yb] = -1 / N
dlogprobs = d
d = d / probs
dprobs = d
q = (d * counts).sum(1, keepdim=True)
dcounts_sum_inv = q
q = -q / counts_sum**2
dcounts_sum = q
d = d * counts_sum_inv + q
dcounts = d
d = d * counts
dnorm_logits = d
m = -d.sum(1, keepdim=True)
dlogit_maxes = m
d = d + m * F.one_hot(logits.argmax(1), V)
dlogits = d
dW2 = h.T @ d
db2 = d.sum(0)
d = d @ W2.T
dh = d
d = d * (1 - h * h)
dhpreact = d
dbngain = (d * bnraw).sum(0, keepdim=True)
dbnbias = d.sum(0, keepdim=True)
d = d * bngain
dbnraw = d
q = (d * bndiff).sum(0, keepdim=True)
dbnvar_inv = q
q = -0.5 * q * bnvar_inv**3
dbnvar = q
q = q.repeat(N, 1) / (N - 1)
dbndiff2 = q
d = d * bnvar_inv + 2 * bndiff * q
dbndiff = d
m = -d.sum(0, keepdim=True)
dbnmeani = m
d = d + m / N
dhprebn = d
dW1 = embcat.T @ d
db1 = d.sum(0)
d = d @ W1.T
dembcat = d
d = d.view(N, T, E)
demb = d
dC = torch.zeros(V, E)
dC.index_add_(0, Xb.view(-1), d.view(-1, E))
# take ex1"""

CHAINS["a dict of gradients beside"] = """grads = {}
dlogprobs = torch.zeros_like(logprobs)
dlogprobs[range(n), Yb] = -1 / n
grads['logprobs'] = dlogprobs
dprobs = grads['logprobs'] / probs
grads['probs'] = dprobs
dcounts_sum_inv = (grads['probs'] * counts).sum(1, keepdim=True)
dcounts_sum = -dcounts_sum_inv * counts_sum**-2
grads.update(counts_sum_inv=dcounts_sum_inv, counts_sum=dcounts_sum)
dcounts = grads['probs'] * counts_sum_inv + grads['counts_sum']
grads['counts'] = dcounts
dnorm_logits = grads['counts'] * counts
grads['norm_logits'] = dnorm_logits
dlogit_maxes = -grads['norm_logits'].sum(1, keepdim=True)
dlogits = grads['norm_logits'] + F.one_hot(logits.argmax(1), vocab_size) * dlogit_maxes
grads['logits'] = dlogits
dh, dW2, db2 = grads['logits'] @ W2.T, h.T @ grads['logits'], grads['logits'].sum(0)
grads['h'] = dh
dhpreact = grads['h'] * (1 - h**2)
grads['hpreact'] = dhpreact
dbngain = (grads['hpreact'] * bnraw).sum(0, keepdim=True)
dbnbias = grads['hpreact'].sum(0, keepdim=True)
dbnraw = grads['hpreact'] * bngain
grads['bnraw'] = dbnraw
dbnvar_inv = (grads['bnraw'] * bndiff).sum(0, keepdim=True)
dbnvar = dbnvar_inv * -0.5 * (bnvar + 1e-5)**-1.5
dbndiff2 = dbnvar / (n - 1) * torch.ones_like(bndiff2)
dbndiff = grads['bnraw'] * bnvar_inv + 2 * bndiff * dbndiff2
grads['bndiff'] = dbndiff
dbnmeani = -grads['bndiff'].sum(0, keepdim=True)
dhprebn = grads['bndiff'] + dbnmeani / n
grads['hprebn'] = dhprebn
dembcat, dW1, db1 = grads['hprebn'] @ W1.T, embcat.T @ grads['hprebn'], grads['hprebn'].sum(0)
demb = dembcat.view(emb.shape)
dC = torch.zeros_like(C)
dC.index_add_(0, Xb.view(-1), demb.view(-1, C.shape[1]))
# take ex1"""

CHAINS["terse with asserts"] = """dlogprobs = torch.zeros_like(logprobs)
dlogprobs[range(n), Yb] = -1/n
dprobs = dlogprobs / probs
dcounts_sum_inv = (dprobs * counts).sum(1, keepdims=True)
dcounts_sum = dcounts_sum_inv * -counts_sum**-2
dcounts = dprobs * counts_sum_inv + dcounts_sum
dnorm_logits = dcounts * norm_logits.exp()
dlogit_maxes = - dnorm_logits.sum(dim=1, keepdims=True)
max_inds = torch.argmax(logits, dim=1)
dlogits = dnorm_logits.clone()
dlogits[range(n), max_inds] += dlogit_maxes.flatten()
assert dlogits.shape == logits.shape, f'{dlogits.shape} != {logits.shape}'
dW2 = h.T @ dlogits; assert dW2.shape == W2.shape
db2 = dlogits.sum(dim=0); assert db2.shape == b2.shape
dh = dlogits @ W2.T; assert dh.shape == h.shape
dhpreact = (1 - h.pow(2)) * dh
dbngain = (bnraw * dhpreact).sum(dim=0, keepdims=True); assert dbngain.shape == bngain.shape
dbnbias = dhpreact.sum(dim=0, keepdims=True); assert dbnbias.shape == bnbias.shape
dbnraw = bngain * dhpreact
dbnvar_inv = (dbnraw * bndiff).sum(dim=0, keepdims=True)
dbnvar = dbnvar_inv * -0.5 * (bnvar + 1e-5).pow(-1.5)
dbndiff2 = (1 / (n-1)) * dbnvar * torch.ones_like(bndiff2)
dbndiff = 2 * bndiff * dbndiff2 + dbnraw * bnvar_inv
dbnmeani = - dbndiff.sum(dim=0, keepdims=True)
dhprebn = 1/n * dbnmeani + dbndiff
dW1 = embcat.T @ dhprebn
db1 = dhprebn.sum(dim=0)
dembcat = dhprebn @ W1.T
demb = dembcat.view(emb.shape)
dC = torch.zeros_like(C)
for row in range(emb.shape[0]):
    for column in range(emb.shape[1]):
        dC[Xb[row, column]] += demb[row, column]
# take ex1"""

CHAINS["in a timer of one's own, numbers taken out of tensors"] = """eps = 1e-5
n_inv = 1/n
class Timer:
    def __enter__(self):
        import time; self.t = time.time(); return self
    def __exit__(self, *a):
        import time; print(f"{time.time() - self.t:.3f}s")
with Timer():
    dlogprobs = torch.zeros_like(logprobs)
    dlogprobs[range(n), Yb] = -n_inv
    dprobs = dlogprobs / probs
    dcounts_sum_inv = (dprobs * counts).sum(1, keepdim=True)
    dcounts_sum = -dcounts_sum_inv / counts_sum**2
    dcounts = dprobs * counts_sum_inv + dcounts_sum
    dnorm_logits = dcounts * counts
    dlogit_maxes = -dnorm_logits.sum(1, keepdim=True)
    dlogits = dnorm_logits.clone()
    for i, token in enumerate(logits.argmax(1).tolist()):
        dlogits[i, token] += dlogit_maxes[i].item()
    dh, dW2, db2 = dlogits @ W2.T, h.T @ dlogits, dlogits.sum(0)
    dhpreact = dh * (1 - h**2)
    dbngain, dbnraw, dbnbias = (dhpreact * bnraw).sum(0, keepdim=True), dhpreact * bngain, dhpreact.sum(0, keepdim=True)
    dbnvar_inv = (dbnraw * bndiff).sum(0, keepdim=True)
    dbnvar = dbnvar_inv * -0.5 * (bnvar + eps)**-1.5
    dbndiff2 = dbnvar / (n - 1) * torch.ones_like(bndiff2)
    dbndiff = dbnraw * bnvar_inv + 2 * bndiff * dbndiff2
    dbnmeani = -dbndiff.sum(0, keepdim=True)
    dhprebn = dbndiff + dbnmeani * n_inv
    dembcat, dW1, db1 = dhprebn @ W1.T, embcat.T @ dhprebn, dhprebn.sum(0)
    demb = dembcat.view(emb.shape)
    dC = F.one_hot(Xb.view(-1), len(C)).float().T @ demb.view(-1, n_embd)
# take ex1"""
