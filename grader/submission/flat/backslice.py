"""The statements that a variable's value needs, backward from where it counts.

It is cut at what the kit gives: the lesson's tensors and sizes, and the finished gradients of
other tensors. A gradient that is read before it is finished is no cut point: then the part that
is there is what was meant, and the statements that made it belong to the slice.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from grader.lesson.model import GRADIENT_PREFIX
from grader.submission.effort import Effort
from grader.submission.flat.flow import changed_by
from grader.submission.flat.renames import Renames
from grader.submission.flat.sections import Section
from grader.syntax import walk

_MODULES = frozenset({"torch", "F", "math", "range", "len"})


@dataclass(frozen=True)
class Need:
    """A variable, and the place in the section up to which its value counts."""

    variable: str
    before: int


@dataclass(frozen=True)
class Backslice:
    """The places of the statements, in order, and the names that the kit gives: the student's -> the lesson's."""

    places: tuple[int, ...]
    given: dict[str, str]
    stale: tuple[str, ...]  # gradients that only another exercise makes
    unknown: tuple[str, ...]  # names that nothing before binds

    @property
    def gradients(self) -> frozenset[str]:
        """The lesson's names of the gradients that are read."""
        return frozenset(self.given.values())


class Slicer:
    """Slices of one section. Where `cuts` is off, gradients have to be made in the section itself."""

    def __init__(
        self, section: Section, renames: Renames, cell: Callable[[int], int], effort: Effort, *, cuts: bool
    ) -> None:
        self._section = section
        self._cell = cell  # the first line of the cell that a line stands in
        self._renames = renames
        self._cuts = cuts
        self._effort = effort
        self._events: dict[str, list[int]] = defaultdict(list)  # the places that bind or change a name
        self._starts: dict[str, list[int]] = defaultdict(list)  # for each event, which one bound the name last
        self._assigned: dict[str, list[int]] = defaultdict(list)  # for each event, which one assigned to a name last
        self._aliases: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for place, line in enumerate(section.lines):
            if not line.is_training:
                for name in (*line.effects.binds, *line.effects.changes):
                    events, starts, assigned = self._events[name], self._starts[name], self._assigned[name]
                    starts.append(len(events) if name in line.effects.binds or not events else starts[-1])
                    is_assigned = isinstance(line.node, ast.Assign) and _is_name(line.node.targets)
                    assigned.append(len(events) if is_assigned else assigned[-1] if assigned else 0)
                    events.append(place)
                match line.node:
                    case ast.Assign(targets=[ast.Name(id=variable)], value=ast.Name(id=other)):
                        self._aliases[other].append((variable, place))

    def slice(self, roots: Iterable[Need], local: range = range(0)) -> Backslice:
        """What the roots need. Never given: they themselves, and gradients made anew at `local` places."""
        needs = list(roots)
        for aliases in (True, False):
            work = _Work(self, {need.variable for need in needs}, local, aliases=aliases)
            for need in needs:
                work.define(need.variable, need.before)
            if work.is_consistent():
                break
        return work.done()

    def alias_of(self, name: str, reaching: Sequence[int], before: int) -> str | None:
        """The gradient's variable that has the value of `name` there: `dprobs = g` after the last change of `g`."""
        if not self._cuts or not reaching:
            return None
        for variable, place in self._aliases.get(name, ()):
            self._effort.spend()
            if reaching[-1] < place < before and self.reaching(variable, before) == [place]:
                return variable
        return None

    def reaching(self, name: str, before: int) -> list[int]:
        """The places that make the value `name` has there: the last that binds it anew, and changes since."""
        events = self._events.get(name, [])
        end = bisect_left(events, before)
        start = self._starts[name][end - 1] if end else 0
        self._effort.spend(1 + end - start)
        return events[start:end]

    def making(self, name: str, before: int) -> list[int]:
        """As `reaching`, and `x = x * y` binds anew: what it reads of `x` is asked for at its place."""
        events = self._events.get(name, [])
        end = bisect_left(events, before)
        start = max(self._starts[name][end - 1], self._assigned[name][end - 1]) if end else 0
        self._effort.spend(1 + end - start)
        return events[start:end]

    def is_in_cell(self, place: int, reader: int) -> bool:
        """Whether two statements stand in one cell of a notebook."""
        lines = self._section.lines
        return self._cell(lines[place].node.lineno) == self._cell(lines[reader].node.lineno) > 1

    def is_finished(self, name: str, before: int) -> bool:
        """Whether nothing changes `name` between there and where it is bound anew."""
        events = self._events.get(name, [])
        after = bisect_left(events, before)
        return after == len(events) or name in self._section.lines[events[after]].effects.binds


