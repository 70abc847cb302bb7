"""Exercises 2, 3 and 4 as different people write them, each whole and right. `# take` marks where the values count."""

DLOGITS: dict[str, str] = {}

DLOGITS["one hot"] = """dlogits = (F.softmax(logits, dim=1) - F.one_hot(Yb, num_classes=vocab_size)) / n
# take ex2
cmp('logits', dlogits, logits)"""

DLOGITS["the chain's probs"] = """dlogits = probs.clone()
dlogits[torch.arange(batch_size), Yb] -= 1.0
dlogits = dlogits / batch_size
# take ex2
cmp('logits', dlogits, logits) # approximate only
"""

DLOGITS["own softmax, the tensors' names taken again"] = """counts = logits.exp()
counts_sum = counts.sum(1, keepdims=True)
probs = counts / counts_sum
dlogits = probs
dlogits[range(n), Yb] -= 1
dlogits /= n
# take ex2
cmp('logits', dlogits, logits)"""

DLOGITS["a sum without the maximum"] = """counts_sum = logits.exp().sum(1, keepdim=True)
dlogits = logits.exp() / counts_sum
dlogits = dlogits - F.one_hot(Yb, num_classes=vocab_size).float()
dlogits = dlogits / logits.shape[0]
# take ex2
cmp('logits', dlogits, logits)"""

DLOGITS["row by row"] = """dlogits = torch.zeros_like(logits)
for i in range(n):
    p = torch.softmax(logits[i], dim=0)
    for j in range(logits.shape[1]):
        if j == Yb[i]:
            dlogits[i, j] = p[j] - 1
        else:
            dlogits[i, j] = p[j]
dlogits *= 1/n
# take ex2
cmp('logits', dlogits, logits)"""

DLOGITS["derived in comments, a function of its own"] = """# loss_i = -log(e^{l_y} / sum_j e^{l_j})
# dloss_i/dl_k = p_k - [k == y]
def fused_softmax_grad(logits, y):
    p = logits.softmax(-1)
    p[torch.arange(len(y)), y] -= 1
    return p / len(y)

dlogits_fused = fused_softmax_grad(logits, Yb)
# take ex2 logits=dlogits_fused
cmp('logits', dlogits_fused, logits)
print((dlogits_fused - dlogits).abs().max())"""

DLOGITS["log softmax"] = """targets = torch.zeros_like(logits)
targets.scatter_(1, Yb.unsqueeze(1), 1.0)
dlogits = torch.exp(torch.log_softmax(logits, 1)).sub(targets).div(len(Yb))
# take ex2
cmp('logits', dlogits, logits)"""

DLOGITS["with exact looks"] = """dlogits = F.softmax(logits, 1)
dlogits[range(n), Yb] -= 1
dlogits /= n
# take ex2
cmp('logits', dlogits, logits)
print(F.softmax(logits, 1)[0])
print(dlogits[0] * n)
print(dlogits[0].sum())
plt.figure(figsize=(8, 8))
plt.imshow(dlogits.detach(), cmap='gray')
plt.show()"""

DLOGITS["where"] = """dlogits = None # TODO. my solution is 3 lines
one_hot = torch.arange(vocab_size)[None, :] == Yb[:, None]
P = torch.exp(logits - torch.logsumexp(logits, 1, keepdim=True))
dlogits = torch.where(one_hot, P - 1, P) / n
# take ex2
cmp('logits', dlogits, logits) # I can only get approximate to be true, my maxdiff is 5e-9"""

DLOGITS["two tries"] = """# first try: wrong, forgot the mean
dlogits = F.softmax(logits, 1)
dlogits[range(n), Yb] -= 1
cmp('logits', dlogits, logits)
# second try
dlogits = F.softmax(logits, 1)
dlogits[range(n), Yb] -= 1
dlogits /= n
# take ex2
cmp('logits', dlogits, logits)"""

