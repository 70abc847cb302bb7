"""No input grows the work of reading, showing or comparing faster than itself.

Each kind is doubled, below the bounds of grader/submission/bounds.py. Processor time may at most triple from one size
to the next; where it seems to, the quickest of a few runs decides. What takes less than FLOOR is not compared.
Times are compared with times of the same run alone, so a slow or a busy machine changes nothing.
"""

from __future__ import annotations

import gc
import json
import random
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from grader.copies.compare import most_alike
from grader.copies.read import read_source
from grader.copies.shape import given_names
from grader.judge.mend.flow import flow_of
from grader.lesson import Lesson, load_lesson
from grader.report.pages import feedback_page
from grader.results.model import SubmissionResult
from grader.submission.answers import read_answers
from grader.submission.find import submission_at
from grader.submission.syntax import parsed
from tests.support import ROOT

LESSON = load_lesson(ROOT / "solutions" / "mlp")
FLOOR = 0.05  # seconds; below it, what is measured is mostly the machine
TIMES = 3.0
SIZES = (300, 600, 1200)
RUNS, ROUNDS = 3, 3

Kind = Callable[[int], str]


def seconds(work: Callable[[], object], runs: int = 1) -> float:
    """Processor time of the quickest run."""
    found: list[float] = []
    gc.disable()  # as timeit does: what it goes through grows with all that the tests keep
    try:
        for _ in range(runs):
            start = time.process_time()
            work()
            found.append(time.process_time() - start)
    finally:
        gc.enable()
    return min(found)


def assert_linear(work: Callable[[int], Callable[[], object]], sizes: Sequence[int] = SIZES) -> None:
    """Fails where time more than triples from one size to the next. What looks like it is measured again."""
    before = seconds(work(sizes[0]))
    for smaller, size in pairwise(sizes):
        now = seconds(work(size))
        for _ in range(ROUNDS):
            if now <= max(FLOOR, TIMES * before):
                break
            before, now = (seconds(work(one), RUNS) for one in (smaller, size))
        else:
            pytest.fail(f"{smaller} took {before:.3f} s, {size} took {now:.3f} s")
        before = now


# What a student may write, n times over

