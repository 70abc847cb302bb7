"""What lesson.toml may hold: for every key its type, and which values make sense."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_LESSON_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LINK = re.compile(r"https?://\S+|")
_MINUTE = re.compile(r"\d+(:\d\d){1,2}|")
_LONGEST = 60
_LARGEST = 1e12
_ENDS = 2  # of a range


@dataclass(frozen=True)
class Rule:
    """What one key may be: in words, and as a test. `holds` may take for granted that the type is right."""

    types: tuple[type, ...]
    expected: str
    holds: Callable[[Any], bool] = lambda _: True

    def allows(self, value: object) -> bool:
        is_type = isinstance(value, self.types) and (bool in self.types or not isinstance(value, bool))
        return is_type and self.holds(value)


def _number(least: float, most: float, *, above: bool = False) -> Rule:
    """Of `least` (or more than it, with `above`) to `most`; never infinite, never no number."""
    bounds = f"more than {least:g}, at most {most:,g}" if above else f"from {least:,g} to {most:,g}"
    return Rule(
        (int, float), f"a number {bounds}", lambda value: least <= value <= most and not (above and value == least)
    )


def _whole(least: int, most: int) -> Rule:
    return Rule((int,), f"a whole number from {least:,} to {most:,}", lambda value: least <= value <= most)


def _list(expected: str, holds: Callable[[Any], bool], least: int = 0) -> Rule:
    return Rule((list,), expected, lambda value: len(value) >= least and all(map(holds, value)))


def _is_finite(value: object) -> bool:
    """A number that float64 can compute with; whole ones of any size are compared as they are."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def is_name(value: object) -> bool:
    """What Python takes for a name, in plain letters."""
    return isinstance(value, str) and value.isascii() and value.isidentifier() and not keyword.iskeyword(value)


def said(value: object) -> str:
    """A value as lesson.toml would write it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_TEXT = Rule((str,), "a text")
_TABLE = Rule((dict,), "a table")
_FLAG = Rule((bool,), "true or false")
_NAME = Rule((str,), "a name, as Python has them", is_name)
_TEXTS = _list("a list of texts", lambda one: isinstance(one, str))
_EXPRESSION = Rule(
    (int, float, str),
    "a number or an expression over the sizes",
    lambda value: isinstance(value, str) or _is_finite(value),
)
_SECONDS = _number(0, 86_400, above=True)
_TABLES = _list("a list of tables", lambda one: isinstance(one, dict))

SIZE = _whole(1, 1_000_000)
RANGE = Rule(
    (list,),
    "two whole numbers of at least 1, the smaller first",
    lambda ends: len(ends) == _ENDS and all(map(SIZE.allows, ends)) and ends[0] <= ends[1],
)
MOST_NUMBERS = 10_000_000  # in one input

KEYS: dict[str, dict[str, Rule]] = {
    "": {
        "schema": Rule((int,), "a whole number"),
        "name": Rule(
            (str,), "a name of letters, digits, _, . and -", lambda value: bool(_LESSON_NAME.fullmatch(value))
        ),
        "title": _TEXT,
        "loss": _NAME,
        "video": Rule((str,), "a link that starts with https://", lambda value: bool(_LINK.fullmatch(value))),
        "sizes": _TABLE,
        "inputs": _TABLE,
        "cases": _TABLES,
        "limits": _TABLE,
        "credit": _TABLE,
        "training": _TABLE,
        "exercises": _list("a list of tables, at least one", lambda one: isinstance(one, dict), 1),
        "vocabulary": _TABLE,
        "notebook": _TEXT,
    },
    "inputs": {
        "shape": _list(
            "a list of whole numbers and expressions over the sizes",
            lambda one: isinstance(one, int | str) and not isinstance(one, bool),
        ),
        "below": _EXPRESSION,
        "scale": _EXPRESSION,
        "shift": _number(-1e9, 1e9),
        "values": _list("a list of numbers, at least one", _is_finite, 1),
    },
    "cases": {"name": _TEXT, "sizes": _TABLE, "inputs": _TABLE, "ties": _FLAG, "upstream": _number(0, 1e9, above=True)},
    "limits": {
        "call_seconds": _SECONDS,
        "step_seconds": _SECONDS,
        "submission_seconds": _SECONDS,
        "training_seconds": _SECONDS,
        "memory_mib": _whole(1, 1 << 20),
    },
    "credit": {verdict: _number(0, 1) for verdict in ("shape", "mutates", "hard-coded")},
    "training": {
        "batch": _list("a list of inputs by name, at least one", lambda one: isinstance(one, str), 1),
        "learning_rate": _number(0, 1000, above=True),
        "check": _TABLE,
        "grade": _TABLE,
    },
    "training plan": {"steps": _whole(1, 1_000_000), "sizes": _TABLE},
    "exercises": {
        "name": _NAME,
        "title": _TEXT,
        "about": _TEXT,
        "chain": _FLAG,
        "function": _NAME,
        "unless_reads": _TEXTS,
        "steps": _list("a list of tables, at least one", lambda one: isinstance(one, dict), 1),
    },
    "steps": {
        "name": _NAME,
        "points": _number(0, 10_000),
        "watch": Rule((str,), "mm:ss or h:mm:ss", lambda value: bool(_MINUTE.fullmatch(value))),
        "hints": _TEXTS,
        "kind": Rule((str,), '"gradient" or "training"', lambda value: value in ("gradient", "training")),
    },
    "vocabulary": {"names": _TEXTS, "attributes": _TEXTS, "modules": _TEXTS},
}
