"""What one stage of a submission's way may cost one of the kit's own processes.

The kernel keeps the bounds: a process that is over its processor time dies of SIGXCPU, one that is
over its memory gets a MemoryError. The wall clock is kept by whoever waits for the process.
"""

from __future__ import annotations

import math
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

_MIB = 1 << 20
_STATM = Path("/proc/self/statm")  # its first number: pages that this process has mapped


@dataclass(frozen=True)
class Bound:
    """`memory_mib` is on top of what the process has mapped when the stage begins."""

    processor_seconds: float
    wall_seconds: float
    memory_mib: int = 1024


def enter(bound: Bound) -> None:
    """Bounds this process from now on, until the next call. Only memory is not bounded where there is no /proc."""
    _set(resource.RLIMIT_CPU, math.ceil(time.process_time() + bound.processor_seconds))
    if _STATM.exists():
        mapped = int(_STATM.read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _set(resource.RLIMIT_AS, mapped + bound.memory_mib * _MIB)


def leave_no_core() -> None:
    """A process that dies at its bound writes no core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _set(kind: int, wanted: int) -> None:
    """The soft limit: it can be raised again for the next stage."""
    _, most = resource.getrlimit(kind)
    resource.setrlimit(kind, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
