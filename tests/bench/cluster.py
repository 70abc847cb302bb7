"""Submissions a second against workers: `python -m tests.bench.cluster [WORKERS...]`, on the loopback device.

Each number is the middle one of three runs. A worker has one thread, and its share of the class is the
same whatever the number of workers, so that a perfect cluster takes the same time for all.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from grader.judge.job import Request
from grader.lesson import Lesson, load_lesson
from grader.run.cluster import Cluster
from grader.run.pool import Pool
from grader.run.standing import Fault
from grader.submission.find import submission_at
from tests.support import ROOT
from tests.test_cluster import Machines

_SHARE = 48  # submissions a worker
_RUNS = 3


def main(counts: list[int]) -> None:
    """Prints the table."""
    lesson = load_lesson(ROOT / "exercises" / "mlp")
    print(f"{'workers':>8} {'submissions/s':>14} {'this machine':>13} {'ratio':>6}")
    for count in counts:
        asked = [Request(submission_at(ROOT / "solutions" / "mlp", lesson), mends=False)] * (_SHARE * count)
        there = statistics.median(_on_cluster(lesson, asked, count) for _ in range(_RUNS))
        here = statistics.median(_on_pool(lesson, asked, count) for _ in range(_RUNS))
        print(f"{count:>8} {len(asked) / there:>14.1f} {len(asked) / here:>13.1f} {here / there:>6.2f}", flush=True)


def _on_cluster(lesson: Lesson, asked: list[Request], count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        machines = Machines(Path(folder))
        try:
            for _ in range(count):
                machines.worker()
            with Cluster(machines.address, lesson, 0) as cluster:
                while cluster.threads < count:
                    time.sleep(0.1)
                return _seconds(cluster, asked)
        finally:
            machines.end()


def _on_pool(lesson: Lesson, asked: list[Request], count: int) -> float:
    with Pool(lesson, 0, count) as pool:
        return _seconds(pool, asked)


def _seconds(judges: Cluster | Pool, asked: list[Request]) -> float:
    """With everything warm: a first handful is judged before the clock starts."""
    list(judges.grade(asked[:4]))
    start = time.monotonic()
    assert not [outcome for _, outcome in judges.grade(asked) if isinstance(outcome, Fault)]
    return time.monotonic() - start


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1, 2])
