"""Saves as events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

from watchfiles import Change, watch

from grader.downloads.tree import SOURCES
from grader.submission.choose import GIVEN
from grader.watch.events import Event, Saved

_QUIET = 10  # ms without a further change that make a save whole
_AT_MOST = 100  # ms that changes are gathered
_HALF_WRITTEN = 0.03  # s that an empty file gets: editors empty a file before they write it


class Files:
    """Tells of every save in a folder (or of one file in it), for as long as this is entered."""

    def __init__(self, folder: Path, only: Path | None, events: SimpleQueue[Event]) -> None:
        self._folder = folder
        self._only = only.name if only else None
        self._events = events
        self._stop = threading.Event()
        self._is_listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Files:
        self._thread.start()
        self._is_listening.wait(timeout=2)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def _listen(self) -> None:
        changes = watch(
            self._folder,
            watch_filter=self._matters,
            step=_QUIET,
            debounce=_AT_MOST,
            rust_timeout=200,
            yield_on_timeout=True,
            stop_event=self._stop,
            recursive=False,
            raise_interrupt=False,
        )
        for seen in changes:
            self._is_listening.set()
            paths = [Path(path) for _, path in seen]
            if any(map(_is_empty, paths)):
                time.sleep(_HALF_WRITTEN)
            if paths:
                self._events.put(Saved(frozenset(path.name for path in paths)))

    @property
    def _matters(self) -> Callable[[Change, str], bool]:
        def matters(_: Change, path: str) -> bool:
            name = Path(path).name
            if self._only:
                return name == self._only
            return name.lower() in GIVEN or Path(name).suffix.lower() in SOURCES

        return matters


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return True  # between its old self and its new one
