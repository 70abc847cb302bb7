# On paper: take from dhpreact its mean, and its projection on bnraw; scale what is left.


def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):
    dxhat = bngain * dhpreact
    centred = dxhat - dxhat.mean(dim=0)
    along = (dxhat * bnraw).sum(dim=0) / (n - 1)
    return bnvar_inv * (centred - along * bnraw)
