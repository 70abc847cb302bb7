"""How much work one file may make: counted, so that the same file always gets the same answer."""

from __future__ import annotations

from grader.submission.bounds import MAX_EFFORT


class TooMuch(Exception):
    """A file makes more work than any honest one."""


class Effort:
    """What is left for one file. Whatever goes through nodes, names or places again and again spends it."""

    def __init__(self) -> None:
        self._left = MAX_EFFORT

    def spend(self, looks: int = 1) -> None:
        """Counts looks. Raises TooMuch once none are left, and from then on."""
        self._left -= looks
        if self._left < 0:
            raise TooMuch
