"""Who judges: processes on this machine, or the workers of a cluster; both in one way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from grader.errors import KitError
from grader.judge.job import Request
from grader.lesson import Lesson
from grader.run.pool import Pool
from grader.run.standing import Fault, Graded
from grader.seal.layers import Isolation


class Judges(Protocol):
    """What a class run needs of them."""

    @property
    def isolation(self) -> Isolation:
        """The layers around every student process."""

    def grade(self, requests: Sequence[Request]) -> Iterator[tuple[int, Graded | Fault]]:
        """Yields (place in requests, what came of it) as results come, each place once."""


def judges(lesson: Lesson, seed: int, jobs: int, cluster: str | None = None) -> AbstractContextManager[Judges]:
    """`jobs` judges here, or those of the cluster at that address. Raises KitError where Dask is missing."""
    if cluster is None:
        return Pool(lesson, seed, jobs, waits=True)
    try:
        from grader.run.cluster import Cluster  # an extra that need not be there
    except ImportError as error:
        raise KitError(
            f"--cluster needs Dask distributed ({error})",
            mend=".venv/bin/pip install -e '.[cluster]', here and on every worker",
        ) from None
    return Cluster(cluster, lesson, seed)
