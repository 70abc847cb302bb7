"""Judges as processes, and submissions handed out to them.

All processes of a run are forked from one warm process. A judge that dies is
replaced and its submission done again; after the second time it is given up.
"""

from __future__ import annotations

import select
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from grader.errors import USAGE, KitError
from grader.judge.job import Request
from grader.lesson import Lesson
from grader.results.model import SubmissionResult
from grader.run.standing import Fault, Graded, StandingJudge
from grader.seal.layers import Isolation
from grader.warm.client import Warm

_TRIES = 2


@dataclass(eq=False)
class _Slot:
    """One judge, and what it is at."""

    judge: StandingJudge
    at: int | None = None


class Pool:
    """Up to `jobs` judges for one lesson and seed. A context manager.

    One that `waits` starts with the first submission, and so perhaps never.
    """

    def __init__(
        self, lesson: Lesson, seed: int, jobs: int = 1, left_out: Collection[str] = (), waits: bool = False
    ) -> None:
        self._lesson = lesson
        self._seed = seed
        self._jobs = jobs
        self._left_out = left_out
        self._waits = waits
        self._warm: Warm | None = None
        self._slots: list[_Slot] = []

    @property
    def isolation(self) -> Isolation:
        """The layers around every student process of this pool."""
        assert self._warm is not None
        return self._warm.isolation

    @property
    def pids(self) -> list[int]:
        """The judges at work, for measuring."""
        return [slot.judge.pid for slot in self._slots]

    @property
    def warm_pid(self) -> int:
        """The process that all others are forked from, for measuring."""
        assert self._warm is not None
        return self._warm.pid

    def __enter__(self) -> Pool:
        self._warm = Warm(self._left_out, self._waits)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dismiss()
        if self._warm:
            self._warm.end()

    def judge(self, requests: Sequence[Request]) -> Iterator[tuple[int, SubmissionResult | Fault]]:
        """Yields (place in requests, result) as results come. Raises KitError for a broken lesson."""
        for place, found in self.grade(requests):
            yield place, found.result if isinstance(found, Graded) else found

    def grade(self, requests: Sequence[Request]) -> Iterator[tuple[int, Graded | Fault]]:
        """The same with the students' pages, where the requests ask for them."""
        waiting = list(reversed(range(len(requests))))
        tries = [0] * len(requests)
        self._dismiss()
        self._slots = [_Slot(self._judge()) for _ in range(min(self._jobs, len(requests)))]
        for slot in self._slots:
            self._hand_out(slot, requests, waiting, tries)
        while busy := [slot for slot in self._slots if slot.at is not None]:
            left = min(slot.judge.seconds_left for slot in busy)
            ready, _, _ = select.select([slot.judge for slot in busy], [], [], left)
            for slot in busy:
                said = slot.judge.answer() if slot.judge in ready else slot.judge.overdue()
                if said is None:
                    continue
                place, slot.at = slot.at, None
                assert place is not None
                if isinstance(said, Fault) and said.exit_code == USAGE:
                    raise KitError(said.reason)
                is_tried_again = isinstance(said, Fault) and tries[place] < _TRIES
                if is_tried_again:
                    waiting.append(place)
                self._hand_out(slot, requests, waiting, tries)  # first: the judge works on while this result is used
                if not is_tried_again:
                    yield place, said
        self._dismiss()

    def _hand_out(self, slot: _Slot, requests: Sequence[Request], waiting: list[int], tries: list[int]) -> None:
        if waiting:
            slot.at = waiting.pop()
            tries[slot.at] += 1
            slot.judge.ask(requests[slot.at])

    def _judge(self) -> StandingJudge:
        assert self._warm is not None
        return StandingJudge(self._lesson, self._warm, self._seed)

    def _dismiss(self) -> None:
        """Ends all judges, also those of a run that was left in its middle."""
        slots, self._slots = self._slots, []
        for slot in slots:
            slot.judge.drop()
