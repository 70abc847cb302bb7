"""Messages as bytes, and bytes as messages.

A frame is two lengths and a number (unsigned 32 bit, little endian), a JSON text and a block of plain numbers:

    [length of text][length of block][number][text][block]      text: {"kind": ..., "tensors": [[name, dtype, shape]]}

The block holds the tensors in the order of the list, each from a multiple of 8 bytes on, and nothing else.

The number is the question's, and its answer repeats it, so that a second answer to one question
cannot be taken for the answer to the next.

Whatever a reader is given, it returns a message or raises WireError; lengths are
checked before anything is allocated.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from typing import Any

import torch
from torch import Tensor

from grader.wire.messages import (
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
)

MAX_TEXT = 1 << 20
MAX_BLOCK = 64 << 20
MAX_TENSORS = 256
_MAX_AXES, _MAX_LENGTH = 64, 1 << 40
_ALIGNED = 8
_LENGTHS = struct.Struct("<III")

# A student's code may rebind torch's own functions: these are bound before it runs.
_frombuffer, _empty = torch.frombuffer, torch.empty
_detach, _contiguous, _reshape = Tensor.detach, Tensor.contiguous, Tensor.reshape
_view, _numpy, _numel, _element_size = Tensor.view, Tensor.numpy, Tensor.numel, Tensor.element_size

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
_SIZES = {dtype: dtype.itemsize for dtype in _DTYPES.values()}


class WireError(Exception):
    """The other side sent something that is not one well-formed message."""


class WireClosed(WireError):
    """The other side is gone."""


class WireTimeout(WireError):
    """The deadline passed before a whole message was there."""


def crosses(tensor: Tensor) -> bool:
    """Whether a tensor of this dtype and size can be written to a frame."""
    return tensor.dtype in _DTYPE_NAMES and _numel(tensor) * _element_size(tensor) <= MAX_BLOCK // 4


def numbered(frame: bytes, number: int) -> bytes:
    """The same frame with another number."""
    text, block, _ = _LENGTHS.unpack_from(frame)
    return _LENGTHS.pack(text, block, number) + frame[_LENGTHS.size :]


def number_of(frame: bytes | bytearray) -> int:
    """The number of a whole frame."""
    number: int = _LENGTHS.unpack_from(frame)[2]
    return number


def write(message: Request | Reply | Greeting, number: int = 0) -> bytes:
    """The frame of a message."""
    tensors: dict[str, Tensor] = {}
    match message:
        case Sealed(layers):
            fields: dict[str, Any] = {"kind": "sealed", "layers": layers}
        case Unsealed(why):
            fields = {"kind": "unsealed", "why": why}
        case Load(key, source, name, file):
            fields = {"kind": "load", "key": key, "source": source, "name": name, "file": file}
        case Call(key, dtype, sizes, given):
            fields = {"kind": "call", "key": key, "dtype": dtype, "sizes": dict(sizes)}
            tensors = dict(given)
        case Loaded(parameters, optional, takes_any):
            fields = {"kind": "loaded", "parameters": parameters, "optional": optional, "any": takes_any}
        case Answer(returned, is_sequence, changed, output, watched):
            refused = {str(place): item.what for place, item in enumerate(returned) if isinstance(item, Refused)}
            tensors = {str(place): item for place, item in enumerate(returned) if isinstance(item, Tensor)}
            fields = {
                "kind": "answer",
                "count": len(returned),
                "refused": refused,
                "sequence": is_sequence,
                "changed": changed,
                "output": output,
                "watched": watched,
            }
        case Failed(is_memory, error, line, output, watched):
            fields = {
                "kind": "failed",
                "memory": is_memory,
                "error": error,
                "line": line,
                "output": output,
                "watched": watched,
            }
    listed, block = _block(tensors)
    text = json.dumps({**fields, "tensors": listed} if listed else fields).encode()
    text += b" " * (-(_LENGTHS.size + len(text)) % _ALIGNED)
    if len(text) > MAX_TEXT or len(block) > MAX_BLOCK:
        raise WireError(f"a message of {len(text)} + {len(block)} bytes is over the caps")
    return _LENGTHS.pack(len(text), len(block), number) + text + block


def read_request(frame: bytes | bytearray) -> Request:
    """The judge's message in `frame`."""
    fields, tensors = _split(frame)
    match fields:
        case {"kind": "load", "key": str(key), "source": str(source), "name": str(name), "file": str(file)}:
            return Load(key, source, name, file)
        case {"kind": "call", "key": str(key), "dtype": str(dtype), "sizes": dict(sizes)}:
            return Call(key, dtype, sizes, tensors)
    raise WireError("not a request")


def read_reply(frame: bytes | bytearray) -> Reply:
    """The worker's message in `frame`: nothing in it is believed beyond its form."""
    fields, tensors = _split(frame)
    match fields:
        case {"kind": "loaded", "parameters": list(parameters), "optional": list(optional), "any": bool(takes_any)}:
            return Loaded(_words(parameters), _words(optional), takes_any)
        case {
            "kind": "answer",
            "count": int(count),
            "refused": dict(refused),
            "sequence": bool(sequence),
            "changed": list(changed),
            "output": str(output),
            "watched": list(watched),
        }:
            return Answer(_returned(count, refused, tensors), sequence, _words(changed), output, _words(watched))
        case {
            "kind": "failed",
            "memory": bool(memory),
            "error": str(error),
            "line": int() | None as line,
            "output": str(output),
            "watched": list(watched),
        }:
            return Failed(memory, error, line, output, _words(watched))
    raise WireError("not a reply")


