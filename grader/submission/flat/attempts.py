"""Each time a gradient is worked out: the statement that makes it, and those that add to it.

A variable such as `dlogits` is made several times in one notebook: in the chain, in one
expression, once more as a scratch. Of those for one exercise, the last one that is
compared afterwards counts; where none is compared, the last.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grader.submission.flat.callables import binds_a_function, is_stub, is_trial
from grader.submission.flat.renames import Renames, comparisons_in
from grader.submission.flat.sections import Line, Section
from grader.submission.program import Program

Compared = Mapping[str, Sequence[tuple[int, str]]]  # of a variable: where it is compared, and as which tensor's

_MOST = 20  # attempts at one gradient that are looked at: the last ones


@dataclass(frozen=True)
class Attempt:
    """A gradient's variable from the line that makes it to the last one that changes it; places in the section."""

    tensor: str
    variable: str
    first: int
    last: int
    compared: bool


def attempts_in(section: Section, program: Program, renames: Renames) -> list[Attempt]:
    """All attempts in a section's own lines, in order."""
    own = list(enumerate(section.lines))[section.start :]
    places: dict[str, list[tuple[int, Line]]] = {}
    for place, line in own:
        for name in line.effects.binds | line.effects.changes:
            places.setdefault(name, []).append((place, line))
    compared = _comparisons(own, renames)
    found: list[Attempt] = []
    for variable in sorted(places):
        tensor = renames.tensor_of(variable)
        if tensor is not None and tensor != renames.lesson.loss:
            found += _attempts_at(variable, tensor, places[variable], program, compared)
    return sorted(found, key=lambda attempt: attempt.first)


def chosen(attempts: Sequence[Attempt]) -> Attempt:
    """Of the attempts at one gradient in one exercise the one that counts."""
    compared = [attempt for attempt in attempts if attempt.compared]
    return (compared or list(attempts))[-1]


def _attempts_at(
    variable: str,
    tensor: str,
    own: Sequence[tuple[int, Line]],
    program: Program,
    compared: Compared,
) -> list[Attempt]:
    runs: list[list[int]] = []
    closed = True  # nothing that could be added to
    for place, line in own:
        if line.is_training or is_trial(line.node, variable, program):
            continue
        if variable in line.effects.binds:
            if is_stub(line.node, variable, program):
                continue
            closed = binds_a_function(line.node, variable, program)
            if not closed:
                runs.append([place])
        elif closed:
            closed = False
            runs.append([place])
        else:
            runs[-1].append(place)
    ends = [*(run[0] for run in runs[1:]), sys.maxsize][: len(runs)]
    found = [_attempt(variable, tensor, run, end, compared) for run, end in zip(runs, ends, strict=True)]
    return [*[attempt for attempt in found[:-_MOST] if attempt.compared][-_MOST:], *found[-_MOST:]]


def _attempt(variable: str, tensor: str, run: list[int], end: int, compared: Compared) -> Attempt:
    seen = any(run[0] <= place < end for place, of in compared.get(variable, ()) if of == tensor)
    return Attempt(tensor, variable, run[0], run[-1], seen)


def _comparisons(own: Iterable[tuple[int, Line]], renames: Renames) -> Compared:
    found: dict[str, list[tuple[int, str]]] = {}
    for place, line in own:
        for comparison in comparisons_in(line.node, renames):
            found.setdefault(comparison.variable, []).append((place, comparison.tensor))
    return found
