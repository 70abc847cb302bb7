"""time: a clock of the program's own, on which two runs agree. A millisecond passes whenever it is read."""

from __future__ import annotations

_now = 0.0


def perf_counter() -> float:
    global _now
    _now += 1e-3
    return _now


time = monotonic = process_time = perf_counter


def sleep(seconds: float) -> None:
    pass
