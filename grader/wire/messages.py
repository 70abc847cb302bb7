"""What crosses the pipe. Judge to worker: Load, Call. Worker to judge: one of the others, once a request.

Before the first request, and before any student code, the worker says once whether it is Sealed or Unsealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

if TYPE_CHECKING:
    from torch import Tensor

MOST = 256  # tensors, or words, in one message; messages in one frame
Word = Annotated[str, Meta(max_length=200)]
Words = Annotated[tuple[Word, ...], Meta(max_length=MOST)]
Line = Annotated[int, Meta(ge=1, le=1 << 31)] | None
Output = Annotated[str, Meta(max_length=1 << 17)]


class Sealed(Struct, frozen=True, tag="sealed", tag_field="kind"):
    """The process is closed off, and each of these layers was tried."""

    layers: Words
    mapped_mib: int | None = None  # of address space, before that; None where the system does not tell


class Unsealed(Struct, frozen=True, tag="unsealed", tag_field="kind"):
    """A layer could not be closed: no student code may run here."""

    why: str


class Load(Struct, frozen=True, tag="load", tag_field="kind"):
    """Make this answer ready: run its source, find the callable."""

    key: str  # calls refer to it by this
    source: str  # the part of the student's file that the answer reaches, at its own line numbers
    name: str  # what the callable is bound to
    file: str  # shown in messages


class Call(Struct, frozen=True):
    """Call a loaded answer once."""

    key: str
    dtype: str  # default dtype during the call: "float64" or "float32"
    sizes: Mapping[str, int]
    tensors: Mapping[str, Tensor]
    # Parameters that are given what another answer returned when it was last called, by that one's key.
    returned: Mapping[str, str] = {}


class Loaded(Struct, frozen=True, tag="loaded", tag_field="kind"):
    """The answer is a callable, and asks for these by name."""

    parameters: Words
    optional: Words  # those that have a default of their own
    takes_any: bool = False  # `*args` or `**kwargs`: it may hide what it asks for


class Refused(Struct, frozen=True):
    """Stands for a returned thing that is not a plain dense real tensor."""

    what: str  # "None", "a list", "a complex tensor"


class Forbidden(Struct, frozen=True):
    """Something outside the language of a step that a student's code asked for, which stops it."""

    line: Line
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


class Failed(Struct, frozen=True, tag="failed", tag_field="kind"):
    """Loading or calling raised."""

    is_memory: bool  # MemoryError or the allocator's error
    error: Annotated[str, Meta(max_length=1 << 13)]  # "RuntimeError: The size of tensor a (13) must match ..."
    line: Line  # in the student's file
    output: Output
    refused: Annotated[tuple[Forbidden, ...], Meta(max_length=MOST)] = ()  # as in Answer


Greeting = Sealed | Unsealed
Request = Load | Call
Reply = Loaded | Answer | Failed
