"""Parsing of a student's text: syntax trees, and nothing is run."""

from __future__ import annotations

import ast
import warnings


def parsed(text: str) -> ast.Module:
    """The syntax tree of a student's text; invalid escapes and the like are their style, and no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def is_python(text: str) -> bool:
    """Whether a text can be parsed."""
    try:
        parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return False
    return True
