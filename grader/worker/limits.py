"""What a student process may use. Set before its first line of student code."""

from __future__ import annotations

import contextlib
import resource

MIB = 1 << 20
LAYERS = ("process", "rlimits")  # the isolation this module and the fork give, as results.json names them


def set_limits(memory_mib: int, cpu_seconds: int) -> None:
    """Caps address space, CPU time, files and core dumps of this process and its children."""
    _lower(resource.RLIMIT_AS, memory_mib * MIB)
    _lower(resource.RLIMIT_CPU, cpu_seconds)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, 64)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError):  # macOS refuses RLIMIT_AS below what is mapped
        resource.setrlimit(kind, (allowed, allowed))
