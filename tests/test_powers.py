"""Powers in a student's code: as in Python, except that none is complex."""

from __future__ import annotations

import traceback
from textwrap import dedent
from typing import Any

import pytest
import torch

from grader.runner.powers import guarded, namespace


def run(source: str) -> dict[str, Any]:
    """The names that a student's module has after it was run."""
    names = namespace()
    exec(compile(guarded(dedent(source)), "ex.py", "exec", dont_inherit=True), names)
    return names


REAL = [
    *("2 ** 3", "-2 ** 2", "(-2) ** 3", "2 ** -1", "2 ** 0.5", "2 ** 3 ** 2", "(-8.0) ** 2.0", "0.0 ** 0"),
    *("pow(2, 3)", "pow(2, 3, 5)", "pow(3, -1, 7)", "list(map(pow, [2, 3], [2, 2]))", "(lambda n: n ** 2)(3)"),
    *("[n ** 2 for n in range(3)]", "f'{2 ** 0.5:.3f} {3 ** 2}'", "sum(n ** 2 for n in range(4)) ** 0.5"),
]


@pytest.mark.parametrize("expression", REAL)
def test_a_real_power_is_what_python_gives(expression: str) -> None:
    assert run(f"x = {expression}")["x"] == eval(expression)


COMPLEX = {
    "a root": "x = (-1) ** 0.5",
    "a root by names": "a, b = -1, 0.5\nx = a ** b",
    "a negative power": "x = (-2.0) ** -0.5",
    "by pow": "x = pow(-1, 0.5)",
    "pow handed on": "x = list(map(pow, [-1], [0.5]))",
    "in place": "x = -1\nx **= 0.5",
    "in place in a list": "x = [-1]\nx[0] **= 0.5",
    "in place in an object": "class A: pass\na = A()\na.x = -1\na.x **= 0.5",
    "in a class": "class A:\n    x = (-1) ** 0.5",
    "in a default": "def f(x=(-1) ** 0.5): pass",
    "in a comprehension": "x = [n ** 0.5 for n in (1, -1)]",
    "in a text": "x = f'{(-1) ** 0.5}'",
    "in a pattern's guard": "match 1:\n    case n if (-n) ** 0.5: pass",
    "pow taken away": "def f():\n    global pow\n    pow = 1\n    del pow\nf()\nx = pow(-1, 0.5)",
}


@pytest.mark.parametrize("source", COMPLEX.values(), ids=COMPLEX)
def test_a_complex_power_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="complex number"):
        run(source)


def test_a_tensors_powers_stay_its_own() -> None:
    names = run("""
        import torch
        x = torch.tensor([2.0, -1.0])
        y, z = x ** 0.5, x
        x **= 2
        rows = torch.ones(2, 2)
        rows[0] **= 2
    """)
    assert names["x"] is names["z"]
    assert names["x"].tolist() == [4.0, 1.0]
    assert torch.isnan(names["y"]).tolist() == [False, True]


def test_a_class_of_ones_own_decides_what_its_powers_are() -> None:
    names = run("""
        class Value:
            def __pow__(self, n):
                return f"to the {n}"
            def __ipow__(self, n):
                self.n = n
                return self
        x = Value() ** 2
        y = Value()
        y **= 3
    """)
    assert (names["x"], names["y"].n) == ("to the 2", 3)


def test_an_error_keeps_its_line_and_names_are_found_as_ever() -> None:
    source = "from __future__ import annotations\n\ndef f(x):\n    y = [x]\n    y[0].a **= (\n        2)\nf(1)\n"
    with pytest.raises(AttributeError) as caught:
        run(source)
    assert [frame.lineno for frame in traceback.extract_tb(caught.value.__traceback__)][-2:] == [7, 5]


def test_a_long_sum_of_powers_is_taken() -> None:
    assert run("x = " + " + ".join(["2 ** 2"] * 300))["x"] == 1200


def test_a_variable_called_pow_is_the_students_own() -> None:
    assert run("pow = lambda a, b: 'mine'\nx = pow(1, 2)")["x"] == "mine"
