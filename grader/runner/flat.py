"""A program whose gradients are variables: recorded once, then replayed case by case.

The lesson's tensors and sizes are pinned: a statement that computes them again is undone. When a program is recorded,
labels tell from which gradients each value comes, and names that hold the lesson's values are understood. When it is
replayed, each attempt's value is taken where it ends, and from there on its variable holds the gradient of the call.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.runner import language
from grader.runner.language.classes import OWN
from grader.runner.opening import Keeping, Opened, opening
from grader.runner.program import CompiledStatement, Namespace, Skipped, Turns, compiled_statement, empty_namespace
from grader.runner.shifts import Shifts
from grader.runner.tracker import Labels, Tracker, place_of
from grader.wire.messages import Event, Line, Open

_MOST_RETRIES = 8
_MOST_GUESSES = 600  # executions in which unknown names are put as the lesson's inputs
_MOST_UNKNOWN = 2
_ENOUGH = 8  # sizes below this are too common as numbers to be known by them
_GRADIENT = "d"  # before a tensor's name: its gradient, where the kit gives it
_clone = Tensor.clone


@dataclass
class FlatLine:
    """One statement, and what its record says of it."""

    opened: Opened
    code: CompiledStatement
    pinned: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)  # names of the lesson's that it binds to something else
    given: dict[str, str] = field(default_factory=dict)  # gradients' variables that were not there -> tensors
    separated: set[str] = field(default_factory=set)
    unmade: set[str] = field(default_factory=set)  # gradients' variables that it leaves without a gradient
    sizes: list[tuple[str, Any, str]] = field(default_factory=list)  # what it binds, an attribute or a key: the size


@dataclass
class World:
    """The values of one run."""

    space: Namespace
    kit: dict[str, Any]  # the lesson's tensors and sizes
    cuts: Mapping[str, Tensor]  # gradients by tensor

    def value(self, meant: str) -> Any:
        """A fresh copy of one of the lesson's values."""
        value = self.kit[meant]
        return _clone(value) if isinstance(value, Tensor) else value

    def is_shaped_as(self, kit: Mapping[str, Any]) -> bool:
        """Whether a call brings tensors of the same shapes."""
        return all(
            getattr(kit.get(name), "shape", None) == getattr(own, "shape", None) for name, own in self.kit.items()
        )

    def fill(self, name: str, meant: str) -> bool:
        """Fills the tensor under a name with one of the lesson's values; False where that is of another form."""
        own, value = self.space.names.get(name), self.kit[meant]
        if not isinstance(own, Tensor) or not isinstance(value, Tensor) or not own.is_contiguous():
            return False
        is_alike = own.shape == value.shape and own.dtype == value.dtype
        if is_alike:
            own.copy_(value)
        return is_alike


