"""The pipe: every message survives it, and no bytes do anything but become a message or a WireError."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from grader.wire import frames
from grader.wire.block import MAX_BLOCK, Items, WireError
from grader.wire.frames import MAX_TEXT, WireClosed, WireTimeout
from grader.wire.line import Line
from grader.wire.messages import (
    MOST,
    Answer,
    Attempt,
    Call,
    Event,
    Failed,
    Forbidden,
    Greeting,
    Load,
    Loaded,
    Open,
    Outcome,
    Plan,
    Ran,
    Recorded,
    Refused,
    Replayed,
    Reply,
    Request,
    Run,
    Sealed,
    Unsealed,
)
from grader.wire.messages import (
    Line as LineRecord,
)

MIB = 1 << 20
DTYPES = {
    torch.float64: 8,
    torch.float32: 4,
    torch.float16: 2,
    torch.bfloat16: 2,
    torch.int64: 8,
    torch.int32: 4,
    torch.int16: 2,
    torch.int8: 1,
    torch.uint8: 1,
    torch.bool: 1,
}
ROUND_TRIPS = settings(max_examples=100, deadline=None, database=None)
FUZZ = settings(max_examples=300, deadline=None, database=None)

Message = Request | Reply | Greeting

READERS: dict[str, Callable[[bytes], Sequence[Message]]] = {
    "a request": frames.read_requests,
    "a reply": frames.read_replies,
    "a greeting": lambda frame: [frames.read_greeting(frame)],
}


def framed(*messages: Message, number: int = 0) -> bytes:
    """One frame with these."""
    return frames.join([frames.write(message) for message in messages], number)


def read_reply(frame: bytes) -> Reply:
    """The one reply in a frame."""
    (reply,) = frames.read_replies(frame)
    return reply


# What goes in comes out


def _from_bytes(raw: bytes, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    if not raw:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=dtype).reshape(shape)


def _bits(tensor: Tensor) -> bytes:
    return bytes(tensor.contiguous().reshape(-1).view(torch.uint8).tolist())


NAMES = [
    *("run", "load", "call", "loaded", "answer", "failed", "sealed", "unsealed"),
    *("open", "plan", "ran", "recorded", "replayed"),
]


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """Any dtype that crosses, up to four axes, some of them empty, and any bits: NaN, -0, denormals."""
    dtype = draw(st.sampled_from(list(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    size = torch.Size(shape).numel() * DTYPES[dtype]
    raw = draw(st.binary(min_size=size, max_size=size))
    return _from_bytes(bytes(byte & 1 for byte in raw) if dtype is torch.bool else raw, dtype, shape)


def _made(kind: Callable[..., Any], *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Messages of a kind with these parts, in their order."""
    return st.tuples(*parts).map(lambda values: kind(*values))


anything = st.text(max_size=20)
words = st.text(max_size=20)
names = st.from_regex(r"[A-Za-z]\w{0,12}", fullmatch=True)
name_lists = st.lists(words, max_size=5).map(tuple)
refusals = words.map(Refused)
lines = st.none() | st.integers(1, 1 << 31)
forbidden = st.lists(st.tuples(lines, anything).map(lambda parts: Forbidden(*parts)), max_size=3).map(tuple)
messages: dict[str, st.SearchStrategy[Any]] = {
    "run": _made(Run, anything, anything, anything, st.dictionaries(anything, anything, max_size=3)),
    "load": _made(Load, anything, anything, anything, st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9))),
    "ran": _made(Ran, st.integers(0, 1 << 31)),
    "call": _made(
        Call,
        anything,
        st.sampled_from(["float64", "float32"]),
        st.dictionaries(names, st.integers(0, 1 << 40), max_size=3),
        st.dictionaries(names, tensors(), max_size=3),
        st.dictionaries(names, anything, max_size=3),
    ),
    "loaded": _made(Loaded, name_lists, name_lists, st.booleans()),
    "answer": _made(
        Answer, st.lists(tensors() | refusals, max_size=4).map(tuple), st.just(True), name_lists, anything, forbidden
    )
    | _made(Answer, st.tuples(tensors() | refusals), st.booleans(), name_lists, anything, forbidden),
    "failed": _made(Failed, st.booleans(), anything, lines, anything, forbidden),
    "sealed": _made(Sealed, name_lists),
    "unsealed": _made(Unsealed, anything),
}
KINDS = {"run": "a request", "load": "a request", "call": "a request", "sealed": "a greeting", "unsealed": "a greeting"}