DLOGITS["by way of gradients of its own"] = """# fewer steps: logprobs = norm_logits - log(sum)
logsum = norm_logits.exp().sum(1, keepdim=True).log()
logprobs_fast = norm_logits - logsum
print((logprobs_fast - logprobs).abs().max())
dlogprobs_fast = torch.zeros_like(logprobs_fast)
dlogprobs_fast[range(n), Yb] = -1 / n
dlogits = dlogprobs_fast - logprobs_fast.exp() * dlogprobs_fast.sum(1, keepdim=True)
# take ex2
cmp('logits', dlogits, logits)"""

DHPREBN: dict[str, str] = {}

DHPREBN[
    "rearranged"
] = """dhprebn = bngain * bnvar_inv * (dhpreact - dhpreact.mean(0) - bnraw * (dhpreact * bnraw).sum(0) / (n - 1))
# take ex3
cmp('hprebn', dhprebn, hprebn)"""

DHPREBN["over dbnraw"] = """dbnraw = bngain * dhpreact
dhprebn = (bnvar_inv / n) * (n * dbnraw - dbnraw.sum(0, keepdim=True) - n / (n - 1) * bnraw * (dbnraw * bnraw).sum(0, keepdim=True))
# take ex3
cmp('hprebn', dhprebn, hprebn)"""

DHPREBN["the letters of the paper"] = """# x, mu, sigma2, xhat, gamma, beta as in Ioffe & Szegedy
x, gamma, beta, eps, m = hprebn, bngain, bnbias, 1e-5, n
mu = x.mean(0, keepdim=True)
sigma2 = x.var(0, keepdim=True, unbiased=True)
xhat = (x - mu) / torch.sqrt(sigma2 + eps)
dy = dhpreact
dxhat = dy * gamma
dsigma2 = (dxhat * (x - mu)).sum(0, keepdim=True) * (-0.5) * (sigma2 + eps) ** (-1.5)
dmu = -(dxhat / torch.sqrt(sigma2 + eps)).sum(0, keepdim=True) + dsigma2 * (-2 * (x - mu)).sum(0, keepdim=True) / (m - 1)
dx = dxhat / torch.sqrt(sigma2 + eps) + dsigma2 * 2 * (x - mu) / (m - 1) + dmu / m
dhprebn = dx
# take ex3
cmp('hprebn', dhprebn, hprebn)"""

DHPREBN["the chain's names taken again"] = """bnmean = hprebn.mean(0, keepdim=True)
bnvar = hprebn.var(0, keepdim=True)
bnvar_inv = (bnvar + 1e-5)**-0.5
bnraw = (hprebn - bnmean) * bnvar_inv
dbnraw = bngain * dhpreact
dbnvar = -0.5 * bnvar_inv**3 * ((hprebn - bnmean) * dbnraw).sum(0, keepdim=True)
dbnmean = -(bnvar_inv * dbnraw).sum(0, keepdim=True)
dhprebn = bnvar_inv * dbnraw + dbnmean / n + dbnvar * 2 * (hprebn - bnmean) / (n - 1)
# take ex3
cmp('hprebn', dhprebn, hprebn)"""

DHPREBN["columns"] = """dhprebn = torch.empty_like(hprebn)
for j in range(hprebn.shape[1]):
    up = dhpreact[:, j]
    xh = bnraw[:, j]
    scale = bngain[0, j] * bnvar_inv[0, j] / n
    dhprebn[:, j] = scale * (n * up - up.sum() - n / (n - 1) * xh * (up * xh).sum())
# take ex3
cmp('hprebn', dhprebn, hprebn)"""

DHPREBN["three terms"] = """std = torch.sqrt(bnvar + 1e-5)
term1 = n * dhpreact
term2 = dhpreact.sum(0)
term3 = bnraw * (dhpreact * bnraw).sum(0) * n / (n - 1)
dhprebn_fast = bngain / (n * std) * (term1 - term2 - term3)
# take ex3 hprebn=dhprebn_fast
cmp('hprebn', dhprebn_fast, hprebn)"""

DHPREBN["a function"] = """def batchnorm_backward(dout, xhat, gamma, inv_std):
    m = dout.shape[0]
    dxhat = dout * gamma
    return inv_std / m * (m * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0) * m / (m - 1))

dhprebn = batchnorm_backward(dhpreact, bnraw, bngain, bnvar_inv)
# take ex3
cmp('hprebn', dhprebn, hprebn) # I can only get approximate to be true, my maxdiff is 9e-10"""

