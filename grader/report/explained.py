"""A solution as a text to read: its comments as paragraphs, its code as code."""

from __future__ import annotations

import textwrap
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text


def explanation(solution: str, is_terminal: bool = True) -> Group:
    """The solution of one function, for a terminal of any width and background, or as text without either."""
    parts: list[RenderableType] = []
    for is_comment, lines in groupby(solution.splitlines(), key=lambda line: line.startswith("#")):
        block = list(lines)
        parts += [Text(paragraph) for paragraph in _paragraphs(block)] if is_comment else [_code(block, is_terminal)]
    return Group(*parts)


def _paragraphs(comments: list[str]) -> list[str]:
    """Comment lines joined; one that is indented, or empty, begins anew."""
    found: list[str] = []
    is_open = False
    for line in comments:
        text = line.removeprefix("#").removeprefix(" ")
        if not text.strip():
            found.append("")
            is_open = False
        elif is_open and not text.startswith(" "):
            found[-1] += f" {text}"
        else:
            found.append(text)
            is_open = not text.startswith(" ") or text.rstrip()[-1:] not in ".;:"
    return found


def _code(lines: list[str], is_terminal: bool) -> RenderableType:
    text = "\n".join(lines).strip("\n")
    if not is_terminal:
        return Text(textwrap.indent(f"\n{text}", "  ", predicate=lambda line: bool(line.strip())))
    code = Syntax(text, "python", theme="ansi_dark", background_color="default", word_wrap=True)
    return Padding(code, (1, 0, 0, 2))
