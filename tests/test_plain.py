"""Statements that need no second look: what is called plain is allowed in any company, and honest answers are plain."""

from __future__ import annotations

import ast
from random import Random
from textwrap import dedent

import pytest

from grader.submission.plain import PlainStatements
from grader.submission.program import parse_program
from grader.submission.statement import Statement
from grader.submission.vocabulary import first_breach, kit_vocabulary
from tests.bench.classes import lecture_style
from tests.hostile.suite import entries
from tests.test_vocabulary import BODIES, FILES, SHADOWS, TRICKS

COMPANIES = 4_000
NEIGHBOURS = ("h = -2", "h = -0.5 * 4", "def f(h):\n    return h", "import torch", "from torch import *", "x = h = 2")

PLAIN = """
x = (1.0 - h**2) * dh
x = h ** -3
def f(x): return (x + 1e-5) ** -0.5
def f(h, n): return pow(h, 1 / n)
x = h.sum() ** 0.5
x[range(n), Yb] -= 1
for k in range(n): dC[ix] += demb[k, j]
x = torch.where(a > b, a, b).sum(0, keepdim=True)
x.data = y
import torch.nn.functional as F
from torch import Tensor, no_grad
from typing import Callable
from math import sqrt
f = lambda x: x if x else None
"""
NOT_PLAIN = """
x = h ** 0.5
x = pow(h, 0.5)
x = (2 * h + 1) ** (1 / 3)
def f(x): return h ** 0.5
x = 1j
x = open
x = type(y)
x = y.grad
x = y.__class__
x = __name__
x.backward = y
x = y.format(z)
x = f(requires_grad=False)
import functools
from torch import *
from torch import inference_mode as m
from torch import copy
from functools import wraps
from math import _private
from . import torch
class Box: pass
def __getattr__(x): return x
def f(__x__): return 1
async def f(): return 1
global x
"""


def statements_of(text: str) -> tuple[Statement, ...]:
    return parse_program("answer.py", text).statements


def plain() -> PlainStatements:
    return PlainStatements(kit_vocabulary())


@pytest.mark.parametrize("line", PLAIN.strip().split("\n"))
def test_this_is_plain(line: str) -> None:
    assert plain().are_all(statements_of(line))


@pytest.mark.parametrize("line", NOT_PLAIN.strip().split("\n"))
def test_this_depends_on_what_stands_around_or_is_refused(line: str) -> None:
    assert not plain().are_all(statements_of(line))


def test_all_that_the_lecture_writes_is_plain() -> None:
    statements = [statement for text in lecture_style().values() for statement in statements_of(text)]
    assert [ast.unparse(s.node) for s in statements if not plain().are_all([s])] == []


def test_plain_statements_have_no_breach_in_any_company() -> None:
    texts = [*map(dedent, (*BODIES.values(), *FILES.values(), *SHADOWS.values(), *TRICKS.values())), *NEIGHBOURS]
    texts += [entry.source() for entry in entries() if entry.has_code]
    known = plain()
    pool = [s for text in texts for s in statements_of(text) if known.are_all([s])]
    near = [s for text in NEIGHBOURS for s in statements_of(text) if known.are_all([s])]
    assert len(pool) > 1_000
    random = Random(3)
    for _ in range(COMPANIES):
        company = [*random.sample(pool, random.randint(1, 4)), random.choice(near)]
        breach = first_breach(company, kit_vocabulary(), random.choice(["dprobs", "f", ""]))
        assert breach is None, [ast.unparse(statement.node) for statement in company]
