"""One answer of a student: found in the namespace of its program, and called."""

from __future__ import annotations

import errno
import inspect
import io
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.runner import involved
from grader.runner.language import Unavailable
from grader.runner.program import Namespace, Skipped, line_of, refusals, run
from grader.runner.shifts import Shifts
from grader.wire.block import crosses
from grader.wire.messages import MOST, Answer, Call, Failed, Load, Loaded, Ran, Refused, Run

OUTPUT_CAP = 64 * 1024
ERROR_CAP = 2000
MAX_ITEMS = 64
_SEED = 0
_CUT = "\n[output cut here]"
_NO_MEMORY = ("can't allocate memory", "std::bad_alloc")  # torch's allocator; C++, as torch passes it on
_TOO_DEEP = "maximum recursion depth exceeded"  # what follows hangs on Python's version
# A student's code may rebind torch's own functions (`torch.equal = ...`): these are bound before it runs.
_clone, _equal, _is_complex = Tensor.clone, torch.equal, Tensor.is_complex
_is_neg, _resolve_neg = Tensor.is_neg, Tensor.resolve_neg
_default_dtype, _set_default_dtype, _set_num_threads = (
    torch.get_default_dtype,
    torch.set_default_dtype,
    torch.set_num_threads,
)
_set_deterministic = torch._C._set_deterministic_algorithms  # torch's own function around it costs as much as a step
_generator, _strided = torch.default_generator, torch.strided
_DTYPES = {"float64": torch.float64, "float32": torch.float32}
_PLAIN = frozenset(_DTYPES.values())
_LONGEST_NAME = 200  # characters of a name that is sent
_INFINITE = 1e300  # a number from which on a default is not told: not every one can be sent
_REHEARSAL_THAT_ENDS = "def trial(x):\n    return x\n"
_REHEARSAL = "import torch\ndef trial(x):\n    print(x.exp() @ x.softmax(1).T, repr(x))\n    raise ValueError\n"


class CappedText(io.TextIOBase):
    """Keeps the first OUTPUT_CAP characters that are written, and swallows the rest."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._left = OUTPUT_CAP
        self._is_cut = False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        kept = text[: self._left]
        self._parts.append(kept)
        self._left -= len(kept)
        self._is_cut = self._is_cut or len(kept) < len(text)
        return len(text)

    @property
    def length(self) -> int:
        """How many characters are kept so far."""
        return OUTPUT_CAP - self._left

    def text(self) -> str:
        """What was written."""
        return "".join(self._parts) + (_CUT if self._is_cut else "")


@dataclass(frozen=True)
class LoadedAnswer:
    """A student's callable, with the parameters it can be given."""

    function: Callable[..., Any]
    positional: dict[str, Any]  # positional-only ones, which cannot be given by name, and their defaults
    space: Namespace


def run_program(request: Run) -> tuple[Namespace, Ran]:
    """Runs a program. What its statements print and raise is nobody's step, so it is not told."""
    with StudentWorld(CappedText(), "float64"):  # so that constants lose nothing
        space = run(request.file, request.text, request.own_files)
    return space, Ran(len(space.skipped))


def load(request: Load, space: Namespace) -> tuple[LoadedAnswer | None, Loaded | Failed]:
    """Finds the callable that a statement has bound."""
    output = CappedText()
    skipped = space.problem or (space.skipped.get(request.position) if request.position else None)
    if skipped:
        return None, Failed(skipped.is_memory, skipped.reason, skipped.line, "", skipped.refused)
    bound = space.bound.get(request.position, space.names) if request.position else space.names
    function = bound.get(request.name)
    if not callable(function):
        missed = space.skipped_maker(request.name)
        kind = "is not defined" if function is None else f"is {_describe(function)}"
        what = f"{request.name} was not made: {missed}" if missed else f"{request.name} {kind}; expected a function"
        return None, Failed(False, what, None, "", missed.refused if missed else ())
    refusals()  # of what nobody asked for
    try:
        with StudentWorld(output, "float64"):
            parameters = list(inspect.signature(function).parameters.values())
            by_place = _takes_places_alone(function)
    except BaseException as error:
        return None, _failed(error, space, output)
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if len(named) > MOST or any(len(p.name) > _LONGEST_NAME for p in named):
        return None, Failed(False, f"it has {len(named)} parameters, or one with a very long name", None, "")
    positional = {
        p.name: p.default
        for p in named
        if p.kind is p.POSITIONAL_ONLY or (by_place and p.kind is p.POSITIONAL_OR_KEYWORD)
    }
    optional = tuple(p.name for p in named if p.default is not p.empty)
    numbers = {p.name: p.default for p in named if type(p.default) in (int, float) and abs(p.default) < _INFINITE}
    loaded = Loaded(tuple(p.name for p in named), optional, len(named) < len(parameters), numbers)
    return LoadedAnswer(function, positional, space), loaded


def _takes_places_alone(function: Callable[..., Any]) -> bool:
    """Whether a decorated function, which tells the parameters of the one inside, takes `*values` and no names."""
    kinds = {p.kind for p in inspect.signature(function, follow_wrapped=False).parameters.values()}
    return inspect.Parameter.VAR_POSITIONAL in kinds and inspect.Parameter.VAR_KEYWORD not in kinds


