"""What can happen while watching. Threads put these into one queue; the loop takes them one by one."""

from __future__ import annotations

from dataclasses import dataclass

from grader.judge.job import Request
from grader.results.model import SubmissionResult
from grader.run.standing import Fault
from grader.seal.layers import Isolation


@dataclass(frozen=True)
class Key:
    """A key was pressed: "h", "up", "enter", "escape"."""

    name: str


@dataclass(frozen=True)
class Saved:
    """Files of the watched folder were written, by name."""

    names: frozenset[str]


@dataclass(frozen=True)
class Ready:
    """torch is there, and questions are answered at once from now on."""

    isolation: Isolation


@dataclass(frozen=True)
class Judged:
    """A question was answered."""

    request: Request
    outcome: SubmissionResult | Fault


@dataclass(frozen=True)
class Broken:
    """Judging ended through the kit's own fault."""

    why: str


@dataclass(frozen=True)
class Resized:
    """The terminal has another size."""


Event = Key | Saved | Ready | Judged | Broken | Resized
