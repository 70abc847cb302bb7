"""What a run says about the walls around student code."""

from __future__ import annotations

from rich.console import Console

from grader.errors import KitError
from grader.invocation import option
from grader.seal.layers import FULL, MENDS, Isolation, described


def warn(console: Console, isolation: Isolation) -> None:
    """One line where student code is less closed off than it could be."""
    if isolation.lacks:
        console.print(
            f"isolation: {described(isolation.layers)}, but no {' and no '.join(isolation.lacks)}; code written to do "
            "harm is held by fewer walls here (`{command('doctor')}` says why, and what mends it)",
            style="yellow",
        )


def require(isolation: Isolation) -> None:
    """Raises KitError where a layer of the full seal is missing."""
    if isolation.lacks:
        missing = "; ".join(f"{layer}: {isolation.missing.get(layer, 'unknown')}" for layer in isolation.lacks)
        raise KitError(
            f"{option('--require-isolation')} asks for {described(FULL)}; missing here: {missing}",
            mend="\n  ".join(MENDS.get(layer, "make setup") for layer in isolation.lacks),
        )
