"""Standard output and error as any machine has them: closed, full, or in an encoding without our signs."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys

from grader.wording import escaped, is_byte

_IN_ASCII = {
    "·": "-", "…": "...", "×": "x", "✓": "+", "✗": "x", "½": "~", "█": "#", "░": "-", "⊕": "+", "δ": "d",
    "“": '"', "”": '"', "⟨": "<", "⟩": ">", "—": "-", "–": "-", "→": "->", "≤": "<=", "≥": ">=", "\ufffd": "?",
}  # fmt: skip
_HANDLER = "grader.legible"


def _legible(error: UnicodeError) -> tuple[str, int]:
    """For what an encoding lacks: our own signs in ASCII, all else as an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(sign) or escaped(sign) for sign in missing), error.end


def prepare() -> None:
    """Whatever is printed from here on can be printed; a closed stream takes everything and shows nothing."""
    codecs.register_error(_HANDLER, _legible)
    sys.stdout = sys.stdout or _nowhere(1)
    sys.stderr = sys.stderr or _nowhere(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def without_controls(text: str) -> str:
    """A text that may hold a file's name, and steers no terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" or is_byte(sign) else "\ufffd" for sign in text)


def abandon(stream: io.TextIOBase | object) -> None:
    """What is still to be written there goes nowhere, so that Python's own last attempt at it does not fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())  # type: ignore[union-attr]  # without one: AttributeError
        os.close(nothing)


def _nowhere(number: int) -> io.TextIOWrapper:
    """A stream under its own number, so that no file of a run gets that number and our output."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)
    return os.fdopen(number, "w", encoding="utf-8", closefd=False)