DHPREBN["a matrix for each column"] = """Id = torch.eye(n)
cols = []
for k in range(hprebn.shape[1]):
    z = bnraw[:, k:k+1]
    J = Id - 1/n - z @ z.T / (n - 1)
    cols.append(bngain[0, k] * bnvar_inv[0, k] * (J @ dhpreact[:, k]))
dhprebn = torch.stack(cols, dim=1)
# take ex3
cmp('hprebn', dhprebn, hprebn)"""

DHPREBN["sums named first"] = """s1 = dhpreact.sum(0, keepdim=True)
s2 = (dhpreact * bnraw).sum(0, keepdim=True)
dhprebn  = n * dhpreact
dhprebn -= s1
dhprebn -= n/(n-1) * bnraw * s2
dhprebn *= bngain * bnvar_inv / n
# take ex3
cmp('hprebn', dhprebn, hprebn)"""

DHPREBN["two tries"] = """# 1/n in place of 1/(n-1)?
dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - bnraw*(dhpreact*bnraw).sum(0))
cmp('hprebn', dhprebn, hprebn)
# no, Bessel
dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
# take ex3
cmp('hprebn', dhprebn, hprebn)"""

# Exercise 4. `# take ex4` stands inside the loop, behind the last gradient.
TRAINING: dict[str, str] = {}

_FRESH = """n_embd = 10
n_hidden = 200
g = torch.Generator().manual_seed(2147483647)
C  = torch.randn((vocab_size, n_embd),            generator=g)
W1 = torch.randn((n_embd * block_size, n_hidden), generator=g) * (5/3)/((n_embd * block_size)**0.5)
b1 = torch.randn(n_hidden,                        generator=g) * 0.1
W2 = torch.randn((n_hidden, vocab_size),          generator=g) * 0.1
b2 = torch.randn(vocab_size,                      generator=g) * 0.1
bngain = torch.randn((1, n_hidden))*0.1 + 1.0
bnbias = torch.randn((1, n_hidden))*0.1
parameters = [C, W1, b1, W2, b2, bngain, bnbias]
for p in parameters:
    p.requires_grad = True
"""

TRAINING["epochs over shuffled batches"] = (
    _FRESH
    + """
max_steps = 200000
epochs = 3
lossi = []
with torch.no_grad():
    for epoch in range(epochs):
        order = torch.randperm(Xtr.shape[0])
        for start in range(0, len(order) - batch_size, batch_size)[:max_steps]:
            chosen = order[start:start + batch_size]
            Xb, Yb = Xtr[chosen], Ytr[chosen]
            n = Xb.shape[0]
            emb = C[Xb]
            embcat = emb.view(n, -1)
            hprebn = embcat @ W1 + b1
            mean, var = hprebn.mean(0, keepdim=True), hprebn.var(0, keepdim=True)
            bnvar_inv = 1 / torch.sqrt(var + 1e-5)
            bnraw = (hprebn - mean) * bnvar_inv
            hpreact = bngain * bnraw + bnbias
            h = hpreact.tanh()
            logits = h @ W2 + b2
            loss = F.cross_entropy(logits, Yb)
            dlogits = (logits.softmax(1) - F.one_hot(Yb, vocab_size)) / n
            dW2, db2 = h.T @ dlogits, dlogits.sum(0)
            dhpreact = (dlogits @ W2.T) * (1 - h**2)
            dbngain, dbnbias = (dhpreact * bnraw).sum(0, keepdim=True), dhpreact.sum(0, keepdim=True)
            dhprebn = bngain * bnvar_inv * (dhpreact - dhpreact.mean(0) - bnraw * (dhpreact * bnraw).sum(0) / (n - 1))
            dW1, db1 = embcat.T @ dhprebn, dhprebn.sum(0)
            demb = (dhprebn @ W1.T).view(emb.shape)
            dC = torch.zeros_like(C).index_add_(0, Xb.view(-1), demb.view(-1, n_embd))
            # take ex4
            for p, dp in zip(parameters, (dC, dW1, db1, dW2, db2, dbngain, dbnbias)):
                p -= 0.1 * dp
            lossi.append(loss.item())
"""
)