def _read(kind: str, frame: bytes) -> Sequence[Message]:
    return READERS[KINDS.get(kind, "a reply")](frame)


def _alike(one: Any, other: Any) -> bool:
    """Equal, tensors bit by bit."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and _bits(one) == _bits(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, tuple | Items) and isinstance(other, tuple | Items):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(type(one) is type(other) and one == other)


@pytest.mark.parametrize("kind", messages)
@ROUND_TRIPS
@given(data=st.data())
def test_every_message_comes_out_as_it_went_in(kind: str, data: st.DataObject) -> None:
    count = 1 if KINDS.get(kind) == "a greeting" else 3
    sent = data.draw(st.lists(messages[kind], min_size=1, max_size=count))
    read = _read(kind, framed(*sent))
    for came, message in zip(read, sent, strict=True):
        assert type(came) is type(message)
        for field in type(message).__match_args__:
            assert _alike(getattr(came, field), getattr(message, field)), field


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "a transpose": lambda x: x.T,
    "every other column": lambda x: x[:, ::2],
    "an expanded row": lambda x: x[:1].expand(5, -1),
    "a flipped sign bit": lambda x: torch.complex(x, -x).conj().imag,
    "one number": lambda x: x[1, 2],
    "no rows": lambda x: x[:0],
    "one with a graph": lambda x: x.clone().requires_grad_().mul(2),
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_crosses_as_the_numbers_it_shows(view: str) -> None:
    shown = VIEWS[view](torch.arange(12, dtype=torch.float64).reshape(3, 4) - 5)
    sent = shown.resolve_neg()
    read = read_reply(framed(Answer((sent,), False, (), "")))
    assert isinstance(read, Answer)
    assert _alike(read.returned[0], sent.detach())


def test_what_was_read_can_be_written_to_and_what_was_sent_stays() -> None:
    sent = torch.ones(3)
    read = read_reply(framed(Answer((sent,), False, (), "")))
    assert isinstance(read, Answer)
    assert isinstance(read.returned[0], Tensor)
    read.returned[0].zero_()
    assert _alike(sent, torch.ones(3))


@pytest.mark.parametrize("number", [0, 1, (1 << 64) - 1])
def test_a_frame_carries_the_number_of_its_questions(number: int) -> None:
    replies = (Failed(False, "no", 3, ""), Loaded(("x",), ()))
    frame = framed(*replies, number=number)
    assert frames.number_of(frame) == number
    assert tuple(frames.read_replies(frame)) == replies


def test_of_many_messages_as_many_go_into_one_frame_as_fit() -> None:
    third, double = frames.Part(b"{}", bytes(frames.TOGETHER // 3)), frames.Part(b"{}", bytes(frames.TOGETHER * 2))
    assert frames.first_of([third] * 9) == [third] * 3
    assert frames.first_of([double] * 2) == [double]
    assert len(frames.first_of([frames.Part(b"{}", b"")] * (MOST + 1))) == MOST


def test_the_numbers_of_an_answer_lie_in_a_row() -> None:
    one, other = torch.rand(2, 3, dtype=torch.float64), torch.rand((), dtype=torch.float64)
    first, second = frames.read_replies(framed(Answer((one, other), True, (), ""), Answer((other,), False, (), "")))
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert isinstance(first.returned, Items)
    assert isinstance(second.returned, Items)
    assert first.returned.forms == [("F64", (2, 3), ""), ("F64", (), "")]
    assert first.returned.numbers().tolist() == [*one.flatten().tolist(), other.item()]
    assert second.returned.numbers().tolist() == [other.item()]


@pytest.mark.parametrize("broken", ["\ud800", "printed \udfff and more"])
def test_half_a_surrogate_pair_crosses_as_a_question_mark(broken: str) -> None:
    sent = Answer((Refused(broken),), False, (broken,), broken)
    whole = broken.encode(errors="replace").decode()
    assert read_reply(framed(sent)) == Answer((Refused(whole),), False, (whole,), whole)


@pytest.mark.parametrize(
    "message",
    [
        Answer((), False, (), "x" * (MAX_TEXT + 1)),
        Answer(tuple(torch.zeros(MAX_BLOCK // 40, dtype=torch.float64) for _ in range(6)), True, (), ""),
    ],
    ids=["text", "tensors"],
)
def test_a_message_over_the_caps_is_not_written(message: Answer) -> None:
    with pytest.raises(WireError, match="over the caps"):
        frames.write(message)


# Whatever comes, it is a message or a WireError


def _reads_or_refuses(frame: bytes) -> None:
    for read in READERS.values():
        try:
            came = read(frame)
        except WireError:
            continue
        for message in came:
            assert isinstance(message, Message)
            if isinstance(message, Answer):
                assert len(tuple(message.returned)) <= MOST  # each is made, and nothing can be wrong with it any more


SAMPLES = [
    framed(Run("ex", "ex.py", "def step(x):\n    return x\n", {"helpers": "ONE = 1\n"})),
    framed(Load("ex.step", "ex", "step", (1, 0))),
    framed(Call("ex.step", "float64", {"n": 3}, {"x": torch.ones(2, 3), "i": torch.zeros(2, dtype=torch.int64)})),
    framed(Loaded(("x", "n"), ("n",))),
    framed(Answer((torch.ones(2, 3), Refused("None"), torch.tensor([True, False])), True, ("x",), "printed")),
    framed(Failed(False, "ValueError: no", 3, "", (Forbidden(3, "torch.autograd"),))),
    framed(Sealed(("process", "rlimits"))),
    framed(Unsealed("landlock: no")),
    framed(
        Open("0", "a.py", "dx = y\n", {}, ("x", "y"), {"x": ("n",)}, (("d", ""),), ((1, 3),), {"g": "x"}, {"g.x": "dx"})
    ),
    framed(Plan("0", ".", (Attempt("dx", "x", 3, True),), "ex4.gradients", 1, (Attempt("dx", "x", 9, False), None))),
    framed(Ran(2)),
    framed(Recorded((LineRecord(1, 0, 0, (Event("dx", "x", True, (0,)),), True, ("dy",)),), {"a": "x"})),
    framed(Replayed((torch.ones(2), Refused("None")), (Outcome("seen"), Outcome(failed=Failed(False, "no", 1, ""))))),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A whole frame with a few bytes changed, put in, taken out, or its end cut off."""
    frame = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(frame) - 1, 0)))
        match draw(st.sampled_from(["flip", "set", "insert", "remove", "cut"])):
            case "flip" if frame:
                frame[place] ^= 1 << draw(st.integers(0, 7))
            case "set" if frame:
                frame[place] = draw(st.integers(0, 255))
            case "insert":
                frame[place:place] = draw(st.binary(max_size=8))
            case "remove":
                del frame[place : place + draw(st.integers(1, 8))]
            case "cut":
                del frame[place:]
    return bytes(frame)


