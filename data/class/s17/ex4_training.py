import torch
import torch.nn.functional as F


def gradients(
    Xb, Yb, n, vocab_size, n_embd, W1, W2, bngain, embcat, bnraw, bnvar_inv, h, probs
):
    g = {}
    up = (probs - F.one_hot(Yb, vocab_size)) / n
    g["W2"], g["b2"] = h.T @ up, up.sum(0)
    up = (up @ W2.T) * (1 - h**2)
    g["gain"], g["bias"] = (up * bnraw).sum(0, keepdim=True), up.sum(0, keepdim=True)
    up = bngain * bnvar_inv * (up - g["bias"] / n - bnraw * g["gain"] / (n - 1))
    g["W1"], g["b1"] = embcat.T @ up, up.sum(0)
    up = up @ W1.T
    g["C"] = torch.zeros(vocab_size, n_embd)
    g["C"].index_add_(0, Xb.flatten(), up.reshape(-1, n_embd))
    return tuple(g[name] for name in ["C", "W1", "b1", "W2", "b2", "bias", "gain"])
