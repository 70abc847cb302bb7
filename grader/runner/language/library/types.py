"""types: SimpleNamespace."""

from __future__ import annotations

from typing import Any


class SimpleNamespace:
    def __init__(self, /, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"namespace({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SimpleNamespace) and vars(self) == vars(other)