class FlatProgram:
    """One program, its statements compiled once."""

    def __init__(self, request: Open) -> None:
        self.request = request
        self.tensors = frozenset(request.tensors)
        self.aliases: dict[str, str] = {}  # the student's names for the lesson's values, which are pinned
        self.alike: dict[str, str] = {}  # names that hold a tensor of the lesson by the program's own work
        self.turns = Turns()
        tree = ast.parse(request.text, request.file)
        if request.kept:
            tree = Keeping(request.kept).visit(tree)
        statements = opening(tree.body, lambda name: self.tensor_of(name) is not None, self.tensors)
        self.lines = [
            FlatLine(one, compiled_statement(_located(one.node), request.file, forgiving=True)) for one in statements
        ]
        self._guesses = _MOST_GUESSES

    def tensor_of(self, name: str) -> str | None:
        """The tensor whose gradient a variable of this name is."""
        if name in self.tensors:
            return None
        if name in self.request.compared:
            meant = self.request.compared[name]
            return meant if meant in self.tensors else self.aliases.get(meant)
        for before, after in self.request.affixes:
            if name.startswith(before) and name.endswith(after):
                own = name[len(before) : len(name) - len(after)]
                meant = own if own in self.tensors else self.aliases.get(own) or self.alike.get(own, "")
                if meant in self.tensors:
                    return meant
        return None

    def world(self, kit: Mapping[str, Any]) -> World:
        """A new namespace that holds the lesson's values under all names that are known for them."""
        space = empty_namespace(self.request.file, self.request.text, self.request.own_files, self.turns)
        space.names.update(torch=language.facade("torch"), F=language.facade("torch.nn.functional"))
        values = {name: value for name, value in kit.items() if name in self.tensors or not isinstance(value, Tensor)}
        cuts = {name.removeprefix(_GRADIENT): value for name, value in kit.items() if name not in values}
        world = World(space, values, cuts)
        self.bind_kit(world)
        return world

    def bind_kit(self, world: World, *, in_place: bool = False) -> None:
        """Puts the lesson's values under their names; in place: into the tensors there, which objects may hold, too."""
        for name, meant in {**{name: name for name in world.kit}, **self.aliases}.items():
            if meant in world.kit and not (in_place and world.fill(name, meant)):
                world.space.names[name] = world.value(meant)

    def execute(self, line: FlatLine, world: World, *, in_full: bool = False) -> Skipped | None:
        """Runs one statement; why it made nothing, where it was skipped."""
        if line.opened.source and line.opened.names[0] in world.space.names:
            return None
        if line.code.code is None:
            return Skipped(line.code.position[0], line.code.problem)
        skipped = self.turns.run(line.code.code, world.space, line.code.position[0], in_full=in_full)
        world.space.note(line.code.names, skipped)
        return skipped

    def meant(self, name: str, world: World) -> str | None:
        """What of the lesson's a name stands for."""
        meant = name if name in world.kit else self.aliases.get(name)
        return meant if meant in world.kit else None


