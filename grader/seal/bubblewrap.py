"""Where a layer is missing: namespaces around the whole warm process, by the tool bubblewrap.

Inside, the disk cannot be written to, and there is no network and no process but the kit's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

_TOOL = "bwrap"
_SHORT = 10  # seconds that a tool which works needs by far not
_OPTIONS = (
    *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--die-with-parent"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
    *("--setenv", "TMPDIR", "/dev/shm"),  # the one place inside where a folder can be made
)


def why_not() -> str:
    """Why it cannot be used here; '' if it can."""
    tool = shutil.which(_TOOL, path=os.defpath)
    if sys.platform != "linux" or tool is None:
        return "bubblewrap is not installed"
    try:
        trial = [tool, *_OPTIONS, "--", tool, "--version"]
        tried = subprocess.run(trial, capture_output=True, timeout=_SHORT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap cannot be used: {error}"
    said = tried.stderr.decode(errors="replace").strip()
    return f"bubblewrap cannot be used: {said}" if tried.returncode else ""


def become(command: Sequence[str]) -> None:
    """Replaces this process by `command` within new namespaces; descriptors that are inheritable go along."""
    tool = shutil.which(_TOOL, path=os.defpath)
    assert tool is not None
    os.execv(tool, [tool, *_OPTIONS, "--", *command])
