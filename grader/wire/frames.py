"""Messages as bytes, and bytes as messages.

A frame is three numbers (unsigned, little endian, of 32, 32 and 64 bits), a JSON text and a block of plain numbers:

    [length of text][length of block][number][text][block]

The text is a list of messages. It says of every tensor its dtype and shape; the block holds their numbers in
the same order and nothing else.

The number is that of the questions in the frame, and the frame with the answers repeats it, so that a second
answer to one question cannot be taken for the answer to the next.

Whatever a reader is given, it returns messages or raises WireError; lengths are
checked before anything is allocated.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct
from torch import Tensor

from grader.wire.block import ALIGNED, MAX_BLOCK, Block, Dtype, Form, Shape, WireError, put
from grader.wire.messages import (
    MOST,
    Answer,
    Call,
    Failed,
    Forbidden,
    Greeting,
    Load,
    Loaded,
    Open,
    Outcome,
    Output,
    Plan,
    Ran,
    Recorded,
    Refused,
    Replayed,
    Reply,
    Request,
    Run,
    Sealed,
    Shift,
    Unsealed,
    Words,
)

MAX_TEXT = 2 << 20
TOGETHER = 1 << 20  # bytes of messages that go into one frame, and one message more
_HEAD = struct.Struct("<IIQ")
_pack, _unpack = _HEAD.pack, _HEAD.unpack_from


class _CallText(Struct, tag="call", tag_field="kind"):
    """A Call without its numbers."""

    key: str
    dtype: str
    sizes: dict[str, int]
    returned: dict[str, str]
    is_watched: bool
    tensors: Annotated[dict[str, tuple[Dtype, Shape]], Meta(max_length=MOST)]


class _AnswerText(Struct, tag="answer", tag_field="kind"):
    """An Answer without its numbers."""

    returned: Annotated[list[Form], Meta(max_length=MOST)]
    is_sequence: bool
    changed: Words
    output: Output
    refused: Annotated[tuple[Forbidden, ...], Meta(max_length=MOST)]
    shift: Shift | None = None


class _ReplayedText(Struct, tag="replayed", tag_field="kind"):
    """A Replayed without its numbers."""

    returned: Annotated[list[Form], Meta(max_length=MOST)]
    outcomes: Annotated[tuple[Outcome, ...], Meta(max_length=MOST)]


_encode = msgspec.json.Encoder().encode
_REQUESTS = msgspec.json.Decoder(list[Run | Load | Open | Plan | _CallText])
_REPLIES = msgspec.json.Decoder(list[Ran | Loaded | Recorded | _AnswerText | _ReplayedText | Failed])
_GREETINGS = msgspec.json.Decoder(list[Sealed | Unsealed])


class WireClosed(WireError):
    """The other side is gone."""


class WireTimeout(WireError):
    """The deadline passed before a whole message was there."""


class Part(NamedTuple):
    """One message, written: its JSON text, and the numbers of its tensors."""

    text: bytes
    block: bytes

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self.text) + len(self.block)


def write(message: Request | Reply | Greeting) -> Part:
    """A message as a part of a frame. Raises WireError over the caps, which are half of a frame's."""
    block: list[bytes] = []
    text: Struct
    match message:
        case Call(key, dtype, sizes, given, returned, is_watched):
            listed = {name: put(tensor, block) for name, tensor in given.items()}
            text = _CallText(key, dtype, dict(sizes), dict(returned), is_watched, listed)
        case Answer(returned, is_sequence, changed, output, refused, shift):
            text = _AnswerText(_forms(returned, block), is_sequence, changed, output, refused, shift)
        case Replayed(returned, outcomes):
            text = _ReplayedText(_forms(returned, block), outcomes)
        case _:
            text = message
    try:
        said = _encode(text)
    except UnicodeEncodeError:  # half a surrogate pair, printed by a student
        said = _encode(_sayable(msgspec.to_builtins(text)))
    numbers = b"".join(block)
    if len(said) > MAX_TEXT // 2 or len(numbers) > MAX_BLOCK // 2:
        raise WireError(f"a message of {len(said)} + {len(numbers)} bytes is over the caps")
    return Part(said, numbers)