class Recorder:
    """One run of a program in which everything is noted."""

    def __init__(self, program: FlatProgram, kit: Mapping[str, Any]) -> None:
        self.program = program
        self.tracker = Tracker()
        self.world = program.world(kit)
        self.names = self.world.space.names
        self.events: list[Event] = []
        self.held: dict[str, Any] = {}  # gradients' variables, and the objects they held last
        self.found: list[Line] = []
        self.constants: dict[str, str] = {}  # names of small numbers, and the sizes that these may be
        self.numbers: dict[str, Labels] = {}  # names of what is no tensor, and from which gradients it comes
        self.partial: set[str] = set()  # names of the lesson's whose own value was another one when it was undone
        self.before_loop: dict[str, Any] = {}
        self.is_in_loop = False
        self.shifts = Shifts(program.request.file, self.world.kit.values())

    def run(self) -> list[Line]:
        section = 0
        with self.tracker:
            for line in self.program.lines:
                first = len(self.events)
                if line.opened.section != section:
                    section = line.opened.section
                    self.enter(section)
                self.found.append(self.line(line, first))
        for line in self.program.lines:  # a name may have been understood after it was bound
            line.pinned |= {name for name in line.opened.names if name in self.program.aliases and name not in line.own}
        return self.found

    def enter(self, section: int) -> None:
        """Before a training loop and behind it the lesson's values are back; what gradients are there is stale."""
        self.program.bind_kit(self.world)
        for name in [name for name in self.names if self.program.tensor_of(name)] if self.is_in_loop else []:
            del self.names[name]
        self.names.update({name: value for name, (value, _) in self.before_loop.items()})
        for value, labels in self.before_loop.values():
            self.tracker.label(value, labels)
        if self.is_in_loop:
            self.held = {name: value for name, (value, _) in self.before_loop.items()}
        self.before_loop, self.is_in_loop = {}, section > 0
        if section:
            held = {name: value for name, value in self.held.items() if type(value) is Tensor}
            self.before_loop = {name: (value, self.tracker.of(value)) for name, value in held.items()}
            for name, value in held.items():
                self.names[name] = _clone(value)  # so that the loop changes none of them
                self.event(name, self.program.tensor_of(name) or "", self.names[name], starts=True, source="stale")

    def line(self, line: FlatLine, first: int) -> Line:
        """Runs a statement, and tells what came of it: the events from `first` on."""
        skipped = self.execute(line)
        if skipped is None or line.opened.names:
            skipped = self.explain(line, skipped)
        if skipped is None:
            self.understand_constants(line)
            self.pin(line)
        self.note_changes(line)
        self.note_numbers(line)
        names = line.opened.names
        cuts = self.world.cuts  # the loss has none: its gradient is a number
        unmade = tuple(n for n in names if self.program.tensor_of(n) in cuts and self.is_unmade(n, line, skipped))
        for name in unmade:
            if type(names_now := self.names.get(name)) is not Tensor:
                self.names.pop(name, names_now)
                line.unmade.add(name)
        position = line.code.position
        events = tuple(self.events[first:])
        read = _claimed(self.tracker.read) if unmade else ()
        return Line(*position, line.opened.section, events, skipped is not None, unmade, read)

    def is_unmade(self, name: str, line: FlatLine, skipped: Skipped | None) -> bool:
        """Whether a statement that binds a gradient's name has made no gradient, and is no blank."""
        is_blank = isinstance(line.opened.node, ast.Assign) and _is_blank(line.opened.node.value)
        kinds = ast.Assign | ast.AugAssign | ast.AnnAssign
        if not isinstance(line.opened.node, kinds) or is_blank:
            return skipped is not None and not isinstance(line.opened.node, kinds | ast.FunctionDef)
        value = self.names.get(name)
        return skipped is not None or (type(value) is not Tensor and not callable(value))

    def execute(self, line: FlatLine) -> Skipped | None:
        """Runs a statement; a gradient that was never made is given, and it is tried again."""
        self.tracker.begin(self.labels_of_numbers(line))
        for _ in range(_MOST_RETRIES):
            skipped = self._executed(line)
            name = skipped.name if skipped else ""
            if self.world.space.skipped_maker(name) and self.is_size(name, line):
                continue
            tensor = self.program.tensor_of(name) if name else None
            cut = self.world.cuts.get(tensor or "")
            if tensor is None or cut is None or name in self.names or line.opened.section:
                return skipped
            line.given[name] = tensor
            self.names[name] = _clone(cut)
            self.event(name, tensor, self.names[name], starts=True, source="given")
        return skipped

    def is_size(self, name: str, line: FlatLine) -> bool:
        """Tries a name that could not be made as each size: where one alone gives a tensor its shape, that is it."""
        fitting: list[str] = []
        for size in [size for size, own in self.world.kit.items() if type(own) is int]:
            self.names[name] = self.world.kit[size]
            if self._executed(line) is None and self.makes_shapes(line):
                fitting.append(size)
        del self.names[name]
        if len(fitting) == 1:
            self.be(name, fitting[0])
        return len(fitting) == 1

    def has_its_shape(self, target: str) -> bool:
        """Whether what a name holds is shaped as the tensor of the lesson, or the gradient, that it is for."""
        wanted = self.world.kit.get(self.program.tensor_of(target) or target)
        value = self.names.get(target)
        return isinstance(wanted, Tensor) and isinstance(value, Tensor) and wanted.shape == value.shape

    def labels_of_numbers(self, line: FlatLine) -> Labels:
        """From which gradients the plain numbers come that a statement reads."""
        read = (node.id for node in ast.walk(line.opened.node) if isinstance(node, ast.Name)) if self.numbers else ()
        return frozenset[int]().union(*(self.numbers.get(name, ()) for name in read))

    def note_numbers(self, line: FlatLine) -> None:
        for name in line.opened.names:
            self.numbers.pop(name, None)
            if self.tracker.numbers and type(self.names.get(name)) is not Tensor:
                self.numbers[name] = self.tracker.numbers

    def _executed(self, line: FlatLine) -> Skipped | None:
        if line.opened.section:
            return self.program.execute(line, self.world)
        self.shifts.again()
        with self.shifts:
            return self.program.execute(line, self.world)

    def pin(self, line: FlatLine) -> None:
        """Undoes what a statement bound to names of the lesson, unless it is something else."""
        for name in line.opened.names:
            meant = self.program.meant(name, self.world)
            if name not in self.names or line.opened.source == "loop":
                continue
            if meant is None:
                if isinstance(line.opened.node, ast.Assign | ast.AnnAssign):
                    self.understand(name)
            elif self.is_undone(line, name, meant):
                self.understand_sizes(line.opened.node, meant, self.names[name])
                self.names[name] = self.world.value(meant)
                line.pinned.add(name)
            else:
                line.own.add(name)

    def is_undone(self, line: FlatLine, name: str, meant: str) -> bool:
        """Whether a value is the lesson's, or was meant to be."""
        value, kit = self.names[name], self.world.kit[meant]
        if not isinstance(kit, Tensor):
            return type(value) is int
        if type(value) is not Tensor or self.tracker.of(value):
            return False
        if isinstance(line.opened.node, ast.AugAssign):  # what was complete is changed; what was not grows
            return name in self.partial
        is_same = bool(self.same_as(value, meant))
        is_input = meant in self.program.request.inputs
        (self.partial.discard if is_same else self.partial.add)(name)
        if is_same or is_input:
            return True
        at = line.code.position[0]
        return not any(first <= at <= last for first, last in self.program.request.backward)

    def understand(self, name: str) -> None:
        """A new name that holds a tensor of the lesson is that tensor."""
        value = self.names.get(name)
        if type(value) is Tensor and not self.tracker.of(value) and self.program.tensor_of(name) is None:
            meant = self.same_as(value)
            if meant:
                self.program.alike[name] = meant

    def same_as(self, value: Tensor, wanted: str = "") -> str:
        """The tensor of the lesson with these numbers; '' for none."""
        with torch._C.DisableTorchFunction():
            for name in [wanted] if wanted else list(self.world.kit):
                own = self.world.kit.get(name)
                if isinstance(own, Tensor) and own.shape == value.shape and own.dtype == value.dtype:
                    if own.is_floating_point() and bool((own == own.flatten()[0]).all()) and own.numel() > 1:
                        continue
                    if torch.allclose(value, own, rtol=1e-9, atol=1e-12):
                        return name
        return ""

    def understand_sizes(self, node: ast.stmt, meant: str, value: Any) -> None:
        """Names for sizes, as the data flow shows them: lengths of a tensor that the program makes in its own sizes."""
        sizes = {name: own for name, own in self.world.kit.items() if isinstance(own, int)}
        match node:
            case ast.Assign(value=ast.Name(id=other)) if (
                meant in sizes and self.program.meant(other, self.world) is None
            ):
                self.be(other, meant)
        if not isinstance(value, Tensor):
            return
        read = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        for length, expression in zip(tuple(value.shape), self.program.request.inputs.get(meant, ()), strict=False):
            factors = {word: own for word, own in sizes.items() if word in expression.split()}
            lengths = {expression: length} if expression in sizes else factors
            for name, (size, number) in itertools.product(read, lengths.items()):
                is_length = type(self.names.get(name)) is int and self.names[name] == number
                if is_length and self.program.meant(name, self.world) is None:
                    self.be(name, size)

    def size_of(self, number: int) -> str:
        """The size of the lesson that alone has this number; '' for none."""
        fitting = [name for name, own in self.world.kit.items() if type(own) is int and own == number]
        return fitting[0] if len(fitting) == 1 else ""

    def understand_constants(self, line: FlatLine) -> None:
        """A small number of the student's own is a size, where a tensor has its shape by it and by no other number."""
        node = line.opened.node
        is_done_once = isinstance(node, ast.Assign | ast.AnnAssign) and not self.tracker.changed
        if not self.constants or not is_done_once or not self.makes_shapes(line):
            return
        for name in {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & set(self.constants):
            made = {target: self.names[target] for target in line.opened.names}
            size = self.constants[name]
            if self.names.get(name) != self.world.kit[size]:
                continue
            self.names[name] = self.world.kit[size] + 1
            is_size = self.program.execute(line, self.world) is not None or not self.makes_shapes(line)
            self.names.update(made)
            self.names[name] = self.world.kit[size]
            if is_size:
                self.be(name, size)
                del self.constants[name]

    def makes_shapes(self, line: FlatLine) -> bool:
        return bool(line.opened.names) and all(map(self.has_its_shape, line.opened.names))

    def be(self, name: str, meant: str) -> None:
        """From now on a name is one of the lesson's."""
        self.program.aliases[name] = meant
        self.names[name] = self.world.value(meant)

    def explain(self, line: FlatLine, skipped: Skipped | None) -> Skipped | None:
        """Tries what a statement says if unknown names are inputs of the lesson; a value of the lesson tells."""
        node, names = line.opened.node, self.names
        for name, number in _numbers_bound(node) if skipped is None else ():
            size = self.size_of(number)
            if size and self.program.meant(name, self.world) is None:
                if number >= _ENOUGH:
                    self.be(name, size)
                    line.pinned.add(name)
                else:
                    self.constants[name] = size
        for name in line.opened.names:
            for key, number in _held_by(names.get(name)).items():
                size = self.size_of(number) if type(number) is int else ""
                if size and (number >= _ENOUGH or key == size):
                    line.sizes.append((name, key, size))
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Name(id=other)) if other in self.program.aliases:
                if skipped is None and type(names.get(target)) is int and target not in self.world.kit:
                    self.be(target, self.program.aliases[other])
                    line.pinned.add(target)
                return skipped
            case ast.Assign(targets=[ast.Name(id=target)]) if self.program.tensor_of(target) is None:
                pass
            case _:
                return skipped
        value = names.get(target)
        if skipped is None and type(value) is Tensor and (self.tracker.of(value) or self.same_as(value)):
            return skipped
        read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        unknown = sorted(filter(self.is_unknown, read))
        if not unknown or len(unknown) > _MOST_UNKNOWN:
            return skipped
        return self.guess(line, target, unknown, skipped)

    def is_unknown(self, name: str) -> bool:
        """Whether a name may be an input of the lesson: not there, or a tensor of the student's own."""
        if self.program.meant(name, self.world) or self.program.tensor_of(name):
            return False
        value = self.names.get(name)
        if name in self.program.alike and type(value) is Tensor and self.same_as(value):
            return False
        if value is None:
            return name not in self.names and name not in self.names["__builtins__"]
        return type(value) is Tensor and not self.tracker.of(value)

    def guess(self, line: FlatLine, target: str, unknown: Sequence[str], skipped: Skipped | None) -> Skipped | None:
        before = {name: self.names[name] for name in (*unknown, target) if name in self.names}
        wanted = target if target in self.world.kit else ""
        inputs = [n for n in self.program.request.inputs if n in self.world.kit]
        for meant in itertools.permutations(inputs, len(unknown)):
            self.program._guesses -= 1
            if self.program._guesses < 0:
                break
            for name, one in zip(unknown, meant, strict=True):
                self.names[name] = self.world.value(one)
            if self.program.execute(line, self.world) is None:
                value = self.names.get(target)
                if type(value) is Tensor and self.same_as(value, wanted):
                    self.program.aliases.update(zip(unknown, meant, strict=True))
                    return None
        for name in (*unknown, target):
            self.names.pop(name, None)
        self.names.update(before)
        self.world.space.note(line.code.names, skipped)
        return skipped

    def note_changes(self, line: FlatLine) -> None:
        """Events for the gradients that are bound anew or whose numbers have changed."""
        names = self.names
        may_be = [name for name, value in names.items() if type(value) is Tensor or name in self.held]
        for name in filter(self.program.tensor_of, may_be):
            value = names[name]
            if type(value) is not Tensor:
                self.held.pop(name, None)
                continue
            is_new = self.held.get(name) is not value
            if is_new and self.is_shared(name, value):
                labels = self.tracker.of(value)
                value = names[name] = _clone(value)
                self.tracker.label(value, labels)
                line.separated.add(name)
            if is_new or place_of(value) in self.tracker.changed:
                self.event(name, self.program.tensor_of(name) or "", value, starts=is_new)

    def is_shared(self, name: str, value: Tensor) -> bool:
        """Whether another gradient, or a tensor of the lesson, lies in the same storage: a change would change both."""
        place = place_of(value)
        others = [other for n, other in self.held.items() if n != name and self.names.get(n) is other]
        others += [self.names.get(n) for n in self.world.kit]
        return any(isinstance(other, Tensor) and place_of(other) == place for other in others)

    def event(self, name: str, tensor: str, value: Tensor, *, starts: bool, source: Any = "made") -> None:
        reads = _claimed(self.tracker.of(value)) if source == "made" else ()
        self.tracker.label(value, [len(self.events)])
        self.events.append(Event(name, tensor, starts, reads, source))
        self.held[name] = value


