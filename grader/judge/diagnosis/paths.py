"""One path of the graph left out, doubled, negated or scaled: at the tensor itself, or deeper in a fused step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor

from grader.judge.diagnosis.look import Candidate, Look
from grader.judge.diagnosis.ratios import Ratio, ratios_near
from grader.judge.diagnosis.whole import coefficient
from grader.lesson.graph import Statement

_Edge = tuple[str, Statement]

_MOST_WAYS = 16
_NONE, _TWICE, _NEGATIVE = 0.0, 2.0, -1.0
_CLOSE = 1e-6


def paths(look: Look) -> Iterator[Candidate]:
    """For each path the candidates that its share in the answer allows."""
    if look.got.numel() != look.right.numel():
        return
    for read, statement in _edges(look):
        part = look.part(read, statement)
        if look.small(part, look.right) or look.small(part - look.right, look.right):
            continue  # nothing comes through it here, or everything does
        excess = coefficient(look.got.reshape(look.right.shape) - look.right, part)
        if excess is None:
            continue
        yield from _named(look, read, statement, 1 + excess)


def _edges(look: Look) -> Iterator[tuple[str, Statement]]:
    """(tensor, statement that reads it) between the tensor and the cut points, nearest first."""
    for statement in look.region:
        for read in statement.reads:
            if look.flows_to(read) and (read, statement.tensor) not in look.closed:
                yield read, statement


def several_paths(look: Look) -> Iterator[Candidate]:
    """One way through a fused step, from the tensor to what was drawn, scaled; or two paths left out."""
    if look.got.numel() != look.right.numel() or len(look.region) < 2:
        return
    edges = list(_edges(look))
    for one, other in itertools.combinations(edges, 2):
        words = (
            f"what reaches {one[0]} through {one[1].tensor} and {other[0]} through {other[1].tensor} is missing: "
            f"{look.place(one[1])}; {look.place(other[1])}"
        )
        yield Candidate("missing-path", words, _without((one, other)))
    ways = list(itertools.islice(_ways(look, look.tensor, edges), _MOST_WAYS + 1))
    if 2 < len(ways) <= _MOST_WAYS:
        for way in ways:
            yield from _scaled_way(look, way, edges)


def _without(edges: Sequence[_Edge]) -> Callable[[Look], Tensor]:
    return lambda look: look.without(edges)


def _ways(look: Look, tensor: str, edges: Sequence[_Edge]) -> Iterator[tuple[_Edge, ...]]:
    """The ways from `tensor` through the region to a cut point or the loss."""
    if tensor in look.cuts or tensor == look.graph.loss:
        yield ()
        return
    for read, statement in edges:
        if read == tensor:
            for rest in _ways(look, statement.tensor, edges):
                yield ((read, statement), *rest)


def _scaled_way(look: Look, way: tuple[_Edge, ...], edges: Sequence[_Edge]) -> Iterator[Candidate]:
    part = look.only(way, edges)
    if look.small(part, look.right) or look.small(part - look.right, look.right):
        return
    excess = coefficient(look.got.reshape(look.right.shape) - look.right, part)
    if excess is None or not look.small(look.right + excess * part - look.got.reshape(look.right.shape), look.right):
        return
    what = "what comes along " + " <- ".join([look.tensor, *(statement.tensor for _, statement in way)])
    lines = "; ".join(look.place(statement) for _, statement in way)
    share = 1 + excess
    if abs(share) < _CLOSE:
        yield Candidate("missing-path", f"{what} is missing: {lines}", _along(way, edges, lambda _: 0.0))
    for ratio in ratios_near(share, look.situation.case.sizes, look.region):
        tag = {"bessel": "bessel", "sign": "path-sign"}.get(ratio.tag, "path-factor")
        yield Candidate(tag, f"{what} is {ratio.words}; see {lines}", _along(way, edges, ratio.value))


def _along(
    way: tuple[_Edge, ...], edges: Sequence[_Edge], share: Callable[[Mapping[str, int]], float]
) -> Callable[[Look], Tensor | None]:
    return lambda look: look.right + (share(look.situation.case.sizes) - 1) * look.only(way, edges)


def _named(look: Look, read: str, statement: Statement, share: float) -> Iterator[Candidate]:
    what = f"what reaches {read} through {statement.tensor}"
    place = look.place(statement)
    if abs(share) < _CLOSE:
        words = f"{what} is missing: {place} uses {read}, too"
        yield Candidate("missing-path", words, _scaled(read, statement, _NONE))
    elif abs(share - _TWICE) < _CLOSE:
        yield Candidate("extra-path", f"{what} is counted twice: {place}", _scaled(read, statement, _TWICE))
    elif abs(share - _NEGATIVE) < _CLOSE:
        yield Candidate("path-sign", f"{what} has the wrong sign: {place}", _scaled(read, statement, _NEGATIVE))
    else:
        for ratio in ratios_near(share, look.situation.case.sizes, look.region):
            tag = "bessel" if ratio.tag == "bessel" else "path-factor"
            words = f"{what} is {ratio.words}; see {place}"
            yield Candidate(tag, words, _times(read, statement, ratio))


def _times(read: str, statement: Statement, ratio: Ratio) -> Callable[[Look], Tensor | None]:
    return lambda look: _scaled(read, statement, ratio.value(look.situation.case.sizes))(look)


def _scaled(read: str, statement: Statement, share: float) -> Callable[[Look], Tensor | None]:
    return lambda look: look.right + (share - 1) * look.part(read, statement)
