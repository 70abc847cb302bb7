"""Judges as processes, and submissions handed out to them.

All processes of a run are forked from one warm process. A judge that dies is
replaced and its submission done again; after the second time it is given up.
"""

from __future__ import annotations

import contextlib
import json
import selectors
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from grader.errors import KIT_FAULT, USAGE, KitError, WorkerFault
from grader.judge.job import Request, job
from grader.lesson import Lesson
from grader.results.model import SubmissionResult, result_from_json
from grader.seal.layers import Isolation
from grader.warm.client import Forked, Warm

_TRIES = 2


@dataclass(frozen=True)
class Fault:
    """A submission that could not be graded, through no fault of the student."""

    reason: str


@dataclass
class _Slot:
    """One judge, and what it is at."""

    process: Forked
    at: int | None = None
    received: bytearray = field(default_factory=bytearray)


class Pool:
    """Up to `jobs` judges for one lesson and seed. A context manager.

    One that `waits` starts with the first submission, and so perhaps never.
    """

    def __init__(
        self, lesson: Lesson, seed: int, jobs: int = 1, left_out: Collection[str] = (), waits: bool = False
    ) -> None:
        self._setup = json.dumps({"lesson": str(lesson.folder.resolve()), "seed": seed}) + "\n"
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
        return [slot.process.pid for slot in self._slots]

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
        waiting = list(reversed(range(len(requests))))
        tries = [0] * len(requests)
        self._dismiss()
        self._slots = [_Slot(self._fork()) for _ in range(min(self._jobs, len(requests)))]
        with selectors.DefaultSelector() as selector:
            for slot in self._slots:
                self._hand_out(slot, requests, waiting, tries)
                selector.register(slot.process.channel, selectors.EVENT_READ, slot)
            while any(slot.at is not None for slot in self._slots):
                for key, _ in selector.select():
                    slot = key.data
                    place = slot.at
                    reply = _reply(slot)
                    if reply is None:
                        continue
                    if place is None:  # an idle judge that died is not needed any more
                        selector.unregister(slot.process.channel)
                        continue
                    if "result" in reply:
                        yield place, result_from_json(reply["result"])
                    elif reply["exit_code"] == USAGE:
                        raise KitError(reply["fault"])
                    else:
                        selector.unregister(slot.process.channel)
                        self._replace(slot)
                        selector.register(slot.process.channel, selectors.EVENT_READ, slot)
                        if tries[place] < _TRIES:
                            waiting.append(place)
                        else:
                            yield place, Fault(reply["fault"])
                    slot.at = None
                    self._hand_out(slot, requests, waiting, tries)
        self._dismiss()

    def _hand_out(self, slot: _Slot, requests: Sequence[Request], waiting: list[int], tries: list[int]) -> None:
        if waiting:
            slot.at = waiting.pop()
            tries[slot.at] += 1
            with contextlib.suppress(OSError):  # a judge that is gone is noticed when its reply is read
                slot.process.channel.sendall(job(requests[slot.at]).encode())

    def _replace(self, slot: _Slot) -> None:
        self._bury(slot)
        slot.process, slot.received = self._fork(), bytearray()

    def _dismiss(self) -> None:
        """Ends all judges, also those of a run that was left in its middle."""
        slots, self._slots = self._slots, []
        for slot in slots:
            self._bury(slot)

    def _bury(self, slot: _Slot) -> None:
        assert self._warm is not None
        with contextlib.suppress(WorkerFault):  # the warm process is gone, and its judges with it
            self._warm.bury(slot.process)

    def _fork(self) -> Forked:
        assert self._warm is not None
        process = self._warm.fork("judge", {})
        with contextlib.suppress(OSError):
            process.channel.sendall(self._setup.encode())
        return process


def _reply(slot: _Slot) -> dict[str, Any] | None:
    """The judge's next line; a fault if it hung up; None if the line is not whole yet."""
    try:
        part = slot.process.channel.recv(1 << 18)
    except OSError:
        part = b""
    if not part:
        return {"fault": "the judge's process died", "exit_code": KIT_FAULT}
    slot.received += part
    line, end, rest = slot.received.partition(b"\n")
    if not end:
        return None
    slot.received = bytearray(rest)
    reply: dict[str, Any] = json.loads(line)
    return reply
