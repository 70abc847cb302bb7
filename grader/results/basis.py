"""What a result depends on, part by part: two runs with the same basis have the same result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# Each part, and what is said when it has changed.
_SAID = {
    "submission": "the submission changed",
    "lesson": "the lesson changed",
    "kit": "the kit changed",
    "torch": "another torch",
    "seed": "another seed",
    "isolation": "other layers of isolation",
    "mends": "mends are looked for, or no longer",
}


@dataclass(frozen=True)
class Basis:
    """Hashes, or the things themselves where they are short."""

    submission: str
    lesson: str  # its limits, too
    kit: str
    torch: str
    seed: str
    isolation: str
    mends: str

    @cached_property
    def key(self) -> str:
        """One hash of all parts."""
        return hashlib.sha256("\0".join(self.as_json().values()).encode()).hexdigest()

    def why(self, before: Basis) -> tuple[str, ...]:
        """What has changed since then, in words."""
        return tuple(words for part, words in _SAID.items() if getattr(self, part) != getattr(before, part))

    def as_json(self) -> dict[str, str]:
        """Plain data, for the store."""
        return {part: getattr(self, part) for part in _SAID}


NOTHING = Basis("", "", "", "", "", "", "")  # of a result that is not to be taken over


def basis_from_json(raw: Mapping[str, Any]) -> Basis:
    """The inverse of as_json. Raises KeyError, TypeError for what is no such object."""
    return Basis(**{part: str(raw[part]) for part in _SAID})
