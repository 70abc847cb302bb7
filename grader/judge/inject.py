"""What a student's parameters ask for, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from grader.judge.draw import PUBLIC, draw_inputs
from grader.lesson import Lesson
from grader.lesson.graph import Graph
from grader.lesson.model import GRADIENT_PREFIX
from grader.lesson.network import Network
from grader.names import did_you_mean
from grader.submission.answers import Answer
from grader.wire import frames
from grader.wire.messages import Call, Loaded

if TYPE_CHECKING:
    from torch import Tensor

_WITHOUT: dict[Graph, frozenset[str]] = {}  # of the lesson at hand


@dataclass(frozen=True)
class Injection:
    """The names to send, and which of them are the cut points: tensors whose drawn gradient the answer reads.

    A gradient that is asked for and not read is no cut point; it is sent as noise that fits nothing.
    """

    names: tuple[str, ...]
    cuts: frozenset[str]

    @property
    def gradients_asked(self) -> tuple[str, ...]:
        return tuple(sorted(GRADIENT_PREFIX + tensor for tensor in self.cuts))


@dataclass(frozen=True)
class Impossible:
    """A parameter that nothing can be injected for; the message is for the student."""

    message: str


def written_call(
    key: str,
    dtype: str,
    injection: Injection,
    sizes: Mapping[str, int],
    values: Mapping[str, Tensor],
    gradient: Callable[[str], Tensor],
    returned: Mapping[str, str] = MappingProxyType({}),
    *,
    is_watched: bool = False,
) -> frames.Part:
    """The message that calls an answer with all it asks for; `gradient` gives that of a tensor.

    `returned` says of some gradients, by name, which answer's last result they are.
    """
    given = {name: sizes[name] for name in injection.names if name in sizes}
    own = {name: returned[name] for name in injection.names if name in returned}
    tensors = {
        name: values[name] if name in values else gradient(name.removeprefix(GRADIENT_PREFIX))
        for name in injection.names
        if name not in given and name not in own
    }
    return frames.write(Call(key, dtype, given, tensors, own, is_watched))


def resolve(lesson: Lesson, targets: Sequence[str], loaded: Loaded, written: Answer) -> Injection | Impossible:
    """What to inject into a callable that answers the gradients of `targets`."""
    names: list[str] = []
    cuts: set[str] = set()
    # A wrapper of `*args, **kwargs` hides what it wraps: then its text says what it asks for.
    parameters = written.parameters if loaded.takes_any and not loaded.parameters else loaded.parameters
    optional = loaded.optional
    for name in parameters:
        tensor = _gradient_of(lesson, name)
        if name in loaded.numbers and loaded.numbers[name] != lesson.public_case.sizes.get(name):
            continue  # a number of the student's own, which only has a name of the lesson's
        if name in lesson.sizes or name in lesson.graph.tensors:
            names.append(name)
        elif tensor is not None:
            problem = _why_not(lesson, targets, name, tensor)
            if problem and name in optional:
                continue
            if problem:
                return Impossible(problem.replace("the parameter", "it reads", 1) if written.is_flat else problem)
            names.append(name)
            if tensor != lesson.loss:
                cuts.add(tensor)
        elif name not in optional:
            return Impossible(_unknown(lesson, targets, name))
    return Injection(tuple(names), frozenset(cuts))


def available(lesson: Lesson, targets: Sequence[str], written: Answer, name: str) -> str:
    """What is to be done about a name that was not found, where it could be asked for; '' where it could not."""
    tensor = _gradient_of(lesson, name)
    is_given = name in lesson.sizes or name in lesson.graph.tensors
    if written.is_flat or not (is_given or (tensor and not _why_not(lesson, targets, name, tensor))):
        return ""
    return f"; {name} is available: add it to the parameters of {written.name}"


def _gradient_of(lesson: Lesson, name: str) -> str | None:
    """The tensor whose gradient `name` is; None for other names."""
    tensor = name.removeprefix(GRADIENT_PREFIX)
    return tensor if tensor != name and tensor in lesson.graph.tensors else None


def _why_not(lesson: Lesson, targets: Sequence[str], name: str, tensor: str) -> str:
    """Why the gradient `name` cannot be given; '' if it can."""
    graph = lesson.graph
    if tensor in without_gradient(lesson):
        return f"the parameter {name} cannot be given: {tensor} holds no floating numbers, and has no gradient"
    if tensor in targets:
        return (
            f"the parameter {name} is the very gradient this asks for; take what comes after {tensor} in forward.py"
            + (f": {_gradients(graph.users[tensor])}" if graph.users[tensor] else "")
        )
    if not any(tensor in graph.downstream[target] for target in targets):
        whose = targets[0] if len(targets) == 1 else "any of " + ", ".join(targets)
        possible = sorted({user.tensor for target in targets for user in graph.users[target]})
        return (
            f"the parameter {name} cannot be given: {tensor} does not lie between {whose} and the loss; "
            f"backward, you come from {', '.join(GRADIENT_PREFIX + other for other in possible)}"
        )
    return ""


def without_gradient(lesson: Lesson) -> frozenset[str]:
    """The tensors of forward.py that are masks or indices, as one forward pass shows it."""
    if lesson.graph not in _WITHOUT:
        case = lesson.public_case
        values = Network(lesson.graph).forward(draw_inputs(case, PUBLIC), case.sizes)
        _WITHOUT.clear()  # the lesson before
        _WITHOUT[lesson.graph] = frozenset(name for name, value in values.items() if not value.is_floating_point())
    return _WITHOUT[lesson.graph]


def _gradients(users: Iterable[object]) -> str:
    return ", ".join(GRADIENT_PREFIX + str(getattr(user, "tensor", "")) for user in users)


def _unknown(lesson: Lesson, targets: Sequence[str], name: str) -> str:
    between = {GRADIENT_PREFIX + tensor for target in targets for tensor in lesson.graph.downstream[target]}
    known = between | lesson.graph.tensors | set(lesson.sizes)
    return (
        f"the parameter {name} is no tensor of forward.py, no size and no gradient between this step and the loss"
        f"{did_you_mean(name, known)}"
    )