TRAINING["a backward function that takes all it needs"] = (
    _FRESH
    + """
def forward_pass(Xb):
    emb = C[Xb]
    embcat = emb.view(emb.shape[0], -1)
    hprebn = embcat @ W1 + b1
    bnmean = hprebn.mean(0, keepdim=True)
    bnvar = hprebn.var(0, keepdim=True, unbiased=True)
    bnvar_inv = (bnvar + 1e-5)**-0.5
    bnraw = (hprebn - bnmean) * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = torch.tanh(hpreact)
    logits = h @ W2 + b2
    return emb, embcat, bnvar_inv, bnraw, h, logits

def backward_pass(Xb, Yb, emb, embcat, bnvar_inv, bnraw, h, logits):
    n = len(Yb)
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1 - h**2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.view(emb.shape)
    dC = torch.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            dC[Xb[k, j]] += demb[k, j]
    return dC, dW1, db1, dW2, db2, dbngain, dbnbias

max_steps = 200000
batch_size = 32
lossi = []
with torch.no_grad():
    for i in range(max_steps):
        ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
        Xb, Yb = Xtr[ix], Ytr[ix]
        emb, embcat, bnvar_inv, bnraw, h, logits = forward_pass(Xb)
        loss = F.cross_entropy(logits, Yb)
        dC, dW1, db1, dW2, db2, dbngain, dbnbias = backward_pass(Xb, Yb, emb, embcat, bnvar_inv, bnraw, h, logits)
        # take ex4
        grads = [dC, dW1, db1, dW2, db2, dbngain, dbnbias]
        lr = 0.1 if i < 100000 else 0.01
        for p, grad in zip(parameters, grads):
            p.data += -lr * grad
        lossi.append(loss.log10().item())
"""
)

TRAINING["a backward function that returns a list"] = (
    _FRESH
    + """
def manual_backward():
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1 - h**2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.view(emb.shape)
    dC = torch.zeros_like(C)
    dC.index_add_(0, Xb.view(-1), demb.view(-1, C.shape[1]))
    return [dC, dW1, db1, dW2, db2, dbngain, dbnbias]

max_steps = 200000
batch_size = 32
n = batch_size
for i in range(max_steps):
    with torch.no_grad():
        ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
        Xb, Yb = Xtr[ix], Ytr[ix]
        emb = C[Xb]
        embcat = emb.view(emb.shape[0], -1)
        hprebn = embcat @ W1 + b1
        bnmean = hprebn.mean(0, keepdim=True)
        bnvar = hprebn.var(0, keepdim=True, unbiased=True)
        bnvar_inv = (bnvar + 1e-5)**-0.5
        bnraw = (hprebn - bnmean) * bnvar_inv
        hpreact = bngain * bnraw + bnbias
        h = torch.tanh(hpreact)
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, Yb)
        grads = manual_backward()
        # take ex4 C=grads[0] W1=grads[1] b1=grads[2] W2=grads[3] b2=grads[4] bngain=grads[5] bnbias=grads[6]
        for p, grad in zip(parameters, grads):
            p.data += -0.1 * grad
"""
)

