"""Where a wrong answer is off: the rows of digits in its result."""

from __future__ import annotations

import json

import pytest
import torch

from grader.judge.picture import error_map
from grader.results.model import result_from_json
from grader.results.store import as_text
from tests.support import PRELUDE, JudgeText, step_of


def _map(error: list[list[float]] | list[float] | float, scale: float = 1.0) -> tuple[str, ...] | None:
    values = torch.tensor(error, dtype=torch.float64)
    return error_map(values, values > 0, scale)


@pytest.mark.parametrize(
    ("error", "rows"),
    [
        ([[0.0, 1.0], [0.5, 0.05]], ("09", "98")),
        ([[2.0, 1e-8], [1e-9, 1e-12]], ("91", "11")),
        ([0.0, 1.0, 0.0], ("090",)),
        (3.0, None),
    ],
)
def test_a_digit_says_how_far_off_an_element_is(error: list[list[float]], rows: tuple[str, ...] | None) -> None:
    assert _map(error) == rows


def test_errors_are_measured_on_the_scale_and_where_that_is_zero_they_are_large() -> None:
    assert _map([[1.0, 0.0]], scale=1000.0) == ("60",)
    assert _map([[1e-20, 0.0]], scale=0.0) == ("90",)


def test_what_lies_within_the_tolerance_counts_as_right() -> None:
    error = torch.tensor([[1e-3, 1e-3]], dtype=torch.float64)
    assert error_map(error, torch.tensor([[True, False]]), 1.0) == ("60",)


def test_axes_beyond_the_second_lie_beside_each_other_and_large_tensors_are_made_smaller() -> None:
    error = torch.zeros(3, 2, 2, dtype=torch.float64)
    error[1, 1, 0] = 1.0
    assert error_map(error, error > 0, 1.0) == ("0000", "0090", "0000")
    large = torch.zeros(200, 640, dtype=torch.float64)
    large[199, 0] = 1.0
    rows = error_map(large, large > 0, 1.0)
    assert rows is not None
    assert (len(rows), {len(row) for row in rows}) == (64, {64})
    assert rows[-1] == "9" + "0" * 63
    assert set("".join(rows[:-1])) == {"0"}


def test_a_wrong_step_has_a_map_and_no_other(judge_text: JudgeText) -> None:
    text = PRELUDE + (
        "def dlogits(dnorm_logits, dlogit_maxes):\n    return dnorm_logits.clone()\n"
        "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"
        "def dcounts(dprobs, counts_sum_inv):\n    return undefined\n"
        "def db2(dlogits):\n    return dlogits.sum(0, keepdim=True)\n"
    )
    steps = [f"ex1_chain.{name}" for name in ("dlogits", "dprobs", "dcounts", "db2")]
    result = judge_text({"ex1_chain": text}, *steps)
    found = [step_of(result, step) for step in steps]
    assert [step.verdict for step in found] == ["wrong", "exact", "error", "shape"]
    assert [step.error_map is not None for step in found] == [True, False, False, False]
    rows = found[0].error_map
    assert rows is not None
    assert (len(rows), {len(row) for row in rows}) == (32, {27})
    assert {len(row.replace("0", "")) for row in rows} == {1}  # one maximum a row
    assert result_from_json(json.loads(as_text(result.as_json()))) == result


def test_results_of_an_older_kit_without_maps_can_be_read(judge_text: JudgeText) -> None:
    raw = judge_text({"ex1_chain": ""}, "ex1_chain.dprobs").as_json()
    for step in raw["exercises"][0]["steps"]:
        del step["error_map"]
    assert result_from_json(raw).exercises[0].steps[0].error_map is None
