"""What people write in forward.py: masks, indices, detached values, ties over two axes, shared weights, attention.

Three small lessons, each with a right answer to every step; no wrong answer to any of them ends a judge.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.errors import KitError
from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.lesson.network import Network
from grader.results.model import StepResult
from grader.submission.find import submission_at
from grader.warm.client import Warm


@dataclass(frozen=True)
class Small:
    """A lesson of one chain: its inputs as lesson.toml has them, its lines, and a right answer to each step."""

    sizes: dict[str, int]
    inputs: dict[str, str]
    lines: str
    answers: dict[str, tuple[str, str]]  # step -> parameters, and what is returned
    cases: tuple[dict[str, int], ...]

    def written(self, folder: Path) -> Lesson:
        """The lesson in a folder, with its solutions."""
        folder.mkdir()
        arguments = ", ".join([*self.inputs, *self.sizes])
        body = "".join(f"    {line}\n" for line in self.lines.strip().splitlines())
        text = f"import torch\nimport torch.nn.functional as F\n\n\ndef forward({arguments}):\n{body}    return loss\n"
        (folder / "forward.py").write_text(text, encoding="utf-8")
        (folder / "lesson.toml").write_text(self.toml(folder.name), encoding="utf-8")
        (folder / "ex_chain.py").write_text(self.solution(), encoding="utf-8")
        return load_lesson(folder)

    def toml(self, name: str) -> str:
        """lesson.toml."""
        table = "".join(f"{name} = {size}\n" for name, size in self.sizes.items())
        inputs = "".join(f"{name} = {entry}\n" for name, entry in self.inputs.items())
        cases = "".join(
            f'[[cases]]\nname = "case {number}"\nsizes = {{ {", ".join(f"{k} = {v}" for k, v in case.items())} }}\n'
            for number, case in enumerate(self.cases)
        )
        hints = json.dumps(["look", "look again", "it is there"])
        steps = "".join(f'[[exercises.steps]]\nname = "{step}"\nhints = {hints}\n' for step in self.answers)
        return (
            f'schema = 1\nname = "{name}"\ntitle = "Small"\nloss = "loss"\n[sizes]\n{table}[inputs]\n{inputs}{cases}'
            f'[[exercises]]\nname = "ex_chain"\ntitle = "Chain"\nabout = "Back."\nchain = true\n{steps}'
        )

    def solution(self, step: str = "", returned: str = "") -> str:
        """ex_chain.py; with another answer to one step."""
        parts = ["import torch\nimport torch.nn.functional as F\n"]
        for name, (parameters, right) in self.answers.items():
            parts.append(f"def {name}({parameters}):\n    return {returned if name == step else right}\n")
        return "\n\n".join(parts)


LESSONS = {
    "lines without a gradient": Small(
        {"n": 6, "d": 5, "k": 3},
        {"x": '{ shape = ["n", "d"] }', "W": '{ shape = ["d", "k"] }'},
        """
keep = x > 0
positive = x * keep.to(x.dtype)
best = positive.argmax(1)
hot = F.one_hot(best, positive.shape[1]).to(x.dtype)
base = torch.zeros_like(positive)
frozen = positive.detach() * 0.5
marked = positive + hot + base + frozen
top = marked.amax((0, 1), keepdim=True)
shifted = marked - top
rows = torch.stack([shifted[i] * 2 for i in range(n)])
y = rows @ W
loss = y.pow(2).mean()
""",
        {
            "dy": ("y", "2 * y / y.numel()"),
            "drows": ("dy, W", "dy @ W.T"),
            "dshifted": ("drows", "2 * drows"),
            "dtop": ("dshifted", "-dshifted.sum((0, 1), keepdim=True)"),
            "dmarked": ("dshifted, dtop, marked, top", "dshifted + dtop * (marked == top) / (marked == top).sum()"),
            "dpositive": ("dmarked", "dmarked.clone()"),
            "dx": ("dpositive, keep", "dpositive * keep"),
            "dW": ("dy, rows", "rows.T @ dy"),
        },
        ({"n": 5, "d": 3, "k": 7}, {"n": 3, "d": 7, "k": 2}),
    ),
    "shared weights": Small(
        {"n": 6, "d": 5, "k": 4},
        {"x": '{ shape = ["n", "d"] }', "Wx": '{ shape = ["d", "k"] }', "Wh": '{ shape = ["k", "k"] }'},
        """
a1 = x @ Wx
h1 = torch.tanh(a1)
a2 = h1 @ Wh
h2 = torch.tanh(a2)
a3 = h2 @ Wh
h3 = torch.tanh(a3)
loss = h3.pow(2).mean()
""",
        {
            "dh3": ("h3", "2 * h3 / h3.numel()"),
            "da3": ("dh3, h3", "dh3 * (1 - h3**2)"),
            "dh2": ("da3, Wh", "da3 @ Wh.T"),
            "da2": ("dh2, h2", "dh2 * (1 - h2**2)"),
            "dh1": ("da2, Wh", "da2 @ Wh.T"),
            "dWh": ("da2, da3, h1, h2", "h1.T @ da2 + h2.T @ da3"),
            "da1": ("dh1, h1", "dh1 * (1 - h1**2)"),
            "dWx": ("da1, x", "x.T @ da1"),
        },
        ({"n": 7, "d": 3, "k": 5}, {"n": 3, "d": 2, "k": 7}),
    ),
    "attention": Small(
        {"b": 3, "t": 4, "c": 5, "k": 6},
        {
            "x": '{ shape = ["b", "t", "c"] }',
            "Wq": '{ shape = ["c", "k"] }',
            "Wk": '{ shape = ["c", "k"] }',
            "Wv": '{ shape = ["c", "k"] }',
        },
        """
