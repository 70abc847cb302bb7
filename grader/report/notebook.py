"""A student's notebook as it is shown: code as text, prose rendered by nbconvert and cleaned of all that could act.

Outputs are left out: they are what the student's machine printed, and no part of what was judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from grader.submission.notebook import NoNotebook, cells_of

if TYPE_CHECKING:
    from collections.abc import Callable

_ANCHOR = re.compile(r'<a class="anchor-link"[^>]*>[^<]*</a>')  # a sign behind each heading
_MOST_PROSE = 20_000  # characters of one cell
_TAGS = frozenset(
    {"h1", "h2", "h3", "h4", "h5", "h6", "p", "em", "strong", "code", "pre", "ul", "ol", "li"}
) | frozenset({"blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td", "del", "sup", "sub"})


@dataclass(frozen=True)
class ShownCell:
    """One cell: its lines of code as the student wrote them, or its prose."""

    number: int
    lines: tuple[str, ...] = ()
    prose: Markup | None = None


def shown_cells(text: str) -> list[ShownCell]:
    """The cells of a notebook's JSON, in order; none where it cannot be read."""
    try:
        cells, _ = cells_of("", text)
    except NoNotebook:
        return []
    return [
        ShownCell(cell.number, lines=tuple(cell.source.split("\n")))
        if cell.is_code
        else ShownCell(cell.number, prose=_rendered(cell.source[:_MOST_PROSE]))
        for cell in cells
        if cell.source.strip()
    ]


def _rendered(source: str) -> Markup:
    import bleach

    html = _ANCHOR.sub("", _markdown()(source))
    return Markup(bleach.clean(html, tags=_TAGS, attributes={}, strip=True))


@cache
def _markdown() -> Callable[[str], str]:
    from nbconvert.filters.markdown_mistune import markdown2html_mistune  # costs a second: only where there is prose

    return markdown2html_mistune
