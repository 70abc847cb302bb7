"""What crosses the pipe. Judge to runner: Run, Load, Call. Runner to judge: one of the others, once a request.

Before the first request, and before any student code, the runner says once whether it is Sealed or Unsealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

if TYPE_CHECKING:
    from torch import Tensor

MOST = 256  # tensors, or words, in one message; messages in one frame
Word = Annotated[str, Meta(max_length=200)]
Words = Annotated[tuple[Word, ...], Meta(max_length=MOST)]
LineNumber = Annotated[int, Meta(ge=1, le=1 << 31)] | None
Output = Annotated[str, Meta(max_length=1 << 17)]


class Sealed(Struct, frozen=True, tag="sealed", tag_field="kind"):
    """The process is closed off, and each of these layers was tried."""

    layers: Words
    mapped_mib: int | None = None  # of address space, before that; None where the system does not tell


class Unsealed(Struct, frozen=True, tag="unsealed", tag_field="kind"):
    """A layer could not be closed: no student code may run here."""

    why: str


class Run(Struct, frozen=True, tag="run", tag_field="kind"):
    """Run a program, statement by statement, in a new namespace: in place of any that had this key."""

    key: str
    file: str  # shown in messages
    text: str  # with the student's own line numbers; what is no Python is left out
    own_files: Mapping[str, str] = {}  # the submission's other files that it may import: module -> text


class Load(Struct, frozen=True, tag="load", tag_field="kind"):
    """Make an answer ready: find the callable in the namespace of a program that has run."""

    key: str  # calls refer to it by this
    program: str  # the key of its program
    name: str  # what the callable is bound to
    position: tuple[int, int] | None = None  # of the statement that binds it; None for whatever has the name at last


class Call(Struct, frozen=True):
    """Call a loaded answer once."""

    key: str
    dtype: str  # default dtype during the call: "float64" or "float32"
    sizes: Mapping[str, int]
    tensors: Mapping[str, Tensor]
    # Parameters that are given what another answer returned when it was last called, by that one's key.
    returned: Mapping[str, str] = {}
    is_watched: bool = False  # its Answer is to say what is evaluated at shifted inputs


class Ran(Struct, frozen=True, tag="ran", tag_field="kind"):
    """The statements of a program have run; so many of them were skipped for what they raised."""

    skipped: Annotated[int, Meta(ge=0)]


class Open(Struct, frozen=True, tag="open", tag_field="kind"):
    """Make ready a program whose gradients are variables. A Call of its key records what its statements do."""

    key: str
    file: str
    text: str
    own_files: Mapping[str, str]
    tensors: Words  # of the lesson
    inputs: Mapping[str, tuple[str, ...]]  # those that forward() is given, and their lengths as expressions of sizes
    affixes: tuple[tuple[str, str], ...]  # what stands before and after a tensor's name in its gradient's
    backward: tuple[tuple[int, int], ...]  # lines among which a tensor that is made otherwise is the student's own
    compared: Mapping[str, str]  # variables of other names that are compared as the gradient of a tensor
    kept: Mapping[str, str]  # gradients that are items or attributes, as code, and the variables that stand for them


class Shift(Struct, frozen=True):
    """An operation was evaluated twice, at inputs that differ by one small step: a claim of the process."""

    line: LineNumber
    operation: Word
    step: float


class Event(Struct, frozen=True):
    """A statement bound a gradient's variable, or changed its tensor."""

    variable: Word
    tensor: Word
    starts: bool  # it was bound to something else than before
    reads: Annotated[tuple[int, ...], Meta(max_length=1024)]  # the events, by number, that its value comes from
    source: Literal["made", "given", "stale"] = "made"  # by the statement; by the kit; before the loop began


