"""python -m tests.right_forms.run: every right answer at many seeds; nothing may be rejected.

At each seed the judge draws its cases anew, and every answer is called in this process, too,
in float32 and in float64, on a real chain drawn from the same seed, against plain autograd
(direct.py holds the tolerances). Prints a table an exercise and what was rejected; exit
code 1 if anything was.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.right_forms.forms import Form, all_paths, counted
from tests.right_forms.tally import Tally, Task, at_seed, chosen, packs_in, the_lesson


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all seeds and prints the tables. 0: nothing was rejected."""
    asked = _parser().parse_args(arguments)
    forms, start, whole = chosen(asked.only), time.monotonic(), Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, pack in packs_in(folder, asked.only).items():
            pack.write(place)
        tasks = [Task(folder, asked.only, seed) for seed in range(asked.first, asked.first + asked.seeds)]
        with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn")) as pool:
            for tally in pool.map(at_seed, tasks):
                whole.add(tally)
    print("\n".join(_tables(forms, asked.seeds, whole)))
    print(f"\n{len(forms)} answers, {asked.seeds} seeds, {time.monotonic() - start:.0f} s")
    print("".join(f"  {fact}\n" for fact in whole.facts), end="")
    return 0 if whole.is_clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.right_forms.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="answers whose `exercise.step: name` contains this")
    return parser


def _tables(forms: list[Form], seeds: int, whole: Tally) -> Iterator[str]:
    """For each exercise its steps, and all of them together."""
    answers = counted(forms)
    counters = (answers, whole.judged, whole.rejected, whole.called, whole.unlike)
    for exercise in the_lesson().exercises:
        paths = [path for path in all_paths(the_lesson()) if path.startswith(f"{exercise.name}.") and answers[path]]
        if not paths:
            continue
        yield _line(f"\n{exercise.name:<24}", "answers", "seeds", "judged", "rejected", "called", "unlike")
        groups = {path.split(".")[1]: [path] for path in paths} if len(paths) > 1 else {}
        for title, group in {**groups, "all": paths}.items():
            first, *others = (sum(counter[path] for path in group) for counter in counters)
            yield _line(f"  {title:<22}", first, seeds, *others)


def _line(title: str, *columns: str | int) -> str:
    return title + "".join(f"{column:>10}" for column in columns)


if __name__ == "__main__":
    sys.exit(main())