class _Work:
    """One slice while it grows."""

    def __init__(self, slicer: Slicer, roots: set[str], local: range, *, aliases: bool) -> None:
        self._slicer = slicer
        self._aliases = aliases
        self._flowing: dict[str, dict[str, int]] = defaultdict(dict)  # own names: what they hold, and where
        self._local = local
        self._lines = slicer._section.lines
        self._start = slicer._section.start
        self._renames = slicer._renames
        self._targets = {self._renames.tensor_of(root) for root in roots}
        self._places: set[int] = set()
        self._given: dict[str, str] = {}
        self._stale: set[str] = set()
        self._unknown: set[str] = set()
        self._waiting: list[tuple[str, int]] = []

    def define(self, name: str, before: int) -> None:
        """Takes in what makes `name`, and what that needs in turn."""
        self._include(self._slicer.reaching(name, before))
        while self._waiting:
            self._resolve(*self._waiting.pop())

    def is_consistent(self) -> bool:
        """Whether each name that is given as a gradient holds that one alone, and is not bound before."""
        self._slicer._effort.spend(len(self._flowing) * len(self._places))
        return all(
            len(held) == 1
            and not any(
                name in (*self._lines[p].effects.binds, *self._lines[p].effects.changes)
                for p in self._places
                if p < max(held.values())
            )
            for name, held in self._flowing.items()
        )

    def done(self) -> Backslice:
        return Backslice(
            tuple(sorted(self._places)), self._given, tuple(sorted(self._stale)), tuple(sorted(self._unknown))
        )

    def _include(self, places: Iterable[int]) -> None:
        for place in places:
            if place not in self._places:
                self._places.add(place)
                reads = self._lines[place].effects.reads
                self._slicer._effort.spend(len(reads))
                self._waiting += [(name, place) for name in reads]

    def _resolve(self, name: str, place: int) -> None:
        tensor, own = self._renames.tensor_of(name), self._renames.lesson_name(name)
        if tensor is not None and tensor not in self._targets:
            self._gradient(name, tensor, place)
        elif own is not None:
            self._tensor(name, own, place)
        else:
            self._helper(name, place)

    def _gradient(self, name: str, tensor: str, place: int) -> None:
        reaching = self._slicer.reaching(name, place)
        if not self._slicer._cuts:
            inside = [p for p in reaching if p >= self._start]
            if inside:
                self._include(inside)
            else:
                self._stale.add(name)
        elif reaching and (reaching[0] in self._local or not self._slicer.is_finished(name, place)):
            self._include(reaching)
        else:
            self._given[name] = GRADIENT_PREFIX + tensor

    def _tensor(self, name: str, own: str, place: int) -> None:
        """The lesson's own value, unless the student's name holds something else there."""
        reaching = self._slicer.reaching(name, place)
        lesson = self._renames.lesson
        if own in lesson.graph.by_tensor and reaching:
            is_bound = name in self._lines[reaching[0]].effects.binds
            if is_bound and (self._is_reuse(reaching[0]) or self._is_made_anew(reaching[0], place)):
                self._include(reaching)
                return
            changes = [p for p in reaching if name in set(_changed_in_place(self._lines[p].node))]
            if changes and is_bound and not self._renames.is_forward(self._lines[reaching[0]].node):
                self._include(reaching)
                return
            self._include(changes)
        self._given[name] = own

    def _is_reuse(self, place: int) -> bool:
        """A tensor's name bound to something else: a number, a function, what is made from gradients."""
        line = self._lines[place]
        match line.node:
            case ast.Assign(value=ast.Constant() | ast.UnaryOp(operand=ast.Constant())):
                return True
            case ast.Assign():
                return any(self._renames.tensor_of(read) is not None for read in line.effects.reads)
        return not isinstance(line.node, ast.AnnAssign)

    def _is_made_anew(self, place: int, reader: int) -> bool:
        """A tensor's name bound in the reader's own cell to another expression than the lesson's, of lesson's tensors.

        Its values may be others, too: `counts = logits.exp()` without the maximum.
        """
        line = self._lines[place]
        if not (self._slicer._cuts and isinstance(line.node, ast.Assign) and self._slicer.is_in_cell(place, reader)):
            return False
        if not all(name in _MODULES or self._renames.lesson_name(name) for name in line.effects.reads):
            return False
        if not self._renames.is_forward(line.node):
            return True
        sources = [self._slicer.reaching(name, place)[:1] for name in line.effects.reads]
        return any(self._is_made_anew(source[0], place) for source in sources if source)

    def _helper(self, name: str, place: int) -> None:
        reaching = self._slicer.making(name, place) or self._slicer.making(name, len(self._lines))
        variable = self._slicer.alias_of(name, reaching, place) if self._aliases else None
        tensor = self._renames.tensor_of(variable) if variable else None
        if tensor and tensor not in self._targets and reaching[0] not in self._local:
            self._given[name] = GRADIENT_PREFIX + tensor
            self._flowing[name][tensor] = max(place, self._flowing[name].get(tensor, 0))
        elif reaching:
            self._include(reaching)
        else:
            self._unknown.add(name)


def _is_name(targets: Sequence[ast.expr]) -> bool:
    return len(targets) == 1 and isinstance(targets[0], ast.Name)


def _changed_in_place(node: ast.stmt) -> Iterable[str]:
    """Names whose values a statement changes; `x.requires_grad = True` changes no value."""
    for inner in walk(node):
        if not isinstance(inner, ast.Attribute):
            yield from changed_by(inner)
