"""`python -m tests.mutation.run`: every mutant is caught, or equal. Exit code 1 if one is neither.

--sample N --seed S     only N mutants, of all operators, drawn by S
--jobs J                processes (2)
--list                  the mutants, unjudged
--diagnosis             is the mistake that is named one that was made?
--mends                 for how many is a mend found?
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial

import torch
from rich.console import Console

from grader.lesson import load_lesson
from tests.mutation.cases import SOLUTIONS
from tests.mutation.judging import Fate, Outcome, Workbench, workbench
from tests.mutation.mutators import Mutant, all_mutants
from tests.mutation.seeds import all_seeds
from tests.mutation.tables import print_diagnosis, print_faults, print_mends, print_outcomes
from tests.mutation.truths import shared_tags

_BATCH = 50


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    console = Console(width=160 if not Console().is_terminal else None)
    start = time.monotonic()
    everything = all_mutants(all_seeds(load_lesson(SOLUTIONS)))
    mutants = sample(everything, asked.sample, asked.seed) if asked.sample else everything
    if asked.list:
        for mutant in mutants:
            console.print(mutant.title, markup=False, highlight=False, soft_wrap=True)
        return 0
    outcomes = list(judged(mutants, asked.jobs, names_mistakes=asked.diagnosis or asked.mends))
    if asked.diagnosis:
        print_diagnosis(console, outcomes, shared_tags(everything))
    if asked.mends:
        print_mends(console, outcomes)
    if not (asked.diagnosis or asked.mends):
        print_outcomes(console, outcomes)
    print_faults(console, outcomes)
    bad = [outcome for outcome in outcomes if outcome.fate in (Fate.ESCAPED, Fate.REFUSED)]
    escaped = sum(outcome.fate is Fate.ESCAPED for outcome in outcomes)
    seconds = time.monotonic() - start
    console.print(
        f"{len(outcomes)} mutants, escaped: {escaped}, refused though equal: {len(bad) - escaped} ({seconds:.0f} s)"
    )
    return 1 if bad else 0


def sample(mutants: Sequence[Mutant], size: int, seed: int) -> tuple[Mutant, ...]:
    """`size` mutants drawn by `seed`, in their order; as evenly from all operators as these allow."""
    draw = random.Random(seed)
    left: dict[str, list[int]] = {}
    for number, mutant in enumerate(mutants):
        left.setdefault(mutant.operator, []).append(number)
    for numbers in left.values():
        draw.shuffle(numbers)
    taken: list[int] = []
    while len(taken) < min(size, len(mutants)):
        for numbers in left.values():
            if numbers and len(taken) < size:
                taken.append(numbers.pop())
    return tuple(mutants[number] for number in sorted(taken))


def judged(mutants: Sequence[Mutant], jobs: int, names_mistakes: bool) -> Iterator[Outcome]:
    """Every mutant's outcome, in order."""
    batches = [mutants[start : start + _BATCH] for start in range(0, len(mutants), _BATCH)]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for outcomes in pool.map(partial(_judge_batch, names_mistakes), batches):
            yield from outcomes


def _judge_batch(names_mistakes: bool, mutants: Sequence[Mutant]) -> tuple[Outcome, ...]:
    return tuple(_own_workbench(names_mistakes).outcomes(mutants))


@cache
def _own_workbench(names_mistakes: bool) -> Workbench:
    """This process's workbench, kept until it ends; its warm process ends with it."""
    torch.set_num_threads(1)
    return _kept().enter_context(workbench(load_lesson(SOLUTIONS), names_mistakes))


@cache
def _kept() -> ExitStack:
    return ExitStack()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants, of all operators")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="draws the sample")
    parser.add_argument("--jobs", type=int, default=2, metavar="J", help="processes (2)")
    parser.add_argument("--list", action="store_true", help="list the mutants, unjudged")
    parser.add_argument("--diagnosis", action="store_true", help="is the mistake that is named one that was made?")
    parser.add_argument("--mends", action="store_true", help="for how many is a mend found?")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
