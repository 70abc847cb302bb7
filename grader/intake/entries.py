"""What both formats of archives give: entries in their order, each readable once, while it is at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


class ArchiveError(Exception):
    """An archive, or what is left of it, that cannot be read; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One file of an archive. `why` says why it is refused; `packed` is its size within the archive, where known."""

    name: str
    size: int = 0
    packed: int | None = None
    why: str = ""
    open: Opener | None = None


Entries = Iterator[Entry]
