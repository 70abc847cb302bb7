"""Right answers, known at a glance: all numbers that came against all that are right, in one comparison.

Most replies are right in every number and of the very form that is asked for. Whatever is not, for whatever
reason, is none of that, and is looked at tensor by tensor (`compare`), which says what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from grader.wire.block import Form, Items
from grader.wire.messages import Refused

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Right:
    """What is right for some replies: the forms of their tensors, all numbers in a row, how far each may be off."""

    forms: tuple[list[Form], ...]  # reply by reply
    numbers: Numbers
    starts: tuple[int, ...]  # of the tensors, in the row
    tolerances: Numbers  # tensor by tensor

    def errors(self, replies: Sequence[Sequence[Tensor | Refused]]) -> Numbers | None:
        """The largest error of each tensor; None where one is too large or not finite, or a form is another."""
        errors = self.measured(replies)
        return errors if errors is not None and (errors <= self.tolerances).all() else None

    def measured(self, replies: Sequence[Sequence[Tensor | Refused]]) -> Numbers | None:
        """The largest error of each tensor, however large; None where a form is another."""
        rows = [
            reply.numbers()
            for reply, forms in zip(replies, self.forms, strict=True)
            if isinstance(reply, Items) and reply.forms == forms
        ]
        if len(rows) < len(self.forms):
            return None
        with np.errstate(all="ignore"):
            errors: Numbers = np.maximum.reduceat(np.abs(np.concatenate(rows) - self.numbers), self.starts)
            return errors


def right_at_a_glance(replies: Sequence[Sequence[Tensor]], tolerances: Sequence[Sequence[float]]) -> Right | None:
    """For replies that should hold these float64 gradients; None where one has no numbers, or no finite tolerance."""
    gradients = [gradient for reply in replies for gradient in reply]
    allowed = np.array([tolerance for reply in tolerances for tolerance in reply])
    if not gradients or not all(gradient.numel() for gradient in gradients) or not np.isfinite(allowed).all():
        return None
    forms: tuple[list[Form], ...] = tuple(
        [("F64", tuple(gradient.shape), "") for gradient in reply] for reply in replies
    )
    rows = [gradient.detach().reshape(-1).numpy() for gradient in gradients]
    starts = np.cumsum([0, *map(len, rows)])[:-1]
    return Right(forms, np.concatenate(rows), tuple(starts.tolist()), allowed)
