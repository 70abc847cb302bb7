"""A part of the screen that may hold more than fits: shown from a line on, with a word that there is more."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style

_MORE, _LAST = "... space: more", "... space: from the top"


class Page:
    """These parts one below the other, from page `number` on; after the last page comes the first."""

    def __init__(self, parts: Sequence[RenderableType], number: int) -> None:
        self._parts = Group(*parts)
        self._number = number

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.height
        lines = console.render_lines(self._parts, options.update(height=None), pad=False)
        room = max(height - 1, 1)
        if len(lines) > height:
            pages = -(-len(lines) // room)
            here = self._number % pages
            lines = lines[here * room : (here + 1) * room]
            lines.append([Segment(_LAST if here == pages - 1 else _MORE, Style(dim=True))])
        for line in lines:
            yield from line
            yield Segment.line()
