"""Keys as events: read in a thread, so that a key is heard whatever else is going on."""

from __future__ import annotations

import os
import re
import sys
import termios
import threading
import tty
from queue import SimpleQueue
from types import TracebackType

from grader.watch.events import Event, Key

_NAMES = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1bOC": "right",
    "\x1bOD": "left",
    "\x1b": "escape",
    "\r": "enter",
    "\n": "enter",
    " ": "space",
}
_ONE = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|.", re.DOTALL)


def keys_in(text: str) -> list[str]:
    """The names of the keys that a terminal sent: 'h', 'up', 'enter'."""
    return [_NAMES.get(sign, sign) for sign in _ONE.findall(text)]


class Keyboard:
    """The terminal, key by key and without echo, for as long as this is entered."""

    def __init__(self, events: SimpleQueue[Event]) -> None:
        self._events = events
        self._terminal = sys.stdin.fileno()

    def __enter__(self) -> Keyboard:
        self._before = termios.tcgetattr(self._terminal)
        tty.setcbreak(self._terminal)  # Ctrl-C stays Ctrl-C
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._terminal, 256)
            except OSError:
                data = b""
            if not data:  # the terminal is gone
                self._events.put(Key("q"))
                return
            for name in keys_in(data.decode(errors="replace")):
                self._events.put(Key(name))
