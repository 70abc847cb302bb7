"""A class in which submissions are odd in every way: each costs itself alone, and is named with a reason."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, run_grader

pytestmark = pytest.mark.xdist_group("odd class")  # the two runs are made once
HONEST = ("s01", "s05", "s11", "s17")
DPROBS = "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"
Make = Callable[[Path], None]


def text(content: str | bytes, name: str = "ex1_chain.py") -> Make:
    """A submission of one file."""

    def make(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def notebook(*cells: dict[str, Any] | str, **metadata: Any) -> Make:
    """A submission of one notebook; a cell that is a text is code."""

    def cell(given: dict[str, Any] | str) -> dict[str, Any]:
        if isinstance(given, dict):
            return given
        return {"cell_type": "code", "metadata": {}, "source": given, "outputs": [], "execution_count": None}

    raw = {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": [cell(one) for one in cells]}
    return text(json.dumps(raw), "work.ipynb")


def prose(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def many_copies(folder: Path) -> None:
    for number in range(41):
        (folder / f"ex1_chain ({number}).py").write_text(DPROBS + f"# {number}\n" * 2000, encoding="utf-8")


def long_names(folder: Path) -> None:
    with zipfile.ZipFile(folder / "work.zip", "w") as archive:
        archive.writestr("a" + "-1" * 3000 + ".py", DPROBS)
        archive.writestr("b" + " (1)" * 1500 + ".py", DPROBS)


def broken_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "work.zip", "w") as archive:
        archive.writestr("ex1_chain.py", DPROBS * 100)
    data = (folder / "work.zip").read_bytes()
    (folder / "work.zip").write_bytes(data[: len(data) // 2])


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "ex1_chain.py")


def a_loop(folder: Path) -> None:
    (folder / "ex1_chain.py").symlink_to(folder / "ex1_chain.py")


TABLE = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 3000
JULIA = {"kernelspec": {"name": "julia-1.9", "language": "julia", "display_name": "Julia"}}
DIGITS = "0x" + "f" * 5000
SWAPS = "".join("z = w\ny = z\nx = y\n" for _ in range(150))

# Each with what has to be told about it: in its notes, in a step's message, or in taken.txt.
ODD: dict[str, tuple[Make, str]] = {
    "a pasted picture": (notebook(prose("![image.png](attachment:image.png)"), DPROBS.replace("dprobs(", "f(")), ""),
    "a picture with its attachment": (
        notebook(
            {**prose("![i](attachment:i.png)"), "attachments": {"i.png": {"image/png": "aGVsbG8="}}}, "dprobs = 1"
        ),
        "",
    ),
    "prose without end": (notebook(*[prose(TABLE)] * 60, "dprobs = 1"), ""),
    "mathematics without end": (notebook(prose("\\[ a" * 5000), prose("$" * 20000), "dprobs = 1"), ""),
    "a line of blanks": (notebook(" " * 16000 + "="), ""),
    "names that chase each other": (notebook(SWAPS + "dprobs = x\n"), ""),
    "many copies": (many_copies, "ex1_chain ("),
    "a number of 5000 digits": (text(f"N = {DIGITS}\n{DPROBS}"), ""),
    "a number of 5000 digits as an index": (
        text(f"def dprobs(dlogprobs, probs):\n    return dlogprobs[{DIGITS}] / probs\n"),
        "",
    ),
    "sixteen megabytes of empty cells": (
        text('{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [' + "{}," * 5_500_000 + "{}]}", "w.ipynb"),
        "w.ipynb",
    ),
    "names of an archive without end": (long_names, ""),
    "brackets without end": (text("x = " + "(" * 50_000 + "\n" + DPROBS), "ex1_chain.py"),
    "lists in lists": (text("x = " + "[" * 90 + "]" * 90 + "\n" + DPROBS), ""),
    "an empty notebook": (text("", "work.ipynb"), "work.ipynb"),
    "a login page": (text("<!DOCTYPE html><html><title>Sign in</title></html>", "work.ipynb"), "work.ipynb"),
    "Latin-1": (text("# caf\xe9\n".encode("latin-1") + DPROBS.encode()), "ex1_chain.py"),
    "UTF-16": (text(DPROBS.encode("utf-16")), ""),
    "another language": (notebook("dprobs = 1", **JULIA), "julia"),
    "NUL bytes": (text(DPROBS.encode() + b"\0" * 100), "ex1_chain.py"),
    "a broken archive": (broken_zip, "work.zip"),
    "a report alone": (text(b"%PDF-1.4", "report.pdf"), "report.pdf"),
    "nothing": (lambda _folder: None, "nothing"),
    "a pipe": (a_pipe, "ex1_chain.py"),
    "a link to itself": (a_loop, "ex1_chain.py"),
    "a loop": (text("def dprobs(dlogprobs, probs):\n    while True:\n        pass\n"), "2 s"),
    "all memory": (text("def dprobs(dlogprobs, probs):\n    return [0] * 10 ** 12\n"), ""),
}


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str, int]:
    """The run of the honest alone, that of all, what the latter printed, and its exit code."""
    folder = tmp_path_factory.mktemp("odd class")
    for name in HONEST:
        shutil.copytree(ROOT / "data" / "class" / name, folder / "honest" / name)
        shutil.copytree(ROOT / "data" / "class" / name, folder / "all" / name)
    for name, (make, _) in ODD.items():
        (folder / "all" / name).mkdir()
        make(folder / "all" / name)
    options = ("--seed", "5", "--jobs", "2")
    for which in ("honest", "all"):
        done = run_grader("grade", folder / which, "--out", folder / f"{which} graded", *options, timeout=600)
        assert "Traceback" not in done.stdout + done.stderr
    return folder / "honest graded", folder / "all graded", done.stdout + done.stderr, done.returncode


@pytest.mark.timeout(900)
def test_a_class_with_odd_submissions_is_graded_and_the_exit_code_is_0(
    classes: tuple[Path, Path, str, int],
) -> None:
    _, _, said, code = classes
    assert code == 0, said


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("file", ["submissions/{}/results.json", "submissions/{}/feedback.html", "feedback/{}.html"])
def test_the_honest_among_them_get_the_same_bytes(name: str, file: str, classes: tuple[Path, Path, str, int]) -> None:
    alone, together, _, _ = classes
    assert (alone / file.format(name)).read_bytes() == (together / file.format(name)).read_bytes()


@pytest.mark.parametrize("name", ODD)
def test_each_odd_submission_has_a_row_a_result_a_small_page_and_a_reason(
    name: str, classes: tuple[Path, Path, str, int]
) -> None:
    _, together, _, _ = classes
    assert f"\n{name}," in (together / "grades.csv").read_text(encoding="utf-8")
    own = together / "submissions" / name
    result = json.loads((own / "results.json").read_text(encoding="utf-8"))
    assert len([step for exercise in result["exercises"] for step in exercise["steps"]]) == 36
    assert (own / "feedback.html").stat().st_size < 2 << 20
    messages = [step["message"] for exercise in result["exercises"] for step in exercise["steps"]]
    told = "\n".join([*result["notes"], *messages])
    assert ODD[name][1] in told, told[:2000]
