"""Where the parts of a network's picture stand.

One row for each line of forward.py, from top to bottom, so that the picture reads as
the code does. Inputs stand left of each line that uses them. A tensor that the next line
uses is joined to it straight; to a line further down an arc runs on the right, in the
first lane that is free there. Nothing depends on the shape of one network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from grader.lesson import Graph, Lesson, Statement
from grader.lesson.shapes import as_text, shown_shapes

SIGN = 7.9  # pixels: the width of one sign of the names' type, of the code's, of the labels'
CODE_SIGN = 6.7
LABEL_SIGN = 6.1
BOX = 30  # the height of a tensor
CHIP = 28  # the height of an input
PITCH = 40  # from one input of a line to the next
ROW = 62  # from one line to the next
LANE = 34  # an arc and the shape beside it
MARGIN = 14
BADGE = 20


@dataclass(frozen=True)
class Place:
    """A box: a tensor of its own row, or an input beside the row that uses it."""

    tensor: str
    left: float
    middle: float  # its height on the page
    width: float
    is_input: bool = False

    @property
    def right(self) -> float:
        return self.left + self.width


@dataclass(frozen=True)
class Arc:
    """A tensor that is used further down than in the next row."""

    source: Place
    target: Place
    lane: int


@dataclass(frozen=True)
class Row:
    """One line of forward.py: the tensor it makes, and the inputs it takes."""

    statement: Statement
    place: Place
    inputs: tuple[Place, ...]


@dataclass(frozen=True)
class Layout:
    """All boxes and what joins them."""

    graph: Graph
    rows: tuple[Row, ...]
    arcs: tuple[Arc, ...]
    shapes: Mapping[str, str]
    notes_left: float
    width: float
    height: float

    @property
    def straight(self) -> tuple[tuple[Place, Place], ...]:
        """Neighbouring rows of which the lower one uses the upper one's tensor."""
        return tuple(
            (upper.place, lower.place)
            for upper, lower in zip(self.rows, self.rows[1:], strict=False)
            if upper.place.tensor in lower.statement.reads
        )

    @cached_property
    def with_gradient(self) -> frozenset[str]:
        """The tensors that the loss depends on, but for whole numbers, and the loss itself."""
        reach = {tensor for tensor in self.graph.tensors if self.graph.loss in self.graph.downstream[tensor]}
        return frozenset(reach | {self.graph.loss})


def layout(lesson: Lesson, badges: Mapping[str, int]) -> Layout:
    """The layout of a lesson's network; `badges` says how many verdicts stand in a tensor's box."""
    graph = lesson.graph
    shapes = {tensor: as_text(shape) for tensor, shape in shown_shapes(lesson).items()}
    chip_width = max((_box_width(name, badges.get(name, 0)) for name in graph.inputs), default=0)
    label_width = LABEL_SIGN * max((len(shapes.get(name, "")) for name in graph.inputs), default=0)
    left = MARGIN + chip_width + label_width + 34
    box_width = max(_box_width(statement.tensor, badges.get(statement.tensor, 0)) for statement in graph.statements)
    rows: list[Row] = []
    top = MARGIN + 4.0
    for statement in graph.statements:
        taken = [name for name in dict.fromkeys(statement.reads) if name in graph.inputs]
        height = max(ROW, PITCH * len(taken) + 8)
        middle = top + height / 2
        first = middle - PITCH * (len(taken) - 1) / 2
        inputs = tuple(
            Place(name, MARGIN, first + PITCH * number, chip_width, True) for number, name in enumerate(taken)
        )
        rows.append(Row(statement, Place(statement.tensor, left, middle, box_width), inputs))
        top += height
    arcs = _arcs(rows)
    lanes = max((arc.lane + 1 for arc in arcs), default=0)
    notes_left = left + box_width + LANE * lanes + 30
    longest = max(len(statement.source) for statement in graph.statements)
    return Layout(graph, tuple(rows), arcs, shapes, notes_left, notes_left + CODE_SIGN * longest + MARGIN, top)


def _box_width(tensor: str, badges: int) -> float:
    return 20 + SIGN * len(tensor) + (BADGE + 6) * badges


def _arcs(rows: Sequence[Row]) -> tuple[Arc, ...]:
    """Every use that is not in the next row; shorter arcs lie further in."""
    number = {row.place.tensor: index for index, row in enumerate(rows)}
    uses = [
        (number[read], index)
        for index, row in enumerate(rows)
        for read in dict.fromkeys(row.statement.reads)
        if read in number and index > number[read] + 1
    ]
    lanes: list[list[tuple[int, int]]] = []
    found: list[Arc] = []
    for start, end in sorted(uses, key=lambda use: (use[1] - use[0], use)):
        free = (lane for lane, taken in enumerate(lanes) if all(end <= a or b <= start for a, b in taken))
        lane = next(free, len(lanes))
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((start, end))
        found.append(Arc(rows[start].place, rows[end].place, lane))
    return tuple(found)
