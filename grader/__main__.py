"""`python -m grader`, `python grader/__main__.py` and the `grader` script: all start here.

Python puts the working folder first on the path of imports, and there may lie submissions named rich.py or json.py.
So this module imports nothing but what Python has loaded by then, until that folder is off the path.
"""

import os
import sys

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_STDLIB = os.path.dirname(os.__file__)


def _forget_the_working_folder() -> None:
    """Takes the working folder off the path, however it came there: by -m, or by an empty entry of PYTHONPATH."""
    ends = sys.path.index(_STDLIB) if _STDLIB in sys.path else len(sys.path)  # behind it stands what site installed
    sys.path[:ends] = [entry for entry in sys.path[:ends] if not _is_left_out(entry)]


def _is_left_out(entry: str) -> bool:
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:  # it was deleted
        return entry in ("", ".")
    return os.path.realpath(entry or here) in (here, os.path.realpath(_PACKAGE))


def _find_the_kit() -> None:
    """The package `grader` is the one that this file lies in; nothing else is imported from the folder around it."""
    if "grader" in sys.modules:
        return
    sys.path.insert(0, os.path.dirname(_PACKAGE))
    import grader  # noqa: F401  stays in sys.modules, and its modules are found through it

    del sys.path[0]


def _read_names_as_utf8() -> None:
    """Starts anew in Python's UTF-8 mode where file names would be read in another encoding.

    A name then means the same in every process and in every file that is written. What is
    printed stays in the terminal's encoding.
    """
    is_asked = "utf8" in sys._xoptions or not sys.executable
    if is_asked or sys.getfilesystemencoding() == "utf-8":
        return
    spoken = sys.stdout or sys.stderr
    encoding = {"PYTHONIOENCODING": spoken.encoding} if spoken else {}
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], {**encoding, **os.environ})


def start() -> int:
    """The command line, in a process of its own; returns the exit code."""
    try:
        _forget_the_working_folder()
        _find_the_kit()
        _read_names_as_utf8()
        from grader.cli import main

        return main()
    except KeyboardInterrupt:  # before there was a command to stop
        return 130


if __name__ == "__main__":
    sys.exit(start())
