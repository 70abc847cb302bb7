"""Parsing of a student's text: syntax trees, and nothing is run."""

from __future__ import annotations

import ast
import codeop
import warnings

_UNFINISHED = ast.PyCF_ONLY_AST | codeop.PyCF_ALLOW_INCOMPLETE_INPUT  # type: ignore[attr-defined]
_MORE_TO_COME = "incomplete input"  # as Python's own prompt says it


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


def is_unfinished(text: str) -> bool:
    """Whether a text that is no Python may become it by more lines: a bracket or a string in it is still open."""
    try:
        compile(text, "", "exec", _UNFINISHED)
    except SyntaxError as error:
        return error.msg == _MORE_TO_COME
    except (ValueError, RecursionError, MemoryError, SystemError):
        pass
    return False
