"""Small modules of Python's own library, written in the language: they reach no more than a student's program does.

Each is run anew in a program that imports it, as a file of the student's own is, so that two programs share nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
MODULES = frozenset(path.stem for path in _HERE.glob("*.py")) - {"__init__"}
FILES = "<library>"  # how the files of these modules are called in a program


@cache
def text(module: str) -> str:
    """The source of a module."""
    return (_HERE / f"{module}.py").read_text(encoding="utf-8")
