"""Limits that every system knows: memory, processor time, files, descriptors, processes, core dumps."""

from __future__ import annotations

import contextlib
import resource
import sys

from grader.seal.layers import Limits

_MIB = 1 << 20
_DESCRIPTORS = 64
_GRACE = 1  # second of processor time between the signal that says why, and the one that kills


def close(limits: Limits) -> None:
    """Caps what this process may use."""
    for kind, (soft, hard) in _wanted(limits).items():
        _lower(kind, soft, hard)


def why_open(limits: Limits) -> str:
    """Which limit is not set; '' for none."""
    for kind, (soft, _) in _wanted(limits).items():
        if not 0 <= resource.getrlimit(kind)[0] <= soft and _is_exact():
            return f"resource limit {kind} is not set"
    return ""


def _wanted(limits: Limits) -> dict[int, tuple[int, int]]:
    return {
        resource.RLIMIT_AS: (limits.memory_mib * _MIB,) * 2,
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + _GRACE),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (_DESCRIPTORS, _DESCRIPTORS),
        resource.RLIMIT_NPROC: (0, 0),  # no process and no thread more (root is not bound by it)
    }


def _is_exact() -> bool:
    return sys.platform == "linux"


def _lower(kind: int, soft: int, hard: int) -> None:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    with contextlib.suppress(*(() if _is_exact() else (ValueError,))):  # macOS refuses RLIMIT_AS below what is mapped
        resource.setrlimit(kind, (soft, hard))
