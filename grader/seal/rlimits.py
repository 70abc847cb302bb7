"""Limits that every system knows: memory, processor time, files, descriptors, processes, core dumps.

Memory is limited by address space, on top of what is mapped when the limit is set: torch itself maps 0.6 GiB in
its build for CPUs and 3.2 GiB in the one for CUDA, and none of that is the student's.
"""

from __future__ import annotations

import contextlib
import mmap
import resource
import sys
from pathlib import Path

from grader.seal.layers import Limits

_MIB = 1 << 20
_DESCRIPTORS = 64
_GRACE = 1  # second of processor time between the signal that says why, and the one that kills
_STATM = Path("/proc/self/statm")  # its first number: pages that are mapped
_MOST_MAPPED = 8 << 30  # bytes that no build of torch maps: taken for mapped where the system does not tell
_SPARE = 8 * _MIB  # by so much what is mapped may change between two looks
_NO_ACCESS = 0  # PROT_NONE: address space alone


def close(limits: Limits) -> None:
    """Caps what this process may use."""
    for kind, (soft, hard) in _wanted(limits).items():
        _lower(kind, soft, hard)
    most = (mapped() or _MOST_MAPPED) + limits.memory_mib * _MIB
    _lower(resource.RLIMIT_AS, most, most)


def why_open(limits: Limits) -> str:
    """Which limit is not set, or leaves less than it should; '' for none."""
    if not _is_exact():
        return ""
    for kind, (soft, _) in _wanted(limits).items():
        if not 0 <= resource.getrlimit(kind)[0] <= soft:
            return f"resource limit {kind} is not set"
    budget, now = limits.memory_mib * _MIB, mapped()
    if _can_map(budget + (_SPARE if now else _MOST_MAPPED)):
        return f"more than {limits.memory_mib} MiB of memory can be taken"
    if budget > _SPARE and not _can_map(budget - _SPARE):
        on_top = f" on top of the {now // _MIB} that are mapped" if now else ""
        return f"{limits.memory_mib} MiB of memory cannot be had{on_top}: lift the limit set here (ulimit -v unlimited)"
    return ""


def mapped() -> int | None:
    """Bytes of address space that this process has mapped; None where the system does not tell."""
    try:
        return int(_STATM.read_bytes().split()[0]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        return None


def _wanted(limits: Limits) -> dict[int, tuple[int, int]]:
    """Every limit but that of memory."""
    return {
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + _GRACE),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (_DESCRIPTORS, _DESCRIPTORS),
        resource.RLIMIT_NPROC: (0, 0),  # no process and no thread more (root is not bound by it)
    }


def _can_map(length: int) -> bool:
    """Whether so many bytes more can be mapped; nothing is written to them."""
    try:
        mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=_NO_ACCESS).close()
    except OSError:
        return False
    return True


def _is_exact() -> bool:
    return sys.platform == "linux"


def _lower(kind: int, soft: int, hard: int) -> None:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    with contextlib.suppress(*(() if _is_exact() else (ValueError,))):  # macOS refuses RLIMIT_AS below what is mapped
        resource.setrlimit(kind, (soft, hard))
