"""logging: warnings and what is worse are printed."""

from __future__ import annotations

from typing import Any

DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50


class Logger:
    def __init__(self, name: str) -> None:
        self.name = name

    def setLevel(self, level: Any) -> None:
        pass

    def debug(self, message: object, *values: Any, **_: Any) -> None:
        pass

    def info(self, message: object, *values: Any, **_: Any) -> None:
        pass

    def warning(self, message: object, *values: Any, **_: Any) -> None:
        print(str(message) % values if values else message)

    def error(self, message: object, *values: Any, **_: Any) -> None:
        self.warning(message, *values)

    def critical(self, message: object, *values: Any, **_: Any) -> None:
        self.warning(message, *values)


def getLogger(name: str = "root") -> Logger:
    return Logger(name)


def basicConfig(**options: Any) -> None:
    if options.get("filename") is not None:
        raise OSError("a step writes no file")


_ROOT = Logger("root")
debug, info, warning, error, critical = _ROOT.debug, _ROOT.info, _ROOT.warning, _ROOT.error, _ROOT.critical
