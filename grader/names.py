"""Names that were meant: near ones, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 60  # characters of a name that is compared: comparing takes quadratic time
_MOST = 2_000  # names


def near(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names closest to `word`, best first; may be empty."""
    if len(word) > _LONGEST:
        return []
    names = sorted({name for name in known if len(name) <= _LONGEST})[:_MOST]
    return difflib.get_close_matches(word, names, n=most, cutoff=0.6)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean X or Y?' or ''."""
    names = near(word, known)
    return f"; did you mean {' or '.join(names)}?" if names else ""
