"""Refusals and overruns: what ends a program that leaves the language, and the record that it did.

A refusal is a BaseException, which nothing in the language can catch. Where `finally` or `__exit__` swallows it,
the record stays: it lives in this module, and no module is a value in a program.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from grader.runner.language.library import FILES

MARK = ":get"  # a name that is in the namespace of every program, and that no program can write
_MOST = 16  # refusals kept until they are taken
_LONGEST = 80  # characters of an expression in a message


@dataclass(frozen=True)
class Facts:
    """One refusal: where it was, what was refused, why, and what to write in its place ('' for nothing)."""

    line: int | None
    what: str
    reason: str
    instead: str = ""

    def message(self) -> str:
        """`torch.autograd is not available in a step: the exercise asks for the gradient by hand`."""
        way_out = f"; {self.instead}" if self.instead else ""
        return f"{self.what} is not available in a step: {self.reason}{way_out}"


class Refusal(BaseException):
    """A program asked for something outside the language."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(f"line {facts.line}: {facts.message()}" if facts.line else facts.message())
        self.facts = facts


class Overrun(BaseException):
    """A program used up its turns: loop iterations and calls of its own functions."""


FORGIVABLE = (Refusal, UnboundLocalError)  # the latter where a statement that was skipped would have bound a name
_recorded: list[Facts] = []
_forgiven: list[Facts] = []
_sources: dict[str, list[bytes]] = {}  # by file: its lines, for the text of what is refused


def remember(file: str, source: str) -> None:
    """Lets refusals in `file` quote its text. Lines are counted from the first line of `source`."""
    _sources[file] = source.encode("utf-8", "replace").split(b"\n")


def refuse(what: str, reason: str, instead: str = "", line: int | None = None) -> NoReturn:
    """Records a refusal, and ends the program with it. `line` is that of the program which runs, if not given."""
    facts = Facts(line or current_line(), what, reason, instead)
    record(facts)
    raise Refusal(facts)


def record(facts: Facts) -> None:
    """Notes a refusal."""
    if len(_recorded) < _MOST and facts not in _recorded:
        _recorded.append(facts)


def taken_refusals() -> tuple[Facts, ...]:
    """What was refused since this was last asked, also where the program swallowed it."""
    taken = tuple(_recorded)
    _recorded.clear()
    _forgiven.clear()
    return taken


def forgive() -> None:
    """Called where a refusal, or what follows from one that was forgiven, has ended a statement inside a function."""
    if not isinstance(sys.exception(), Refusal) and not _forgiven:
        raise
    _forgiven.extend(_recorded)
    _recorded.clear()


def forgiven_refusals() -> tuple[Facts, ...]:
    """What was forgiven since refusals were last taken: the reason, where something failed afterwards."""
    return tuple(_forgiven)


def current_line() -> int | None:
    """The line of the program that is running; None outside of one."""
    frame = _program_frame()
    return frame.f_lineno if frame else None


def current_text() -> str:
    """The expression of the program that is running, as its source has it; '' if it is not known or is long."""
    frame = _program_frame()
    if frame is None:
        return ""
    lines = _sources.get(frame.f_code.co_filename, [])
    first, last, start, end = _position(frame)
    if first is None or first != last or start is None or end is None or not first <= len(lines):
        return ""
    text = lines[first - 1][start:end].decode("utf-8", "replace")
    return text if len(text) <= _LONGEST else ""


def _program_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (MARK not in frame.f_globals or frame.f_code.co_filename.startswith(FILES)):
        frame = frame.f_back
    return frame


def _position(frame: FrameType) -> tuple[int | None, int | None, int | None, int | None]:
    positions = itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None)
    return next(positions, (None, None, None, None))
