"""The temporary folder of a run: unpacked files lie there as long as the run lasts, and no longer."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

_PREFIX = "backprop-kit-"
_YOUNG = 60.0  # seconds in which a folder may not have its lock yet
_LONGEST = 150  # bytes of a name; file systems take 255
_ENDING = 20  # bytes at the end of a long name that are kept, with the suffix


class Workspace:
    """Makes its folder when it is first needed, and removes it with `close`, or when Python ends.

    A run that was killed cannot remove its folder; the next run does. The lock tells whose run still goes.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = -1
        self._count = 0

    def place(self, name: str) -> Path:
        """A path for a new file of that name, in a folder of its own: no name can meet another."""
        if self._folder is None:
            remove_left_behind()
            self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
            self._lock = os.open(self._folder.name, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._count += 1
        folder = Path(self._folder.name) / str(self._count)
        folder.mkdir()
        return folder / _short(name)

    def close(self) -> None:
        """Removes the folder and all that was unpacked."""
        if self._folder is not None:
            self._folder.cleanup()
            os.close(self._lock)
            self._folder = None


def remove_left_behind() -> None:
    """Removes the folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            _remove_if_nobodys(folder)


def _remove_if_nobodys(folder: Path) -> None:
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or time.time() - status.st_mtime < _YOUNG:
        return
    handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while its run still goes
        shutil.rmtree(folder)
    finally:
        os.close(handle)


def _short(name: str) -> str:
    raw = name.encode(errors="replace")
    if len(raw) <= _LONGEST:
        return raw.decode()
    return (raw[: _LONGEST - _ENDING] + raw[-_ENDING:]).decode(errors="ignore")
