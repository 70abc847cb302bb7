"""What should reach some entries only, and entries that an index reaches several times."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.judge.diagnosis.look import Candidate, Look
from grader.lesson.graph import Statement
from grader.lesson.model import GRADIENT_PREFIX


def spread(look: Look) -> Iterator[Candidate]:
    """A gradient that belongs to the entries a forward line picks, given to all of them."""
    for statement in look.users:
        if look.tensor in look.backward.through(statement.tensor):
            words = (
                f"{look.place(statement)} reads some entries of {look.tensor} only; "
                "the others have gradient 0 through it, and here they get some"
            )
            for kind in (_to_everyone, _constant_everywhere):
                yield Candidate("spread", words, _altered(statement, look.tensor, kind))


def _altered(
    statement: Statement, read: str, kind: Callable[[Tensor, Tensor], Tensor | None]
) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        products = look.backward.through(statement.tensor)
        if not bool((products[read] == 0).any()):
            return None
        changed = kind(products[read], look.backward.upstream(statement.tensor))
        return None if changed is None else look.altered(statement, {**products, read: changed})

    return predict


def _to_everyone(part: Tensor, upstream: Tensor) -> Tensor | None:
    try:
        return upstream.expand_as(part)
    except RuntimeError:
        return None


def _constant_everywhere(part: Tensor, _upstream: Tensor) -> Tensor | None:
    values = part[part != 0]
    if not values.numel() or bool((values - values[0]).abs().max() > 1e-12 * values[0].abs()):
        return None
    return torch.full_like(part, float(values[0]))


def misplaced(look: Look) -> Iterator[Candidate]:
    """A gradient that belongs to one entry a row, given to the entries at an index among the inputs."""
    for statement in look.users:
        for name, index in look.tape.values.items():
            if not index.is_floating_point() and index.dim() == 1 and look.tensor in statement.reads:
                words = (
                    f"{GRADIENT_PREFIX}{statement.tensor} goes to the entries at {name}, "
                    f"and not to those that {look.place(statement)} reads"
                )
                yield Candidate("wrong-tensor", words, _placed_at(statement, look.tensor, name), name)


def _placed_at(statement: Statement, read: str, name: str) -> Callable[[Look], Tensor | None]:
    def predict(look: Look) -> Tensor | None:
        products, index = look.backward.through(statement.tensor), look.tape.values[name]
        part, upstream = products[read], look.backward.upstream(statement.tensor).reshape(-1)
        if part.dim() != 2 or not len(part) == len(index) == len(upstream) or int(index.max()) >= part.shape[1]:
            return None
        placed = torch.zeros_like(part)
        placed[torch.arange(len(index)), index] = upstream
        return look.altered(statement, {**products, read: placed})

    return predict


def elsewhere(look: Look) -> Iterator[Candidate]:
    """Right wherever the right answer is not 0, and something in many places where it is."""
    if look.got.numel() != look.right.numel():
        return
    users = "; ".join(look.place(statement) for statement in look.users)

    def predict(look: Look) -> Tensor | None:
        if look.got.numel() != look.right.numel() or not bool((look.right == 0).any()):
            return None
        if bool(((look.right == 0) & _read(look)).any()):
            return None  # read, and of no use to the loss for another reason
        return torch.where(look.right == 0, look.got.reshape(look.right.shape), look.right)

    words = f"right at the entries that count, but others are not 0: {users} does not read them"
    yield Candidate("spread", words, predict)


def _read(look: Look) -> Tensor:
    """Which entries of the tensor its users read."""
    read = torch.zeros_like(look.right, dtype=torch.bool)
    for user in look.users:
        products = look.tape.vjp(user, torch.ones_like(look.tape.values[user.tensor]))
        if look.tensor in products:
            read |= products[look.tensor] != 0
    return read


def lost_repeats(look: Look) -> Iterator[Candidate]:
    """A gather with repeated indices, answered with one of the repeats instead of their sum."""
    for statement in look.region:
        if look.tensor not in statement.reads:
            continue
        words = (
            f"an index that occurs several times in {look.place(statement)} counts only once: "
            "every occurrence adds to the entry (index_add_, or a loop with +=)"
        )
        yield Candidate("lost-repeats", words, _with_one_of_the_repeats(statement))


def _with_one_of_the_repeats(statement: Statement) -> Callable[[Look], Tensor | None]:
    return lambda look: _one_of_the_repeats(look, statement)


def _one_of_the_repeats(look: Look, statement: Statement) -> Tensor | None:
    """What the answer would be if in each entry one of its repeats stood: the one nearest to what does stand there."""
    sources = _sources(look, statement)
    if sources is None or look.got.numel() != look.right.numel():
        return None
    upstream = look.backward.upstream(statement.tensor)
    got = look.got.reshape(-1)
    best = torch.zeros_like(got)
    if bool((torch.bincount(sources, minlength=got.numel()) < 2).all()):
        return None
    distance = got.abs() + (torch.bincount(sources, minlength=got.numel()) > 0) * float("inf")
    distance = torch.where(torch.isnan(distance), torch.full_like(distance, float("inf")), distance)
    for entry, value in zip(sources.tolist(), upstream.reshape(-1).tolist(), strict=True):
        off = abs(float(got[entry]) - value)
        if off < float(distance[entry]):
            distance[entry], best[entry] = off, value
    return best.reshape(look.right.shape)


def _sources(look: Look, statement: Statement) -> Tensor | None:
    """For each element the statement makes the element of the tensor it is a copy of; None if it copies nothing."""
    value = look.tape.values[look.tensor]
    numbers = torch.arange(value.numel(), dtype=torch.float64).reshape(value.shape)
    made = look.tape.values[statement.tensor]
    copied = look.tape.made_at(statement, {look.tensor: numbers})
    if copied is None or copied.shape != made.shape:
        return None
    sources = copied.reshape(-1).to(torch.int64)
    inside = bool(((sources >= 0) & (sources < value.numel())).all())
    if not inside or not torch.equal(value.reshape(-1)[sources], made.reshape(-1)):
        return None
    return sources
