"""Under root: the student process becomes nobody, who owns no file and may touch no process but its own."""

from __future__ import annotations

import os
import pwd

from grader.seal import process
from grader.seal.layers import Limits

_NOBODY = "nobody"
_USUAL_ID = 65534


def is_wanted() -> bool:
    """Whether there is anything to give up."""
    return os.geteuid() == 0


def close(_limits: Limits) -> None:
    """Gives up root and all groups, for good."""
    user, group = _nobody()
    parent = os.getppid()
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    process.die_with(parent)  # the kernel forgets it with a change of user


def why_open(_limits: Limits) -> str:
    """Whether it is, or can become, root again; '' if not."""
    if 0 in (*os.getresuid(), *os.getresgid(), *os.getgroups()):
        return "it is still root"
    try:
        os.setuid(0)
    except PermissionError:
        return ""
    return "it can become root again"


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(_NOBODY)
    except KeyError:
        return _USUAL_ID, _USUAL_ID
    return entry.pw_uid, entry.pw_gid
