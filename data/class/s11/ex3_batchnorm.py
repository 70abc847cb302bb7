def dhprebn(dhpreact, bngain, bnraw, bnvar_inv):
    return bngain * bnvar_inv / 32 * (
        32 * dhpreact - dhpreact.sum(0) - 32 / 31 * bnraw * (dhpreact * bnraw).sum(0)
    )
