"""Saves as events.

The folder is looked at many times a second, and every file in it with its time, size and place. That costs a
ten-thousandth of a second, and works where being told by the system does not: on network drives, through links,
after the folder was moved and made again, and where the system has no more watchers to give.
"""

from __future__ import annotations

import os
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import NamedTuple

from grader.downloads.tree import SOURCES
from grader.lesson.stubs import GIVEN
from grader.watch.events import Event, Saved

_PAUSE = 0.04  # s between two looks
_SHARE = 20  # a look that takes long, as on a slow network, is followed by a pause this much longer
_LONGEST_PAUSE = 2.0
_QUIET = 0.01  # s without a further change that make a save whole
_HALF_WRITTEN = 0.03  # s that an empty file gets: editors empty a file before they write it
_GATHERED = 0.1  # s that changes are gathered at most
_COARSE = 5.0  # s after a save in which its text is compared, too: some drives keep times of 2 s

_LONG = 1 << 20  # bytes of a file whose text is not compared


class Sign(NamedTuple):
    """A file as it was looked at."""

    device: int
    inode: int
    time: int
    size: int
    text: int = 0


Look = dict[Path, Sign]


class Files:
    """Tells of every save in a folder (or of one file in it), for as long as this is entered.

    `more` names files elsewhere that belong to it.
    """

    def __init__(
        self,
        folder: Path,
        only: Path | None,
        events: SimpleQueue[Event],
        more: Callable[[], Iterable[Path]] = tuple,
    ) -> None:
        self._folder = folder
        self._only = only
        self._events = events
        self._more = more
        self._stop = threading.Event()
        self._before: Look = {}
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Files:
        self._before = self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def _listen(self) -> None:
        pause = _PAUSE
        while not self._stop.wait(pause):
            start = time.monotonic()
            now = self._look()
            pause = min(max(_PAUSE, _SHARE * (time.monotonic() - start)), _LONGEST_PAUSE)
            if now != self._before:
                now = self._settled(now)
                changed = {path for path in now.keys() | self._before.keys() if now.get(path) != self._before.get(path)}
                self._before = now
                if changed:
                    self._events.put(Saved(frozenset(path.name for path in changed)))

    def _settled(self, now: Look) -> Look:
        """What is there once nothing more is written, and no file is on its way from its old self to its new one."""
        give_up = time.monotonic() + _GATHERED
        waited_for = set[Path]()
        while time.monotonic() < give_up:
            half = {path for path in self._before if _is_half(now.get(path))} - waited_for
            waited_for |= half
            time.sleep(_HALF_WRITTEN if half else _QUIET)
            before, now = now, self._look()
            if now == before and not half:
                break
        return now

    def _look(self) -> Look:
        """Every file that matters, with what tells its saves apart. What is not there is not in it."""
        paths = {self._only} if self._only else {*self._entries(), *self._more()}
        return {path: sign for path in paths if (sign := _sign(path, self._before.get(path))) is not None}

    def _entries(self) -> list[Path]:
        try:
            with os.scandir(self._folder) as entries:
                return [self._folder / entry.name for entry in entries if _matters(entry.name)]
        except OSError:
            return []  # moved, or not reachable now; it is looked for again


def _matters(name: str) -> bool:
    return name.lower() in GIVEN or Path(name).suffix.lower() in SOURCES


def _sign(path: Path, before: Sign | None) -> Sign | None:
    """What tells the saves of a file apart; the file is the one that a link leads to. None where there is none."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return None
        sign = Sign(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        if found.st_size <= _LONG and abs(time.time() - found.st_mtime) < _COARSE:
            return sign._replace(text=zlib.crc32(path.read_bytes()))
    except OSError:
        return None
    return sign._replace(text=before.text) if before else sign


def _is_half(sign: Sign | None) -> bool:
    """Gone, or empty."""
    return sign is None or sign.size == 0