def read_greeting(frame: bytes | bytearray) -> Greeting:
    """The worker's first message: whether it is closed off."""
    fields, _ = _split(frame)
    match fields:
        case {"kind": "sealed", "layers": list(layers)}:
            return Sealed(_words(layers))
        case {"kind": "unsealed", "why": str(why)}:
            return Unsealed(why)
    raise WireError("not a greeting")


def whole_length(came: bytes | bytearray) -> int | None:
    """How long the frame is that these bytes begin; None if they do not say yet. Raises WireError over the caps."""
    if len(came) < _LENGTHS.size:
        return None
    text, block, _ = _LENGTHS.unpack_from(came)
    if text > MAX_TEXT or block > MAX_BLOCK:
        raise WireError(f"a frame that claims {text} + {block} bytes is over the caps")
    return int(_LENGTHS.size + text + block)


def send(channel: socket.socket, frame: bytes, deadline: float) -> None:
    """Writes a frame. Raises WireClosed or WireTimeout; `deadline` is in time.monotonic() seconds."""
    channel.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        channel.sendall(frame)
    except TimeoutError:
        raise WireTimeout("no time left to send") from None
    except OSError as error:
        raise WireClosed(str(error)) from None


def _split(frame: bytes | bytearray) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if len(frame) < _LENGTHS.size:
        raise WireError("a frame shorter than its lengths")
    text, block, _ = _LENGTHS.unpack_from(frame)
    if len(frame) != _LENGTHS.size + text + block or text > MAX_TEXT or block > MAX_BLOCK:
        raise WireError("a frame of another length than it says")
    start = _LENGTHS.size + text
    try:
        fields = json.loads(frame[_LENGTHS.size : start])
    except (ValueError, RecursionError) as error:
        raise WireError(f"not a message: {type(error).__name__}") from None
    if not isinstance(fields, dict):
        raise WireError("not a message")
    listed = fields.pop("tensors", [])
    return fields, _tensors(listed, frame if isinstance(frame, bytearray) else bytearray(frame), start)


def _block(tensors: dict[str, Tensor]) -> tuple[list[tuple[str, str, tuple[int, ...]]], bytes]:
    """The list of the tensors, and their numbers."""
    listed, parts = [], []
    for name, tensor in tensors.items():
        dense = _contiguous(_detach(tensor))
        length = _numel(dense) * _SIZES[dense.dtype]
        listed.append((name, _DTYPE_NAMES[dense.dtype], tuple(dense.shape)))
        parts += [_numpy(_view(_reshape(dense, (-1,)), torch.uint8)).tobytes(), bytes(-length % _ALIGNED)]
    return listed, b"".join(parts)


def _tensors(listed: Any, frame: bytearray, start: int) -> dict[str, Tensor]:
    """The tensors that lie in the frame's memory from `start` on."""
    if not isinstance(listed, list) or len(listed) > MAX_TENSORS or (listed and start % _ALIGNED):
        raise WireError("not a list of tensors")
    found: dict[str, Tensor] = {}
    for entry in listed:
        match entry:
            case [str(name), str(kind), list(shape)] if name not in found and kind in _DTYPES and _is_shape(shape):
                dtype = _DTYPES[kind]
            case _:
                raise WireError("not a tensor")
        length = math.prod(shape) * _SIZES[dtype]
        if length > len(frame) - start:
            raise WireError("a tensor of more numbers than there are")
        found[name] = _tensor(frame, start, length, dtype, shape)
        start += length + -length % _ALIGNED
    if start != len(frame):
        raise WireError("numbers that belong to no tensor")
    return found


def _is_shape(shape: list[Any]) -> bool:
    return len(shape) <= _MAX_AXES and all(type(length) is int and 0 <= length <= _MAX_LENGTH for length in shape)


def _tensor(frame: bytearray, start: int, length: int, dtype: torch.dtype, shape: list[int]) -> Tensor:
    if dtype is torch.bool and frame[start : start + length].strip(b"\x00\x01"):
        raise WireError("a bool tensor that holds other bytes than 0 and 1")
    try:
        if not length:
            return _empty(shape, dtype=dtype)
        flat = _frombuffer(frame, dtype=dtype, count=length // _SIZES[dtype], offset=start)
        return flat if len(shape) == 1 else _reshape(flat, shape)
    except (RuntimeError, ValueError, OverflowError, TypeError) as error:
        raise WireError(f"not a tensor: {type(error).__name__}") from None


def _returned(count: int, refused: dict[str, Any], tensors: dict[str, Tensor]) -> tuple[Tensor | Refused, ...]:
    if not 0 <= count <= MAX_TENSORS or len(refused) + len(tensors) != count:
        raise WireError("an answer of another count than it says")
    returned: list[Tensor | Refused] = []
    for place in map(str, range(count)):
        if place in tensors:
            returned.append(tensors[place])
        elif isinstance(refused.get(place), str):
            returned.append(Refused(refused[place][:200]))
        else:
            raise WireError("an answer with a gap")
    return tuple(returned)


def _words(items: list[Any]) -> tuple[str, ...]:
    if len(items) > MAX_TENSORS or not all(isinstance(item, str) and len(item) <= 200 for item in items):
        raise WireError("not a list of names")
    return tuple(items)
