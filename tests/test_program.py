"""A student's file is a program: what of it runs, which answers it holds, and for which exercise each is."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.judge.job import Request, job, read_job
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.results.model import StepResult
from grader.submission.answers import Answer, Answers, read_answers
from grader.submission.bounds import MAX_BYTES
from grader.submission.find import submission_at
from grader.submission.model import Submission
from tests.support import PRELUDE, JudgeText, step_of

IN = "#+"  # ends the first line of each statement that belongs to the slice
HERE = "# <-"  # marks the line that a verdict has to name
DPROBS = "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"

ReadFile = Callable[..., Answers]


@pytest.fixture
def read_file(tmp_path: Path, lesson: Lesson) -> ReadFile:
    """The answers in one file: read_file("...") of a lone file, read_file("...", "ex1_chain.py") of that exercise."""

    def read(text: str | bytes, name: str = "answers.py") -> Answers:
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_answers(submission_at(file, lesson), lesson)

    return read


@pytest.fixture
def judge_bytes(tmp_path: Path, lesson: Lesson, judge: Judge) -> Callable[..., StepResult]:
    """The result of one step of ex1_chain.py with these bytes in it."""

    def judged(data: bytes, step: str = "dprobs") -> StepResult:
        (tmp_path / "ex1_chain.py").write_bytes(data)
        request = Request(submission_at(tmp_path, lesson), frozenset({f"ex1_chain.{step}"}))
        return step_of(judge.judge(request), f"ex1_chain.{step}")

    return judged


def blocks(text: str) -> list[tuple[str, str]]:
    """(name, source) of each part under a line `--- name`."""
    parts = re.split(r"^--- (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def cases(text: str) -> list[object]:
    return [pytest.param(source, id=name) for name, source in blocks(text)]


def marked(source: str, mark: str) -> list[int]:
    return [number for number, line in enumerate(source.splitlines(), 1) if line.rstrip().endswith(mark)]


# --- what belongs to the slice of dprobs ------------------------------------------------------------------

SLICES = r"""
--- the answer alone
def dprobs(dlogprobs, probs):  #+
    return dlogprobs / probs
def dcounts(dprobs):
    return dprobs
--- a helper, and a helper's helper
def ratio(a, b):  #+
    return a * inverse(b)
def inverse(b):  #+
    return b ** -1
def unused(b):
    return inverse(b)
def dprobs(dlogprobs, probs):  #+
    return ratio(dlogprobs, probs)
--- helpers below the answer
def dprobs(dlogprobs, probs):  #+
    return ratio(dlogprobs, probs)
def ratio(a, b):  #+
    return a / b
--- helpers that call each other
def even(n):  #+
    return n == 0 or odd(n - 1)
def odd(n):  #+
    return n != 0 and even(n - 1)
def dprobs(dlogprobs, probs):  #+
    return even(3)
--- constants, and constants of constants
ONE = 1  #+
TWO = ONE + ONE  #+
THREE = 3
def dprobs(dlogprobs, probs):  #+
    return TWO
--- imports only if used
import math
import torch  #+
import matplotlib
import torch.nn.functional as F
from math import sqrt, pi  #+
def dprobs(dlogprobs, probs):  #+
    return torch.exp(probs) * sqrt(2)
--- an unused import that does not exist
import nowhere.to.be.found as plt
from nothing import everything
def dprobs(dlogprobs, probs):  #+
    return probs
--- a dotted import
import torch.nn.functional  #+
def dprobs(dlogprobs, probs):  #+
    return torch.nn.functional.relu(probs)
--- the future is always there
from __future__ import annotations
def dprobs(dlogprobs, probs):  #+
    return probs
--- a parameter shadows a name of the file
dlogprobs = open("x")
probs = eval("1")
def dprobs(dlogprobs, probs):  #+
    return dlogprobs / probs
--- every kind of parameter shadows
a = b = c = d = e = 1
def dprobs(a, /, b, *c, d=2, **e):  #+
    return a, b, c, d, e
--- a local variable shadows
x = open("x")
y = z = w = 1
def dprobs(dlogprobs, probs):  #+
    x = 1
    for y in (1, 2): pass
    with torch_off() as z: pass
    try: pass
    except ValueError as w: print(w)
    return x + y + z
def torch_off():  #+
    return None
--- the parameter of a lambda shadows
x = open("x")
def dprobs(dlogprobs, probs):  #+
    return (lambda x: x)(probs)
--- a comprehension's variable shadows
i = open("x")
k = v = 1
def dprobs(dlogprobs, probs):  #+
    return [i for i in range(3)], {k: v for k, v in []}, {i for i in ()}, (i for i in ())
--- a name in a comprehension that is not its variable
i = 1
n = 3  #+
def dprobs(dlogprobs, probs):  #+
    return [i * n for i in range(3)]
--- an inner function's locals shadow
x = open("x")
def dprobs(dlogprobs, probs):  #+
    def inner(a):
        x = a
        return x
    return inner(probs)
--- an inner function reads a name of the file
SCALE = 2  #+
def dprobs(dlogprobs, probs):  #+
    def inner(a):
        return a * SCALE
    return inner(probs)
--- a decorator and what it needs
COUNT = 0  #+
def counted(by):  #+
    def around(f):
        return f
    return around
@counted(COUNT)
def dprobs(dlogprobs, probs):  #+
    return probs
--- default arguments
EPS = 1e-5  #+
SIZE = 3  #+
OTHER = 4
def dprobs(dlogprobs, probs, eps=EPS, *, size=SIZE):  #+
    return probs + eps
--- annotations
from torch import Tensor  #+
import typing
Grad = Tensor  #+
def dprobs(dlogprobs: Tensor, probs) -> Grad:  #+
    return probs
--- augmented assignment
scale = 1  #+
scale += 1  #+
other = 1
other += 1
def dprobs(dlogprobs, probs):  #+
    return scale
--- item and attribute assignment
table = {}  #+
table["a"] = {}  #+
table["a"]["b"] = 1  #+
class Box: pass  #+
box = Box()  #+
box.size = 3  #+
other = {}
other["a"] = 1
def dprobs(dlogprobs, probs):  #+
    return table["a"], box.size
--- a name that is bound twice
scale = 1  #+
scale = 2  #+
def dprobs(dlogprobs, probs):  #+
    return scale
--- a name bound under if, for, try, with
if True:
    a = 1  #+
