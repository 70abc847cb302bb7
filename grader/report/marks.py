"""One sign a step, and bars: what shows a whole submission in a few lines, with or without colour or Unicode."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from grader.results.model import PASSING

STYLES = {
    "exact": "green",
    "right": "green",
    "shape": "yellow",
    "mutates": "yellow",
    "hard-coded": "yellow",
    "missing": "dim",
    "wrong": "red",
    "error": "red",
    "forbidden": "magenta",
    "timeout": "red",
    "memory": "red",
    "crashed": "red",
}
_HALF = frozenset({"shape", "mutates", "hard-coded"})
_BAR = 20


def mark(verdict: str | None, ascii_only: bool = False) -> str:
    """✓ right, ½ half, ✗ not right, · missing; a space where nothing is known yet."""
    right, half, bad, missing = "+~x." if ascii_only else "✓½✗·"
    if verdict is None:
        return " "
    if verdict in PASSING:
        return right
    if verdict in _HALF:
        return half
    return missing if verdict == "missing" else bad


def chain_of_marks(verdicts: Iterable[tuple[str | None, bool]], ascii_only: bool = False) -> Text:
    """A mark a step, in order; (verdict, whether it is the one worked on)."""
    text = Text()
    for verdict, is_here in verdicts:
        style = STYLES.get(verdict or "missing", "")
        text.append(mark(verdict, ascii_only), style=f"{style} reverse" if is_here else style)
    return text


def bar(part: float, whole: float, ascii_only: bool = False, width: int = _BAR) -> Text:
    """How much of the points is there. Full only when all of it is."""
    full = int(width * part / whole) if whole else 0
    full = max(full, 1) if part else full
    done, open_ = "#-" if ascii_only else "█░"
    return Text.assemble((done * full, "green"), (open_ * (width - full), "dim"))
