"""Names that were meant: near ones, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_LONGEST = 60  # characters of a name that is compared: comparing takes quadratic time
_MOST = 2_000  # names


def near(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known names closest to `word`, best first; may be empty. Else those that begin so, in whatever case."""
    if len(word) > _LONGEST:
        return []
    names = sorted({name for name in known if len(name) <= _LONGEST})[:_MOST]
    if close := difflib.get_close_matches(word, names, n=most, cutoff=0.6):
        return close
    by_key = {name.casefold(): name for name in names}
    key = word.casefold()
    begins = [name for lower, name in by_key.items() if len(key) > 1 and lower.startswith(key)]
    return (begins or [by_key[lower] for lower in difflib.get_close_matches(key, by_key, n=most)])[:most]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean X or Y?' or ''."""
    return one_of(near(word, known))


def one_of(names: Sequence[str]) -> str:
    """'; did you mean X or Y?' or ''."""
    return f"; did you mean {' or '.join(names)}?" if names else ""
