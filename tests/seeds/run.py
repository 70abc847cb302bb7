"""python -m tests.seeds.run: the verdicts of the whole corpus at many seeds, which must be the same at each.

At every seed the judge draws its cases anew. Where a verdict hangs on the seed, a case is at fault, and not the
answer. Prints a table of verdicts by exercise, and each answer that has another verdict than the corpus says at
some seed; exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest.mock import patch

import torch

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.results.model import PASSING
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.right_forms.forms import Form, right_forms
from tests.right_forms.packs import Pack, packed
from tests.support import ROOT
from tests.wrong_answers import WrongAnswer, parts

RIGHT = "right"


@dataclass
class Tally:
    """By answer and step how often there was each verdict; exact is right."""

    verdicts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def add(self, answer: str, path: str, verdict: str, times: int = 1) -> None:
        self.verdicts.setdefault((answer, path), Counter())[verdict] += times

    def add_all(self, other: Tally) -> None:
        for (answer, path), counts in other.verdicts.items():
            for verdict, times in counts.items():
                self.add(answer, path, verdict, times)


@cache
def _lesson() -> Lesson:
    return load_lesson(ROOT / "solutions" / "mlp")


@cache
def _packs() -> tuple[Pack, ...]:
    return (*packed(right_forms()), *(pack for part in parts() for pack in part))


@cache
def _warm() -> Warm:
    torch.set_num_threads(1)
    return Warm()


def _paths(form: Form) -> list[str]:
    return form.gradients(_lesson()) if isinstance(form, WrongAnswer) else form.asked(_lesson())


def _wanted() -> dict[tuple[str, str], str]:
    """The verdict that each answer has to get."""
    return {
        (_name(form), path): form.verdict if isinstance(form, WrongAnswer) else RIGHT
        for pack in _packs()
        for form in pack.forms.values()
        for path in _paths(form)
    }


def _name(form: Form) -> str:
    return f"{form.path}: {form.name}"


def at_seed(folder: Path, seed: int) -> Tally:
    """The whole corpus at one seed."""
    tally = Tally()
    judge = Judge(_lesson(), seed, _warm())
    for number, pack in enumerate(_packs()):
        place = folder / str(number)
        asked = {path: form for form in pack.forms.values() for path in _paths(form)}
        with patch("grader.judge.verdict.diagnose", return_value=None):  # verdicts alone, in less time
            result = judge.judge(Request(submission_at(place, _lesson()), frozenset(asked), mends=False))
        for exercise in result.exercises:
            for step in exercise.steps:
                form = asked.get(f"{exercise.exercise}.{step.step}")
                if form:
                    verdict = RIGHT if step.verdict in PASSING else step.verdict
                    tally.add(_name(form), f"{exercise.exercise}.{step.step}", verdict)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all seeds and prints the table. 0: every verdict is the corpus's at every seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeds.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begins no seed after this")
    asked = parser.parse_args(arguments)
    start, whole, done = time.monotonic(), Tally(), 0
    with tempfile.TemporaryDirectory() as name:
        for number, pack in enumerate(_packs()):
            _write(pack, Path(name) / str(number))
        with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn")) as pool:
            seeds = range(asked.first, asked.first + asked.seeds)
            for one in as_completed([pool.submit(at_seed, Path(name), seed) for seed in seeds]):
                whole.add_all(one.result())
                done += 1
                print(f"{done} of {asked.seeds} seeds, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
                if time.monotonic() - start > 60 * asked.minutes:
                    pool.shutdown(cancel_futures=True)
                    break
    wanted = _wanted()
    print("\n".join(_table(whole, wanted)))
    differing = list(_differing(whole, wanted))
    print(f"\n{len(wanted)} verdicts at {done} seeds; {len(differing)} are not the same at all")
    print("".join(f"  {line}\n" for line in differing), end="")
    return 1 if differing else 0


def _write(pack: Pack, folder: Path) -> None:
    folder.mkdir()
    pack.write(folder)


def _table(whole: Tally, wanted: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """For each exercise and each verdict that is wanted: how many, and how often each verdict came."""
    rows: dict[tuple[str, str], tuple[int, Counter[str]]] = {}
    for place, verdict in wanted.items():
        row = place[1].split(".")[0], verdict
        count, counts = rows.get(row, (0, Counter()))
        rows[row] = count + 1, counts + whole.verdicts.get(place, Counter())
    yield f"{'exercise':<20}{'wanted':<12}{'verdicts':>9}   given"
    for (exercise, verdict), (count, counts) in sorted(rows.items()):
        given = ", ".join(f"{name} {times}" for name, times in counts.most_common())
        yield f"{exercise:<20}{verdict:<12}{count:>9}   {given}"


def _differing(whole: Tally, wanted: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for (answer, path), verdict in wanted.items():
        counts = whole.verdicts.get((answer, path), Counter())
        if set(counts) != {verdict}:
            given = ", ".join(f"{name} {times}" for name, times in counts.most_common()) or "none"
            yield f"{answer} ({path}): wanted {verdict}, given {given}"


if __name__ == "__main__":
    sys.exit(main())
