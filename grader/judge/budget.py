"""What a step may use of time, and how much it has used: of the processor's by preference, else of the wall clock's.

Processor time is the same on a busy machine and on a quiet one, so it is what decides. The wall clock behind it is
generous. It ends what sleeps, and everything where the system does not tell the processor time of a process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

PATIENCE = 5.0  # seconds of wall clock behind a second of processor time
_QUICK = 0.1  # seconds of wall clock: what ends sooner is not measured
_LOOK_AGAIN = 0.01  # seconds, at least

Limit = Literal["call", "step", "submission"]
_LOOP = "; look for a loop that never ends"


@dataclass(frozen=True)
class Lost:
    """The step ended without a message: the process is gone or its time is up."""

    verdict: Literal["timeout", "memory", "crashed"]
    message: str  # "its process died of SIGSEGV": what happened, complete
    is_stale: bool = False  # an answer to an earlier question was in the way: that question's fault
    limit: Limit | None = None  # of a timeout
    by_wall_clock: bool = False  # of a timeout: on a quieter machine it may have ended in time


@dataclass
class Budget:
    """What one step may use over all its calls. After an overrun it is asked nothing more."""

    call_seconds: float  # of processor time, for one call; loading counts as one
    step_seconds: float  # of processor time, for all of them
    ends: float  # of the wall clock, in time.monotonic() seconds
    used: float = 0.0
    overrun: Lost | None = None

    @property
    def left(self) -> float:
        return self.step_seconds - self.used


class Meter:
    """The processor time that a process uses while it is waited for."""

    def __init__(self, look: Callable[[], float | None], most: float) -> None:
        self._look = look  # the process's seconds so far; None where the system does not tell
        self._most = most
        self._next = time.monotonic() + _QUICK
        self._before: float | None = None
        self.used = 0.0

    def left(self) -> float:
        """Seconds for which the process may be waited for before this is asked again; none when its time is up."""
        now = time.monotonic()
        if now < self._next:
            return self._next - now
        if not self._see():
            self._next = math.inf
            return math.inf
        left = self._most - self.used
        self._next = now + max(left, _LOOK_AGAIN)  # one thread uses no more than passes by the clock
        return left

    @property
    def is_over(self) -> bool:
        """Whether it was seen to have used up its time."""
        return self.used >= self._most

    def stop(self) -> None:
        """Looks for the last time."""
        if self._before is not None:
            self._see()

    def _see(self) -> bool:
        seen = self._look()
        if seen is None:
            return False
        if self._before is None:
            self._before = seen
        self.used = seen - self._before
        return True


def overrun(limit: Limit, seconds: float, *, by_wall_clock: bool) -> Lost:
    """The timeout by that limit, in words."""
    over = f"{seconds * PATIENCE:g} s of wall clock" if by_wall_clock else f"{seconds:g} s of processor time"
    message = {
        "call": f"one call took more than {over}{_LOOP}",
        "step": f"its calls took more than {over} together; look for Python loops over the batch",
        "submission": f"the submission's {over} were over before it had an answer",
    }[limit]
    return Lost("timeout", message, limit=limit, by_wall_clock=by_wall_clock)


def not_reached(seconds: float, *, by_wall_clock: bool) -> Lost:
    """A step whose turn came when the submission's time was over."""
    over = f"{seconds * PATIENCE:g} s of wall clock" if by_wall_clock else f"{seconds:g} s of processor time"
    message = f"not reached: the submission had used up its {over}"
    return Lost("timeout", message, limit="submission", by_wall_clock=by_wall_clock)
