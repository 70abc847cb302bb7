"""sys: where prints go, and the limits of numbers."""

from __future__ import annotations


class _Stream:
    def write(self, text: str) -> int:
        print(text, end="")
        return len(text)

    def flush(self) -> None:
        pass


stdout = stderr = _Stream()
maxsize = (1 << 63) - 1