@st.composite
def with_other_lengths(draw: st.DrawFn) -> bytes:
    """The bytes of a frame behind two lengths that have little to do with them."""
    frame = draw(st.sampled_from(SAMPLES))
    text, block, *_ = struct.unpack_from("<IIQ", frame)
    lengths = st.integers(0, (1 << 32) - 1) | st.integers(-9, 9).map(lambda by: max(text + by, 0))
    return (
        struct.pack("<IIQ", draw(lengths), draw(st.sampled_from([block, 0, len(frame) - 16 - text, 1 << 31])), 0)
        + (frame[16:])
    )


def _frame(text: bytes, block: bytes = b"") -> bytes:
    """A frame whose block begins where blocks do."""
    text += b" " * (-(len(text) + 16) % 8)
    return struct.pack("<IIQ", len(text), len(block), 0) + text + block


F64: list[Any] = ["F64", [1], ""]  # dtype, shape, what it is if it is no tensor
EIGHT = bytes(8)
ODD_NUMBERS = [None, True, -1, 0, 3, 1 << 31, 1 << 63, (1 << 64) - 1, 1 << 70, 0.5, float("nan")]
ODD_TEXTS = ["", "x", "\ud800", "C64", "F4", "BOOL", "U8"]
ODD_LISTS = [[], [[]], [0], [-1], ["x"], [0, 0], [8, 0], [0, 16], [0, 1 << 40], [1 << 62], [0, 1 << 63], [1] * 100, {}]
odd = st.sampled_from([*ODD_NUMBERS, *ODD_TEXTS, *ODD_LISTS])
WHOLE: list[dict[str, Any]] = [
    {"kind": "load", "key": "k", "program": "", "name": "n", "position": [1, 2]},
    {"kind": "call", "key": "k", "dtype": "float64", "sizes": {"n": 3}, "returned": {}, "tensors": {"x": ["F64", [1]]}},
    {"kind": "loaded", "parameters": ["x"], "optional": [], "takes_any": False},
    {"kind": "answer", "returned": [F64], "is_sequence": False, "changed": [], "output": "", "refused": []},
    {"kind": "failed", "is_memory": False, "error": "", "line": 3, "output": "", "refused": []},
    {"kind": "sealed", "layers": ["process"]},
    {"kind": "unsealed", "why": ""},
]


