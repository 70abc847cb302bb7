"""contextlib, as far as helpers of a step need it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


class _Generated:
    def __init__(self, generator: Any) -> None:
        self._generator = generator

    def __enter__(self) -> Any:
        return next(self._generator)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is None:
            next(self._generator, None)
            return False
        try:
            self._generator.throw(error)
        except StopIteration:
            return True
        except Exception as raised:
            if raised is error:
                return False
            raise
        raise RuntimeError("generator didn't stop after throw()")


def contextmanager(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def make(*values: Any, **options: Any) -> _Generated:
        return _Generated(function(*values, **options))

    return make


class nullcontext:
    def __init__(self, enter_result: Any = None) -> None:
        self.enter_result = enter_result

    def __enter__(self) -> Any:
        return self.enter_result

    def __exit__(self, *_: object) -> None:
        return None


class suppress:
    def __init__(self, *errors: Any) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return kind is not None and isinstance(error, self._errors)
