"""Which steps a file answers, counted where a file can cost only itself."""

from __future__ import annotations

from pathlib import Path

from grader.lesson import Exercise
from grader.run.bounded import Bounded, Exceeded
from grader.submission.filled import Filled


def filled_within(bounded: Bounded) -> Filled:
    """Counts in the bounded process. A file that is beyond its bound counts as empty."""

    def filled(path: Path, exercise: Exercise) -> int:
        try:
            return bounded.ask("filled", [str(path), exercise.name], int)
        except Exceeded:
            return 0

    return filled
