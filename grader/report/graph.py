"""The network's graph as a picture: forward and backward, a verdict at every tensor.

One SVG without scripts, links or fonts of its own. It takes the colour of the text around
it, so that it fits light and dark pages; a verdict shows as a colour and as a sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import escape

from grader.lesson import Lesson, Statement, Step
from grader.report.layout import (
    BADGE,
    BOX,
    CHIP,
    LABEL_SIGN,
    LANE,
    Arc,
    Layout,
    Place,
    layout,
)
from grader.report.looks import COLOURS, LOOKS
from grader.results.model import SubmissionResult
from grader.wording import counted

_MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_GAP = 5  # between the way forward and the way back
_LEGEND = 54
_SPINE = 22  # from the left side of the boxes to what joins neighbours
_CHARACTERS = 7.0  # the width of a sign of the legend

_STANDALONE = """<style>
  svg { color: #1f2328; background: #ffffff; }
  @media (prefers-color-scheme: dark) { svg { color: #e6e6e6; background: #16181c; } }
</style>"""
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }}
  h1 {{ font-size: 1.3rem; margin: 0; }} p {{ margin: 0 0 1rem; opacity: .75; }}
  @media (prefers-color-scheme: light) {{ body {{ color: #1f2328; background: #ffffff; }} }}
  @media (prefers-color-scheme: dark) {{ body {{ color: #e6e6e6; background: #16181c; }} }}
</style>
<h1>{title}</h1>
<p>{line}</p>
{svg}
</html>
"""


def verdicts_of(result: SubmissionResult) -> dict[str, str]:
    """Verdicts by `exercise.step`, as graph_svg takes them."""
    return {f"{found.exercise}.{step.step}": step.verdict for found in result.exercises for step in found.steps}


def graph_svg(lesson: Lesson, verdicts: Mapping[str, str]) -> str:
    """The picture, to be put into a page. `verdicts` by `exercise.step`; what it lacks has not been judged."""
    return _Picture(lesson, verdicts).svg("")


def graph_file(lesson: Lesson, verdicts: Mapping[str, str]) -> str:
    """The picture as an SVG file: in dark ink, or in light ink where the reader prefers dark."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _Picture(lesson, verdicts).svg(_STANDALONE) + "\n"


def graph_page(lesson: Lesson, verdicts: Mapping[str, str], line: str) -> str:
    """The picture as a page of its own, with one line below its title."""
    return _PAGE.format(title=escape(lesson.title), line=escape(line), svg=graph_svg(lesson, verdicts))


@dataclass(frozen=True)
class _Badge:
    """One verdict on a tensor: the sign and the colour; `label` names its exercise where the tensor has several."""

    step: Step
    verdict: str
    label: str

    @property
    def colour(self) -> str:
        return COLOURS[LOOKS[self.verdict].family] if self.verdict else COLOURS["none"]

    @property
    def sign(self) -> str:
        return LOOKS[self.verdict].sign if self.verdict else ""

    @property
    def title(self) -> str:
        if not self.verdict:
            return f"{self.step.path}: not checked"
        return f"{self.step.path}: {self.verdict} ({LOOKS[self.verdict].meaning})"


@dataclass(frozen=True)
class _Frame:
    """What all pictures of one lesson have alike."""

    asked: Mapping[str, tuple[tuple[Step, str], ...]]  # by tensor: the steps for its gradient, each with its label
    layout: Layout
    integers: frozenset[str]


_MOST_FRAMES = 4
_frames: dict[int, tuple[Lesson, _Frame]] = {}  # by id of the lesson, which stands beside it and so keeps its id


def _frame(lesson: Lesson) -> _Frame:
    """Read and laid out once: a class has a picture a student."""
    if id(lesson) not in _frames:
        if len(_frames) >= _MOST_FRAMES:
            _frames.clear()
        asked = {tensor: _asked(lesson, tensor) for tensor in lesson.graph.tensors}
        integers = frozenset(name for name, entry in lesson.inputs.items() if entry.is_integer)
        placed = layout(lesson, {tensor: len(steps) for tensor, steps in asked.items()})
        _frames[id(lesson)] = lesson, _Frame(asked, placed, integers)
    return _frames[id(lesson)][1]


def _asked(lesson: Lesson, tensor: str) -> tuple[tuple[Step, str], ...]:
    """The steps that ask for a tensor's gradient, in the lesson's order; labelled where they are several."""
    steps = [step for step in lesson.steps if not step.is_training and step.tensor == tensor]
    labels = _labels(lesson) if len(steps) > 1 else {}
    return tuple((step, labels.get(step.exercise, "")) for step in steps)


class _Picture:
    """One lesson's picture, part by part."""

    def __init__(self, lesson: Lesson, verdicts: Mapping[str, str]) -> None:
        frame = _frame(lesson)
        self._lesson = lesson
        self._layout = frame.layout
        self._integers = frame.integers
        self._badges = {
            tensor: tuple(_Badge(step, verdicts.get(step.path, ""), label) for step, label in steps)
            for tensor, steps in frame.asked.items()
        }

    def svg(self, head: str) -> str:
        width, height = round(self._layout.width), round(self._layout.height + _LEGEND)
        about = f"The graph of {self._lesson.name}: {counted(len(self._lesson.graph.statements), 'line')} of forward.py"
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(about)}" fill="currentColor" font-family="{_MONO}" '
            'style="max-width: 100%; height: auto">',
            head,
            *self._edges(),
            *self._boxes(),
            *self._notes(),
            *self._legend(),
            "</svg>",
        ]
        return "\n".join(part for part in parts if part)

    def _colour(self, tensor: str) -> str:
        """The colour of a tensor's gradient: of its first verdict."""
        judged = [badge for badge in self._badges[tensor] if badge.verdict]
        return judged[0].colour if judged else COLOURS["none"]

    # ---- edges

    def _edges(self) -> Iterator[str]:
        for source, target in self._layout.straight:
            middle = source.left + _SPINE
            start, end = source.middle + BOX / 2, target.middle - BOX / 2
            yield from self._pair(source.tensor, target.tensor, [(middle, start), (middle, end)], (-1, 0))
            yield self._label(source.tensor, middle + 12, (start + end) / 2 + 3.5)
        for row in self._layout.rows:
            for place in row.inputs:
                reach = row.place.left
                bend = max(-9.0, min(9.0, (place.middle - row.place.middle) * 0.4))
                points = [(place.right, place.middle), (reach - 14, place.middle), (reach, row.place.middle + bend)]
                yield from self._pair(place.tensor, row.place.tensor, points, (0, 1))
                yield self._label(place.tensor, place.right + 8, place.middle - 6)
        for arc in self._layout.arcs:
            yield from self._arc(arc)

    def _arc(self, arc: Arc) -> Iterator[str]:
        start, end = arc.source.middle + 7, arc.target.middle - 8
        lane = arc.source.right + 14 + LANE * arc.lane
        points = [(arc.source.right, start), (lane, start), (lane, end), (arc.target.right, end)]
        yield from self._pair(arc.source.tensor, arc.target.tensor, points, (1, 1))
        shape = self._layout.shapes.get(arc.source.tensor, "")
        if LABEL_SIGN * len(shape) < end - start - 10:
            x, y = lane + _GAP + 9, (start + end) / 2
            yield self._label(arc.source.tensor, x, y, f'transform="rotate(90 {x:.1f} {y:.1f})" text-anchor="middle"')

    def _pair(
        self, source: str, target: str, points: list[tuple[float, float]], shift: tuple[int, int]
    ) -> Iterator[str]:
        """The way forward, and beside it the way back, where the loss depends on what comes of it."""
        yield f'<path d="{_path(points)}" fill="none" stroke="currentColor" stroke-opacity=".45" stroke-width="1.2"/>'
        yield _arrow(points[-2], points[-1], "currentColor", ".55")
        if target not in self._layout.with_gradient or source in self._integers:
            return
        back = _shifted(points, shift)
        colour = self._colour(source)
        yield f'<path d="{_path(back)}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-dasharray="4 3"/>'
        yield _arrow(back[1], back[0], colour, "1")

    def _label(self, tensor: str, x: float, y: float, more: str = "") -> str:
        shape = self._layout.shapes.get(tensor, "")
        return _text(x, y, 10, shape, f'fill-opacity=".7" {more}') if shape else ""

    # ---- boxes

    def _boxes(self) -> Iterator[str]:
        for row in self._layout.rows:
            for place in (*row.inputs, row.place):
                yield from self._box(place)

    def _box(self, place: Place) -> Iterator[str]:
        height = CHIP if place.is_input else BOX
        badges = self._badges[place.tensor]
        colour = self._colour(place.tensor) if badges else "currentColor"
        tint = ".16" if any(badge.verdict and badge.verdict != "missing" for badge in badges) else ".04"
        dash = 'stroke-dasharray="3 3"' if _is_missing(badges) else ""
        titles = "; ".join(badge.title for badge in badges)
        yield f"<g><title>{escape(titles or place.tensor)}</title>"
        yield (
            f'<rect x="{place.left:.1f}" y="{place.middle - height / 2:.1f}" width="{place.width:.1f}" '
            f'height="{height}" rx="{height / 2 if place.is_input else 6}" fill="{colour}" fill-opacity="{tint}" '
            f'stroke="{colour}" stroke-width="1.5" stroke-opacity="{"1" if badges else ".5"}" {dash}/>'
        )
        size = 12 if place.is_input else 13
        yield _text(place.left + 10, place.middle + 4.5, size, place.tensor)
        for number, badge in enumerate(reversed(badges)):
            yield from self._badge(badge, place.right - 14 - (BADGE + 6) * number, place.middle)
        yield "</g>"

    def _badge(self, badge: _Badge, x: float, y: float) -> Iterator[str]:
        """A circle with the sign; above it, where the tensor has several, the exercise."""
        if badge.label:
            yield _text(x, y - 5, 8, badge.label, 'text-anchor="middle" fill-opacity=".8"')
        centre = y + 5 if badge.label else y
        radius = 6.5 if badge.label else 8
        if badge.verdict and badge.verdict != "missing":
            yield f'<circle cx="{x:.1f}" cy="{centre:.1f}" r="{radius}" fill="{badge.colour}"/>'
            yield _sign(x, centre, badge.sign, 9.5 if badge.label else 11, "#ffffff")
        else:
            yield f'<circle cx="{x:.1f}" cy="{centre:.1f}" r="{radius}" fill="none" stroke="{badge.colour}"/>'
            yield _sign(x, centre, badge.sign, 9.5, "currentColor")

    # ---- text

    def _notes(self) -> Iterator[str]:
        """The forward lines, and where gradients of several lines add up."""
        seen: set[str] = set()
        for row in self._layout.rows:
            x, y = self._layout.notes_left, row.place.middle
            yield _text(x, y + 1, 11, row.statement.source)
            tensors = [place.tensor for place in row.inputs if place.tensor not in seen] + [row.place.tensor]
            seen |= set(tensors)
            sums = [text for tensor in tensors if (text := self._sum_of_paths(tensor))]
            for number, text in enumerate(sums):
                yield _text(x, y + 15 + 12 * number, 10, text, 'fill-opacity=".8"')

    def _sum_of_paths(self, tensor: str) -> str:
        graph = self._lesson.graph
        users: list[Statement] = [user for user in graph.users[tensor] if user.tensor in self._layout.with_gradient]
        if len(users) < 2 or tensor in self._integers:
            return ""
        return f"⊕ d{tensor} adds up {counted(len(users), 'path')}: " + ", ".join(user.tensor for user in users)

    def _legend(self) -> Iterator[str]:
        """What the lines mean, and the signs that are there."""
        y = self._layout.height + 14
        x = 14.0
        yield f'<path d="M{x} {y - 4}h28" stroke="currentColor" stroke-opacity=".45" stroke-width="1.2"/>'
        yield _arrow((x, y - 4), (x + 30, y - 4), "currentColor", ".55")
        yield _text(x + 38, y, 11, "forward, with its shape")
        yield f'<path d="M{x + 226} {y - 4}h28" stroke="{COLOURS["none"]}" stroke-width="1.8" stroke-dasharray="4 3"/>'
        yield _arrow((x + 254, y - 4), (x + 224, y - 4), COLOURS["none"], "1")
        yield _text(x + 262, y, 11, "backward: the gradient, coloured by its verdict")
        y += 22
        there = {badge.verdict for badges in self._badges.values() for badge in badges}
        for verdict in (verdict for verdict in LOOKS if verdict in there):
            colour = COLOURS[LOOKS[verdict].family]
            yield f'<circle cx="{x + 8:.1f}" cy="{y - 4}" r="8" fill="{colour}"/>'
            yield _sign(x + 8, y - 4, LOOKS[verdict].sign, 11, "#ffffff")
            yield _text(x + 21, y, 11, verdict)
            x += 40 + _CHARACTERS * len(verdict)


def _is_missing(badges: tuple[_Badge, ...]) -> bool:
    return bool(badges) and all(badge.verdict in ("", "missing") for badge in badges)


def _labels(lesson: Lesson) -> dict[str, str]:
    """A short name for each exercise: `ex1` of ex1_chain; its number where that would not tell them apart."""
    short = [exercise.name.split("_")[0] for exercise in lesson.exercises]
    if len(set(short)) < len(short):
        short = [str(number) for number in range(1, len(short) + 1)]
    return {exercise.name: name for exercise, name in zip(lesson.exercises, short, strict=True)}


def _path(points: list[tuple[float, float]]) -> str:
    """A line through the points, with round corners."""
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _toward(corner, before, 8), _toward(corner, after, 8)
        text += f"L{near[0]:.1f} {near[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {far[0]:.1f} {far[1]:.1f}"
    return text + f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _toward(point: tuple[float, float], other: tuple[float, float], most: float) -> tuple[float, float]:
    """The point `most` pixels, but at most half the way, from one to the other."""
    across, down = other[0] - point[0], other[1] - point[1]
    length = max((across**2 + down**2) ** 0.5, 1e-9)
    part = min(most, length / 2) / length
    return point[0] + across * part, point[1] + down * part


def _shifted(points: list[tuple[float, float]], shift: tuple[int, int]) -> list[tuple[float, float]]:
    """The way back beside the way forward; an arc's lies outside it all along."""
    across, down = shift
    if across and down:
        (x0, y0), (x1, _), _, (x3, y3) = points
        return [(x0, y0 + _GAP), (x1 - _GAP, y0 + _GAP), (x1 - _GAP, y3 - _GAP), (x3, y3 - _GAP)]
    return [(x + _GAP * across, y + _GAP * down) for x, y in points]


def _arrow(start: tuple[float, float], end: tuple[float, float], colour: str, opacity: str) -> str:
    """The head of an arrow that arrives at `end`."""
    back = _toward(end, start, 7)
    across, down = (end[0] - back[0]) * 0.5, (end[1] - back[1]) * 0.5
    corners = [end, (back[0] - down, back[1] + across), (back[0] + down, back[1] - across)]
    return f'<path d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in corners)}Z" fill="{colour}" fill-opacity="{opacity}"/>'


def _text(x: float, y: float, size: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {more}>{escape(text)}</text>'


def _sign(x: float, y: float, sign: str, size: float, colour: str) -> str:
    """The sign in the middle of a badge."""
    more = f'font-weight="bold" text-anchor="middle" fill="{colour}"'
    return _text(x, y + size * 0.36, size, sign, more) if sign else ""
