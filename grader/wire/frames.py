"""Messages as bytes, and bytes as messages.

A frame is four numbers (unsigned 32 bit, little endian), a JSON text and a block of plain numbers:

    [length of text][length of block][number][more][text][block]

The text says of every tensor its dtype and shape, ["F64", [32, 27]]; the block holds them in the same order,
each from a multiple of 8 bytes on, and nothing else.

The number is the question's, and its answer repeats it, so that a second answer to one question
cannot be taken for the answer to the next. `more` is 1 where another question of the same burst follows:
the replies to a burst come together.

Whatever a reader is given, it returns a message or raises WireError; lengths are
checked before anything is allocated.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Annotated, Any, Literal

import msgspec
import torch
from msgspec import Meta, Struct
from torch import Tensor

from grader.wire.messages import (
    MOST,
    Answer,
    Call,
    Failed,
    Greeting,
    Load,
    Loaded,
    Refused,
    Reply,
    Request,
    Sealed,
    Unsealed,
    Word,
    Words,
)

MAX_TEXT = 1 << 20
MAX_BLOCK = 64 << 20
_ALIGNED = 8
_HEAD = struct.Struct("<IIII")

# A student's code may rebind torch's own functions: these are bound before it runs.
_frombuffer, _empty = torch.frombuffer, torch.empty
_detach, _contiguous = Tensor.detach, Tensor.contiguous
_view, _numpy, _numel, _element_size = Tensor.view, Tensor.numpy, Tensor.numel, Tensor.element_size
_pack, _unpack = _HEAD.pack, _HEAD.unpack_from

_DTYPES: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_SIZES = {name: dtype.itemsize for name, dtype in _DTYPES.items()}

_Dtype = Literal["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]
_Shape = Annotated[tuple[Annotated[int, Meta(ge=0, le=1 << 40)], ...], Meta(max_length=64)]
_Listed = tuple[_Dtype, _Shape]
_NoTensor = Literal[""]
_Returned = tuple[_Dtype | _NoTensor, _Shape, Word]  # what is no tensor has no dtype, and is told in words


class _CallText(Struct, tag="call", tag_field="kind"):
    """A Call without its numbers."""

    key: str
    dtype: str
    sizes: dict[str, int]
    returned: dict[str, str]
    tensors: Annotated[dict[str, _Listed], Meta(max_length=MOST)]


class _AnswerText(Struct, tag="answer", tag_field="kind"):
    """An Answer without its numbers."""

    returned: Annotated[list[_Returned], Meta(max_length=MOST)]
    is_sequence: bool
    changed: Words
    output: str
    watched: Words


_encode = msgspec.json.Encoder().encode
_REQUESTS = msgspec.json.Decoder(Load | _CallText)
_REPLIES = msgspec.json.Decoder(Loaded | _AnswerText | Failed)
_GREETINGS = msgspec.json.Decoder(Sealed | Unsealed)


class WireError(Exception):
    """The other side sent something that is not one well-formed message."""


class WireClosed(WireError):
    """The other side is gone."""


class WireTimeout(WireError):
    """The deadline passed before a whole message was there."""


def crosses(tensor: Tensor) -> bool:
    """Whether a tensor of this dtype and size can be written to a frame."""
    return tensor.dtype in _DTYPE_NAMES and _numel(tensor) * _element_size(tensor) <= MAX_BLOCK // 4


def numbered(frame: bytes, number: int, more: bool = False) -> tuple[bytes, memoryview]:
    """The same frame with another number, and whether more of its burst follow; in two parts, without a copy."""
    text, block, _, _ = _unpack(frame)
    return _pack(text, block, number, more), memoryview(frame)[_HEAD.size :]


def number_of(frame: bytes | bytearray) -> int:
    """The number of a whole frame."""
    number: int = _unpack(frame)[2]
    return number


def more_follow(frame: bytes | bytearray) -> bool:
    """Whether a whole frame is not the last of its burst."""
    return bool(_unpack(frame)[3])


def write(message: Request | Reply | Greeting, number: int = 0) -> bytes:
    """The frame of a message. Raises WireError over the caps."""
    block: list[bytes] = []
    text: Struct
    match message:
        case Call(key, dtype, sizes, given, returned):
            listed = {name: _put(tensor, block) for name, tensor in given.items()}
            text = _CallText(key, dtype, dict(sizes), dict(returned), listed)
        case Answer(returned, is_sequence, changed, output, watched):
            text = _AnswerText(
                [
                    ("", (), item.what[:200]) if isinstance(item, Refused) else (*_put(item, block), "")
                    for item in returned
                ],
                is_sequence,
                changed,
                output,
                watched,
            )
        case _:
            text = message
    try:
        said = _encode(text)
    except UnicodeEncodeError:  # half a surrogate pair, printed by a student
        said = _encode(_sayable(msgspec.to_builtins(text)))
    said += b" " * (-(_HEAD.size + len(said)) % _ALIGNED)
    length = sum(map(len, block))
    if len(said) > MAX_TEXT or length > MAX_BLOCK:
        raise WireError(f"a message of {len(said)} + {length} bytes is over the caps")
    return b"".join((_pack(len(said), length, number, 0), said, *block))


def read_request(frame: bytes | bytearray) -> Request:
    """The judge's message in `frame`."""
    text, block = _read(frame, _REQUESTS)
    if isinstance(text, _CallText):
        tensors = {name: block.take(listed) for name, listed in text.tensors.items()}
        block.ends()
        return Call(text.key, text.dtype, text.sizes, tensors, text.returned)
    block.ends()
    return text  # type: ignore[no-any-return]


