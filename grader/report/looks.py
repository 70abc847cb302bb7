"""How verdicts look, the same on every page and picture."""

from __future__ import annotations

from dataclasses import dataclass


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
