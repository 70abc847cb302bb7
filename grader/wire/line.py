"""A channel of frames, which come whole however they were cut on the way.

Nothing here waits for one direction alone. A judge that sends while the other side sends, too, would
else wait for ever where both buffers are full.
"""

from __future__ import annotations

import math
import select
import socket
import time
from collections import deque
from collections.abc import Callable

from grader.wire.frames import WireClosed, WireTimeout, whole_length

_PART = 1 << 16  # bytes; for more, memory comes from the system and goes back to it every time


class Line:
    """A socket, what is still to be sent through it, and what has come of the next frame."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._to_send: deque[memoryview] = deque()
        self._came = bytearray()

    def put(self, frame: bytes) -> None:
        """Queues a frame; it goes out while an answer is waited for."""
        self._to_send.append(memoryview(frame))

    def get(self, deadline: float, left: Callable[[], float] = lambda: math.inf) -> bytearray:
        """The next whole frame that comes. Raises WireError for oversized claims, WireClosed, WireTimeout.

        `deadline` is in time.monotonic() seconds. `left` is another clock: it gives the seconds to wait before it is
        asked again, none when its time is up.
        """
        while True:
            length = whole_length(self._came)
            if length is not None and len(self._came) >= length:
                frame = self._came[:length]
                del self._came[:length]
                return frame
            self._send()
            wait = min(deadline - time.monotonic(), left())
            if wait <= 0:
                raise WireTimeout("the deadline passed")
            readable, _, _ = select.select([self._channel], [self._channel] if self._to_send else [], [], wait)
            if readable:
                self._receive()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has come that was not taken, not even the end."""
        return not self._came and not select.select([self._channel], [], [], 0)[0]

    @property
    def has_more(self) -> bool:
        """Whether bytes have come that were not taken."""
        if not self._came and not self.is_quiet:
            try:
                self._receive()
            except WireClosed:
                return False
        return bool(self._came)

    def _send(self) -> None:
        """As much as goes without waiting."""
        while self._to_send:
            part = self._to_send[0]
            try:
                sent = self._channel.send(part)
            except BlockingIOError:
                return
            except OSError:  # the other side is gone; what it said before that is still to be read
                self._to_send.clear()
                return
            if sent < len(part):
                self._to_send[0] = part[sent:]
                return
            self._to_send.popleft()

    def _receive(self) -> None:
        try:
            part = self._channel.recv(_PART)
        except BlockingIOError:
            return
        except OSError as error:
            raise WireClosed(str(error)) from None
        if not part:
            raise WireClosed("the other side closed the pipe")
        self._came += part