def read_reply(frame: bytes | bytearray) -> Reply:
    """The worker's message in `frame`: nothing in it is believed beyond its form."""
    text, block = _read(frame, _REPLIES)
    if isinstance(text, _AnswerText):
        returned = tuple(
            [block.take((kind, shape)) if kind else Refused(words) for kind, shape, words in text.returned]
        )
        block.ends()
        return Answer(returned, text.is_sequence, text.changed, text.output, text.watched)
    block.ends()
    return text  # type: ignore[no-any-return]


def read_greeting(frame: bytes | bytearray) -> Greeting:
    """The worker's first message: whether it is closed off."""
    text, block = _read(frame, _GREETINGS)
    block.ends()
    return text  # type: ignore[no-any-return]


def whole_length(came: bytes | bytearray) -> int | None:
    """How long the frame is that these bytes begin; None if they do not say yet. Raises WireError over the caps."""
    if len(came) < _HEAD.size:
        return None
    text, block, _, _ = _unpack(came)
    if text > MAX_TEXT or block > MAX_BLOCK:
        raise WireError(f"a frame that claims {text} + {block} bytes is over the caps")
    return int(_HEAD.size + text + block)


def send(channel: socket.socket, frame: bytes, deadline: float) -> None:
    """Writes a frame. Raises WireClosed or WireTimeout; `deadline` is in time.monotonic() seconds."""
    channel.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        channel.sendall(frame)
    except TimeoutError:
        raise WireTimeout("no time left to send") from None
    except OSError as error:
        raise WireClosed(str(error)) from None


class _Block:
    """The numbers of a frame, taken from its memory tensor by tensor."""

    def __init__(self, frame: bytearray, start: int) -> None:
        self._frame, self._next = frame, start

    def take(self, listed: _Listed) -> Tensor:
        """The next tensor. Raises WireError for one of more numbers than there are."""
        kind, shape = listed
        count = 1
        for length in shape:
            count *= length
        start, size = self._next, count * _SIZES[kind]
        self._next = start + size + -size % _ALIGNED
        if self._next > len(self._frame) or start % _ALIGNED:
            raise WireError("a tensor of more numbers than there are")
        if kind == "BOOL" and self._frame[start : start + size].strip(b"\x00\x01"):
            raise WireError("a bool tensor that holds other bytes than 0 and 1")
        try:
            if not size:
                return _empty(shape, dtype=_DTYPES[kind])
            flat = _frombuffer(self._frame, dtype=_DTYPES[kind], count=count, offset=start)
            return flat if len(shape) == 1 else _view(flat, shape)
        except (RuntimeError, ValueError, OverflowError, TypeError) as error:
            raise WireError(f"not a tensor: {type(error).__name__}") from None

    def ends(self) -> None:
        """Raises WireError where numbers are left."""
        if self._next != len(self._frame):
            raise WireError("numbers that belong to no tensor")


def _read(frame: bytes | bytearray, texts: msgspec.json.Decoder[Any]) -> tuple[Any, _Block]:
    """What the text says, and the block that it speaks of."""
    if len(frame) < _HEAD.size:
        raise WireError("a frame shorter than its head")
    text, block, _, _ = _unpack(frame)
    if len(frame) != _HEAD.size + text + block or text > MAX_TEXT or block > MAX_BLOCK:
        raise WireError("a frame of another length than it says")
    start = _HEAD.size + text
    try:
        said = texts.decode(frame[_HEAD.size : start])
    except (ValueError, RecursionError) as error:
        raise WireError(f"not a message: {type(error).__name__}") from None
    return said, _Block(frame if isinstance(frame, bytearray) else bytearray(frame), start)


def _put(tensor: Tensor, block: list[bytes]) -> Any:
    """Appends the numbers of a tensor to the block; what the text says of it."""
    dense = _contiguous(_detach(tensor))
    shown = _view(dense, torch.int16) if dense.dtype is torch.bfloat16 else dense  # NumPy has no such numbers
    numbers = _numpy(shown).tobytes()
    block.append(numbers)
    if len(numbers) % _ALIGNED:
        block.append(bytes(-len(numbers) % _ALIGNED))
    return _DTYPE_NAMES[dense.dtype], tuple(dense.shape)


def _sayable(value: Any) -> Any:
    """The same with a question mark for each half of a surrogate pair, which no JSON text can hold."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case dict():
            return {_sayable(name): _sayable(item) for name, item in value.items()}
        case list() | tuple():
            return [_sayable(item) for item in value]
    return value