else:
    a = 2
for b in (1, 2):  #+
    pass
try:  #+
    c = 1
except ValueError:
    c = 2
with open("x") as d:
    pass
def dprobs(dlogprobs, probs):  #+
    return a + b + c
--- tuple targets, star targets, a walrus
a, (b, *c) = 1, (2, 3)  #+
d = (e := 1)  #+
f, g = 1, 2
def dprobs(dlogprobs, probs):  #+
    return a + e
--- prints, asserts and looks cost nothing
print("hello")
assert False
dprobs
1 / 0
def dprobs(dlogprobs, probs):  #+
    return probs
dprobs(1, 2)
--- a main guard
def dprobs(dlogprobs, probs):  #+
    return probs
if __name__ == "__main__":
    import matplotlib.pyplot as plt
    loss = 1
    loss.backward()
--- a training loop
def dprobs(dlogprobs, probs):  #+
    return probs
for step in range(200_000):
    loss = step
    loss.backward()
--- an earlier answer of the same name
def dprobs(dlogprobs, probs):
    return first(probs)
def first(probs):
    return probs
def dprobs(dlogprobs, probs):  #+
    return second(probs)
def second(probs):  #+
    return probs
--- an answer below which the stub stands again
def dprobs(dlogprobs, probs):  #+
    return probs
def dprobs(dlogprobs, probs):
    raise NotImplementedError
--- an alias of another function
def by_division(dlogprobs, probs):  #+
    return dlogprobs / probs
dprobs = by_division  #+
--- a lambda
two = 2  #+
dprobs = lambda dlogprobs, probs: two * probs  #+
--- an annotated assignment
from typing import Callable  #+
dprobs: Callable = lambda dlogprobs, probs: probs  #+
--- two lambdas in one assignment
scale = 2  #+
dprobs, dcounts = (lambda probs: scale * probs), (lambda counts: counts)  #+
--- under if
if True:
    def dprobs(dlogprobs, probs):  #+
        return ratio(dlogprobs, probs)
else:
    dprobs = None
def ratio(a, b):  #+
    return a / b
--- an object that can be called
class Ratio:  #+
    def __init__(self, scale):
        self.scale = scale
    def __call__(self, dlogprobs, probs):
        return self.scale * SCALE * dlogprobs / probs
SCALE = 1  #+
dprobs = Ratio(2)  #+
--- a class and its base
class Base:  #+
    def ratio(self, a, b):
        return a / b
class Unused(Base): pass
class Ratio(Base): pass  #+
def dprobs(dlogprobs, probs):  #+
    return Ratio().ratio(dlogprobs, probs)
--- another step as a helper
def dlogprobs(probs):  #+
    return probs
def dprobs(probs):  #+
    return dlogprobs(probs) / probs
--- a global that a helper counts up
calls = 0  #+
def count():  #+
    global calls
    calls += 1
def dprobs(dlogprobs, probs):  #+
    count()
    return probs
--- itself
def dprobs(dlogprobs, probs, again=True):  #+
    return dprobs(dlogprobs, probs, False) if again else probs
"""


@pytest.mark.parametrize("source", cases(SLICES))
def test_what_the_text_of_an_answer_reaches_is_found_for_messages_and_fixes(source: str, read_file: ReadFile) -> None:
    answer = read_file(source, "ex1_chain.py").by_name["ex1_chain", "dprobs"]
    assert answer.status == "ready", answer.message
    lines = {statement.node.lineno for statement in answer.statements}
    assert sorted(lines) == marked(source, IN)


# --- answers that run, and are right ----------------------------------------------------------------------

RIGHT = r"""
--- two statements on one line
a = 1; import matplotlib; b = 2; print("no")
def dprobs(dlogprobs, probs): x = a; return dlogprobs / probs * x * b / 2
--- statements that share lines
a = (1,
     2); b = [3,
              4]; c = open; d = 1
def dprobs(dlogprobs, probs):
    return dlogprobs / probs * d + 0 * (a[0] + b[0])
--- letters of several bytes before a statement
ä = "жж"; ß = 1; open("x"); ö = 1; 王 = 2
def dprobs(dlogprobs, probs): ü = "é"; return dlogprobs / probs * ß * 王 / 2
--- a continued line
a = 1 + \
    1
def dprobs(dlogprobs,
           probs):
    return dlogprobs \
        / probs * a / 2
--- a text over several lines
TEXT = '''
def dprobs(): return 1
''' ; a = 1
def dprobs(dlogprobs, probs):
    '''
def dprobs(): return 2
    '''
    return dlogprobs / probs * a + 0 * len(TEXT)
--- a decorator on its own lines
def loud(*words):
    return lambda f: f
@loud("a",
      "b")
@loud()
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
--- indented by tabs
def dprobs(dlogprobs, probs):
	if True:
		return dlogprobs / probs
--- indented by one
def dprobs(dlogprobs, probs):
 return dlogprobs / probs
--- no newline at the end of what is used
def dprobs(dlogprobs, probs): return dlogprobs / probs
--- an alias
def by_division(dlogprobs, probs):
    return dlogprobs / probs
dprobs = by_division
--- two lambdas in one assignment
dprobs, dcounts = (lambda dlogprobs, probs: dlogprobs / probs), (lambda dprobs: 1 / 0)
--- under if
if True:
    def dprobs(dlogprobs, probs):
        return dlogprobs / probs
else:
    def dprobs(dlogprobs, probs):
        return 1
--- under try
try:
    def dprobs(dlogprobs, probs):
        return dlogprobs / probs
finally:
    a = 1
--- an object that can be called
class Ratio:
    def __call__(self, dlogprobs, probs):
        return dlogprobs / probs
dprobs = Ratio()
--- a method
class Ratio:
    def of(self, dlogprobs, probs):
        return dlogprobs / probs
dprobs = Ratio().of
--- a class with its own call
class dprobs_class:
    pass
class dprobs:
    def __new(self): pass
dprobs = lambda dlogprobs, probs: dlogprobs / probs
--- a main guard that would fail
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
if __name__ == "__main__":
    1 / 0
--- a main guard under what is used
SCALE = 1
if __name__ == "__main__":
    SCALE = 1 / 0
def dprobs(dlogprobs, probs):
    return dlogprobs / probs * SCALE
