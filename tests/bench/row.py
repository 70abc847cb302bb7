"""One measured claim."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A line of the table of `make bench`."""

    claim: str
    measured: str
    wanted: str
    holds: bool
