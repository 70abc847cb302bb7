"""The life of a student process: limits first, then one reply a request until the pipe closes."""

from __future__ import annotations

import math
import os
import socket
import time
from typing import Any

from grader.wire import frames
from grader.wire.messages import Call, Failed, Load, Reply
from grader.worker import answer, limits

_FOREVER = 365 * 24 * 3600.0


def main(channel: socket.socket, arguments: dict[str, Any]) -> None:
    """Serves one submission over `channel`. Returns when the judge hangs up."""
    os.setsid()  # a process group of its own, so that whatever it starts is killed with it
    limits.set_limits(int(arguments["memory_mib"]), math.ceil(arguments["cpu_seconds"]))
    answer.switch_off_autograd()
    loaded: dict[str, answer.LoadedAnswer] = {}
    while True:
        try:
            frame = frames.receive(channel, time.monotonic() + _FOREVER)
            request = frames.read_request(frame)
        except frames.WireClosed:
            return
        reply: Reply
        match request:
            case Load():
                made, reply = answer.load(request)
                if made:
                    loaded[request.key] = made
            case Call():
                made = loaded.get(request.key)
                reply = answer.call(made, request) if made else Failed(False, "nothing is loaded", None, "")
        frames.send(channel, _frame(reply, frames.number_of(frame)), time.monotonic() + _FOREVER)


def _frame(reply: Reply, number: int) -> bytes:
    try:
        return frames.write(reply, number)
    except (frames.WireError, RuntimeError):
        return frames.write(Failed(False, "what it returned cannot be sent", None, ""), number)
