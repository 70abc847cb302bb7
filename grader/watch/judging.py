"""Questions in, verdicts out, in a thread of its own: whatever student code does, the keys are heard."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Sequence
from queue import SimpleQueue
from types import TracebackType

from grader.errors import KitError, fault_at
from grader.judge.job import Request
from grader.lesson import Lesson
from grader.run.standing import Graded, StandingJudge
from grader.warm.client import Warm
from grader.watch.events import Broken, Event, Judged, Ready

_PATIENCE = 0.3  # seconds that an outdated question may still take: a new judge costs about as much
_FAREWELL = 3.0


class Judging:
    """One plan at a time: a few questions in order. A new plan takes the place of the old one."""

    def __init__(self, lesson: Lesson, seed: int, events: SimpleQueue[Event]) -> None:
        self._lesson = lesson
        self._seed = seed
        self._events = events
        self._plans: SimpleQueue[Sequence[Request] | None] = SimpleQueue()
        self._bell, self._ear = socket.socketpair()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Judging:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell(None)
        self._thread.join(_FAREWELL)

    def plan(self, requests: Sequence[Request]) -> None:
        """Asks these from now on, and nothing of what was asked before."""
        self._tell(tuple(requests))

    def _tell(self, plan: Sequence[Request] | None) -> None:
        self._plans.put(plan)
        with contextlib.suppress(OSError):
            self._bell.send(b".")

    def _live(self) -> None:
        try:
            with Warm() as warm, StandingJudge(self._lesson, warm, self._seed) as judge:
                self._events.put(Ready(warm.isolation))
                self._serve(judge)
        except KitError as error:
            self._events.put(Broken(str(error)))
        except Exception as fault:
            self._events.put(Broken(fault_at(fault)))

    def _serve(self, judge: StandingJudge) -> None:
        """Plan after plan, until the one that says to end."""
        plan = self._next_plan()
        while plan is not None:
            todo = list(plan)
            while todo and not self._is_outdated():
                self._ask(judge, todo.pop(0))
            plan = self._next_plan()

    def _next_plan(self) -> Sequence[Request] | None:
        """The newest one. Waits for it."""
        plan = self._plans.get()
        self._ear.recv(1)
        while self._is_outdated():
            plan = self._plans.get()
            self._ear.recv(1)
        return plan

    def _is_outdated(self) -> bool:
        return not self._plans.empty()

    def _ask(self, judge: StandingJudge, request: Request) -> None:
        """One question. Its answer is told if it still matters when it comes."""
        judge.ask(request)
        give_up: float | None = None
        while give_up is None or time.monotonic() < give_up:
            listening: list[StandingJudge | socket.socket] = [judge] if give_up else [judge, self._ear]
            left = judge.seconds_left if give_up is None else max(0.0, give_up - time.monotonic())
            ready, _, _ = select.select(listening, [], [], left)
            found = judge.answer() if judge in ready else judge.overdue()
            if found is not None:
                if not self._is_outdated():
                    self._events.put(Judged(request, found.result if isinstance(found, Graded) else found))
                return
            if self._ear in ready:
                give_up = time.monotonic() + _PATIENCE
        judge.drop()
