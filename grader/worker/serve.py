"""The life of a student process: the seal first, then one reply a request until the pipe closes."""

from __future__ import annotations

import importlib
import math
import socket
import time
from typing import Any

from grader.seal.close import seal
from grader.seal.layers import Limits, SealError, isolation_from_json
from grader.wire import frames
from grader.wire.messages import Call, Failed, Load, Reply, Sealed, Unsealed
from grader.worker import answer, autograd

_FOREVER = 365 * 24 * 3600.0
_PART = 1 << 18  # bytes taken from the pipe at once
# What the vocabulary lets a submission import, what Python imports for a name such as δ, and torch for Tensor.resize:
# a sealed process can read no file.
_IMPORTED_LATER = """__future__ collections.abc dataclasses functools itertools math typing
unicodedata torch.autograd._functions"""


def warm_up() -> None:
    """Once, in the warm process: what would else be imported, or read from a file, when the seal is closed."""
    for module in _IMPORTED_LATER.split():
        importlib.import_module(module)
    autograd.prepare()
    frames.write(answer.rehearse())


def main(channel: socket.socket, arguments: dict[str, Any]) -> None:
    """Serves one submission over `channel`. Returns when the judge hangs up."""
    autograd.switch_off()
    limits = Limits(int(arguments["memory_mib"]), math.ceil(arguments["cpu_seconds"]))
    greeting = _sealed(isolation_from_json(arguments["isolation"]).layers, limits)
    frames.send(channel, frames.write(greeting), time.monotonic() + _FOREVER)
    if isinstance(greeting, Sealed):
        _serve(channel)


def _sealed(layers: tuple[str, ...], limits: Limits) -> Sealed | Unsealed:
    try:
        return Sealed(seal(layers, limits))
    except SealError as error:
        return Unsealed(str(error))


def _serve(channel: socket.socket) -> None:
    """One reply a request, in the order of the requests; several of them may have come already."""
    loaded: dict[str, answer.LoadedAnswer] = {}
    channel.setblocking(True)
    came = bytearray()
    while True:
        length = frames.whole_length(came)
        if length is None or len(came) < length:
            part = channel.recv(_PART)
            if not part:
                return
            came += part
            continue
        frame = came[:length]
        del came[:length]
        request = frames.read_request(frame)
        reply: Reply
        match request:
            case Load():
                made, reply = answer.load(request)
                if made:
                    loaded[request.key] = made
            case Call():
                made = loaded.get(request.key)
                reply = answer.call(made, request) if made else Failed(False, "nothing is loaded", None, "")
        channel.sendall(_frame(reply, frames.number_of(frame)))


def _frame(reply: Reply, number: int) -> bytes:
    try:
        return frames.write(reply, number)
    except (frames.WireError, RuntimeError):
        return frames.write(Failed(False, "what it returned cannot be sent", None, ""), number)
