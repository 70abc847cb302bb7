"""The walk back: ten gradients, one line of forward.py at a time."""

import torch


def dshare(square: torch.Tensor) -> torch.Tensor:
    """cost = (share * square).sum()  ->  gradient w.r.t. share, (rows,).

    Given: square (rows,).
    """
    # BEGIN SOLUTION
    # why: a sum has slope 1 in each of its terms, and a product has the other factor.
    return square
    # END SOLUTION


def ddelta(dsquare: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """square = delta * delta  ->  gradient w.r.t. delta, (rows,).

    Given: dsquare (rows,), delta (rows,).
    """
    # BEGIN SOLUTION
    # why: both factors are delta, so the product rule gives its slope twice.
    return 2 * delta * dsquare
    # END SOLUTION


def dlift(dguess: torch.Tensor, lift: torch.Tensor, units: int) -> torch.Tensor:
    """guess = lift.mean(1)  ->  gradient w.r.t. lift, (rows, units).

    Given: dguess (rows,), lift (rows, units), units.
    """
    # BEGIN SOLUTION
    # why: each unit counts 1/units in its row's mean, and gets that part of the row's gradient.
    return torch.ones_like(lift) * dguess.unsqueeze(1) / units
    # END SOLUTION


def dglu(dlift: torch.Tensor, glu: torch.Tensor) -> torch.Tensor:
    """lift = torch.log1p(torch.exp(glu))  ->  gradient w.r.t. glu, (rows, units).

    Given: dlift (rows, units), glu (rows, units).
    """
    # BEGIN SOLUTION
    # why: softplus has slope exp(x) / (1 + exp(x)), which is the sigmoid.
    return torch.sigmoid(glu) * dlift
    # END SOLUTION


def dgate(dglu: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """glu = value * gate  ->  gradient w.r.t. gate, (rows, units).

    Given: dglu (rows, units), value (rows, units).
    """
    # BEGIN SOLUTION
    # why: a product has the other factor as its slope.
    return value * dglu
    # END SOLUTION


def dslope(dgate: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
    """gate = torch.sigmoid(slope)  ->  gradient w.r.t. slope, (rows, units).

    Given: dgate (rows, units), gate (rows, units).
    """
    # BEGIN SOLUTION
    # why: the slope of the sigmoid, written with its own value.
    return gate * (1 - gate) * dgate
    # END SOLUTION


def dx(dvalue: torch.Tensor, dslope: torch.Tensor, A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    """value = x @ A + offset
    slope = x @ G
    ->  gradient w.r.t. x, (rows, feats).

    Given: dvalue (rows, units), dslope (rows, units), A (feats, units), G (feats, units).
    """
    # BEGIN SOLUTION
    # why: two lines use x, and each sends a gradient back through its own weights.
    return dvalue @ A.T + dslope @ G.T
    # END SOLUTION


def dtotal(dshare: torch.Tensor, worth: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """share = worth / (total + 0.5)  ->  gradient w.r.t. total, ().

    Given: dshare (rows,), worth (rows,), total ().
    """
    # BEGIN SOLUTION
    # why: 1/y has slope -1/y**2, and the one total divides every row.
    return -(worth * dshare).sum() / (total + 0.5) ** 2
    # END SOLUTION


def dworth(dshare: torch.Tensor, dtotal: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """total = worth.sum()
    share = worth / (total + 0.5)
    ->  gradient w.r.t. worth, (rows,).

    Given: dshare (rows,), dtotal (), total ().
    """
    # BEGIN SOLUTION
    # why: a row's worth makes its own share larger, and everybody's total.
    return dshare / (total + 0.5) + dtotal
    # END SOLUTION


def dprice(drate: torch.Tensor, kind: torch.Tensor, price: torch.Tensor) -> torch.Tensor:
    """rate = price[kind]  ->  gradient w.r.t. price, (kinds,).

    Given: drate (rows,), kind (rows,), price (kinds,).
    """
    # BEGIN SOLUTION
    # why: one price serves all rows of its kind, and collects from all of them.
    return torch.zeros_like(price).index_add(0, kind, drate)
    # END SOLUTION