def _located(node: ast.stmt) -> ast.stmt:
    located: ast.stmt = ast.fix_missing_locations(_copied(node))
    return located


def _copied(node: Any) -> Any:
    """A syntax tree, copied: what deepcopy does takes half of a program's compilation."""
    if isinstance(node, list):
        return list(map(_copied, node))
    if not isinstance(node, ast.AST):
        return node
    made = type(node).__new__(type(node))
    made.__dict__.update({name: _copied(value) for name, value in node.__dict__.items()})
    return made


def _claimed(labels: Labels) -> tuple[int, ...]:
    return tuple(sorted(labels))[:1000]


def _is_blank(value: ast.expr) -> bool:
    """`None`, `...`, or a tuple of them."""
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return all(isinstance(part, ast.Constant) and part.value in (None, ...) for part in parts)


def _held_by(value: Any) -> Mapping[Any, Any]:
    """What a dictionary, a class of the student's own or an object of one holds by name."""
    if type(value) is dict:
        return value
    is_own = value in OWN if isinstance(value, type) else type(value) in OWN
    return getattr(value, "__dict__", {}) if is_own else {}


def _hold(holder: Any, key: Any, value: int) -> None:
    if type(holder) is dict:
        holder[key] = value
    elif key in _held_by(holder):
        (type if isinstance(holder, type) else object).__setattr__(holder, key, value)


