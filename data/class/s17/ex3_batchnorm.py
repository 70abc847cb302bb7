def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):
    # the same number in every row of the batch: two sums are enough
    s, p = dhpreact.sum(0, keepdim=True), (dhpreact * bnraw).sum(0, keepdim=True)
    return bngain * bnvar_inv * (dhpreact - s / n - bnraw * p / (n - 1))
