"""All operators, and the mutants that they make of the seeds: each differs from its original by one edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.mutation import arithmetic, places, tensors
from tests.mutation.scene import Edit, Scene, scene_of
from tests.mutation.seeds import Seed

OPERATORS: Mapping[str, Callable[[Scene], Iterator[Edit]]] = {
    "sign": arithmetic.sign,
    "factor": arithmetic.factor,
    "power": arithmetic.power,
    "axis": tensors.axis,
    "keepdim": tensors.keepdim,
    "transpose": tensors.transpose,
    "drop-term": arithmetic.drop_term,
    "double-term": arithmetic.double_term,
    "drop-factor": arithmetic.drop_factor,
    "swap-tensor": tensors.swap_tensor,
    "constant": arithmetic.constant,
    "index": places.index,
    "assign": places.assign,
    "alias": places.alias,
    "in-place": places.in_place,
    "precision": tensors.precision,
    "drop-call": tensors.drop_call,
    "reduction": tensors.reduction,
    "function": tensors.function,
    "operand-order": arithmetic.operand_order,
    "symbol": arithmetic.symbol,
    "guard": arithmetic.guard,
    "brackets": arithmetic.brackets,
}


@dataclass(frozen=True)
class Mutant:
    """One right answer with one edit."""

    seed: Seed
    operator: str
    description: str
    line: int
    source: str
    tags: frozenset[str]  # mistakes that are true of it; those that its numbers show come on top

    @property
    def title(self) -> str:
        return f"{self.seed.place} ({self.seed.form}), {self.operator}: {self.description}"


def all_mutants(seeds: Iterable[Seed]) -> tuple[Mutant, ...]:
    """Of all seeds; no two answers to one step are the same text, and none is a seed."""
    seeds = tuple(seeds)
    seen = {(seed.place, *_normal(seed.source)) for seed in seeds}
    found: list[Mutant] = []
    for seed in seeds:
        for mutant in mutants_of(seed):
            key = (seed.place, *_normal(mutant.source))
            if key not in seen:
                seen.add(key)
                found.append(mutant)
    return tuple(found)


def mutants_of(seed: Seed) -> Iterator[Mutant]:
    """Every edit of every operator."""
    scene = scene_of(seed)
    for operator, edits in OPERATORS.items():
        for edit in edits(scene):
            yield Mutant(seed, operator, edit.description, edit.line, edit.source, edit.tags)


def _normal(source: str) -> tuple[frozenset[str], str]:
    """The parameters in any order, and the body as ast.unparse writes it: without superfluous brackets."""
    head, body = source.split("\n", 1)
    return frozenset(head[head.index("(") + 1 : head.rindex(")")].split(", ")), body