class Line(Struct, frozen=True):
    """What one statement did."""

    line: Annotated[int, Meta(ge=0)]
    column: Annotated[int, Meta(ge=0)]
    section: Annotated[int, Meta(ge=0)]  # 0 for the top level, else a training loop's number
    events: Annotated[tuple[Event, ...], Meta(max_length=512)] = ()
    failed: bool = False
    unmade: Words = ()  # gradients' variables that it would have bound
    read: Annotated[tuple[int, ...], Meta(max_length=1024)] = ()  # if so, the events that it computed with


class Recorded(Struct, frozen=True, tag="recorded", tag_field="kind"):
    """What a program's statements did. It is a claim of the process in which they ran."""

    lines: Annotated[tuple[Line, ...], Meta(max_length=8192)]
    aliases: Annotated[dict[Word, Word], Meta(max_length=1024)]  # the student's names for the lesson's
    shifts: Annotated[tuple[Shift, ...], Meta(max_length=MOST)] = ()


class Attempt(Struct, frozen=True):
    """A gradient that is made in some lines: its value is looked at after the last of them, by number."""

    variable: Word
    tensor: Word
    last: int
    is_cut: bool  # from there on the variable holds the gradient that the call brings
    first: int = 0  # where what it prints begins


class Plan(Struct, frozen=True, tag="plan", tag_field="kind"):
    """What calls of a program that was recorded are to give."""

    program: str  # the key of its Open
    key: str  # calls of the attempts refer to it by this: all are answered by one Replayed
    attempts: tuple[Attempt, ...]
    loop_key: str = ""  # calls of a training loop's results, each answered by an Answer
    loop_section: int = 0
    loop: tuple[Attempt | None, ...] = ()


class Loaded(Struct, frozen=True, tag="loaded", tag_field="kind"):
    """The answer is a callable, and asks for these by name."""

    parameters: Words
    optional: Words  # those that have a default of their own
    takes_any: bool = False  # `*args` or `**kwargs`: it may hide what it asks for
    numbers: Annotated[dict[Word, float], Meta(max_length=MOST)] = {}  # defaults that are numbers


class Refused(Struct, frozen=True):
    """Stands for a returned thing that is not a plain dense real tensor."""

    what: str  # "None", "a list", "a complex tensor"


class Forbidden(Struct, frozen=True):
    """Something outside the language of a step that a student's code asked for, which stops it."""

    line: LineNumber
    message: Annotated[str, Meta(max_length=1 << 10)]  # "torch.autograd is not available in a step: ..."

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


class Answer(Struct, frozen=True):
    """What the call returned. A step returns one thing; `gradients` returns several."""

    returned: Sequence[Tensor | Refused]
    is_sequence: bool
    changed: tuple[str, ...]  # inputs that the call changed in place
    output: str  # what it printed, capped
    refused: tuple[Forbidden, ...] = ()  # also where it swallowed the refusal
    shift: Shift | None = None


class Failed(Struct, frozen=True, tag="failed", tag_field="kind"):
    """Loading or calling raised."""

    is_memory: bool  # MemoryError or the allocator's error
    error: Annotated[str, Meta(max_length=1 << 13)]  # "RuntimeError: The size of tensor a (13) must match ..."
    line: LineNumber  # in the student's file
    output: Output
    refused: Annotated[tuple[Forbidden, ...], Meta(max_length=MOST)] = ()  # as in Answer
    name: Word = ""  # that was not found,
    near: Annotated[tuple[Word, ...], Meta(max_length=3)] = ()  # and those like it that were there


class Outcome(Struct, frozen=True):
    """What became of one attempt beside its value; `failed` where it has none."""

    output: Output = ""
    failed: Failed | None = None


class Replayed(Struct, frozen=True):
    """The values of all attempts of a plan, in its order; Refused where there is none."""

    returned: Sequence[Tensor | Refused]
    outcomes: tuple[Outcome, ...]


Greeting = Sealed | Unsealed
Request = Run | Load | Open | Plan | Call
Reply = Ran | Loaded | Recorded | Answer | Replayed | Failed
