"""A notebook's prose -> HTML that shows and does nothing: no links, no pictures, no raw HTML.

markdown-it reads it, which takes linear time on every input that is known to trouble Markdown readers. Formulas stay
as they are written. What comes out is cleaned once more by bleach.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from grader.report.looks import clean
from grader.report.render import as_markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

MOST_FORMATTED = 15_000  # of one cell's cost; a dearer one is shown as plain text
_LINE = 30  # what a line costs, in characters: rows of tables and points of lists become elements
_DEEPEST = 20  # lists in lists, quotes in quotes
_TAGS = frozenset(
    {"h1", "h2", "h3", "h4", "h5", "h6", "p", "em", "strong", "code", "pre", "ul", "ol", "li", "s"}
) | frozenset({"blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td"})
_PASTED = re.compile(r"data:[\w/+.;-]{1,80},[A-Za-z0-9+/=%]*+")  # a picture as text
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,500}>")
_CLOSED_BY = {"$$": "$$", "$": "$", "\\[": "\\]", "\\(": "\\)"}  # formulas; the longer sign first
_BLOCKS = ("$$", "\\[", "\\begin{")


def formatted(text: str) -> Markup | None:
    """The prose of one cell; None where it is too long to be formatted, or no renderer takes it."""
    import bleach

    text = clean(text)
    if cost_of(text) > MOST_FORMATTED:
        return None
    try:
        return Markup(bleach.clean(_markdown().render(text), tags=_TAGS, attributes={}, strip=True))
    except Exception:  # whatever a renderer comes upon costs this cell its formatting, and nothing else
        return None


def cost_of(text: str) -> int:
    """What it costs to format a text: about 0.05 ms a character at most."""
    return len(text) + _LINE * text.count("\n")


def as_written(text: str) -> Markup:
    """Prose without formatting."""
    return Markup("<pre>{}</pre>").format(as_markup(text))


def without_pictures(text: str) -> str:
    """Prose in which a picture that was pasted as text is a word."""
    return _PASTED.sub("pasted", text)


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    reader.block.ruler.before("fence", "formula", _formula_block, {"alt": ["paragraph", "blockquote", "list"]})
    reader.inline.ruler.before("escape", "formula", _formula)
    reader.inline.ruler.before("html_inline", "tag", _tag)
    reader.add_render_rule("image", lambda _, tokens, place, *__: as_markup(f"[picture {tokens[place].content}]"))
    return reader


def _formula(state: StateInline, silent: bool) -> bool:
    """`$x_i$`, `\\[ ... \\]`: shown as written, with no emphasis in it."""
    start = next((sign for sign in _CLOSED_BY if state.src.startswith(sign, state.pos)), None)
    if start is None:
        return False
    closing = _CLOSED_BY[start]
    if closing in state.env.setdefault("unclosed", set()):  # asked before, and not there up to the end
        return False
    end = state.src.find(closing, state.pos + len(start))
    if end < 0:
        state.env["unclosed"].add(closing)
        return False
    if not silent:
        state.push("text", "", 0).content = state.src[state.pos : end + len(closing)]
    state.pos = end + len(closing)
    return True


def _tag(state: StateInline, silent: bool) -> bool:
    """A tag of HTML: `<br>` breaks the line, every other one is left out."""
    found = _TAG.match(state.src, state.pos)
    if not found:
        return False
    if not silent and found.group().lower().strip("</ >") == "br":
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _formula_block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A formula over several lines, in which a line may begin with `-` or `#`; up to an empty line at most."""
    line = _line(state, first)
    if not line.startswith(_BLOCKS):
        return False
    if silent:
        return True
    end = first + 1
    while end < last and not state.isEmpty(end):
        end += 1
    state.line = end
    state.push("paragraph_open", "p", 1)
    state.push("text", "", 0).content = "\n".join(_line(state, number) for number in range(first, end))
    state.push("paragraph_close", "p", -1)
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]
