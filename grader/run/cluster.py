"""Many submissions on many machines: the judges of `Pool`, on the workers of a Dask cluster.

    with Cluster("tcp://scheduler:8786", lesson, seed) as cluster:
        for place, outcome in cluster.grade(requests): ...

The same interface as `Pool`. Each worker keeps a warm process for as long as the run lasts. Submissions
travel as the bytes of their files, in handfuls; results come back as the object of results.json. What a
lost worker was at is done again by another. Kit and torch are compared before anything is sent, and by
every worker that joins later.

Scheduler and workers are trusted as this machine is: they have the seed, and work out the references.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from distributed import Client, Future, KilledWorker, as_completed

from grader.errors import KIT_FAULT, KitError
from grader.judge.job import Request
from grader.lesson import Lesson
from grader.results.model import result_from_json
from grader.run.pool import Pool
from grader.run.remote import JudgingPlugin, Versions, judge_handful, versions
from grader.run.standing import Fault, Graded
from grader.run.travel import Parcel, Setup, TooLarge, pack, packed_lesson
from grader.seal.layers import Isolation

_HANDFUL = 16  # submissions a task: what a judge works out once is worth it, and little is lost with a worker
_AHEAD = 3  # handfuls a thread that are on their way: a worker never waits, and memory stays flat
_SECONDS = 30.0


class Cluster:
    """The judges of a cluster, for one lesson and seed. A context manager."""

    def __init__(self, address: str, lesson: Lesson, seed: int) -> None:
        self._address = address
        self._lesson = lesson
        self._seed = seed
        self._client: Client | None = None
        self._isolation: Isolation | None = None

    @property
    def isolation(self) -> Isolation:
        """The layers around every student process, the same on all workers."""
        assert self._isolation is not None
        return self._isolation

    @property
    def threads(self) -> int:
        """Judges at work at once."""
        return max(1, sum(int(count) for count in self._connected.nthreads().values()))

    def __enter__(self) -> Cluster:
        try:
            self._client = Client(self._address, timeout=_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise KitError(
                f"there is no Dask scheduler at {self._address}: {error}",
                mend="start one with `dask scheduler`, and on each machine `dask worker ADDRESS --nthreads 1`",
            ) from None
        try:
            self._greet()
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is still on its way is cancelled; the workers end their warm processes."""
        try:
            self._connected.unregister_worker_plugin(JudgingPlugin.name)
        finally:
            self._connected.close()

    def grade(self, requests: Sequence[Request]) -> Iterator[tuple[int, Graded | Fault]]:
        """Yields (place in requests, what came of it) as results come, each place once."""
        stay: list[int] = []  # what cannot travel
        handfuls = _handfuls(requests, self._handful(len(requests)), stay)
        alone: list[int] = []  # one of them may be what ends workers
        sent: dict[Future, tuple[int, ...]] = {}
        running = as_completed(loop=self._connected.loop)

        def send_more() -> None:
            """Keeps all workers busy; of those that are judged alone, one after the other."""
            fresh = itertools.islice(handfuls, max(0, _AHEAD * self.threads - len(sent)))
            further = [((place,), [pack(requests[place])]) for place in alone[:1] if (place,) not in sent.values()]
            for places, parcels in [*fresh, *further]:
                future = self._connected.submit(judge_handful, parcels, pure=False)
                sent[future] = places
                running.add(future)

        send_more()
        for future in running:
            places = sent.pop(future)
            if isinstance(future.exception(), KilledWorker) and len(places) > 1:
                alone += places
            else:
                alone = [place for place in alone if place not in places]
                yield from zip(places, _outcomes(future, len(places)), strict=True)
            send_more()
        if stay:
            with Pool(self._lesson, self._seed) as pool:
                yield from ((stay[at], outcome) for at, outcome in pool.grade([requests[place] for place in stay]))

    @property
    def _connected(self) -> Client:
        assert self._client is not None
        return self._client

    def _greet(self) -> None:
        """Compares kit and torch on all workers with ours, then starts their warm processes. Raises KitError."""
        client = self._connected
        try:
            client.wait_for_workers(1, timeout=_SECONDS)
        except TimeoutError:
            raise KitError(
                f"the scheduler at {self._address} has no workers",
                mend=f"on each machine: dask worker {self._address} --nthreads 1",
            ) from None
        own = versions()
        for worker, theirs in client.run(versions).items():
            _compare(worker, theirs, own)
        setup = Setup(packed_lesson(self._lesson), self._seed)
        client.register_plugin(JudgingPlugin(setup, own))
        layers = client.run(_isolation_of)
        self._isolation = next(iter(layers.values()))
        for worker, isolation in layers.items():
            if isolation.layers != self._isolation.layers:
                raise KitError(
                    f"isolation differs: {worker} has {', '.join(isolation.layers)}; "
                    f"{next(iter(layers))} has {', '.join(self._isolation.layers)}",
                    mend="`python -m grader doctor` on that machine says what is missing",
                )

    def _handful(self, count: int) -> int:
        """Fewer a task where there are few: all workers have something to do until the end."""
        return max(1, min(_HANDFUL, count // (4 * self.threads)))


def _isolation_of(dask_worker: Any) -> Isolation:
    plugin: JudgingPlugin = dask_worker.plugins[JudgingPlugin.name]
    return plugin.isolation


def _compare(worker: str, theirs: Versions, own: Versions) -> None:
    if theirs != own:
        differences = "; ".join(
            f"{name} {getattr(theirs, name)}, here {getattr(own, name)}" for name in own.differ(theirs)
        )
        raise KitError(
            f"the worker {worker} would judge with something else: {differences}",
            mend="bring the same commit of the kit there, and `make setup`",
            exit_code=KIT_FAULT,
        )


def _handfuls(
    requests: Sequence[Request], size: int, stay: list[int]
) -> Iterator[tuple[tuple[int, ...], list[Parcel]]]:
    """Places and parcels, read when they are asked for; places that cannot travel are put into `stay`."""
    places: list[int] = []
    parcels: list[Parcel] = []
    for place, request in enumerate(requests):
        try:
            parcels.append(pack(request))
            places.append(place)
        except (OSError, TooLarge):
            stay.append(place)
        if len(places) == size:
            yield tuple(places), parcels
            places, parcels = [], []
    if places:
        yield tuple(places), parcels


def _outcomes(future: Future, count: int) -> list[Graded | Fault]:
    """What came of one handful."""
    error = future.exception()
    if error is not None:
        return [Fault(f"{type(error).__name__}: {error}")] * count
    return [_outcome(reply) for reply in future.result()]


def _outcome(reply: Mapping[str, Any]) -> Graded | Fault:
    if "result" in reply:
        return Graded(result_from_json(reply["result"]), reply["page"], reply["is_final"])
    return Fault(reply["fault"], detail=reply["detail"])
