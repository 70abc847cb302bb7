"""How verdicts look, and how a student's text is cleaned before anybody sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from grader.wording import escaped


@dataclass(frozen=True)
class Look:
    """How a verdict is shown: a sign for those who see no colours, a colour, and what it means."""

    sign: str
    family: str  # the CSS class
    meaning: str


# In the order of the class page's bars: what passes first. Signs differ from verdict to verdict.
LOOKS = {
    "exact": Look("=", "pass", "right, bit for bit as autograd has it"),
    "right": Look("✓", "pass", "right, up to rounding"),
    "shape": Look("s", "part", "right values in another shape"),
    "mutates": Look("m", "part", "right, but changed its inputs"),
    "hard-coded": Look("h", "part", "right only at the lecture's sizes or data"),
    "wrong": Look("✗", "fail", "other values"),
    "error": Look("e", "fail", "raised, or returned no plain tensor"),
    "timeout": Look("t", "fail", "over its time"),
    "memory": Look("M", "fail", "over its memory"),
    "crashed": Look("c", "fail", "its process died"),
    "forbidden": Look("f", "barred", "reaches outside what the exercise allows"),
    "missing": Look("·", "none", "not filled in"),
}

# For pictures on pages that are not the kit's own: told from each other on white and on black.
COLOURS = {"pass": "#3f9c86", "part": "#c08a1e", "fail": "#d4604c", "barred": "#9673c9", "none": "#8a8f98"}
FAMILIES = {"pass": "pass", "part": "right in part", "fail": "not right", "barred": "forbidden", "none": "missing"}

_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC and the like: titles, links
    r"|\x1b[ -/]*[0-~]?"
)
LINE_END = re.compile(r"\r\n?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BYTE = re.compile(r"[\udc80-\udcff]")  # of a file's name that is no text
_NO_CHARACTER = re.compile(r"[\ud800-\udfff\ufffe\uffff]")
_UNSEEN = re.compile(  # turns text around, or hides in it; joiners are left to the scripts that need them
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_PILE = re.compile(f"({_MARKS}{{3}}){_MARKS}+")


def clean(text: str) -> str:
    """`text` without what steers a terminal or deceives a reader; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPE_SEQUENCE.sub("", text)
    text = _CONTROL.sub("", LINE_END.sub("\n", text))
    text = _BYTE.sub(lambda found: escaped(found.group()), text)
    text = _PILE.sub(r"\1", _NO_CHARACTER.sub("\ufffd", text))
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)
