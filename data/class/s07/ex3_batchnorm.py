def dhprebn(dhpreact, bngain, bnvar_inv, bnraw, n):
    "hprebn moves bnraw directly and through the variance"
    direct = bngain * bnvar_inv * dhpreact
    variance = bngain * bnvar_inv * bnraw / (n - 1) * (dhpreact * bnraw).sum(dim=0)
    return direct - variance
