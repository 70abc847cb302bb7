"""The kit on a Dask worker: a warm process while the run lasts, and handfuls of submissions judged with it."""

from __future__ import annotations

import asyncio
import logging
import queue
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from distributed import Reschedule, WorkerPlugin, get_worker

from grader.lesson import load_lesson
from grader.results.store import kit_hash
from grader.run.pool import Pool
from grader.run.standing import Fault, Graded
from grader.run.travel import Parcel, Setup, unpack, unpack_lesson
from grader.seal.layers import Isolation

_LOG = logging.getLogger("distributed.worker")  # which workers show


@dataclass(frozen=True)
class Versions:
    """What has to be the same wherever one class is judged."""

    kit: str
    torch: str

    def differ(self, other: Versions) -> list[str]:
        """The names of what differs."""
        return [field.name for field in fields(self) if getattr(self, field.name) != getattr(other, field.name)]


def versions() -> Versions:
    """Of this machine."""
    return Versions(kit_hash()[:12], version("torch"))


class JudgingPlugin(WorkerPlugin):  # type: ignore[misc]  # distributed may be missing where types are checked
    """A worker's part in a run: the lesson in a folder of its own, and a pool of one judge for each thread."""

    name = "backprop-kit"

    def __init__(self, setup: Setup, wanted: Versions) -> None:
        self._setup = setup
        self._wanted = wanted

    def setup(self, worker: Any) -> None:
        """Called by Dask on every worker, also on one that joins later; one with another kit leaves again."""
        self._pools: list[Pool] = []
        self._idle: queue.SimpleQueue[Pool] = queue.SimpleQueue()
        # under the worker's own folder, which Dask clears away even after a worker that was killed
        self._folder = tempfile.TemporaryDirectory(prefix="grader-", dir=worker.local_directory)
        own = versions()
        self.may_judge = own == self._wanted
        if not self.may_judge:
            why = f"this worker has another {' and '.join(own.differ(self._wanted))} than the run"
            _LOG.error(why)
            self._leaving = asyncio.ensure_future(worker.close(reason=why))
            return
        lesson = load_lesson(unpack_lesson(self._setup.lesson, Path(self._folder.name)))
        for _ in range(worker.state.nthreads):
            pool = Pool(lesson, self._setup.seed)
            self._pools.append(pool)
            self._idle.put(pool.__enter__())

    def teardown(self, worker: Any) -> None:  # noqa: ARG002  Dask's signature
        """Called at the end of the run, and when the worker ends."""
        for pool in self._pools:
            pool.__exit__(None, None, None)
        self._folder.cleanup()

    @property
    def folder(self) -> str:
        """For the files of submissions, as long as they are being judged."""
        return self._folder.name

    @property
    def isolation(self) -> Isolation:
        return self._pools[0].isolation

    @contextmanager
    def pool(self) -> Iterator[Pool]:
        """A pool that nobody else uses meanwhile."""
        pool = self._idle.get()
        try:
            yield pool
        finally:
            self._idle.put(pool)


def judge_handful(parcels: Sequence[Parcel]) -> list[dict[str, Any]]:
    """A reply a parcel, in their order: {"result": the object of results.json, "page": ...} or {"fault": why not}."""
    plugin: JudgingPlugin = get_worker().plugins[JudgingPlugin.name]
    if not plugin.may_judge:
        raise Reschedule  # to another worker; this one is about to leave
    replies: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=plugin.folder) as folder, plugin.pool() as pool:
        requests = []
        for place, parcel in enumerate(parcels):
            own = Path(folder) / str(place)
            own.mkdir()
            requests.append(unpack(parcel, own))
        for place, outcome in pool.grade(requests):
            replies[place] = _reply(outcome)
    return [replies[place] for place in range(len(parcels))]


def _reply(outcome: Graded | Fault) -> dict[str, Any]:
    if isinstance(outcome, Fault):
        return {"fault": outcome.reason, "detail": outcome.detail}
    return {"result": outcome.result.as_json(), "page": outcome.page, "is_final": outcome.is_final}
