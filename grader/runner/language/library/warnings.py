"""warnings: nobody is warned."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any


def warn(message: object, *_: Any, **__: Any) -> None:
    pass


simplefilter = filterwarnings = warn


def catch_warnings(**_: Any) -> nullcontext[None]:
    return nullcontext()