def _numbers_bound(node: ast.stmt) -> Iterator[tuple[str, int]]:
    """`D = 10`, `D, H = 10, 64`, `N = B = 32`."""
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            targets, values = [target], [node.value]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                targets, values = target.elts, node.value.elts
            for pair in zip(targets, values, strict=False):
                match pair:
                    case ast.Name(id=name), ast.Constant(value=int(number)) if type(number) is int:
                        yield name, number


def replay(
    program: FlatProgram, world: World, lines: Iterable[FlatLine], told: Container[int] = (), section: int = 0
) -> Iterator[tuple[FlatLine, Skipped | None]]:
    """Runs lines again as they were recorded, and says after each what it came to; in full of those that are told."""
    names = world.space.names
    for line in lines:
        if line.opened.section != section:
            yield line, None
            continue
        for name, tensor in line.given.items():
            if tensor in world.cuts and name not in names:
                names[name] = _clone(world.cuts[tensor])
        skipped = program.execute(line, world, in_full=id(line) in told)
        for name in line.separated:
            if type(names.get(name)) is Tensor:
                names[name] = _clone(names[name])
        for name in line.unmade:
            if type(names.get(name)) is not Tensor:
                names.pop(name, None)
        for name, key, size in line.sizes:
            _hold(names.get(name), key, world.kit[size])
        for name in line.pinned:
            meant = program.meant(name, world)
            is_changed = isinstance(line.opened.node, ast.AugAssign)  # an object may hold it, too
            if meant and not (is_changed and world.fill(name, meant)):
                names[name] = world.value(meant)
        yield line, skipped