@st.composite
def bent(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """`whole` with up to two of its values replaced by odd ones."""
    return whole | draw(st.dictionaries(st.sampled_from(list(whole)), odd, max_size=2))


@st.composite
def well_formed_nonsense(draw: st.DrawFn) -> bytes:
    """A message's own keys with odd values, beside a tensor that claims odd things about itself."""
    told = draw(bent(draw(st.sampled_from(WHOLE))))
    claimed = [draw(odd | st.just(right)) for right in F64]
    tensors = draw(odd | st.just([claimed]) | st.just([claimed, claimed]))
    where = {"answer": "returned", "call": "tensors"}.get(str(told["kind"]), "returned")
    return _frame(json.dumps([{**told, where: tensors}]).encode(), draw(st.sampled_from([EIGHT, b"", bytes(16)])))


@pytest.mark.parametrize(
    "bytes_of",
    [
        st.binary(max_size=200),
        st.binary(max_size=60).map(lambda raw: struct.pack("<IIQ", len(raw), 0, 0) + raw),
        st.binary(max_size=60).map(lambda raw: _frame(b'[{"kind": "answer"}]', raw)),
        damaged(),
        with_other_lengths(),
        well_formed_nonsense(),
    ],
    ids=["noise", "noise for JSON", "noise for tensors", "damage", "other lengths", "well-formed nonsense"],
)
@FUZZ
@given(data=st.data())
def test_any_bytes_are_a_message_or_a_wire_error(bytes_of: st.SearchStrategy[bytes], data: st.DataObject) -> None:
    _reads_or_refuses(data.draw(bytes_of))


ANSWER = WHOLE[3]


def _answer(told: dict[str, Any], tensors: Any = None, data: bytes = EIGHT) -> bytes:
    return _frame(json.dumps([ANSWER | told | {"returned": [F64] if tensors is None else tensors}]).encode(), data)


def test_the_frames_below_are_refused_for_their_one_flaw() -> None:
    read = read_reply(_answer({}))
    assert isinstance(read, Answer)
    assert _alike(read.returned[0], torch.zeros(1, dtype=torch.float64))


def _tensor(dtype: Any = "F64", shape: Any = (1,)) -> bytes:
    return _answer({}, [[dtype, shape, ""]])


ODD_PLACE = json.dumps([ANSWER]).encode()
ODD_PLACE += b" " * ((-len(ODD_PLACE) - 16) % 8 + 1)

FORGED = {
    "nothing": b"",
    "half a head": b"\x01\x00",
    "no text": _frame(b""),
    "two messages": SAMPLES[2] + SAMPLES[3],
    "a message outside a list": _frame(json.dumps(ANSWER).encode(), EIGHT),
    "more messages than there may be": _frame(json.dumps([WHOLE[4]] * (MOST + 1)).encode()),
    "a message and a byte": SAMPLES[3] + b"\x00",
    "JSON nested deep": _frame(b"[" * 100_000),
    "JSON objects nested deep": _frame(b'{"kind":' * 100_000),
    "tensors nested deep": _frame(b'[{"kind": "answer", "returned": ' + b"[" * 90_000, EIGHT),
    "tensors that are no list": _answer({}, "F64"),
    "a tensor that is no list": _answer({}, ["F64"]),
    "a tensor of a dtype alone": _answer({}, [["F64"]]),
    "a tensor without a dtype": _tensor(dtype=None),
    "a number of 5000 digits": _frame(b'[{"kind": "failed", "line": ' + b"1" * 5000 + b"}]"),
    "JSON that is no object": _frame(b'["answer"]'),
    "text that is no UTF-8": _frame(b'[{"kind": "\xff\xfe\xfa"}]'),
    "a complex tensor": _tensor(dtype="C64"),
    "an 8-bit float": _tensor(dtype="F8_E5M2", shape=[8]),
    "another 8-bit float": _tensor(dtype="F8_E4M3", shape=[8]),
    "an unsigned integer": _tensor(dtype="U64"),
    "a dtype of nobody": _tensor(dtype="object"),
    "a shape over its data": _tensor(shape=[2]),
    "a shape under its data": _tensor(shape=[0]),
    "a shape of 2^62": _tensor(shape=[1 << 62]),
    "a shape that overflows": _tensor(shape=[1 << 33, 1 << 33]),
    "a negative shape": _tensor(shape=[-1]),
    "a shape of text": _tensor(shape=["1"]),
    "more axes than sense": _tensor(shape=[1] * 100),
    "a shape of truths": _tensor(shape=[True]),
    "empty, of more numbers than there are": _answer({}, [["F64", [0, 1 << 63], ""]], b""),
    "data outside the frame": _answer({}, [F64], b""),
    "less data than that": _answer({}, [F64], bytes(4)),
    "data of nobody": _answer({}, [F64], bytes(16)),
    "data of nobody, and no tensor": _answer({}, [], EIGHT),
    "data of what is no tensor": _answer({}, [["", [1], "None"]], EIGHT),
    "data twice": _answer({}, [F64, F64]),
    "data that begins anywhere": struct.pack("<IIQ", len(ODD_PLACE), 8, 0) + ODD_PLACE + EIGHT,
    "a truth of 2": _answer({}, [["BOOL", [8], ""]], b"\x02" * 8),
    "a refusal that is no text": _answer({}, [["", [], 3]], b""),
    "a refusal of 201 letters": _answer({}, [["", [], "x" * 201]], b""),
    "a sequence of 3": _answer({"is_sequence": 3}),
    "nothing, and no sequence": _answer({}, [], b""),
    "two things, and no sequence": _answer({}, [F64, F64], bytes(16)),
    "a line before the first": _frame(json.dumps([WHOLE[4] | {"line": 0}]).encode()),
    "a line after every last": _frame(json.dumps([WHOLE[4] | {"line": 1 << 40}]).encode()),
    "an error as long as a book": _frame(json.dumps([WHOLE[4] | {"error": "x" * 10_000}]).encode()),
    "output over its cap": _frame(json.dumps([WHOLE[4] | {"output": "x" * (1 << 18)}]).encode()),
    "a name of 201 letters": _answer({"changed": ["x" * 201]}),
    "a name that is no text": _answer({"changed": [1]}),
    "too many names": _answer({"changed": ["x"] * (MOST + 1)}),
    "a watch that is no list": _answer({"refused": "aten::tanh_backward"}),
    "no word of the watch": _frame(
        json.dumps([{key: value for key, value in ANSWER.items() if key != "refused"}]).encode(),
        EIGHT,
    ),
    "a greeting": SAMPLES[6],
    "a verdict": _frame(b'[{"kind": "right", "credit": 1.0}]'),
    "a request": SAMPLES[1],
}


@pytest.mark.parametrize("flaw", FORGED)
def test_a_forged_reply_is_refused(flaw: str) -> None:
    with pytest.raises(WireError):
        frames.read_replies(FORGED[flaw])


def test_more_tensors_than_the_cap_are_refused() -> None:
    data = bytes(8 * (MOST + 1))
    with pytest.raises(WireError):
        frames.read_replies(_answer({}, [["U8", [1], ""]] * (MOST + 1), data))
    many = {str(place): ["U8", [1]] for place in range(MOST + 1)}
    with pytest.raises(WireError):
        frames.read_requests(_frame(json.dumps([WHOLE[1] | {"tensors": many}]).encode(), data))


@pytest.mark.parametrize("claim", [(MAX_TEXT + 1, 0), (0, MAX_BLOCK + 1)], ids=["text", "tensors"])
def test_a_reader_refuses_lengths_over_the_caps_even_where_the_bytes_are_there(claim: tuple[int, int]) -> None:
    with pytest.raises(WireError):
        frames.read_replies(struct.pack("<IIQ", *claim, 0) + bytes(sum(claim)))


# Sockets


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


Ends = tuple[socket.socket, socket.socket]


def _soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


@pytest.mark.parametrize(
    "frame",
    SAMPLES,
    ids=NAMES,
)
def test_a_frame_that_is_sent_is_received(frame: bytes, ends: Ends) -> None:
    frames.send(ends[0], frame, _soon())
    assert Line(ends[1]).get(_soon()) == frame


def test_of_two_messages_each_is_received_by_itself(ends: Ends) -> None:
    ends[0].sendall(SAMPLES[2] + SAMPLES[3])
    line = Line(ends[1])
    assert line.get(_soon()) == SAMPLES[2]
    assert line.get(_soon()) == SAMPLES[3]


@pytest.mark.parametrize(
    "claim", [(5 << 29, (1 << 32) - 1), (MAX_TEXT + 1, 0), (0, MAX_BLOCK + 1)], ids=["7 GB", "text", "tensors"]
)
def test_a_claim_over_the_caps_is_refused_before_anything_is_allocated(claim: tuple[int, int], ends: Ends) -> None:
    ends[0].sendall(struct.pack("<IIQ", *claim, 0))
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="over the caps"):
            Line(ends[1]).get(_soon())
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_memory_grows_with_what_came_and_not_with_what_was_claimed(ends: Ends) -> None:
    ends[0].sendall(struct.pack("<IIQ", MAX_TEXT, MAX_BLOCK, 0) + bytes(1000))
    ends[0].close()
    tracemalloc.start()
    try:
        with pytest.raises(WireClosed):
            Line(ends[1]).get(_soon())
        assert tracemalloc.get_traced_memory()[1] < 2 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("sent", [b"", SAMPLES[3][:3], SAMPLES[3][:8], SAMPLES[3][:-1]])
