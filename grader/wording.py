"""Counts, articles, numbers and names as a sentence has them."""

from __future__ import annotations

import math

_DIGITS = 4
_MOST_DIGITS = 17  # two different floats differ in these


def counted(count: int | float, noun: str, plural: str = "") -> str:
    """`1 step`, `2 steps`, `0 steps`, `1 entry`, `2 entries`."""
    number = str(count) if isinstance(count, int) else f"{count:g}"
    return f"{number} {noun if count == 1 else plural or _plural(noun)}"


def an(word: str) -> str:
    """The word behind its article: `an error`, `a shape`."""
    return f"{'an' if word[:1].lower() in tuple('aeiou') else 'a'} {word}"


def apart(one: float, other: float, is_short: bool = False) -> tuple[str, str]:
    """Two numbers, each with as many digits as it takes for the two to differ; no zero has a sign.

    `is_short` drops zeros at the end.
    """
    told = "", ""
    for digits in range(_DIGITS, _MOST_DIGITS + 1):
        told = _told(one, digits, is_short), _told(other, digits, is_short)
        if told[0] != told[1]:
            break
    return told


def legible(text: str) -> str:
    """A name on one line: what does not print is an escape, so that two names stay two, and a line's end a blank."""
    return "".join(sign if sign.isprintable() else " " if sign.isspace() else escaped(sign) for sign in text)


def escaped(sign: str) -> str:
    """A byte of a file's name that is no text as that byte, `\\xe9`; another sign as Python writes it."""
    return f"\\x{ord(sign) - 0xDC00:02x}" if is_byte(sign) else sign.encode("unicode_escape").decode("ascii")


def is_byte(sign: str) -> bool:
    """Whether it stands for a byte of a file's name that is no text."""
    return "\udc80" <= sign <= "\udcff"


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def _told(value: float, digits: int, is_short: bool) -> str:
    if not math.isfinite(value):
        return str(value)
    if value and not is_short and (abs(value) < 1e-2 or abs(value) >= 1e4):
        return f"{value:.{digits - 2}e}"
    return f"{value + 0.0:.{digits}g}"
