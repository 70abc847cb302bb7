"""Errors that are the user's or the kit's, never a student's verdict."""

from __future__ import annotations

USAGE = 2
KIT_FAULT = 3
STOPPED = 130


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
