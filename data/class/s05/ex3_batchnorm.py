def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):
    a = n * dhpreact
    b = dhpreact.sum(0)
    c = n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0)
    return bngain * bnvar_inv / n * (a - b + c)
