"""The layers by name, and which of them are active: data that travels from the warm process to results.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PROCESS = "process"
RLIMITS = "rlimits"
USER = "user"
LANDLOCK = "landlock"
SECCOMP = "seccomp"
BUBBLEWRAP = "bubblewrap"

FULL = (PROCESS, RLIMITS, LANDLOCK, SECCOMP)  # with these a student process is sealed; others come on top

MENDS = {  # what brings a missing layer
    USER: "this root may not become another user: run the kit as an ordinary one",
    LANDLOCK: "Landlock needs Linux 5.13 or newer with it switched on (lsm=landlock,...), and make setup",
    SECCOMP: "seccomp needs Linux and its library: apt-get install libseccomp2, and make setup",
    BUBBLEWRAP: "in place of what is missing: apt-get install bubblewrap",
}


class SealError(Exception):
    """A layer could not be closed, or is open all the same."""


@dataclass(frozen=True)
class Limits:
    """What a student process may use."""

    memory_mib: int
    cpu_seconds: int


@dataclass(frozen=True)
class Isolation:
    """The layers around every student process of a run, and why others are missing."""

    layers: tuple[str, ...]  # as results.json names them
    missing: Mapping[str, str] = field(default_factory=dict)  # layer -> why it does not work here

    @property
    def lacks(self) -> tuple[str, ...]:
        """The layers that a full seal has and this one has not."""
        return tuple(layer for layer in FULL if layer not in self.layers)

    def as_json(self) -> dict[str, Any]:
        """Plain data, for the pipe between the kit's own processes."""
        return {"layers": list(self.layers), "missing": dict(self.missing)}


def isolation_from_json(raw: Mapping[str, Any]) -> Isolation:
    """The inverse of `as_json`."""
    return Isolation(tuple(raw["layers"]), dict(raw["missing"]))


def described(layers: Sequence[str]) -> str:
    """The layers in one line of words."""
    return ", ".join(layers)
