"""Where an answer is off, as rows of digits: small enough for results.json, and readable as it is.

    0 within the tolerance     1 ... 9 off, by up to 1e-8 ... 1 of the scale and more

Rows are the first axis, columns all others; a large tensor is made smaller, each digit being
the worst of the elements it stands for.
"""

from __future__ import annotations

import torch
from torch import Tensor

_MOST_ROWS, _MOST_COLUMNS = 64, 64
_SMALLEST = 1e-9


def error_map(error: Tensor, off: Tensor, scale: float) -> tuple[str, ...] | None:
    """The rows for errors `error`, of which those marked `off` count. None for a single number."""
    if error.numel() < 2:
        return None
    share = error / scale if scale > 0 else torch.ones_like(error)
    level = (share.clamp(_SMALLEST, 1).log10() + 9).ceil().clamp(1, 9) * off
    grid = level.reshape(1, 1, -1) if error.dim() < 2 else level.reshape(1, error.shape[0], -1)
    rows, columns = min(grid.shape[1], _MOST_ROWS), min(grid.shape[2], _MOST_COLUMNS)
    small = torch.nn.functional.adaptive_max_pool2d(grid, (rows, columns))[0]
    return tuple("".join(str(int(digit)) for digit in row) for row in small.tolist())