def call(answer: LoadedAnswer, request: Call) -> Answer | Failed:
    """Calls the answer with copies of the inputs and describes what came back."""
    output = CappedText()
    shifts = Shifts(answer.space.file, request.tensors.values()) if request.is_watched else None
    try:
        given = {name: _clone(tensor) for name, tensor in request.tensors.items()}
        with StudentWorld(output, request.dtype):
            values: dict[str, Any] = {**given, **request.sizes}
            positional = [values.pop(name, default) for name, default in answer.positional.items()]
            while positional and positional[-1] is inspect.Parameter.empty:
                positional.pop()
            with shifts or nullcontext():
                result = answer.function(*positional, **values)
            is_sequence = isinstance(result, tuple | list)
            # A subclass, such as a NamedTuple, is taken for the sequence that it is underneath.
            items = (
                list(tuple.__iter__(result) if isinstance(result, tuple) else list.__iter__(result))
                if is_sequence
                else [result]
            )
            if len(items) > MAX_ITEMS:
                raise ValueError(f"it returned {len(items)} things")
            returned = tuple(checked(item) for item in items)
            changed = sorted(name for name, tensor in given.items() if _changed(tensor, request.tensors[name]))
    except BaseException as error:
        return _failed(error, answer.space, output)
    shift = shifts.found[0] if shifts and shifts.found else None
    return Answer(returned, is_sequence, tuple(changed), output.text(), refusals(), shift)


def rehearse() -> Answer | Failed:
    """Runs and calls two small answers, of which one raises, so that all this needs no file any more."""
    for text in (_REHEARSAL_THAT_ENDS, _REHEARSAL):
        space, _ = run_program(Run("rehearsal", "rehearsal.py", text))
        made, _ = load(Load("rehearsal", "rehearsal", "trial"), space)
        assert made is not None
        reply = call(made, Call("rehearsal", "float32", {}, {"x": torch.ones(3, 3)}))
    return reply


class StudentWorld:
    """Captured output; torch's global state as at the start, whatever an earlier call did to it."""

    def __init__(self, output: CappedText, dtype: str) -> None:
        self._output, self._dtype = output, _DTYPES[dtype]

    def __enter__(self) -> None:
        if _default_dtype() is not self._dtype:  # to set it takes as long as a step
            _set_default_dtype(self._dtype)
        _set_num_threads(1)
        _set_deterministic(True, warn_only=True)  # fills torch.empty with NaN: no verdict hangs on what memory held
        _generator.manual_seed(_SEED)
        self._streams = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = self._output

    def __exit__(self, *_: object) -> None:
        _set_deterministic(False)  # filling costs, and our own tensors need none
        sys.stdout, sys.stderr = self._streams


def checked(item: Any) -> Tensor | Refused:
    """`item` if it is a plain dense real tensor that the pipe carries, else what it is."""
    if isinstance(item, Unavailable):
        item.refuse()
    if type(item) is not Tensor:
        return Refused(_describe(item))
    if item.is_cpu and item.layout is _strided and item.dtype in _PLAIN and crosses(item) and not _is_neg(item):
        return item
    if item.layout is not _strided:
        return Refused("a sparse tensor")
    if item.device.type != "cpu":
        return Refused(f"a tensor on the device {item.device.type}")
    if _is_complex(item):
        return Refused("a complex tensor")
    if not crosses(item):
        return Refused(f"a tensor of {tuple(item.shape)} {item.dtype}".replace("torch.", ""))
    return _resolve_neg(item)


def _describe(item: Any) -> str:
    if item is None:
        return "None"
    kind = type(item)
    if kind in (int, float, bool):
        return f"the Python number {item}"[:60]
    name = kind.__name__ if kind.__module__ in ("builtins", "submission") else f"{kind.__module__}.{kind.__name__}"
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name}"[:120]


def _changed(now: Tensor, before: Tensor) -> bool:
    return not (now.dtype == before.dtype and now.shape == before.shape and _equal(now, before))


def _failed(error: BaseException, space: Namespace, output: CappedText) -> Failed:
    is_memory = _is_memory(error)
    what = "ran out of memory" if is_memory else f"{type(error).__name__}: {_text(error)}"[:ERROR_CAP]
    missed = _missed(error, space)
    more = str(missed) if missed else "" if is_memory else involved.shapes(error, space.file, space.text)
    what += f"; {more}" if more else ""
    refused = (*(missed.refused if missed else ()), *refusals())
    name = error.name if type(error) is NameError and isinstance(error.name, str) and not missed else ""
    near = tuple(one[:_LONGEST_NAME] for one in involved.near_names(error, space.file)) if name else ()
    return Failed(is_memory, what, line_of(error, space.file), output.text(), refused, name[:_LONGEST_NAME], near)


def _missed(error: BaseException, space: Namespace) -> Skipped | None:
    """The statement that should have made the name that was not found."""
    return space.skipped_maker(error.name) if type(error) is NameError and isinstance(error.name, str) else None


def _is_memory(error: BaseException) -> bool:
    """Whether Python, torch's allocator, C++ or the system could not have the memory asked for."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    text = _text(error)
    return any(words in text for words in _NO_MEMORY)


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # a student's exception may have a broken __str__
        return "(its message cannot be shown)"
    return _TOO_DEEP if text.startswith(_TOO_DEEP) else text
