"""What a notebook's gradients are when it is run as it stands, cell after cell, beside what autograd makes of them.

A line `# take EXERCISE` in a cell marks where that exercise's variables have the values that count;
`# take ex2 logits=dlogits_fast` says under which names. The lines are no part of the notebook.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import sys
import types
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from grader.submission.notebook import python_of
from tests.notebooks.parts import TENSORS

_TAKE = re.compile(r"^([ \t]*)# take (\w+)(.*)$", re.MULTILINE)
EXERCISES = {
    "ex1": ("ex1_chain", TENSORS),
    "ex2": ("ex2_cross_entropy", ("logits",)),
    "ex3": ("ex3_batchnorm", ("hprebn",)),
    "ex4": ("ex4_training", ("C", "W1", "b1", "W2", "b2", "bngain", "bnbias")),
}


def without_marks(cell: str) -> str:
    """A cell as the student has it."""
    return _TAKE.sub("", cell)


class _Anything:
    """Stands for plots: takes every call."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: Any) -> Any:
        return self

    def __iter__(self) -> Any:
        return iter((self, self))


def _modules() -> dict[str, Any]:
    plots = types.ModuleType("matplotlib")
    plots.pyplot = plots.cm = plots.ticker = _Anything()  # type: ignore[attr-defined]
    return {"matplotlib": plots, "matplotlib.pyplot": plots.pyplot}


def verdicts_of(cells: Iterable[str], folder: Path) -> tuple[dict[str, str], list[str]]:
    """(`exercise.step` -> right, shape, wrong, None) where the notebook is run for real, and the errors of cells."""
    source = random.Random(5)
    names = ["".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=source.randint(2, 8))) for _ in range(300)]
    names += ["abcdefghijklmnopqrstuvwxyz"]
    (folder / "names.txt").write_text("\n".join(names), encoding="utf-8")
    found: dict[str, str] = {}
    errors: list[str] = []
    space: dict[str, Any] = {"__name__": "__main__", "display": lambda *_: None}

    def take(exercise: str, more: str, local: dict[str, Any]) -> None:
        values = {**space, **local}
        name, tensors = EXERCISES[exercise]
        renamed = dict(part.split("=") for part in more.split())
        right = _reference({key: eval(renamed.get(f"@{key}", key), values) for key in _INPUTS})
        for tensor in tensors:
            if renamed.get(tensor) == "-":
                continue
            try:
                got = eval(renamed.get(tensor, f"d{tensor}"), values)
            except Exception as problem:
                found[f"{name}.d{tensor}"] = f"raised {type(problem).__name__}"
            else:
                found[f"{name}.d{tensor}"] = _verdict(got, right[tensor])

    space["__take__"] = take
    here = Path.cwd()
    kept = {name: sys.modules.get(name) for name in _modules()}
    try:
        os.chdir(folder)
        sys.modules.update(_modules())
        for number, cell in enumerate(cells):
            text = _TAKE.sub(r"\1__take__('\2', '''\3''', locals())", cell)
            text = re.sub(r"\b(max_steps|epochs) = \d+", r"\1 = 1", python_of(text))
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a learner's open file is no matter here
                try:
                    exec(compile(text, f"<cell {number}>", "exec"), space)
                except BaseException as problem:
                    errors.append(f"cell {number}: {type(problem).__name__}: {problem}")
    finally:
        os.chdir(here)
        for name, module in kept.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        torch.set_grad_enabled(True)
    return found, errors


_INPUTS = ("C", "W1", "b1", "W2", "b2", "bngain", "bnbias", "Xb", "Yb")


def _reference(values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """autograd's gradients, in float64."""
    with torch.enable_grad():
        v = {k: t.detach().double().clone().requires_grad_() if t.is_floating_point() else t for k, t in values.items()}
        n = len(v["Xb"])
        v["emb"] = v["C"][v["Xb"]]
        v["embcat"] = v["emb"].view(n, -1)
        v["hprebn"] = v["embcat"] @ v["W1"] + v["b1"]
        v["bnmeani"] = 1 / n * v["hprebn"].sum(0, keepdim=True)
        v["bndiff"] = v["hprebn"] - v["bnmeani"]
        v["bndiff2"] = v["bndiff"] ** 2
        v["bnvar"] = 1 / (n - 1) * v["bndiff2"].sum(0, keepdim=True)
        v["bnvar_inv"] = (v["bnvar"] + 1e-5) ** -0.5
        v["bnraw"] = v["bndiff"] * v["bnvar_inv"]
        v["hpreact"] = v["bngain"] * v["bnraw"] + v["bnbias"]
        v["h"] = torch.tanh(v["hpreact"])
        v["logits"] = v["h"] @ v["W2"] + v["b2"]
        v["logit_maxes"] = v["logits"].max(1, keepdim=True).values
        v["norm_logits"] = v["logits"] - v["logit_maxes"]
        v["counts"] = v["norm_logits"].exp()
        v["counts_sum"] = v["counts"].sum(1, keepdim=True)
        v["counts_sum_inv"] = v["counts_sum"] ** -1
        v["probs"] = v["counts"] * v["counts_sum_inv"]
        v["logprobs"] = v["probs"].log()
        loss = -v["logprobs"][range(n), v["Yb"]].mean()
        grads = torch.autograd.grad(loss, [v[t] for t in TENSORS])
    return dict(zip(TENSORS, grads, strict=True))


def _verdict(got: Any, right: torch.Tensor) -> str:
    if not isinstance(got, torch.Tensor):
        return f"no tensor: {type(got).__name__}"
    got = got.detach().double().cpu()
    if got.numel() != right.numel():
        return f"wrong shape {tuple(got.shape)}"
    off = (got.reshape(-1) - right.reshape(-1)).abs().max()
    if not off <= 1e-5 * max(float(right.abs().max()), 1e-1):
        return "wrong"
    return "right" if got.shape == right.shape else "shape"
