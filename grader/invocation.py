"""Commands and options as the user can type them: by make where make started this one, else by its own name."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

BY_MAKE = "GRADER_BY_MAKE"  # set by the Makefile
_HERE = Path(__file__).resolve().parents[1]
_POSITIONAL = ("STEP", "SUBMISSION", "SUBMISSIONS", "FORMAT", "RESULTS")
_OWN_NAMES = {"--no-mends": "MENDS=no"}  # variables that are not called as their option


def option(flag: str, value: str = "") -> str:
    """`--rescale`, `--roster CSV`; where make started the command, `RESCALE=1`, `ROSTER=CSV`."""
    if not os.environ.get(BY_MAKE):
        return f"{flag} {value}".strip()
    return _OWN_NAMES.get(flag) or f"{flag.removeprefix('--').replace('-', '_').upper()}={value or 1}"


def command(name: str, **variables: str) -> str:
    """`make check STEP=dx` in the kit's folder; `python -m grader check dx` elsewhere."""
    given = {key: shlex.quote(value) for key, value in variables.items() if value}
    if os.environ.get(BY_MAKE) or _is_in_the_kit():
        return " ".join([f"make {name}", *(f"{key}={value}" for key, value in given.items())])
    words = [given[key] for key in _POSITIONAL if key in given]
    for key, value in given.items():
        if key not in _POSITIONAL:
            flag = f"--{key.lower().replace('_', '-')}"
            words.append(flag if value == "1" and key != "LEVEL" else f"{flag} {value}")
    return " ".join([_program(), name, *words])


def _program() -> str:
    return "grader" if Path(sys.argv[0]).name == "grader" else "python -m grader"


def _is_in_the_kit() -> bool:
    """Where `make` finds the kit's Makefile, and not somebody else's."""
    try:
        return Path.cwd() == _HERE and (_HERE / "Makefile").is_file()
    except OSError:  # the working folder is gone
        return False
