"""What both archive formats give: entries in their order, each readable once, while it is at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


class ArchiveError(Exception):
    """An archive, or what is left of it, that cannot be read; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One entry of an archive. `why` says why it is refused; `packed` is its size within the archive, where known."""

    name: str
    size: int = 0
    packed: int | None = None
    why: str = ""
    open: Opener | None = None
    time: float = 0.0  # when it was last changed, as the archive says
    is_folder: bool = False  # counted, and not written


Entries = Generator[Entry, None, None]


@dataclass(frozen=True)
class Limits:
    """What reading an archive may cost before its entries are looked at."""

    bytes: int  # that it may unpack to
    entries: int
    deadline: float  # in processor time, which no other load on the machine changes

    def check(self) -> None:
        """Raises ArchiveError once the time is over."""
        if time.process_time() > self.deadline:
            raise ArchiveError("it takes too long to unpack")
