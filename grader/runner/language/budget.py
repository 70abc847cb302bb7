"""How many turns a program may take: iterations of its loops and calls of its functions, counted by its own code.

Counting does not depend on the machine, so two runs end at the same place.
"""

from __future__ import annotations

from grader.runner.language.refusal import Overrun

_ENDLESS = 1 << 62
_left = _ENDLESS
_limit = _ENDLESS


def budget(turns: int | None) -> None:
    """Starts counting anew: after so many turns, `Overrun` is raised, at every further one again. None: no limit."""
    global _left, _limit
    _left = _limit = _ENDLESS if turns is None else turns


def turns_used() -> int:
    """How many turns were taken since `budget` was called."""
    return _limit - _left


def was_overrun() -> bool:
    """Whether the turns were used up, also where the program swallowed that."""
    return _left < 0


def turn() -> bool:
    """Counts one turn. True, so that it can stand in a condition."""
    global _left
    _left -= 1
    if _left < 0:
        raise Overrun(f"it takes more than {_limit:,} iterations and calls")
    return True
