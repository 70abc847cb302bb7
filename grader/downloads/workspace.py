"""The temporary folder of a run: unpacked files lie there as long as the run lasts, and no longer."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from grader.errors import KIT_FAULT, KitError

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
        self._named: Counter[str] = Counter()
        self._folders = 0

    def place(self, name: str) -> Path:
        """A path for a new file of that name. The second file of a name goes to a second folder, and so on."""
        short = _short(name)
        self._named[short.casefold()] += 1
        number = self._named[short.casefold()]
        try:
            folder = Path(self._made().name) / str(number)
            if number > self._folders:  # counted up one by one, so that only the next one can be missing
                folder.mkdir()
                self._folders = number
        except OSError as error:
            raise no_room(error) from None
        return folder / short

    def _made(self) -> tempfile.TemporaryDirectory[str]:
        if self._folder is None:
            remove_left_behind()
            self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
            self._lock = os.open(self._folder.name, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self._folder

    def close(self) -> None:
        """Removes the folder and all that was unpacked."""
        if self._folder is not None:
            self._folder.cleanup()
            os.close(self._lock)
            self._folder = None


def no_room(error: OSError) -> KitError:
    """The machine cannot hold what is unpacked: no student's fault, so it ends the run."""
    try:
        where = f"into {tempfile.gettempdir()}"
    except OSError:
        where = "anywhere"
    return KitError(
        f"archives cannot be unpacked {where}: {error.strerror}",
        mend="make room there, or name another folder with TMPDIR=",
        exit_code=KIT_FAULT,
    )


def free_space() -> int:
    """Bytes that there is room for; where no temporary folder can be written, that is said once one is needed."""
    try:
        return shutil.disk_usage(tempfile.gettempdir()).free
    except OSError:
        return sys.maxsize


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
