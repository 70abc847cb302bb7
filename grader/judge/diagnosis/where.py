"""Which entries are off, where nothing explains them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.judge.situation import Situation

_MOST_LISTED = 5
_NAMES = {1: ("entries",), 2: ("rows", "columns")}


def where_off(off: Tensor, situation: Situation, tensor: str) -> str:
    """Completes "n of m elements differ, all of them ...": the smallest named set that holds them all, or ''.

    `off` is a bool in the shape of `tensor`: which entries differ in this case.
    """
    if not bool(off.any()) or bool(off.all()):
        return ""
    for mask, name in _named(situation, tensor, tuple(off.shape)):
        if torch.equal(off, mask):
            return f"exactly the entries that {name}"
        if torch.equal(off, ~mask):
            return f"exactly the entries that {name.replace('reads', 'does not read', 1)}"
        if not bool((off & ~mask).any()):
            return f"among the entries that {name}"
        if not bool((off & mask).any()):
            return f"among the entries that {name.replace('reads', 'does not read', 1)}"
    return _slices(off)


def _named(situation: Situation, tensor: str, shape: tuple[int, ...]) -> Iterator[tuple[Tensor, str]]:
    """The entries of this shape that a forward line picks of `tensor`, or by an index among the inputs of another."""
    tape = situation.tape
    for statement in sorted(tape.graph.statements, key=lambda s: tensor not in s.reads):
        by_index = any(not tape.values[read].is_floating_point() for read in statement.reads)
        for read in statement.reads:
            value = tape.values[read]
            is_told = read == tensor or by_index
            if not is_told or tuple(value.shape) != shape or not value.is_floating_point():
                continue
            products = tape.vjp(statement, torch.ones_like(tape.values[statement.tensor]))
            mask = products.get(read, torch.zeros(())) != 0
            if tuple(mask.shape) == shape and bool(mask.any()) and not bool(mask.all()):
                yield mask, f"{statement.source} ({tape.graph.file.name}:{statement.line}) reads of {read}"
                times = products[read] / products[read][mask].abs().min()
                repeated = times.abs() > 1.5
                if bool(repeated.any()):
                    yield repeated, f"{statement.source} ({tape.graph.file.name}:{statement.line}) reads more than once"


def _slices(off: Tensor) -> str:
    """Only some rows, or only some columns."""
    for axis in range(off.dim()):
        others = tuple(other for other in range(off.dim()) if other != axis)
        touched = off.any(others) if others else off
        places = touched.nonzero().reshape(-1).tolist()
        if len(places) == off.shape[axis]:
            continue
        name = _NAMES.get(off.dim(), ())
        kind = name[axis] if axis < len(name) else f"places along axis {axis}"
        if len(places) > _MOST_LISTED:
            return f"in {len(places)} of {off.shape[axis]} {kind}"
        if len(places) == 1:
            kind = {"rows": "row", "columns": "column", "entries": "entry"}.get(kind, f"place along axis {axis}:")
        return f"in {kind} {', '.join(map(str, places))}"
    return ""