def test_a_pipe_closed_before_the_end_of_a_message_is_wire_closed(sent: bytes, ends: Ends) -> None:
    ends[0].sendall(sent)
    ends[0].close()
    with pytest.raises(WireClosed):
        Line(ends[1]).get(_soon())


def test_sending_into_a_closed_pipe_is_wire_closed(ends: Ends) -> None:
    ends[1].close()
    with pytest.raises(WireClosed):
        frames.send(ends[0], SAMPLES[0], _soon())


@pytest.mark.parametrize("sent", [b"", SAMPLES[3][:3], SAMPLES[3][:-1]])
@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.1])
def test_a_message_that_is_not_whole_at_the_deadline_is_wire_timeout(seconds: float, sent: bytes, ends: Ends) -> None:
    ends[0].sendall(sent)
    start = time.monotonic()
    with pytest.raises(WireTimeout):
        Line(ends[1]).get(start + seconds)
    assert time.monotonic() - start < seconds + 2


def test_the_deadline_is_for_the_whole_message_however_often_a_byte_comes(ends: Ends) -> None:
    over = threading.Event()

    def drip() -> None:
        for byte in SAMPLES[3]:
            ends[0].sendall(bytes([byte]))
            if over.wait(0.02):
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        with pytest.raises(WireTimeout):
            Line(ends[1]).get(_soon(0.2))
    finally:
        over.set()
        dripping.join()


def test_sending_to_one_that_does_not_read_ends_at_the_deadline(ends: Ends) -> None:
    start = time.monotonic()
    with pytest.raises(WireTimeout):
        frames.send(ends[0], bytes(8 * MIB), start + 0.1)
    assert time.monotonic() - start < 2