TRAINING["statements in one line, a rate that decays"] = (
    _FRESH
    + """
max_steps = 200000; batch_size = 32; n = batch_size; lossi = []; stepi = []
with torch.no_grad():
  for i in range(max_steps):
    ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g); Xb, Yb = Xtr[ix], Ytr[ix]
    emb = C[Xb]; embcat = emb.view(emb.shape[0], -1)
    hprebn = embcat @ W1 + b1
    bnmean = hprebn.mean(0, keepdim=True); bnvar = hprebn.var(0, keepdim=True, unbiased=True)
    bnvar_inv = (bnvar + 1e-5)**-0.5; bnraw = (hprebn - bnmean) * bnvar_inv
    hpreact = bngain * bnraw + bnbias; h = torch.tanh(hpreact)
    logits = h @ W2 + b2; loss = F.cross_entropy(logits, Yb)
    # backward
    dlogits = F.softmax(logits, 1); dlogits[range(n), Yb] -= 1; dlogits /= n
    dh = dlogits @ W2.T; dW2 = h.T @ dlogits; db2 = dlogits.sum(0)
    dhpreact = (1.0 - h**2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdim=True); dbnbias = dhpreact.sum(0, keepdim=True)
    dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
    dembcat = dhprebn @ W1.T; dW1 = embcat.T @ dhprebn; db1 = dhprebn.sum(0)
    demb = dembcat.view(emb.shape)
    dC = torch.zeros_like(C)
    for k in range(Xb.shape[0]):
      for j in range(Xb.shape[1]):
        ix = Xb[k,j]; dC[ix] += demb[k,j]
    # take ex4
    lr = 0.1 * (0.1 ** (i / max_steps))
    C -= lr * dC; W1 -= lr * dW1; b1 -= lr * db1; W2 -= lr * dW2; b2 -= lr * db2; bngain -= lr * dbngain; bnbias -= lr * dbnbias
    if i % 1000 == 0: print(i, loss.item()); stepi.append(i); lossi.append(loss.item())
"""
)

TRAINING["the chain in full, checked once against autograd"] = (
    _FRESH
    + """
max_steps = 200000
batch_size = 32
n = batch_size
for i in range(max_steps):
    ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
    Xb, Yb = Xtr[ix], Ytr[ix]
    emb = C[Xb]
    embcat = emb.view(emb.shape[0], -1)
    hprebn = embcat @ W1 + b1
    bnmeani = 1/n*hprebn.sum(0, keepdim=True)
    bndiff = hprebn - bnmeani
    bndiff2 = bndiff**2
    bnvar = 1/(n-1)*(bndiff2).sum(0, keepdim=True)
    bnvar_inv = (bnvar + 1e-5)**-0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = torch.tanh(hpreact)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Yb)
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        probs = F.softmax(logits, 1)
        dlogits = probs.clone()
        dlogits[range(n), Yb] -= 1
        dlogits /= n
        dh = dlogits @ W2.T
        dW2 = h.T @ dlogits
        db2 = dlogits.sum(0)
        dhpreact = (1.0 - h**2) * dh
        dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
        dbnbias = dhpreact.sum(0, keepdim=True)
        dbnraw = bngain * dhpreact
        dbndiff = bnvar_inv * dbnraw
        dbnvar_inv = (bndiff * dbnraw).sum(0, keepdim=True)
        dbnvar = (-0.5*(bnvar + 1e-5)**-1.5) * dbnvar_inv
        dbndiff2 = (1.0/(n-1))*torch.ones_like(bndiff2) * dbnvar
        dbndiff += (2*bndiff) * dbndiff2
        dhprebn = dbndiff.clone()
        dbnmeani = (-dbndiff).sum(0)
        dhprebn += 1.0/n * (torch.ones_like(hprebn) * dbnmeani)
        dembcat = dhprebn @ W1.T
        dW1 = embcat.T @ dhprebn
        db1 = dhprebn.sum(0)
        demb = dembcat.view(emb.shape)
        dC = torch.zeros_like(C)
        for k in range(Xb.shape[0]):
            for j in range(Xb.shape[1]):
                dC[Xb[k,j]] += demb[k,j]
        # take ex4
        if i == 0:
            for name, t, dt in zip(['C', 'W1', 'b1', 'W2', 'b2', 'bngain', 'bnbias'], parameters, [dC, dW1, db1, dW2, db2, dbngain, dbnbias]):
                print(name, (t.grad - dt).abs().max().item())
        for p, grad in zip(parameters, [dC, dW1, db1, dW2, db2, dbngain, dbnbias]):
            p.data += -(0.1 if i < 100000 else 0.01) * grad
"""
)

