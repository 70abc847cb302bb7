"""The walk back: ten gradients, one line of forward.py at a time."""

import torch


def dshare(square: torch.Tensor) -> torch.Tensor:
    """cost = (share * square).sum()  ->  gradient w.r.t. share, (rows,).

    Given: square (rows,).
    """
    raise NotImplementedError("dshare")


def ddelta(dsquare: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """square = delta * delta  ->  gradient w.r.t. delta, (rows,).

    Given: dsquare (rows,), delta (rows,).
    """
    raise NotImplementedError("ddelta")


def dlift(dguess: torch.Tensor, lift: torch.Tensor, units: int) -> torch.Tensor:
    """guess = lift.mean(1)  ->  gradient w.r.t. lift, (rows, units).

    Given: dguess (rows,), lift (rows, units), units.
    """
    raise NotImplementedError("dlift")


def dglu(dlift: torch.Tensor, glu: torch.Tensor) -> torch.Tensor:
    """lift = torch.log1p(torch.exp(glu))  ->  gradient w.r.t. glu, (rows, units).

    Given: dlift (rows, units), glu (rows, units).
    """
    raise NotImplementedError("dglu")


def dgate(dglu: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """glu = value * gate  ->  gradient w.r.t. gate, (rows, units).

    Given: dglu (rows, units), value (rows, units).
    """
    raise NotImplementedError("dgate")


def dslope(dgate: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    """gate = torch.sigmoid(slope)  ->  gradient w.r.t. slope, (rows, units).

    Given: dgate (rows, units), gate (rows, units).
    """
    raise NotImplementedError("dslope")


def dx(dvalue: torch.Tensor, dslope: torch.Tensor, A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """value = x @ A + offset
    slope = x @ G
    ->  gradient w.r.t. x, (rows, feats).

    Given: dvalue (rows, units), dslope (rows, units), A (feats, units), G (feats, units).
    """
    raise NotImplementedError("dx")


def dtotal(dshare: torch.Tensor, worth: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """share = worth / (total + 0.5)  ->  gradient w.r.t. total, ().

    Given: dshare (rows,), worth (rows,), total ().
    """
    raise NotImplementedError("dtotal")


def dworth(dshare: torch.Tensor, dtotal: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """total = worth.sum()
    share = worth / (total + 0.5)
    ->  gradient w.r.t. worth, (rows,).

    Given: dshare (rows,), dtotal (), total ().
    """
    raise NotImplementedError("dworth")


def dprice(drate: torch.Tensor, kind: torch.Tensor, price: torch.Tensor) -> torch.Tensor:
    """rate = price[kind]  ->  gradient w.r.t. price, (kinds,).

    Given: drate (rows,), kind (rows,), price (kinds,).
    """
    raise NotImplementedError("dprice")
