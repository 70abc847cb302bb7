"""Which layers work on this machine: each is tried once, in a forked process of its own."""

from __future__ import annotations

import os
from collections.abc import Collection

from grader.seal import user
from grader.seal.close import LAYERS, Layer
from grader.seal.layers import PROCESS, USER, Isolation, Limits, SealError

_LIMITS = Limits(memory_mib=64, cpu_seconds=10)  # whether it works; how much there is, the seal itself finds
_MOST = 1 << 12


def find(left_out: Collection[str] = ()) -> Isolation:
    """Tries every layer but those left out. To be called by a process without threads."""
    layers: list[str] = []
    missing: dict[str, str] = {}
    for name, layer in LAYERS.items():
        if name == USER and not user.is_wanted():
            continue
        why = "left out on request" if name in left_out else _why_not(layer)
        if why and name == PROCESS:
            raise SealError(f"{name}: {why}")
        if why:
            missing[name] = why
        else:
            layers.append(name)
    return Isolation(tuple(layers), missing)


def _why_not(layer: Layer) -> str:
    """Why the layer does not work; '' if it does."""
    try:
        layer.load()
    except SealError as error:
        return str(error)
    answer, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _try(layer, theirs)
    os.close(theirs)
    with os.fdopen(answer, "rb") as pipe:
        said = pipe.read(_MOST).decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return said or ("" if status == 0 else f"a process that tried it ended with status {status}")


def _try(layer: Layer, answer: int) -> None:
    """In the forked process: closes the layer, and says what went wrong."""
    status = 1
    try:
        layer.shut(_LIMITS)
        status = 0
    except BaseException as error:
        os.write(answer, str(error).encode()[:_MOST] or b"it failed")
    finally:
        os._exit(status)
