"""A command in a terminal that can be looked at: what stands on its screen, and keys."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pexpect
import pyte

from tests.support import ROOT

_OTHERS = ("COLUMNS", "LINES", "NO_COLOR", "GRADER_NO_PROGRESS")
_STEP = 0.005  # seconds between two looks


class Terminal:
    """`python -m grader ...` on a screen of its own. A context manager."""

    def __init__(self, arguments: Sequence[str | Path], cwd: Path = ROOT, columns: int = 80, lines: int = 24) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        environment = {name: value for name, value in os.environ.items() if name not in _OTHERS}
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "grader", *map(str, arguments)],
            cwd=str(cwd),
            dimensions=(lines, columns),
            env={**environment, "TERM": "xterm-256color", "PYTHONPATH": str(cwd)},
        )
        self._child.delaybeforesend = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close(force=True)

    @property
    def text(self) -> str:
        """What stands on the screen now."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def press(self, keys: str) -> None:
        self._child.send(keys)

    def resize(self, columns: int, lines: int) -> None:
        self._child.setwinsize(lines, columns)
        self._screen.resize(lines, columns)

    def shows(self, *texts: str, within: float = 120.0) -> str:
        """Waits until all of the texts stand on the screen; fails with what stands there instead."""
        give_up = time.monotonic() + within
        while not all(text in self.text for text in texts):
            assert time.monotonic() < give_up, f"{texts} did not come within {within:g} s:\n{self.text}"
            self._read()
        return self.text

    def ends(self, within: float = 30.0) -> int | None:
        """Waits for the command's end; its exit code."""
        give_up = time.monotonic() + within
        while self._read():
            assert time.monotonic() < give_up, f"it did not end within {within:g} s:\n{self.text}"
        self._child.wait()
        code: int | None = self._child.exitstatus
        return code

    def _read(self) -> bool:
        """Takes what the command wrote. False at its end."""
        try:
            self._stream.feed(self._child.read_nonblocking(1 << 16, timeout=_STEP))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True