--- a broken middle
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
print("no")
1 / 0
--- augmented and item assignment
scale = 1
scale += 1
table = [0, 0]
table[1] = 2
def dprobs(dlogprobs, probs):
    return dlogprobs / probs * scale / table[1]
--- a counter that goes up
calls = 0
def dprobs(dlogprobs, probs):
    global calls
    calls += 1
    return dlogprobs / probs * (calls > 0)
--- the name of another step is a parameter here
def dlogprobs(probs):
    return 1 / 0
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
--- a name of the file used as a keyword
eps = open
def add(a, eps=0):
    return a + eps
def dprobs(dlogprobs, probs):
    return add(dlogprobs / probs, eps=0)
--- star arguments of a helper
def ratio(*both): return both[0] / both[1]
def dprobs(dlogprobs, probs): return ratio(*[dlogprobs, probs])
--- the answer stands twice, the second counts
def dprobs(dlogprobs, probs):
    return 1 / 0
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
--- the answer and then the stub again
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
def dprobs(dlogprobs, probs):
    raise NotImplementedError("dprobs")
--- semicolons at the ends
a = 1;
def dprobs(dlogprobs, probs): return dlogprobs / probs * a;
--- a comment that looks like code
# import os; os.system("x")
def dprobs(dlogprobs, probs):  # return 1
    # 1 / 0
    return dlogprobs / probs  # ; 1 / 0
--- an escape in a text that Python warns about
TEXT = "\d \w"
def dprobs(dlogprobs, probs):
    assert 1 is not TEXT
    return dlogprobs / probs
