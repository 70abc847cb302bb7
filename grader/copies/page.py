"""Pairs -> one HTML file that fetches nothing and runs nothing; all that students wrote is cleaned and escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from grader.copies.compare import Match, Pair, Printed, Source
from grader.lesson import Lesson
from grader.report.looks import clean

_MOST_LINES = 2000  # of one submission
_LONGEST = 400
_MOST_SIGNS = 100_000  # of one submission; a page of fifty pairs stays below what a browser bears


@dataclass(frozen=True)
class Line:
    """One line of a source; `shade` from 1, shared with some, to 3, shared with nobody else; 0 is not shared."""

    number: int
    text: str
    shade: int


@dataclass(frozen=True)
class Sides:
    """What stands next to each other."""

    left_at: str
    right_at: str
    left: tuple[Line, ...]
    right: tuple[Line, ...]


@dataclass(frozen=True)
class Shown:
    """One pair of the page."""

    left: str
    right: str
    percent: int
    matches: tuple[Sides, ...]
    wholes: Sides


def copies_page(pairs: Sequence[Pair], compared: int, lesson: Lesson) -> str:
    """The page of an instructor: pairs in order, matching functions side by side, then the whole sources."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("grader.copies"), PackageLoader("grader.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: clean(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("copies.html")
    return template.render(pairs=[_shown(pair) for pair in pairs], compared=compared, lesson=lesson)


def _shown(pair: Pair) -> Shown:
    heaviest = max((weight for match in pair.matches for weight in match.shared.values()), default=1.0)
    wholes = Sides(pair.left.name, pair.right.name, _whole(pair.left), _whole(pair.right))
    matches = tuple(_sides(pair, match, heaviest) for match in pair.matches)
    return Shown(pair.left.name, pair.right.name, round(100 * pair.score), matches, wholes)


def _sides(pair: Pair, match: Match, heaviest: float) -> Sides:
    return Sides(
        _place(match.left),
        _place(match.right),
        _passage(pair.left, match.left, match, heaviest),
        _passage(pair.right, match.right, match, heaviest),
    )


def _place(printed: Printed) -> str:
    return f"{printed.passage.file}:{printed.passage.first}"


def _passage(source: Source, printed: Printed, match: Match, heaviest: float) -> tuple[Line, ...]:
    """The lines of one side, shaded by the rarest fingerprint that covers them."""
    shades: dict[int, int] = {}
    for one in printed.prints:
        if weight := match.shared.get(one.hash, 0.0):
            for number in range(one.first, one.last + 1):
                shades[number] = max(shades.get(number, 0), 1 + min(2, int(2.999 * (weight / heaviest) ** 2)))
    lines = source.files[printed.passage.file]
    numbers = range(printed.passage.first, min(printed.passage.last, len(lines)) + 1)
    return tuple(Line(number, _cut(lines[number - 1]), shades.get(number, 0)) for number in numbers)


def _whole(source: Source) -> tuple[Line, ...]:
    lines = [
        line
        for file, texts in source.files.items()
        for line in (Line(0, f"# ---- {file}", 0), *(Line(n, _cut(text), 0) for n, text in enumerate(texts, start=1)))
    ]
    room = accumulate(len(line.text) for line in lines[:_MOST_LINES])
    return tuple(line for line, signs in zip(lines, room, strict=False) if signs <= _MOST_SIGNS)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
