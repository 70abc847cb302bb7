"""Each time a gradient is worked out: the statement that makes it, and those that add to it.

A variable such as `dlogits` is made several times in one notebook: in the chain, in one
expression, once more as a scratch. Of those for one exercise, the last one that is
compared afterwards counts; where none is compared, the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grader.flat.callables import binds_a_function, is_stub, is_trial
from grader.flat.renames import Renames, comparisons_in
from grader.flat.sections import Line, Section
from grader.submission.program import Program


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
    variables = {name for _, line in own for name in (*line.effects.binds, *line.effects.changes)}
    compared = _comparisons(own, renames)
    found: list[Attempt] = []
    for variable in sorted(variables):
        tensor = renames.tensor_of(variable)
        if tensor is not None and tensor != renames.lesson.loss:
            found += _attempts_at(variable, tensor, own, program, compared)
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
    compared: Sequence[tuple[int, str, str]],
) -> list[Attempt]:
    runs: list[list[int]] = []
    closed = True  # nothing that could be added to
    for place, line in own:
        touched = variable in line.effects.binds or variable in line.effects.changes
        if line.is_training or not touched or is_trial(line.node, variable):
            continue
        if variable in line.effects.binds:
            if is_stub(line.node, variable):
                continue
            closed = binds_a_function(line.node, variable, program)
            if not closed:
                runs.append([place])
        elif closed:
            closed = False
            runs.append([place])
        else:
            runs[-1].append(place)
    ends = [*(run[0] for run in runs[1:]), own[-1][0] + 1][: len(runs)]
    return [_attempt(variable, tensor, run, end, compared) for run, end in zip(runs, ends, strict=True)]


def _attempt(variable: str, tensor: str, run: list[int], end: int, compared: Iterable[tuple[int, str, str]]) -> Attempt:
    seen = any(name == variable and of == tensor and run[0] <= place < end for place, name, of in compared)
    return Attempt(tensor, variable, run[0], run[-1], seen)


def _comparisons(own: Iterable[tuple[int, Line]], renames: Renames) -> list[tuple[int, str, str]]:
    return [
        (place, comparison.variable, comparison.tensor)
        for place, line in own
        for comparison in comparisons_in(line.node, renames)
    ]