q = x @ Wq
key = x @ Wk
v = x @ Wv
raw = q @ key.transpose(1, 2)
scaled = raw / k**0.5
future = torch.ones(t, t).triu(1) > 0
masked = scaled.masked_fill(future, -1e9)
att = masked.softmax(2)
out = att @ v
loss = out.pow(2).mean()
""",
        {
            "dout": ("out", "2 * out / out.numel()"),
            "dv": ("dout, att", "att.transpose(1, 2) @ dout"),
            "datt": ("dout, v", "dout @ v.transpose(1, 2)"),
            "dmasked": ("datt, att", "att * (datt - (att * datt).sum(2, keepdim=True))"),
            "dscaled": ("dmasked, future", "dmasked.masked_fill(future, 0.0)"),
            "draw": ("dscaled, k", "dscaled / k**0.5"),
            "dq": ("draw, key", "draw @ key"),
            "dkey": ("draw, q", "draw.transpose(1, 2) @ q"),
            "dWq": ("dq, x", "torch.einsum('btc,btk->ck', x, dq)"),
            "dx": ("dq, dkey, dv, Wq, Wk, Wv", "dq @ Wq.T + dkey @ Wk.T + dv @ Wv.T"),
        },
        ({"b": 2, "t": 5, "c": 3, "k": 7}, {"b": 5, "t": 3, "c": 2, "k": 4}),
    ),
}
# What each right expression is replaced by.
SLIPS = (
    "-({})",
    "2 * ({})",
    "({}) * 0",
    "({}).flip(0)",
    "({}) + 1",
    "({}).sum()",
    "({}).mT",
    "torch.ones_like({})",
    "None",
)


def judged(lesson: Lesson, warm: Warm, folder: Path, text: str, *, mends: bool = False) -> dict[str, StepResult]:
    folder.mkdir(exist_ok=True)
    (folder / "ex_chain.py").write_text(text, encoding="utf-8")
    result = Judge(lesson, 0, warm).judge(Request(submission_at(folder, lesson), mends=mends))
    return {step.step: step for exercise in result.exercises for step in exercise.steps}


@pytest.mark.parametrize("name", LESSONS)
def test_every_right_answer_is_right(name: str, warm: Warm, tmp_path: Path) -> None:
    small = LESSONS[name]
    steps = judged(small.written(tmp_path / "small"), warm, tmp_path / "ann", small.solution())
    assert {step: found.message for step, found in steps.items() if not found.passes} == {}


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("name", LESSONS)
def test_no_wrong_answer_ends_a_judge_and_each_costs_its_own_step_alone(
    name: str, slip: str, warm: Warm, tmp_path: Path
) -> None:
    small = LESSONS[name]
    lesson = small.written(tmp_path / "small")
    for step, (_, right) in small.answers.items():
        steps = judged(lesson, warm, tmp_path / "ann", small.solution(step, slip.format(right)))
        assert {other for other, found in steps.items() if not found.passes} <= {step}
        assert steps[step].message or steps[step].passes


def test_the_fixes_of_such_a_lesson_are_looked_for_too(warm: Warm, tmp_path: Path) -> None:
    small = LESSONS["attention"]
    lesson = small.written(tmp_path / "small")
    slip = "att * (datt - (att * datt).sum(1, keepdim=True))"
    step = judged(lesson, warm, tmp_path / "ann", small.solution("dmasked", slip), mends=True)["dmasked"]
    assert step.verdict == "wrong"
    assert step.instructor.mend
    assert "sum(2, keepdim=True)" in step.instructor.mend


def test_a_gradient_of_what_has_none_cannot_be_asked_for(warm: Warm, tmp_path: Path) -> None:
    small = LESSONS["lines without a gradient"]
    lesson = small.written(tmp_path / "small")
    text = small.solution().replace("def dx(dpositive, keep)", "def dx(dpositive, keep, dkeep)")
    step = judged(lesson, warm, tmp_path / "ann", text)["dx"]
    assert step.verdict == "error"
    assert "dkeep" in step.message


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hot = F.one_hot(x.argmax(1), d).float() @ W", r"\.float\(\) fixes the dtype: write \.to\(t\.dtype\)"),
        ("hot = x.shape[0]", "hot is no tensor but int\n  write it into the line that uses it"),
    ],
)
def test_a_line_that_cannot_be_says_what_to_write(line: str, says: str, tmp_path: Path, warm: Warm) -> None:
    lines = f"{line}\ny = x @ W\nloss = y.pow(2).mean()"
    inputs = {"x": '{ shape = ["n", "d"] }', "W": '{ shape = ["d", "k"] }'}
    small = Small({"n": 6, "d": 5, "k": 3}, inputs, lines, {"dy": ("y", "y")}, ({"n": 5, "d": 3, "k": 7},))
    lesson = small.written(tmp_path / "small")
    assert Network(lesson.graph)
    with pytest.raises(KitError, match=says):
        judged(lesson, warm, tmp_path / "ann", small.solution())
