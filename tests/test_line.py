"""A line of frames: many under way at once, none lost, none waited for in vain."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from grader.wire import frames
from grader.wire.block import WireError
from grader.wire.frames import WireClosed, WireTimeout
from grader.wire.line import Line
from grader.wire.messages import Answer, Failed

SMALL = frames.join([frames.write(Failed(False, "no", 3, ""))], 1)
LARGE = frames.join(
    [frames.write(Answer((torch.zeros(1 << 18),), False, (), ""))], 2
)  # larger than what a socket holds

Ends = tuple[Line, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Line(ours), theirs


def _soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def test_frames_come_one_by_one_however_they_were_cut(ends: Ends) -> None:
    line, other = ends
    sent = SMALL + LARGE[:7]
    other.sendall(sent[:5])
    with pytest.raises(WireTimeout):
        line.get(_soon(0.05))
    other.sendall(sent[5:])
    assert line.get(_soon()) == SMALL
    assert line.has_more
    threading.Thread(target=other.sendall, args=(LARGE[7:] + SMALL,)).start()
    assert line.get(_soon()) == LARGE
    assert line.get(_soon()) == SMALL
    assert line.is_quiet


def test_both_sides_may_send_more_than_the_pipe_holds_at_once(ends: Ends) -> None:
    line, other = ends

    def echo() -> None:  # sends all before it reads anything: as long as nobody takes it, it reads nothing
        for _ in range(4):
            other.sendall(LARGE)
        back = Line(other)
        for _ in range(4):
            assert back.get(_soon()) == LARGE
        other.setblocking(True)
        other.sendall(SMALL)

    for _ in range(4):
        line.put(LARGE)
    threading.Thread(target=echo).start()
    assert [line.get(_soon()) for _ in range(5)] == [LARGE] * 4 + [SMALL]


def test_what_came_before_the_end_is_still_read(ends: Ends) -> None:
    line, other = ends
    line.put(LARGE)
    other.sendall(SMALL)
    other.close()
    assert line.get(_soon()) == SMALL
    assert not line.is_quiet
    assert not line.has_more
    with pytest.raises(WireClosed):
        line.get(_soon())


def test_a_claim_over_the_caps_is_refused_as_soon_as_it_is_made(ends: Ends) -> None:
    line, other = ends
    other.sendall(b"\xff" * 16)
    with pytest.raises(WireError, match="over the caps"):
        line.get(_soon())


def test_the_deadline_holds_while_nobody_reads(ends: Ends) -> None:
    line, _ = ends
    line.put(LARGE)
    start = time.monotonic()
    with pytest.raises(WireTimeout):
        line.get(_soon(0.2))
    assert 0.15 < time.monotonic() - start < 5
