"""Errors that are the user's or the kit's, never a student's verdict."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from traceback import extract_tb

USAGE = 2
KIT_FAULT = 3
STOPPED = 130
UNREAD = 141  # who read our output is gone: what a shell says of a program that SIGPIPE ended

DEBUG = "GRADER_DEBUG"  # set it, or give --debug, for tracebacks and warnings
REPORT = "run it again with --debug for the traceback, and please report it"
_WHAT_HELPS = {
    errno.ENOSPC: "free some space, then run it again",
    errno.EDQUOT: "free some space, then run it again",
    errno.EMFILE: "`ulimit -n 4096` allows more open files",
    errno.ENFILE: "close other programs, then run it again",
    errno.EACCES: "check who may read and write there",
    errno.EPERM: "check who may read and write there",
    errno.EROFS: "choose another folder: OUT=, or TMPDIR for temporary files",
}


class KitError(Exception):
    """Something a person has to mend before the command can do its work.

    `what` says what happened and what was expected, `where` is a file or
    "file:line", `mend` the command or the change that helps.
    """

    def __init__(self, what: str, *, where: str = "", mend: str = "", exit_code: int = USAGE) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend
        self.exit_code = exit_code

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f"\n  {self.mend}" if self.mend else ""
        return f"{place}{self.what}{mend}"


class WorkerFault(KitError):
    """The kit could not run a student process (not the student's doing)."""

    def __init__(self, what: str) -> None:
        super().__init__(what, mend="`python -m grader doctor` shows what this machine can do", exit_code=KIT_FAULT)


def is_debugging() -> bool:
    """Whether tracebacks and warnings are wanted."""
    return os.environ.get(DEBUG, "0") not in ("", "0")


def explained(error: Exception) -> KitError:
    """What any exception means for the person who ran the command, in one line and what helps."""
    if isinstance(error, KitError):
        return error
    if isinstance(error, MemoryError):
        return KitError("out of memory", mend="close other programs, or use fewer JOBS=", exit_code=KIT_FAULT)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] != __package__:
        return KitError(str(error), mend="make setup installs what is missing", exit_code=KIT_FAULT)
    if isinstance(error, OSError) and error.strerror:
        return KitError(error.strerror, where=_file_of(error), mend=_WHAT_HELPS.get(error.errno or 0, REPORT))
    return KitError(f"unexpected error: {_in_a_line(error)}; {REPORT}", exit_code=KIT_FAULT)


def _file_of(error: OSError) -> str:
    name = error.filename
    return os.fsdecode(name) if isinstance(name, str | bytes) else ""


def _in_a_line(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def fault_at(fault: Exception) -> str:
    """An exception of the kit's own in one line: what, and where."""
    frame = extract_tb(fault.__traceback__)[-1]
    return f"{type(fault).__name__}: {fault} ({Path(frame.filename).name}:{frame.lineno})"