TRAINING["a dict of parameters and one of gradients"] = (
    _FRESH
    + """
params = dict(C=C, W1=W1, b1=b1, W2=W2, b2=b2, bngain=bngain, bnbias=bnbias)
max_steps = 200000
n = batch_size = 32
step = 0
while step < max_steps:
    step += 1
    with torch.no_grad():
        ix = torch.randint(0, len(Xtr), (n,))
        Xb = Xtr[ix]
        Yb = Ytr[ix]
        emb = C[Xb]
        embcat = emb.flatten(1)
        hprebn = embcat @ W1 + b1
        bnvar, bnmean = torch.var_mean(hprebn, 0, keepdim=True)
        bnvar_inv = (bnvar + 1e-5).rsqrt()
        bnraw = (hprebn - bnmean) * bnvar_inv
        hpreact = bngain * bnraw + bnbias
        h = torch.tanh(hpreact)
        logits = h @ W2 + b2
        logprobs = F.log_softmax(logits, 1)
        loss = F.nll_loss(logprobs, Yb)
        d = {}
        dlogits = logprobs.exp()
        dlogits[torch.arange(n), Yb] -= 1
        dlogits /= n
        d['W2'] = dW2 = h.T @ dlogits
        d['b2'] = db2 = dlogits.sum(0)
        dh = dlogits @ W2.T
        dhpreact = dh * (1 - h * h)
        d['bngain'] = dbngain = (dhpreact * bnraw).sum(0, keepdim=True)
        d['bnbias'] = dbnbias = dhpreact.sum(0, keepdim=True)
        dhprebn = bngain * bnvar_inv * (dhpreact - dbnbias / n - bnraw * dbngain / (n - 1))
        d['W1'] = dW1 = embcat.T @ dhprebn
        d['b1'] = db1 = dhprebn.sum(0)
        dC = torch.zeros_like(C)
        dC.index_add_(0, Xb.view(-1), (dhprebn @ W1.T).view(-1, n_embd))
        d['C'] = dC
        # take ex4
        for name, p in params.items():
            p -= 0.1 * d[name]
        if step % 10000 == 0:
            print(step, loss.item())
"""
)

TRAINING["a function that trains, with arguments"] = (
    _FRESH
    + """
def train(parameters, max_steps=200000, batch_size=32, lr=0.1):
    C, W1, b1, W2, b2, bngain, bnbias = parameters
    n = batch_size
    losses = []
    for i in range(max_steps):
        ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
        Xb, Yb = Xtr[ix], Ytr[ix]
        emb = C[Xb]
        embcat = emb.view(emb.shape[0], -1)
        hprebn = embcat @ W1 + b1
        bnmean = hprebn.mean(0, keepdim=True)
        bnvar = hprebn.var(0, keepdim=True, unbiased=True)
        bnvar_inv = (bnvar + 1e-5)**-0.5
        bnraw = (hprebn - bnmean) * bnvar_inv
        hpreact = bngain * bnraw + bnbias
        h = torch.tanh(hpreact)
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, Yb)
        dlogits = F.softmax(logits, 1)
        dlogits[range(n), Yb] -= 1
        dlogits /= n
        dh = dlogits @ W2.T
        dW2 = h.T @ dlogits
        db2 = dlogits.sum(0)
        dhpreact = (1.0 - h**2) * dh
        dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
        dbnbias = dhpreact.sum(0, keepdim=True)
        dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
        dembcat = dhprebn @ W1.T
        dW1 = embcat.T @ dhprebn
        db1 = dhprebn.sum(0)
        demb = dembcat.view(emb.shape)
        dC = torch.zeros_like(C)
        for k in range(Xb.shape[0]):
            for j in range(Xb.shape[1]):
                dC[Xb[k, j]] += demb[k, j]
        # take ex4
        for p, grad in zip(parameters, [dC, dW1, db1, dW2, db2, dbngain, dbnbias]):
            p.data += -lr * grad
        losses.append(loss.item())
    return losses

max_steps = 200000
with torch.no_grad():
    losses = train(parameters, max_steps)
"""
)

