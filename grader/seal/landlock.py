"""No file, no abstract socket and no signal to others, by Linux's Landlock: an empty list of what is allowed."""

from __future__ import annotations

import errno
import os
import sys

from grader.seal.layers import Limits, SealError

_SOME_FILES = ("/", sys.executable)  # there are such


def load() -> None:
    """Imports the library, which has to be there before the seal is. Raises SealError without."""
    try:
        import sandlock
    except (ImportError, OSError, RuntimeError) as error:
        raise SealError(f"sandlock cannot be used: {error}") from None
    if sandlock.landlock_abi_version() < 1:
        raise SealError("this kernel has no Landlock")


def close(_limits: Limits) -> None:
    """Confines this process, and what it may start, for good."""
    from sandlock import Protection, Sandbox, SandlockError, confine

    try:
        confine(Sandbox(allow_degraded=list(Protection)))  # an older kernel does what it can; files are closed by all
    except SandlockError as error:
        raise SealError(f"Landlock failed: {error}") from None


def why_open(_limits: Limits) -> str:
    """Which file opens all the same; '' for none."""
    for path in _SOME_FILES:
        try:
            os.close(os.open(path, os.O_RDONLY))
        except OSError as error:
            if error.errno == errno.EACCES:
                continue
            return f"{path} was not refused, but: {error.strerror}"
        return f"{path} can be opened"
    return ""