CODE: dict[str, Kind] = {
    "assignments in a circle": lambda n: "z = w\ny = z\nx = y\n" * (n // 3),
    "names from the last": lambda n: "".join(f"a{i} = a{i - 1}\n" for i in range(1, n)) + f"dprobs = a{n - 1}\n",
    "names from the next": lambda n: "".join(f"a{i} = a{i + 1}\n" for i in range(n)) + "dprobs = a0\n",
    "a gradient made anew": lambda n: "dprobs = dlogprobs / probs\n" * n,
    "a gradient added to": lambda n: "dprobs = dlogprobs / probs\n" + "dprobs += dlogprobs\n" * n,
    "a gradient's places": lambda n: "dC = x\n" + "dC[0] = 1\n" * n,
    "a function's attributes": lambda n: "def dprobs(a): return 1\n" + "dprobs.calls = 0\n" * n,
    "a function wrapped": lambda n: "def dprobs(a): return 1\n" + "dprobs = f(dprobs)\n" * n,
    "functions of functions": lambda n: "".join(f"f{i} = f{i + 1}(x)(y)\n" for i in range(n)) + "dprobs = f0(x)\n",
    "functions that call the next": lambda n: (
        "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(n // 2))
        + "def dprobs(dlogprobs, probs):\n    return f0(dlogprobs)\n"
    ),
    "one function again and again": lambda n: "def dprobs(dlogprobs, probs):\n    return probs\n" * (n // 2),
    "a long function": lambda n: "def dprobs(probs):\n" + "    x = probs + x\n" * n + "    return x\n",
    "a long training loop": lambda n: "for i in r:\n" + "    dprobs = probs\n    dcounts = dprobs\n" * (n // 2),
    "training loops": lambda n: "for i in r:\n    dprobs = x\n    dcounts = dprobs\n" * (n // 3),
    "what an object is told": lambda n: "x = []\n" + "x.append(1)\n" * n + "def dprobs(probs):\n    return x\n",
    "aliases": lambda n: "".join(f"g{i} = probs * 1\ndprobs = g{i}\ndcounts = g{i}\n" for i in range(n // 3)),
    "comparisons": lambda n: "".join(f"cmp('probs', g{i}, probs)\n" for i in range(n)),
    "forward passes": lambda n: "".join(f"p{i} = counts * counts_sum_inv\n" for i in range(n)),
    "classes": lambda n: "".join(f"class A{i}:\n    x{i} = {i}\n" for i in range(n // 2)),
    "imports": lambda n: "import torch\n" * n,
    "names of one import": lambda n: "from torch import " + ", ".join(f"a{i}" for i in range(n)) + "\n",
    "stars": lambda n: "from torch import *\n" * n + "dprobs = foo / probs\n",
    "chained assignments": lambda n: " = ".join(f"a{i}" for i in range(n)) + " = 1\n",
    "targets": lambda n: ", ".join(f"a{i}" for i in range(n)) + " = x\n",
    "decorators": lambda n: "@d\n" * n + "def dprobs(probs):\n    return 1\n",
    "decorators of nothing": lambda n: "@d\n" * n,
    "parameters": lambda n: "def dprobs(" + ", ".join(f"a{i}" for i in range(n)) + "):\n    return 1\n",
    "comments": lambda n: "# ex1_chain.dprobs\n" * n,
    "marks": lambda n: "# ex1_chain.dprobs " * n + "\ndprobs = dlogprobs / probs\n",
    "texts": lambda n: "x = " + "'a' " * n + "\n",
    "f-strings": lambda n: "x = f'" + "{a}" * n + "'\n",
    "a docstring": lambda n: "def dprobs(probs):\n    '''" + "text\n" * n + "'''\n    return 1\n",
    "continued lines": lambda n: "x = 1 + \\\n" * n + "1\n",
    "empty lines": lambda n: "\n" * (10 * n) + "x = 1\n",
    "statements on one line": lambda n: "; ".join(f"é{i} = é{i - 1}" for i in range(1, n)) + "\n",
    "pieces that are no Python": lambda n: "def f(:\n  pass\n" * (n // 2),
    "lines that are no Python": lambda n: "x y\n" * n,
    "a text that never ends": lambda n: "'''\n" + "z = 1\n" * n,
    "brackets that never end": lambda n: "(\n" * n,
    "names near the wanted one": lambda n: "".join(f"dprobs{i} = 1\n" for i in range(n)),
    "long names near each other": lambda n: "".join("dprobs" * 60 + f"{i} = 1\n" for i in range(n // 10)),
    "unknown words": lambda n: "def dprobs(probs):\n" + "".join(f"    probs.word{i}\n" for i in range(n)),
    "differences": lambda n: "def dprobs(a):\n" + "    b = f(a + 1e-3) - f(a - 1e-3)\n" * n + "    return b\n",
    "numbers as hexadecimals": lambda n: "".join(f"x{i} = 0x{'f' * 200}\n" for i in range(n // 10)),
    "walruses": lambda n: "x = [" + "(a := 1), " * n + "]\n",
    "handlers": lambda n: "try:\n    pass\n" + "except a: pass\n" * n,
    "cases": lambda n: "match x:\n" + "".join(f"    case {i}: pass\n" for i in range(n)),
}
SIGNS: dict[str, Kind] = {  # many signs, few statements
    "spaces before a sign": lambda n: " " * n + "=\n",
    "tabs before a sign": lambda n: "\t" * n + "=\n",
    "words before a sign": lambda n: "a " * n + "=\n",
    "spaces behind": lambda n: "x = 1" + " " * n + "\n",
    "digits": lambda n: "x = " + "1" * n + "\n",
    "hexadecimal digits": lambda n: "def dprobs(probs):\n    return probs[0x" + "f" * n + "]\n",
    "a long name": lambda n: "a" * n + " = 1\n",
    "a long word": lambda n: "def dprobs(probs):\n    return probs." + "a" * n + "\n",
    "a long text": lambda n: "x = '" + "a" * n + "'\n",
    "signs of a comment": lambda n: "#" * n + "\nx = 1\n",
    "a mark of spaces": lambda n: "#" + " " * n + "\ndprobs = probs\n",
    "round brackets": lambda n: "x = " + "(" * n + "1" + ")" * n + "\n",
    "square brackets": lambda n: "x = " + "[" * n + "\n",
    "signs of a number": lambda n: "x = " + "-" * n + "1\n",
    "questions": lambda n: "a" + "?" * n + "b\n",
    "magic": lambda n: "%time" + " " * n + "\nx ==\n",
    "a shell's lines": lambda n: " " * n + "x = !ls\nx ==\n",
    "a sum": lambda n: "x = " + " + ".join(["a"] * (n // 40)) + "\n",
    "dots": lambda n: "x = a" + ".b" * (n // 40) + "\n",
    "calls": lambda n: "x = a" + "()" * (n // 40) + "\n",
    "branches": lambda n: "if a: pass\n" + "elif a: pass\n" * (n // 40),
    "lambdas": lambda n: "x = " + "lambda: " * (n // 40) + "2\n",
}


def notebook(*cells: tuple[str, str]) -> str:
    return json.dumps({"cells": [{"cell_type": kind, "source": source} for kind, source in cells], "nbformat": 4})


def reading(folder: Path, file: str, text: Kind, lesson: Lesson = LESSON) -> Callable[[int], Callable[[], object]]:
    def at(size: int) -> Callable[[], object]:
        path = folder / file
        path.write_text(text(size), encoding="utf-8")
        submission = submission_at(path, lesson)
        return lambda: read_answers(submission, lesson)

    return at


@pytest.mark.parametrize("kind", CODE)
def test_reading_code_takes_time_as_its_size(kind: str, tmp_path: Path) -> None:
    assert_linear(reading(tmp_path, "a.ipynb", lambda n: notebook(("code", CODE[kind](n)))))


@pytest.mark.parametrize("kind", [kind for kind in CODE if "function" in kind or "gradient" in kind])
def test_reading_the_file_of_an_exercise_takes_time_as_its_size(kind: str, tmp_path: Path) -> None:
    assert_linear(reading(tmp_path, "ex1_chain.py", CODE[kind]))


@pytest.mark.parametrize("kind", SIGNS)
def test_reading_long_lines_takes_time_as_their_length(kind: str, tmp_path: Path) -> None:
    assert_linear(
        reading(tmp_path, "a.ipynb", lambda n: notebook(("code", SIGNS[kind](n)))), sizes=(8_000, 16_000, 32_000)
    )


FRAGMENTS = (
    *("x = y\n", "dprobs = x\n", "y += dprobs\n", "def f(x):\n    return x\n", "x = f(x)\n", "y[0] = x\n", "del x\n"),
    *(
        "for i in x:\n    dcounts = dprobs\n    y = dcounts\n",
        "@f\n",
        "x.y = 1\n",
        "x = (y,\n",
        ")\n",
        "'''\n",
        "# a.b ",
    ),
    *(
        "x, y = y, x\n",
        "with x as y:\n    z = y\n",
        "if x:\n    y = z\nelse:\n    z = y\n",
        "lambda: ",
        "[",
        "x = 1e-3\n",
    ),
    *("cmp('probs', dprobs, probs)\n", "import torch as x\n", "class A:\n    x = y\n", "x: list[y] = z\n", " ", "\\\n"),
    *("probs = counts * counts_sum_inv\n", "!ls\n", "%time x = y\n", "z = f(x)(y)\n", "g = dprobs\n", "dlogits = g\n"),
)


@pytest.mark.parametrize("seed", range(8))
def test_reading_any_fragments_again_and_again_takes_time_as_their_number(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    once = "".join(chance.choices(FRAGMENTS, k=chance.randint(1, 5)))
    assert_linear(reading(tmp_path, "a.ipynb", lambda n: notebook(("code", once * (n // (1 + once.count("\n")))))))


def test_what_a_loop_makes_is_found_in_time_as_its_length() -> None:
    def at(size: int) -> Callable[[], object]:
        body = "        z = w\n        y = z\n        x = y\n" * (size // 3)
        flow = flow_of(parsed(f"def g(w):\n    for i in w:\n{body}    return x, y\n"), "g", 2)
        assert flow is not None
        return lambda: flow.behind(0)

    assert_linear(at, sizes=(1200, 2400, 4800))


# Notebooks

NOTEBOOKS: dict[str, Kind] = {
    "cells": lambda n: notebook(*[("code", f"a{i} = a{i - 1}\n") for i in range(n)]),
    "cells that are no Python": lambda n: notebook(*[("code", "x = (")] * n),
    "cells of prose": lambda n: notebook(*[("markdown", "*a*\n")] * n, ("code", "x = 1")),
    "outputs": lambda n: json.dumps(
        {"cells": [{"cell_type": "code", "outputs": [{"text": ["a\n"] * 9}] * (9 * n), "source": "x = 1"}]}
    ),
    "metadata": lambda n: json.dumps({"cells": [], "metadata": {f"a{i}": {"b": []} for i in range(30 * n)}}),
    "objects in place of cells": lambda n: "[" + "{}," * (90 * n) + "{}]",
    "objects for cells": lambda n: '{"cells": [' + "{}," * n + "{}]}",
    "lists without end": lambda n: '{"cells": ' + "[" * (90 * n),
    "texts without end": lambda n: '{"cells": ["' + '\\"' * (90 * n),
    "quotes without end": lambda n: '{"cells": ["' + '","' * (90 * n),
    "keys": lambda n: '{"cells": [{' + '"a":1,' * (90 * n) + '"b":1}]}',
    "a source of lists": lambda n: '{"cells": [{"cell_type": "code", "source": [' + "[]," * (90 * n) + "1]}]}",
}


@pytest.mark.parametrize("kind", NOTEBOOKS)
def test_reading_a_notebook_takes_time_as_its_size(kind: str, tmp_path: Path) -> None:
    assert_linear(reading(tmp_path, "a.ipynb", NOTEBOOKS[kind]))


# Pages

PROSE: dict[str, Kind] = {
    "brackets": lambda n: "[" * n,
    "links": lambda n: "[a](" * (n // 4),
    "pictures": lambda n: "![a](" * (n // 5),
    "attachments": lambda n: "![image.png](attachment:image.png)\n" * (n // 36),
    "emphasis": lambda n: "**a *b _c " * (n // 10),
    "backticks": lambda n: "".join("e" + "`" * i for i in range(int((2 * n) ** 0.5))),
    "quotes": lambda n: ">" * (n // 2) + "a\n" + "b\n" * (n // 4),
    "lists in lists": lambda n: "- " * n,
    "list after list": lambda n: "1. a\n" * (n // 5),
    "references": lambda n: "".join(f"[a{i}]: /u\n" for i in range(n // 20)) + "[a1] " * (n // 10),
    "rows": lambda n: "|a|b|\n|-|-|\n" + "|1|2|\n" * (n // 6),
    "columns": lambda n: "|a" * (n // 4) + "|\n" + "|-" * (n // 4) + "|\n|1|\n",
    "formulas that never end": lambda n: "\\[ a" * (n // 4),
    "dollars": lambda n: "$a" * (n // 2),
    "entities": lambda n: "&#x41;&" * (n // 7),
    "tags": lambda n: "<b><p>" * (n // 6),
    "tags that never end": lambda n: "<a href='" * (n // 9),
    "comments": lambda n: "<!-- a" * (n // 6),
    "fences": lambda n: "```\n" * (n // 4),
    "backslashes": lambda n: "\\" * n,
    "marks over marks": lambda n: "a" + "\u0301" * n,
    "pasted pictures": lambda n: "data:image/png;base64," * (n // 20),
}
EMPTY = SubmissionResult("0.1.0", "mlp", "s01", 0, (), (), None, ())


def showing(file: str, text: Kind) -> Callable[[int], Callable[[], object]]:
    def at(size: int) -> Callable[[], object]:
        source = text(size)
        return lambda: feedback_page(EMPTY, LESSON, {file: source})

    return at


@pytest.mark.parametrize("kind", PROSE)
def test_showing_prose_takes_time_as_its_length(kind: str) -> None:
    assert_linear(showing("a.ipynb", lambda n: notebook(("markdown", PROSE[kind](n)))), sizes=(2_500, 5_000, 10_000))


LARGE: dict[str, tuple[str, Kind]] = {
    "tables": ("a.ipynb", lambda n: notebook(*[("markdown", "|a|\n|-|\n" + "|1|\n" * 9 * n)] * 60)),
    "prose": ("a.ipynb", lambda n: notebook(*[("markdown", "a & b\n" * 20)] * (30 * n))),
    "lines": ("ex1_chain.py", lambda n: "&\n" * (2000 * n)),
    "long lines": ("ex1_chain.py", lambda n: ("<" * 900 + "\n") * (5 * n)),
    "cells": ("a.ipynb", lambda n: notebook(*[("code", "<\n" * 100)] * (30 * n))),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_page_takes_time_as_its_source_and_stays_below_2_mb(kind: str) -> None:
    file, text = LARGE[kind]
    assert_linear(showing(file, text), sizes=(10, 20, 40))
    assert len(feedback_page(EMPTY, LESSON, {file: text(40)}).encode()) < 2_000_000


# The similarity report


def comparing(folder: Path, text: Kind) -> Callable[[int], Callable[[], object]]:
    def at(size: int) -> Callable[[], object]:
        path = folder / "ex1_chain.py"
        path.write_text(text(size), encoding="utf-8")

        def work() -> object:
            sources = [read_source(name, [path], given_names(LESSON)) for name in ("a", "b")]
            return most_alike(sources, frozenset(), 5)

        return work

    return at


@pytest.mark.parametrize("kind", list(CODE)[::4])
def test_comparing_code_takes_time_as_its_size(kind: str, tmp_path: Path) -> None:
    assert_linear(comparing(tmp_path, CODE[kind]))
