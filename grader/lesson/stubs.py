"""From the solutions to the exercises, file by file.

What stands between `# BEGIN SOLUTION` and `# END SOLUTION` becomes a
NotImplementedError that names the function; everything else stays as it is.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from grader.errors import KitError

SUFFIXES = (".py", ".toml")
GIVEN = ("lesson.toml", "forward.py", "train.py")  # what students need beside their exercises, and do not change
_BEGIN = re.compile(r"^(\s*)# BEGIN SOLUTION\s*$")
_END = re.compile(r"^\s*# END SOLUTION\s*$")
_DEF = re.compile(r"^def (\w+)\(")


def stub_text(text: str, file: str) -> str:
    """The exercise for a solution's text. Raises KitError for markers that do not match."""
    kept: list[str] = []
    function, begun = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        defined, begin = _DEF.match(line), _BEGIN.match(line)
        if defined:
            function = defined.group(1)
        if begin:
            if begun or not function or not begin.group(1):
                raise KitError(
                    "# BEGIN SOLUTION stands outside a function or inside another solution", where=f"{file}:{number}"
                )
            begun = number
            kept.append(f'{begin.group(1)}raise NotImplementedError("{function}")')
        elif _END.match(line):
            if not begun:
                raise KitError("# END SOLUTION without # BEGIN SOLUTION", where=f"{file}:{number}")
            begun = 0
        elif not begun:
            kept.append(line)
    if begun:
        raise KitError("# BEGIN SOLUTION is never ended", where=f"{file}:{begun}")
    return "\n".join(kept) + "\n"


def solution_of(text: str, function: str) -> str | None:
    """What stands between the markers of `function`, at the left margin; None where there is nothing."""
    here, kept = "", list[str]()
    is_inside = False
    for line in text.splitlines():
        defined = _DEF.match(line)
        here = defined.group(1) if defined else here
        if _END.match(line):
            is_inside = False
        elif is_inside:
            kept.append(line)
        elif _BEGIN.match(line):
            is_inside = here == function
    return textwrap.dedent("\n".join(kept)) if kept else None


def cut_files(solutions: Path) -> list[Path]:
    """The files of the solutions that the exercises have, too, but for the notebook."""
    found = (path for path in sorted(solutions.iterdir()) if path.suffix in SUFFIXES)
    return [path for path in found if path.is_file() and not path.name.startswith(".")]


def cut_file(path: Path) -> str:
    """The text that the exercise folder has for one file of the solutions. Raises KitError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise KitError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError:
        raise KitError("is not UTF-8 text", where=str(path)) from None
    return stub_text(text, str(path)) if path.suffix == ".py" else text


def is_same(path: Path, text: str) -> bool:
    """Whether the file holds this text, whatever its line ends."""
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False
