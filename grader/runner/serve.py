"""The life of a student process: the seal first, then replies to requests until the pipe closes."""

from __future__ import annotations

import gc
import importlib
import math
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from torch import Tensor

from grader.runner import answer, autograd, language
from grader.runner.gradients import Gradients
from grader.runner.program import Namespace
from grader.seal import rlimits
from grader.seal.close import seal
from grader.seal.layers import Limits, SealError, isolation_from_json
from grader.wire import frames
from grader.wire.block import WireError
from grader.wire.messages import Answer, Call, Failed, Load, Open, Plan, Reply, Request, Run, Sealed, Unsealed

_FOREVER = 365 * 24 * 3600.0
_PART = 1 << 16  # bytes taken from the pipe at once
_SOON = 0.1  # seconds
_monotonic = time.monotonic  # bound before a student's code can rebind it
# What Python imports for a name such as δ, and torch for Tensor.resize:
# a sealed process can read no file.
_IMPORTED_LATER = "unicodedata torch.autograd._functions"


def warm_up() -> None:
    """Once, in the warm process: what would else be imported, or read from a file, when the seal is closed."""
    for module in _IMPORTED_LATER.split():
        importlib.import_module(module)
    autograd.prepare()
    language.prepare()
    frames.read_replies(frames.join([frames.write(answer.rehearse())]))


def main(channel: socket.socket, arguments: dict[str, Any]) -> None:
    """Serves one submission over `channel`. Returns when the judge hangs up."""
    autograd.switch_off()
    limits = Limits(int(arguments["memory_mib"]), math.ceil(arguments["cpu_seconds"]))
    greeting = _extended(arguments.get("words", {})) or _sealed(
        isolation_from_json(arguments["isolation"]).layers, limits
    )
    frames.send(channel, frames.join([frames.write(greeting)]), time.monotonic() + _FOREVER)
    if isinstance(greeting, Sealed):
        gc.set_threshold(50_000)  # a collection writes to pages that are shared with every other process
        _serve(channel)


def _extended(words: Mapping[str, Sequence[str]]) -> Unsealed | None:
    """Adds a lesson's own words to the language; why that cannot be."""
    try:
        language.extend({kind: tuple(some) for kind, some in words.items()})
    except ImportError as error:
        return Unsealed(f"lesson.toml, [vocabulary], modules: {error}; install it beside torch, or take it out")
    return None


def _sealed(layers: tuple[str, ...], limits: Limits) -> Sealed | Unsealed:
    mapped = rlimits.mapped()
    try:
        return Sealed(seal(layers, limits), None if mapped is None else mapped >> 20)
    except SealError as error:
        return Unsealed(str(error))


def _serve(channel: socket.socket) -> None:
    """One frame of replies for each frame of requests."""
    desk = _Desk()
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
        channel.sendall(desk.replies_to(frame))


class _Desk:
    """What this process was given to run, and what it replied last to each."""

    def __init__(self) -> None:
        self._spaces: dict[str, Namespace] = {}
        self._loaded: dict[str, answer.LoadedAnswer] = {}
        self._gradients = Gradients()
        self._replied: dict[str, frames.Part] = {}

    def replies_to(self, frame: bytearray) -> bytes:
        """The frame of the replies to as many of its requests as fit, and end soon; the rest was not looked at."""
        replies: list[frames.Part] = []
        room, end = frames.TOGETHER, _monotonic() + _SOON
        for request in frames.read_requests(frame):
            replies.append(self._reply_to(request))
            room -= replies[-1].size
            if room <= 0 or _monotonic() > end:  # what a slow answer said is known before its time is up
                break
        return frames.join(replies, frames.number_of(frame))

    def _reply_to(self, request: Request) -> frames.Part:
        reply: Reply
        if isinstance(request, Run):
            self._spaces[request.key], reply = answer.run_program(request)
        elif isinstance(request, Load):
            reply = self._load(request)
        elif isinstance(request, Open):
            reply = self._gradients.open(request)
        elif isinstance(request, Plan):
            reply = self._gradients.plan(request)
        else:
            reply = self._call(request)
        replied = self._replied[request.key] = _written(reply)
        return replied

    def _load(self, request: Load) -> Reply:
        space = self._spaces.get(request.program)
        if space is None:
            return Failed(False, "no program has run", None, "")
        made, reply = answer.load(request, space)
        if made:
            self._loaded[request.key] = made
        return reply

    def _call(self, request: Call) -> Reply:
        made = self._loaded.get(request.key)
        if made is None and request.key in self._gradients.calls:
            return self._gradients.calls[request.key](request)
        if made is None:
            return Failed(False, "nothing is loaded", None, "")
        returned = {name: self._returned(key) for name, key in request.returned.items()}
        tensors = {name: item for name, item in returned.items() if item is not None}
        if len(tensors) < len(returned):
            return Failed(False, "what it is to be given was not returned", None, "")
        return answer.call(made, replace(request, tensors={**request.tensors, **tensors}) if tensors else request)

    def _returned(self, key: str) -> Tensor | None:
        """The tensor that was last returned under this key, as the judge sees it; None where it was none."""
        replied = self._replied.get(key)
        said = frames.read_replies(frames.join([replied]))[0] if replied else None
        item = said.returned[0] if isinstance(said, Answer) and said.returned else None
        return item if isinstance(item, Tensor) else None


def _written(reply: Reply) -> frames.Part:
    try:
        return frames.write(reply)
    except (WireError, RuntimeError):
        return frames.write(Failed(False, "what it returned cannot be sent", None, ""))