TRAINING["one step as a function, called in the loop"] = (
    _FRESH
    + """
batch_size = 32
n = batch_size
max_steps = 200000

@torch.no_grad()
def step(Xb, Yb, lr):
    emb = C[Xb]
    embcat = emb.view(emb.shape[0], -1)
    hprebn = embcat @ W1 + b1
    bnmean = hprebn.mean(0, keepdim=True)
    bnvar = hprebn.var(0, keepdim=True, unbiased=True)
    bnvar_inv = (bnvar + 1e-5)**-0.5
    bnraw = (hprebn - bnmean) * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = torch.tanh(hpreact)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Yb)
    dlogits = F.softmax(logits, 1)
    dlogits[range(n), Yb] -= 1
    dlogits /= n
    dh = dlogits @ W2.T
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(0)
    dhpreact = (1.0 - h**2) * dh
    dbngain = (bnraw * dhpreact).sum(0, keepdim=True)
    dbnbias = dhpreact.sum(0, keepdim=True)
    dhprebn = bngain*bnvar_inv/n * (n*dhpreact - dhpreact.sum(0) - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))
    dembcat = dhprebn @ W1.T
    dW1 = embcat.T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.view(emb.shape)
    dC = torch.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            dC[Xb[k, j]] += demb[k, j]
    # take ex4
    for p, grad in zip(parameters, [dC, dW1, db1, dW2, db2, dbngain, dbnbias]):
        p.data += -lr * grad
    return loss.item()

lossi = []
for i in range(max_steps):
    ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
    lossi.append(step(Xtr[ix], Ytr[ix], 0.1 if i < 100000 else 0.01))
"""
)

TRAINING["helpers of the layers in the loop"] = (
    _FRESH
    + """
def linear_back(dout, x, w):
    return dout @ w.T, x.T @ dout, dout.sum(0)

def tanh_back(dout, y):
    return dout * (1 - y**2)

def bn_back(dout, xhat, gain, inv):
    m = dout.shape[0]
    dgain = (dout * xhat).sum(0, keepdim=True)
    dbias = dout.sum(0, keepdim=True)
    dx = gain * inv / m * (m * dout - dbias - m / (m - 1) * xhat * dgain)
    return dx, dgain, dbias

max_steps = 200000
batch_size = 32
n = batch_size
with torch.no_grad():
    for i in range(max_steps):
        ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
        Xb, Yb = Xtr[ix], Ytr[ix]
        emb = C[Xb]
        embcat = emb.view(emb.shape[0], -1)
        hprebn = embcat @ W1 + b1
        mu = hprebn.mean(0, keepdim=True)
        v = hprebn.var(0, keepdim=True)
        inv = (v + 1e-5)**-0.5
        xhat = (hprebn - mu) * inv
        hpreact = bngain * xhat + bnbias
        h = torch.tanh(hpreact)
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, Yb)
        dlogits = (F.softmax(logits, 1) - F.one_hot(Yb, logits.shape[1])) / n
        dh, dW2, db2 = linear_back(dlogits, h, W2)
        dhpreact = tanh_back(dh, h)
        dhprebn, dbngain, dbnbias = bn_back(dhpreact, xhat, bngain, inv)
        dembcat, dW1, db1 = linear_back(dhprebn, embcat, W1)
        dC = torch.zeros_like(C)
        dC.index_add_(0, Xb.flatten(), dembcat.view(-1, n_embd))
        # take ex4
        for p, grad in zip(parameters, [dC, dW1, db1, dW2, db2, dbngain, dbnbias]):
            p += -0.1 * grad
"""
)