def _forms(returned: Sequence[Tensor | Refused], block: list[bytes]) -> list[Form]:
    return [("", (), item.what[:200]) if isinstance(item, Refused) else (*put(item, block), "") for item in returned]


def join(parts: Sequence[Part], number: int = 0) -> bytes:
    """The frame of these messages."""
    text = b"[%b]" % b",".join([part.text for part in parts])
    text += b" " * (-(_HEAD.size + len(text)) % ALIGNED)
    blocks = [part.block for part in parts]
    return b"".join((_pack(len(text), sum(map(len, blocks)), number), text, *blocks))


def first_of(parts: Sequence[Part]) -> list[Part]:
    """As many of these, one at least, as go into one frame."""
    chosen: list[Part] = []
    room = TOGETHER
    while room > 0 and len(chosen) < min(len(parts), MOST):
        chosen.append(parts[len(chosen)])
        room -= chosen[-1].size
    return chosen


def number_of(frame: bytes | bytearray) -> int:
    """The number of a whole frame."""
    number: int = _unpack(frame)[2]
    return number


def read_requests(frame: bytes | bytearray) -> list[Request]:
    """The judge's messages in `frame`."""
    texts, block = _read(frame, _REQUESTS)
    requests = [
        Call(
            text.key,
            text.dtype,
            text.sizes,
            {name: block.take(*listed) for name, listed in text.tensors.items()},
            text.returned,
            text.is_watched,
        )
        if isinstance(text, _CallText)
        else text
        for text in texts
    ]
    block.ends()
    return requests


def read_replies(frame: bytes | bytearray) -> list[Reply]:
    """The worker's messages in `frame`: nothing in them is believed beyond its form."""
    texts, block = _read(frame, _REPLIES)
    replies = [_with_numbers(text, block) for text in texts]
    block.ends()
    return replies


def read_greeting(frame: bytes | bytearray) -> Greeting:
    """The worker's first message: whether it is closed off."""
    texts, block = _read(frame, _GREETINGS)
    block.ends()
    if len(texts) != 1:
        raise WireError("not one greeting")
    return texts[0]  # type: ignore[no-any-return]


def whole_length(came: bytes | bytearray) -> int | None:
    """How long the frame is that these bytes begin; None if they do not say yet. Raises WireError over the caps."""
    if len(came) < _HEAD.size:
        return None
    text, block, _ = _unpack(came)
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


def _read(frame: bytes | bytearray, decoder: msgspec.json.Decoder[list[Any]]) -> tuple[list[Any], Block]:
    """What the text says, message by message, and the block that it speaks of."""
    if len(frame) < _HEAD.size:
        raise WireError("a frame shorter than its head")
    text, block, _ = _unpack(frame)
    start = _HEAD.size + text
    if len(frame) != start + block or text > MAX_TEXT or block > MAX_BLOCK or start % ALIGNED:
        raise WireError("a frame of another length than it says")
    try:
        said = decoder.decode(frame[_HEAD.size : start])
    except (ValueError, RecursionError) as error:
        raise WireError(f"not a message: {type(error).__name__}") from None
    if len(said) > MOST:
        raise WireError(f"{len(said)} messages in one frame")
    return said, Block(frame if isinstance(frame, bytearray) else bytearray(frame), start)


def _with_numbers(text: Any, block: Block) -> Reply:
    if isinstance(text, _ReplayedText):
        if len(text.outcomes) != len(text.returned):
            raise WireError(f"{len(text.returned)} values with {len(text.outcomes)} outcomes")
        return Replayed(tuple(block.items(text.returned)), text.outcomes)
    return _answer(text, block) if isinstance(text, _AnswerText) else text


def _answer(text: _AnswerText, block: Block) -> Answer:
    if len(text.returned) != 1 and not text.is_sequence:
        raise WireError(f"{len(text.returned)} things that are no sequence")
    return Answer(block.items(text.returned), text.is_sequence, text.changed, text.output, text.refused, text.shift)


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
