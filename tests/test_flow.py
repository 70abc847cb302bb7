"""Where each output of an answer comes from, read off its text."""

from __future__ import annotations

import ast

import pytest

from grader.judge.mend.flow import Flow, flow_of

ANSWER = """import torch
SCALE = 2


def turned(x):
    return x.T * SCALE


def gradients(h, W, Yb, n):
    up = h @ W
    up = up / n
    first = turned(up)
    total = torch.zeros_like(h)
    for i in range(n):
        row = up[i]
        total[Yb[i]] += row
    up = h * 2
    copy = up.clone()
    copy.mul_(3)
    return first, total, copy, (
        up.sum(0))
"""
OUTPUTS = {
    0: {2, 5, 10, 11, 12},  # through the helper, and what the helper reads
    1: {10, 11, 13, 14, 15, 16},
    2: {17, 18, 19},  # `up` was bound anew
    3: {17},
}


def flow(source: str = ANSWER, outputs: int = 4) -> Flow | None:
    return flow_of(ast.parse(source), "gradients", outputs)


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_comes_from_the_statements_that_lead_to_it_and_no_others(output: int) -> None:
    found = flow()
    assert found
    lines = {span.start[0] for span in found.behind(output)} - {1, 20, 21}  # the import, and the return itself
    assert lines == OUTPUTS[output]


def test_returned_expressions_of_one_statement_are_told_apart() -> None:
    found = flow()
    assert found
    (span,) = (span for span in found.behind(3) if span.start[0] > 19)
    assert span.holds((21, 8))
    assert not span.holds((20, 11))


def test_what_raised_comes_from_what_was_done_before() -> None:
    found = flow()
    assert found
    spans = found.behind_line(12)
    assert spans
    assert {span.start[0] for span in spans} - {1} == OUTPUTS[0]
    assert found.behind_line(6) is None  # in a helper


@pytest.mark.parametrize(
    "source",
    [
        "def other():\n    return 1, 2",
        "def gradients(x):\n    return x",
        "def gradients(x):\n    if x:\n        return 1, 2\n    return 3, 4",
        "def gradients(x):\n    def inner():\n        return x\n    return inner(), x",
        "def gradients(x):\n    x * 2",
        "def gradients(x):\n    return 1\n\n\ndef gradients(x):\n    return 2, 3",
    ],
    ids=["another name", "one value", "two returns", "a function inside", "no return", "defined twice"],
)
def test_nothing_is_said_where_the_flow_cannot_be_read_off_for_sure(source: str) -> None:
    assert flow(source, 2) is None