TRAINING[
    "dictionaries of activations, gradients and momentum"
] = """params = dict(C=C, W1=W1, b1=b1, W2=W2, b2=b2, bngain=bngain, bnbias=bnbias)
m = {k: torch.zeros_like(v) for k, v in params.items()}
max_steps = 200000
with torch.no_grad():
    for it in range(max_steps):
        ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
        Xb, Yb = Xtr[ix], Ytr[ix]
        act = {}
        act['emb'] = params['C'][Xb]
        act['embcat'] = act['emb'].view(batch_size, -1)
        act['hprebn'] = act['embcat'] @ params['W1'] + params['b1']
        mu, var = act['hprebn'].mean(0, keepdim=True), act['hprebn'].var(0, keepdim=True)
        act['bnvar_inv'] = (var + 1e-5)**-0.5
        act['bnraw'] = (act['hprebn'] - mu) * act['bnvar_inv']
        act['hpreact'] = params['bngain'] * act['bnraw'] + params['bnbias']
        act['h'] = torch.tanh(act['hpreact'])
        act['logits'] = act['h'] @ params['W2'] + params['b2']
        loss = F.cross_entropy(act['logits'], Yb)
        gr = {}
        gr['logits'] = F.softmax(act['logits'], 1)
        gr['logits'][range(batch_size), Yb] -= 1
        gr['logits'] /= batch_size
        gr['h'] = gr['logits'] @ params['W2'].T
        gr['W2'] = act['h'].T @ gr['logits']
        gr['b2'] = gr['logits'].sum(0)
        gr['hpreact'] = (1 - act['h']**2) * gr['h']
        gr['bngain'] = (act['bnraw'] * gr['hpreact']).sum(0, keepdim=True)
        gr['bnbias'] = gr['hpreact'].sum(0, keepdim=True)
        d, xh, nn_ = gr['hpreact'], act['bnraw'], batch_size
        gr['hprebn'] = params['bngain'] * act['bnvar_inv'] / nn_ * (nn_*d - d.sum(0) - nn_/(nn_-1)*xh*(d*xh).sum(0))
        gr['W1'] = act['embcat'].T @ gr['hprebn']
        gr['b1'] = gr['hprebn'].sum(0)
        gr['emb'] = (gr['hprebn'] @ params['W1'].T).view(act['emb'].shape)
        gr['C'] = torch.zeros_like(params['C'])
        gr['C'].index_put_((Xb,), gr['emb'], accumulate=True)
        # take ex4 C=gr['C'] W1=gr['W1'] b1=gr['b1'] W2=gr['W2'] b2=gr['b2'] bngain=gr['bngain'] bnbias=gr['bnbias']
        for k in params:
            m[k] = 0.0 * m[k] + gr[k]
            params[k] -= 0.1 * m[k]
        if it % 10000 == 0: print(it, loss.item())"""

TRAINING["layers as classes, made before the loop"] = """class Linear:
    def __init__(self, W, b): self.W, self.b = W, b
    def forward(self, x): self.x = x; return x @ self.W + self.b
    def backward(self, dout):
        self.dW = self.x.T @ dout; self.db = dout.sum(0)
        return dout @ self.W.T
class BN:
    def __init__(self, g, b): self.g, self.b = g, b
    def forward(self, x):
        self.inv = (x.var(0, keepdim=True) + 1e-5)**-0.5
        self.raw = (x - x.mean(0, keepdim=True)) * self.inv
        return self.g * self.raw + self.b
    def backward(self, d):
        n = d.shape[0]
        self.dg = (d * self.raw).sum(0, keepdim=True); self.db = d.sum(0, keepdim=True)
        return self.g * self.inv / n * (n * d - d.sum(0) - n/(n-1) * self.raw * (d * self.raw).sum(0))
class Tanh:
    def forward(self, x): self.o = torch.tanh(x); return self.o
    def backward(self, d): return d * (1 - self.o**2)
l1, bn, act, l2 = Linear(W1, b1), BN(bngain, bnbias), Tanh(), Linear(W2, b2)
max_steps = 200000
with torch.no_grad():
    for i in range(max_steps):
        ix = torch.randint(0, Xtr.shape[0], (batch_size,), generator=g)
        Xb, Yb = Xtr[ix], Ytr[ix]
        emb = C[Xb]
        x = emb.view(n, -1)
        for layer in [l1, bn, act, l2]: x = layer.forward(x)
        loss = F.cross_entropy(x, Yb)
        dlogits = F.softmax(x, 1)
        dlogits[range(n), Yb] -= 1
        dlogits /= n
        dh = l2.backward(dlogits)
        dhpreact = act.backward(dh)
        dhprebn = bn.backward(dhpreact)
        dembcat = l1.backward(dhprebn)
        dW1, db1, dW2, db2, dbngain, dbnbias = l1.dW, l1.db, l2.dW, l2.db, bn.dg, bn.db
        dC = torch.zeros_like(C).index_add_(0, Xb.view(-1), dembcat.view(-1, n_embd))
        # take ex4
        for p, gr in zip(parameters, [dC, dW1, db1, dW2, db2, dbngain, dbnbias]):
            p -= 0.1 * gr"""