"""


@pytest.mark.parametrize("source", cases(RIGHT))
def test_an_answer_is_right_however_its_file_is_laid_out(source: str, judge_text: JudgeText) -> None:
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.passes, f"{step.verdict}: {step.message}"


ALSO_RIGHT = {
    "everything of math": "from math import *\ndef dprobs(dlogprobs, probs):\n    return dlogprobs / probs * cos(0)\n",
    "everything of torch.nn.functional": (
        "from torch.nn.functional import *\ndef dprobs(dlogprobs, probs):\n"
        "    return relu(dlogprobs / probs) - relu(-dlogprobs / probs)\n"
    ),
    "everything of torch": (
        "from torch import *\ndef dprobs(dlogprobs, probs):\n"
        "    return div(dlogprobs, probs) + zeros_like(probs) + sum(probs) * 0\n"
    ),
    "one import line with matplotlib": (
        "import torch, matplotlib.pyplot as plt\n"
        "def dprobs(dlogprobs, probs):\n    return torch.div(dlogprobs, probs)\n"
    ),
    "one from line with autograd": (
        "from torch import div, autograd\ndef dprobs(dlogprobs, probs):\n    return div(dlogprobs, probs)\n"
    ),
    "an import over several lines": (
        "from torch import (\n    autograd,\n    div,  # used\n    vmap,\n); import os; ONE = 1\n"
        "def dprobs(dlogprobs, probs):\n    return div(dlogprobs, probs) * ONE\n"
    ),
    "a main guard that imports again": (
        "import torch\ndef dprobs(dlogprobs, probs):\n    return torch.div(dlogprobs, probs)\n"
        "if __name__ == '__main__':\n    import torch\n    torch.ones(3).backward()\n"
    ),
    "a main guard that tries the answer": (
        f"{DPROBS}if __name__ == '__main__':\n    dprobs = dprobs(1, 2)\n    print(dprobs)\n"
    ),
    "a trial of the answer": f"{DPROBS}try:\n    print(dprobs(1, 2))\nexcept Exception:\n    pass\n",
    "a list that is appended to": (
        "scales = []\nscales.append(1)\ndef dprobs(dlogprobs, probs):\n    return dlogprobs / probs * scales[0]\n"
    ),
    "a line separator in a comment": f"# pasted\u2028from a web page\n{DPROBS}",
    "a vertical tab": f"x = '\x0b'\n{DPROBS}",
    "a next-line sign in a text": f"x = 'a\x85b'\n{DPROBS}",
}


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in ALSO_RIGHT.items()])
def test_an_honest_answer_is_right_also_with(source: str, judge_text: JudgeText) -> None:
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.passes, f"{step.verdict}: {step.message}"


def test_an_unused_star_import_costs_nothing(judge_text: JudgeText) -> None:
    source = f"from matplotlib.pyplot import *\n{DPROBS}"
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.passes, f"{step.verdict}: {step.message}"


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "\x1d", "\x1e"], ids=ascii)
def test_what_a_comment_holds_never_runs(sign: str, judge_text: JudgeText) -> None:
    hidden = f"# {sign}pad{sign}def dprobs(dlogprobs, probs):{sign}    return dlogprobs / probs\n"
    source = f"x = 1\n{hidden}def dprobs(dlogprobs, probs):\n    return 'nothing else{' ' * 20}'\n"
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert (step.verdict, "returned a str" in step.message) == ("error", True)


# --- lines ------------------------------------------------------------------------------------------------

LINES = r'''
--- in the answer
import math

def unused():
    return 1

def dprobs(dlogprobs, probs):
    x = 1
    return 1 / 0  # <-
--- in a helper
def dprobs(dlogprobs, probs):
    return helper(probs)
def unused(): pass
def helper(a):
    raise ValueError("no")  # <-
--- at the top level
x = 1
y = x / 0
def dprobs(dlogprobs, probs):
    return y  # <-
--- after statements on one line
a = 1; b = 2
c = a; open("x"); d = b
def dprobs(dlogprobs, probs):
    return c[0]  # <-
--- below a text over several lines
TEXT = """
1
2
"""
def dprobs(dlogprobs, probs):
    """
    A docstring.
    """
    return TEXT + undefined  # <-
--- a name that is not defined
def dprobs(dlogprobs, probs):

    return dlogprob / probs  # <-
--- the stub's raise left in place
def dprobs(dlogprobs, probs):
    x = dlogprobs / probs
    raise NotImplementedError("dprobs")  # <-
'''


@pytest.mark.parametrize("source", cases(LINES))
def test_an_error_names_its_line_of_the_file(source: str, judge_text: JudgeText) -> None:
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert (step.verdict, [step.line]) == ("error", marked(source, HERE)), step.message


def test_a_form_feed_between_functions_keeps_the_line_numbers(read_file: ReadFile) -> None:
    answer = read_file(f"import math\n\f\n{DPROBS}", "ex1_chain.py").by_name["ex1_chain", "dprobs"]
    assert answer.line == 3


# --- files with a broken part -----------------------------------------------------------------------------

BROKEN = r"""
--- an open bracket
def dcounts_sum(dcounts_sum_inv, counts_sum):
    return -(counts_sum ** -2 * dcounts_sum_inv  # <-
--- an open bracket in the head
def dcounts_sum(dcounts_sum_inv, counts_sum:  # <-
    return 1
--- a closing bracket too many
def dcounts_sum(dcounts_sum_inv, counts_sum):
    return counts_sum)  # <-
--- bad indentation
def dcounts_sum(dcounts_sum_inv, counts_sum):
    x = 1
      y = 2  # <-
    return x
--- indentation that fits nothing
def dcounts_sum(dcounts_sum_inv, counts_sum):
        x = 1
    return x  # <-
--- tabs and spaces mixed
def dcounts_sum(dcounts_sum_inv, counts_sum):
        x = 1
	return x  # <-
--- full-width brackets
def dcounts_sum(dcounts_sum_inv, counts_sum):
    return （counts_sum）  # <-
--- a full-width comma
def dcounts_sum(dcounts_sum_inv， counts_sum):  # <-
    return 1
--- quotes of a word processor
def dcounts_sum(dcounts_sum_inv, counts_sum):
    return print(“hello”)  # <-
--- an invisible space
def dcounts_sum(dcounts_sum_inv, counts_sum):
    return counts_sum +\u00a0 1  # <-
--- no colon
def dcounts_sum(dcounts_sum_inv, counts_sum)  # <-
    return 1
--- an open text
def dcounts_sum(dcounts_sum_inv, counts_sum):
    return "counts_sum  # <-
--- no body
def dcounts_sum(dcounts_sum_inv, counts_sum):
# nothing yet
--- a statement that is not Python
def dcounts_sum(dcounts_sum_inv, counts_sum):
    return !ls  # <-
--- an assignment to a number
def dcounts_sum(dcounts_sum_inv, counts_sum):
    1 = counts_sum  # <-
--- the marks of a merge
def dcounts_sum(dcounts_sum_inv, counts_sum):
<<<<<<< HEAD
    return 1
--- under a decorator
@staticmethod
def dcounts_sum(dcounts_sum_inv, counts_sum):
    return (1  # <-
"""


@pytest.mark.parametrize("piece", cases(BROKEN.replace(r"\u00a0", "\u00a0")))
def test_of_a_file_with_one_broken_function_only_this_one_is_an_error(piece: str, judge_text: JudgeText) -> None:
    after = "def dcounts_sum_inv(counts, dprobs):\n    return (counts * dprobs).sum(1, keepdim=True) * helper()\n"
    source = f"import math\n{DPROBS}\n{piece}\n{after}\n\ndef helper():\n    return math.cos(0)\n"
    names = ("dprobs", "dcounts_sum", "dcounts_sum_inv", "dcounts")
    result = judge_text({"ex1_chain": source}, *(f"ex1_chain.{name}" for name in names))
    steps = {name: step_of(result, f"ex1_chain.{name}") for name in names}
    assert steps["dprobs"].passes, steps["dprobs"].message
    assert steps["dcounts_sum_inv"].passes, steps["dcounts_sum_inv"].message
    assert (steps["dcounts_sum"].verdict, steps["dcounts"].verdict) == ("error", "missing")
    assert steps["dcounts_sum"].line is not None
    if marked(source, HERE):
        assert [steps["dcounts_sum"].line] == marked(source, HERE), steps["dcounts_sum"].message
    assert any(f"ex1_chain.py:{steps['dcounts_sum'].line}" in note for note in result.notes), result.notes


def test_a_broken_first_draft_does_not_hide_the_answer_below_it(judge_text: JudgeText) -> None:
    source = f"def dprobs(dlogprobs, probs):\n    return (\n\n{DPROBS}"
    assert step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs").passes


@pytest.mark.parametrize(
    "rest",
    ["SCALE = 1\n", "import math\nSCALE = math.cos(0)\n", "if True:\n    SCALE = 1\n"],
    ids=["a constant", "an import", "an if"],
)
def test_what_stands_between_a_broken_function_and_the_next_counts(rest: str, judge_text: JudgeText) -> None:
    source = (
        f"def dcounts(dprobs):\n    return (dprobs\n\n{rest}\n"
        "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs * SCALE\n"
    )
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.passes, f"{step.verdict}: {step.message}"


def test_a_broken_line_below_a_function_does_not_break_it(judge_text: JudgeText) -> None:
    source = f"{DPROBS}\nprint('checking' dprobs)\n"
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.passes, f"{step.verdict}: {step.message}"


# --- stubs ------------------------------------------------------------------------------------------------

MISSING = r'''
--- the stub as given
def dprobs(dlogprobs, probs):
    """logprobs = probs.log()"""
    raise NotImplementedError("dprobs")
--- a stub with type hints
from torch import Tensor
def dprobs(dlogprobs: Tensor, probs: Tensor) -> Tensor:
    """probs (n, vocab)"""
    raise NotImplementedError("dprobs")
--- the raise without brackets
def dprobs(dlogprobs, probs):
    raise NotImplementedError
--- a docstring only
def dprobs(dlogprobs, probs):
    """logprobs = probs.log()"""
--- pass
def dprobs(dlogprobs, probs):
    pass
--- three dots
def dprobs(dlogprobs, probs): ...
--- docstring, comment and pass
def dprobs(dlogprobs, probs):
    """To do."""
    # return dlogprobs / probs
    pass
--- None
dprobs = None
--- None with a hint
dprobs: object = None
--- None and a comment
dprobs = None  # TODO
--- None in a row
dprobs = dcounts = None
--- three dots as a value
dprobs = ...
--- the stub twice
dprobs = None
def dprobs(dlogprobs, probs):
    raise NotImplementedError("dprobs")
--- a hint only
dprobs: object
--- another name
def dprob(dlogprobs, probs):
    return dlogprobs / probs
--- only in a comment
# def dprobs(dlogprobs, probs): return dlogprobs / probs
x = 1
--- only inside another function
def outer():
    def dprobs(dlogprobs, probs):
        return dlogprobs / probs
--- only used
x = [dprobs for dprobs in ()]
--- nothing
--- only a comment
# nothing yet
'''


@pytest.mark.parametrize("source", cases(MISSING))
def test_an_untouched_stub_is_missing(source: str, read_file: ReadFile) -> None:
    answer = read_file(source, "ex1_chain.py").by_name["ex1_chain", "dprobs"]
    assert answer.status == "missing", answer.message
    assert answer.message


def test_a_missing_answer_under_another_name_is_pointed_at(read_file: ReadFile) -> None:
    answer = read_file("def dprob(probs):\n    return probs\n", "ex1_chain.py").by_name["ex1_chain", "dprobs"]
    assert answer.message == "ex1_chain.py does not define dprobs; it does define dprob"


BEGUN = r"""
--- half-written
def dprobs(dlogprobs, probs):
    x = 1 / probs
    raise NotImplementedError("dprobs")
--- a return of nothing
def dprobs(dlogprobs, probs):
    return None
--- a bare return
def dprobs(dlogprobs, probs):
    return
--- a print
def dprobs(dlogprobs, probs):
    print(probs.shape)
--- another error
def dprobs(dlogprobs, probs):
    raise ValueError("to do")
--- an assignment and pass
def dprobs(dlogprobs, probs):
    x = 1
    pass
--- a lambda of nothing
dprobs = lambda dlogprobs, probs: None
--- a number
dprobs = 3
--- a class
class dprobs: pass
--- a generator
def dprobs(dlogprobs, probs):
    yield dlogprobs / probs
--- a list
def dprobs(dlogprobs, probs):
    return [dlogprobs / probs]
--- removed again
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
del dprobs
"""


@pytest.mark.parametrize("source", cases(BEGUN))
def test_a_begun_answer_is_an_error_and_not_missing(source: str, judge_text: JudgeText) -> None:
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.verdict == "error", step.message
    assert step.message


# --- bytes ------------------------------------------------------------------------------------------------

ENCODED = {
    "a byte order mark": b"\xef\xbb\xbf" + DPROBS.encode(),
    "CRLF": DPROBS.replace("\n", "\r\n").encode(),
    "CR": DPROBS.replace("\n", "\r").encode(),
    "CRLF and a byte order mark": b"\xef\xbb\xbf" + DPROBS.replace("\n", "\r\n").encode(),
    "mixed line ends": b"x = 1\r\ny = 2\rz = 3\n" + DPROBS.encode(),
    "no newline at the end": DPROBS.rstrip("\n").encode(),
    "latin-1, declared": b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + DPROBS.encode(),
    "cp1252, declared on the second line": b"#!/bin/python\n# vim: fileencoding=cp1252 :\n# \x93\n" + DPROBS.encode(),
    "Chinese, declared": "# coding: gb18030\n# 王\n".encode("gb18030") + DPROBS.encode(),
    "UTF-8, declared": "# coding: utf-8\nß = 'é'\n".encode() + DPROBS.encode(),
    "UTF-16": DPROBS.encode("utf-16"),
    "UTF-32": DPROBS.encode("utf-32"),
    "an emoji": "# 🙂\n".encode() + DPROBS.encode(),
    "a form feed": b"\x0c\n" + DPROBS.encode(),
    "1000 empty lines": b"\n" * 1000 + DPROBS.encode(),
    "a long comment": b"# " + b"x" * 100_000 + b"\n" + DPROBS.encode(),
}


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in ENCODED.items()])
def test_a_file_of_any_declared_encoding_is_read(data: bytes, judge_bytes: Callable[[bytes], StepResult]) -> None:
    step = judge_bytes(data)
    assert step.passes, f"{step.verdict}: {step.message}"


UNREADABLE = {
    "UTF-16 without its mark": (DPROBS.encode("utf-16-le"), "UTF-16 without a byte order mark: save it as UTF-8"),
    "UTF-32 without its mark": (DPROBS.encode("utf-32-be"), "NUL"),
    "NUL bytes": (DPROBS.encode() + b"\0", "NUL"),
    "a compiled file": (b"\xa7\r\r\n\0\0\0\0", "NUL"),
    "latin-1, not declared": (b"# caf\xe9\n" + DPROBS.encode(), "not UTF-8 (byte 0xE9 at line 1): save it as UTF-8"),
    "latin-1, far below": (DPROBS.encode() + b"# caf\xe9\n", f"at line {DPROBS.count(chr(10)) + 1}): save it as UTF-8"),
    "declared as what it is not": (
        b"# coding: ascii\n# caf\xe9\n" + DPROBS.encode(),
        "not ASCII (byte 0xE9 at line 2)",
    ),
    "an unknown encoding": (b"# coding: klingon\n" + DPROBS.encode(), "unknown encoding (klingon): save it as UTF-8"),
    "an encoding that takes quadratic time": (b"# coding: punycode\n" + DPROBS.encode(), "encoding punycode"),
    "an encoding that is no text": (b"# coding: rot13\n" + DPROBS.encode(), "UTF-8"),
    "zip as an encoding": (b"# coding: zip\n" + DPROBS.encode(), "UTF-8"),
    "noise": (bytes(range(1, 256)) * 4, "UTF-8"),
    "2 MB": (b"# " + b"x" * (2 << 20) + b"\n" + DPROBS.encode(), "larger than"),
    "one byte too many": (DPROBS.encode() + b"#" * (MAX_BYTES + 1 - len(DPROBS)), "larger than"),
}


@pytest.mark.parametrize(("data", "says"), [pytest.param(*case, id=name) for name, case in UNREADABLE.items()])
def test_a_file_that_is_no_text_is_an_error_that_says_why(data: bytes, says: str, read_file: ReadFile) -> None:
    answers = read_file(data, "ex1_chain.py")
    answer = answers.by_name["ex1_chain", "dprobs"]
    assert answer.status == "error"
    assert says in answer.message
    assert "ex1_chain.py" in answer.message
    assert answers.by_name["ex2_cross_entropy", "dlogits"].status == "missing"


def test_a_file_as_large_as_allowed_is_read(judge_bytes: Callable[[bytes], StepResult]) -> None:
    assert judge_bytes(DPROBS.encode() + b"#" * (MAX_BYTES - len(DPROBS))).passes


TOO_DEEP = {
    "brackets": "x = " + "(" * 5000 + ")" * 5000,
    "lists": "x = " + "[" * 5000 + "]" * 5000,
    "open brackets": "x = " + "(" * 5000,
    "signs": "x = " + "-" * 5000 + "1",
    "not": "x = " + "not " * 5000 + "1",
    "a sum of 5,000": "x = 1" + " + 1" * 5000,
    "blocks": "".join(" " * depth + "if 1:\n" for depth in range(200)),
    "a number of 10,000 digits": "x = " + "1" * 10_000,
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in TOO_DEEP.items()])
def test_what_the_parser_cannot_take_is_an_error_and_no_crash(text: str, read_file: ReadFile) -> None:
    inside = f"def dcounts(dprobs):\n{''.join(f'    {line}' for line in text.splitlines(keepends=True))}\n"
    answers = read_file(f"{DPROBS}\n{inside}\n", "ex1_chain.py")
    assert answers.by_name["ex1_chain", "dprobs"].status == "ready"
    assert answers.by_name["ex1_chain", "dcounts"].status == "error"


TOO_LONG = {
    "a sum of 1,500 at the top level": f"x = 1{' + 1' * 1500}\n{DPROBS}",
    "a sum of 900 in the answer": f"def dprobs(dlogprobs, probs):\n    return dlogprobs / probs{' + 0' * 900}\n",
    "a chain of 900 calls": f"def dprobs(dlogprobs, probs):\n    return (dlogprobs / probs){'.clone()' * 900}\n",
    "1,500 times elif": f"if 0: pass\n{'elif 0: pass' + chr(10)}" + "elif 0: pass\n" * 1500 + DPROBS,
}


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in TOO_LONG.items()])
def test_what_the_parser_takes_the_kit_takes_too(source: str, read_file: ReadFile) -> None:
    assert read_file(source, "ex1_chain.py").by_name["ex1_chain", "dprobs"].status in ("ready", "error")


def test_an_encoding_that_refuses_everything_is_an_error(read_file: ReadFile) -> None:
    answers = read_file(f"# coding: undefined\n{DPROBS}", "ex1_chain.py")
    assert answers.by_name["ex1_chain", "dprobs"].status == "error"


def test_a_file_that_vanished_is_an_error_of_its_steps(tmp_path: Path, lesson: Lesson) -> None:
    (tmp_path / "ex1_chain.py").write_text(DPROBS)
    submission = submission_at(tmp_path, lesson)
    (tmp_path / "ex1_chain.py").unlink()
    answer = read_answers(submission, lesson).by_name["ex1_chain", "dprobs"]
    assert (answer.status, answer.message) == ("error", "ex1_chain.py cannot be read: No such file or directory")


def test_a_folder_in_place_of_the_file_is_an_error_of_its_steps(tmp_path: Path, lesson: Lesson) -> None:
    (tmp_path / "ex1_chain.py").write_text(DPROBS)
    submission = submission_at(tmp_path, lesson)
    (tmp_path / "ex1_chain.py").unlink()
    (tmp_path / "ex1_chain.py").mkdir()
    answer = read_answers(submission, lesson).by_name["ex1_chain", "dprobs"]
    assert answer.status == "error"
    assert "Is a directory" in answer.message


# --- one file, several exercises --------------------------------------------------------------------------

EX1, EX2, EX3, EX4 = "ex1_chain", "ex2_cross_entropy", "ex3_batchnorm", "ex4_training"

LONE = r"""
--- ex2_cross_entropy.dlogits: reads no gradient
def dlogits(logits, Yb, n):
    return logits / n
--- ex1_chain.dlogits: reads a gradient
def dlogits(dnorm_logits, logits):
    return dnorm_logits
--- ex1_chain.dlogits: reads a gradient and is a lambda
dlogits = lambda dnorm_logits, logits: dnorm_logits
--- ex2_cross_entropy.dlogits: asks for a gradient, and does not use it
def dlogits(logits, Yb, dprobs=None):
    return logits
--- ex3_batchnorm.dhprebn: reads neither dbndiff nor dbnmeani
def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):
    return bngain * dhpreact
--- ex1_chain.dhprebn: reads dbndiff
def dhprebn(dbndiff, n):
    return dbndiff
--- ex1_chain.dhprebn: reads dbnmeani
def dhprebn(dbnmeani, n):
    return dbnmeani
--- ex4_training.gradients: is nowhere else
def gradients(Xb, Yb):
    return ()
--- ex1_chain.dprobs: is nowhere else
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
--- ex1_chain.dlogits: a marker above
# ex1_chain.dlogits
def dlogits(logits, Yb, n):
    return logits
--- ex2_cross_entropy.dlogits: a marker above
# ex2_cross_entropy.dlogits
def dlogits(dnorm_logits, logits):
    return dnorm_logits
--- ex3_batchnorm.dhprebn: a marker on the line
def dhprebn(dbndiff, dbnmeani):  # ex3_batchnorm.dhprebn
    return dbndiff + dbnmeani
--- ex3_batchnorm.dhprebn: a marker in the first line of the body
def dhprebn(dbndiff, dbnmeani):
    # ex3_batchnorm.dhprebn
    return dbndiff + dbnmeani
--- ex1_chain.dhprebn: a marker above a decorator
# ex1_chain.dhprebn
@staticmethod
def dhprebn(dhpreact):
    return dhpreact
--- ex2_cross_entropy.dlogits: a marker of no exercise says nothing
# ex9_nothing.dlogits
def dlogits(logits, Yb, n):
    return logits
--- ex2_cross_entropy.dlogits: a comment with a dot says nothing
# torch.softmax gives the rows
def dlogits(logits, Yb, n):
    return logits
"""


@dataclass(frozen=True)
class LoneCase:
    exercise: str
    name: str
    source: str


def lone_case(name: str, source: str) -> LoneCase:
    exercise, answer = name.split(":")[0].split(".")
    return LoneCase(exercise, answer, source)


@pytest.mark.parametrize("case", [pytest.param(lone_case(name, source), id=name) for name, source in blocks(LONE)])
def test_in_one_file_an_answer_counts_for_one_exercise(case: LoneCase, read_file: ReadFile) -> None:
    answers = read_file(case.source).by_name
    ready = [key for key, answer in answers.items() if answer.status == "ready"]
    assert ready == [(case.exercise, case.name)]
    assert {answer.status for key, answer in answers.items() if key not in ready} == {"missing"}


HOWEVER_DEFINED = (
    (EX1, "an alias of a function",
     "def fast(dnorm_logits, logits):\n    return dnorm_logits\ndlogits = fast\n"),
    (EX1, "a def under if",
     "if True:\n    def dlogits(dnorm_logits, logits):\n        return dnorm_logits\n"),
    (EX1, "lambdas in a tuple",
     "dlogits, dh = (lambda dnorm_logits: dnorm_logits), (lambda dlogits, W2: dlogits @ W2.T)\n"),
    (EX1, "a callable object",
     "class Step:\n    def __call__(self, dnorm_logits):\n        return dnorm_logits\ndlogits = Step()\n"),
    (EX2, "beside the marker of another step",
     "dprobs = lambda dlogprobs, probs: dlogprobs / probs  # ex1_chain.dprobs\n"
     "def dlogits(logits, Yb, n):\n    return logits\n"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("exercise", "source"),
    [pytest.param(exercise, source, id=name) for exercise, name, source in HOWEVER_DEFINED],
)
def test_what_an_answer_reads_decides_however_it_is_defined(exercise: str, source: str, read_file: ReadFile) -> None:
    answers = read_file(source).by_name
    assert answers[exercise, "dlogits"].status == "ready"


WHOLE = """
import torch

def dlogits(dnorm_logits, logits):
    return dnorm_logits * FIRST

FIRST = 1

def dlogits(logits, Yb, n):
    return logits * SECOND

SECOND = 2

def dhprebn(dbndiff, dbnmeani, n):
    return dbndiff + dbnmeani

def dhprebn(dhpreact, bngain):
    return bngain * dhpreact

def gradients(Xb):
    return (Xb,)
"""


def test_one_file_can_hold_all_exercises_and_each_answer_has_its_own_statement(read_file: ReadFile) -> None:
    answers = read_file(WHOLE).by_name
    first, second = answers[EX1, "dlogits"], answers[EX2, "dlogits"]
    assert (first.position, second.position) == ((4, 0), (9, 0))
    assert first.program != second.program
    assert (answers[EX1, "dhprebn"].line, answers[EX3, "dhprebn"].line) == (14, 17)
    assert answers[EX4, "gradients"].status == "ready"


def test_a_stub_beside_the_filled_answer_of_another_exercise_stays_missing(read_file: ReadFile) -> None:
    stub = "def dlogits(logits, Yb, n):\n    raise NotImplementedError\n"
    filled = "def dlogits(dnorm_logits, logits):\n    return dnorm_logits\n"
    for source in (stub + filled, filled + stub):
        answers = read_file(source).by_name
        assert (answers[EX1, "dlogits"].status, answers[EX2, "dlogits"].status) == ("ready", "missing")


def test_in_a_file_named_after_an_exercise_every_answer_is_for_this_exercise(read_file: ReadFile) -> None:
    source = "def dlogits(dnorm_logits, logits):\n    return dnorm_logits\n"
    assert _ready(read_file(source, "ex2_cross_entropy.py")) == [(EX2, "dlogits")]
    assert _ready(read_file(source, "ex1_chain.py")) == [(EX1, "dlogits")]


def test_an_answer_in_the_file_of_another_exercise_does_not_count_and_is_said(read_file: ReadFile) -> None:
    answers = read_file("def dprobs(dlogprobs, probs):\n    return probs\n", "ex3_batchnorm.py")
    assert _ready(answers) == []
    assert "ex3_batchnorm.py defines dprobs, which belongs into ex1_chain.py" in answers.notes


def _ready(answers: Answers) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], Answer] = answers.by_name
    return [key for key, answer in found.items() if answer.status == "ready"]


def test_exercises_do_not_see_each_others_names(judge_text: JudgeText) -> None:
    result = judge_text(
        {EX1: f"SCALE = 1\n{DPROBS}", EX2: f"{PRELUDE}def dlogits(logits, Yb, n):\n    return logits * SCALE\n"},
        f"{EX1}.dprobs",
        f"{EX2}.dlogits",
    )
    step = step_of(result, f"{EX2}.dlogits")
    assert step.verdict == "error"
    assert "name 'SCALE' is not defined" in step.message


def test_nothing_of_a_submission_is_kept_once_it_is_read(read_file: ReadFile) -> None:
    source = (
        f"{PRELUDE}{DPROBS}def twice(x):\n    return x * 2\nmake = lambda: twice\ndlogprobs = twice(-1 / n)\n"
        "dcounts = make()(dprobs)\nif n > 1:\n    dh = dlogits @ W2.T\n"
    )
    answers = read_file(source)
    ready = [answer for answer in answers.by_name.values() if answer.status == "ready"]
    assert {answer.is_flat for answer in ready} == {True, False}
    kept = [weakref.ref(statement.node) for answer in ready for statement in answer.statements]
    del answers, ready
    gc.collect()
    assert kept
    assert [node() for node in kept if node() is not None] == []


def test_a_return_that_is_not_indented_is_named_and_not_an_unfilled_stub(read_file: ReadFile) -> None:
    for body in ('    """A stub."""\n', "    dx = dlogprobs / probs\n"):
        source = f"{PRELUDE}def dprobs(dlogprobs, probs):\n{body}return dlogprobs / probs\n\ndef dcounts():\n    pass\n"
        answers = read_file(source)
        found = answers.by_name[EX1, "dprobs"]
        line = source.split("\n").index("return dlogprobs / probs") + 1
        assert (found.status, found.line) == ("error", line)
        assert found.message == f"line {line}: 'return' outside function; indent the lines that belong to dprobs"
        assert answers.by_name[EX1, "dcounts"].status == "missing"


TEXT_AT_THE_TOP = '"""A text\n\nof lines that\nlook = like code\nthe last one.\n"""\n'


@pytest.mark.parametrize("wrong", ["import torch as", "x = (1,", "def f(:\n    pass", "s = 'not closed", "x = 1 +"])
def test_one_error_above_the_functions_is_one_error(wrong: str, read_file: ReadFile) -> None:
    source = f"{TEXT_AT_THE_TOP}import torch\n{wrong}\nSCALE = 1.0\n{DPROBS}"
    answers = read_file(source)
    (note,) = [note for note in answers.notes if "not Python" in note]
    assert note.startswith("answers.py:8 is not Python")
    assert "detected" not in note
    assert answers.by_name[EX1, "dprobs"].status == "ready"
    statements = answers.by_name[EX1, "dprobs"].source.split("\n")
    assert "SCALE = 1.0" in statements
    assert wrong.split("\n", maxsplit=1)[0] not in statements


def test_a_default_that_is_a_number_of_the_students_own_stays(judge_text: JudgeText) -> None:
    source = f"""{PRELUDE}def dcounts_sum(dcounts_sum_inv, counts_sum, n=-1):
    return n * counts_sum ** (n - 1) * dcounts_sum_inv
def dhpreact(hpreact, dh, h=1.0):
    return (h - torch.tanh(hpreact) ** 2) * dh
def dlogprobs(logprobs, Yb, n=32):
    out = torch.zeros_like(logprobs)
    out[range(n), Yb] = -1.0 / n
    return out
"""
    result = judge_text({EX1: source}, *(f"{EX1}.{name}" for name in ("dcounts_sum", "dhpreact", "dlogprobs")))
    notes = {step.step: step.note for step in result.exercises[0].steps if step.passes}
    assert notes == {
        "dcounts_sum": "it is called with your own n=-1: without a default, the lesson's value is given",
        "dhpreact": "it is called with your own h=1: without a default, the lesson's value is given",
        "dlogprobs": None,
    }


def test_a_negative_number_to_a_fractional_power_is_a_complex_step(judge_text: JudgeText) -> None:
    source = f"{PRELUDE}def dprobs(dlogprobs, probs):\n    i = (-1) ** 0.5\n    return dlogprobs / probs\n"
    step = step_of(judge_text({EX1: source}, f"{EX1}.dprobs"), f"{EX1}.dprobs")
    assert step.verdict == "forbidden"
    assert "complex numbers hide a derivative" in step.message


# --- a program runs ---------------------------------------------------------------------------------------

RUNS = r"""
--- a call that changes an object a step needs
class Config:
    def __init__(self):
        self.scale = 2
    def set_scale(self, scale):
        self.scale = scale
cfg = Config()
cfg.set_scale(1)
def dprobs(dlogprobs, probs):
    return dlogprobs / probs * cfg.scale
--- a decorator that registers a function
STAGES = []
def stage(function):
    STAGES.append(function)
    return function
@stage
def divide(g, probs):
    return g / probs
def dprobs(dlogprobs, probs):
    g = dlogprobs
    for one in STAGES:
        g = one(g, probs)
    return g if STAGES else None
--- a table of rules
RULES = {}
def rule(name):
    def around(function):
        RULES[name] = function
        return function
    return around
@rule("log")
def log_rule(g, x):
    return g / x
def dprobs(dlogprobs, probs):
    return RULES["log"](dlogprobs, probs)
--- a helper that a main guard defines
def dprobs(dlogprobs, probs):
    return ratio(dlogprobs, probs)
if __name__ == "__main__":
    def ratio(a, b):
        return a / b
    undefined + 1
--- what goes on for ever is skipped
while True:
    pass
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
--- a partial
from functools import partial
def general(sign, dlogprobs, probs):
    return sign * dlogprobs / probs
dprobs = partial(general, 1)
--- what a function returns
def make():
    def inner(dlogprobs, probs):
        return dlogprobs / probs
    return inner
dprobs = make()
"""


@pytest.mark.parametrize("source", cases(RUNS))
def test_a_program_is_run_statement_by_statement(source: str, judge_text: JudgeText) -> None:
    step = step_of(judge_text({EX1: source}, f"{EX1}.dprobs"), f"{EX1}.dprobs")
    assert step.passes, f"{step.verdict}: {step.message}"


def test_a_wrong_change_of_an_object_is_not_overlooked(judge_text: JudgeText) -> None:
    source = f"eps = [1]\neps[0] = 2\n{DPROBS.rstrip()} * eps[0]\n"
    step = step_of(judge_text({EX1: source}, f"{EX1}.dprobs"), f"{EX1}.dprobs")
    assert step.verdict == "wrong"


def test_a_name_that_a_skipped_statement_should_have_made_is_told_with_its_reason(judge_text: JudgeText) -> None:
    source = f"x = 1\nhelper = nothing(3)\n{DPROBS.rstrip()} * helper(1)\n"
    step = step_of(judge_text({EX1: source}, f"{EX1}.dprobs"), f"{EX1}.dprobs")
    assert step.verdict == "error"
    assert "line 2 raised NameError: name 'nothing' is not defined" in step.message


IMPORTS = {
    "the file of another exercise": "from ex1_chain import dprobs as ratio",
    "a helper beside it": "from helpers import ratio",
    "a helper of the package": "from .helpers import ratio",
}


@pytest.mark.parametrize("how", IMPORTS)
def test_a_program_may_import_the_submissions_own_files(how: str, judge_text: JudgeText, tmp_path: Path) -> None:
    if "helper" in how:
        (tmp_path / "helpers.py").write_text("import math\ndef ratio(a, b):\n    return a / b * math.cos(0)\n")
    result = judge_text(
        {
            EX1: DPROBS,
            EX2: f"{PRELUDE}{IMPORTS[how]}\ndef dlogits(logits, Yb, n):\n"
            "    p = F.softmax(logits, 1)\n    p[range(n), Yb] -= 1\n    return ratio(p, n)\n",
        },
        f"{EX2}.dlogits",
    )
    step = step_of(result, f"{EX2}.dlogits")
    assert step.passes, f"{step.verdict}: {step.message}"
    assert not result.notes


def test_the_files_that_may_be_imported_go_to_the_judge(tmp_path: Path) -> None:
    files = {"ex1_chain": tmp_path / "ex1_chain.py"}
    own = (tmp_path / "helpers.py", tmp_path / "more.py")
    submission = Submission("ann", tmp_path, files, (tmp_path / "any.py",), ("a note",), own_files=own)
    request = Request(submission, frozenset({"ex1_chain.dprobs"}), is_check=True, mends=False, page=True)
    assert read_job(job(request)) == request


def test_state_is_kept_between_calls_of_one_exercise_so_that_it_shows(judge_text: JudgeText) -> None:
    source = "kept = []\ndef dprobs(dlogprobs, probs):\n    kept.append(1)\n    return dlogprobs / probs * len(kept)\n"
    step = step_of(judge_text({EX1: source}, f"{EX1}.dprobs"), f"{EX1}.dprobs")
    assert step.verdict == "wrong"
