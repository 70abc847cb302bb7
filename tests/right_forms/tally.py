"""What is seen of all answers at one seed, and how it adds up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch

from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.warm.client import Warm
from tests.right_forms.chain import draw_chain
from tests.right_forms.direct import TOLERANCES, Direct
from tests.right_forms.forms import Form, right_forms
from tests.right_forms.packs import Pack, packed
from tests.support import ROOT


@dataclass
class Tally:
    """Counts by path, and the facts behind what is not right."""

    judged: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    unlike: Counter[str] = field(default_factory=Counter)  # not what autograd has
    facts: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.judged += other.judged
        self.rejected += other.rejected
        self.called += other.called
        self.unlike += other.unlike
        self.facts += other.facts

    @property
    def is_clean(self) -> bool:
        return not self.rejected and not self.unlike


@dataclass(frozen=True)
class Task:
    """One seed; `only` chooses answers, which are packed in `folder`."""

    folder: Path
    only: str
    seed: int


@dataclass(frozen=True)
class _Bench:
    """What a process needs for all of its seeds, made once."""

    warm: Warm
    packs: dict[Path, Pack]
    direct: list[Direct]


@cache
def the_lesson() -> Lesson:
    return load_lesson(ROOT / "solutions" / "mlp")


def chosen(only: str) -> list[Form]:
    """The answers whose `exercise.step: name` contains `only`."""
    return [form for form in right_forms() if only in f"{form.path}: {form.name}"]


def packs_in(folder: Path, only: str) -> dict[Path, Pack]:
    """The packs of the chosen answers, by where each of them stands or is to stand."""
    return {folder / str(number): pack for number, pack in enumerate(packed(chosen(only)))}


def at_seed(task: Task) -> Tally:
    """All answers judged at one seed, and called on the real chain drawn from it."""
    bench = _bench(task.folder, task.only)
    tally = Tally()
    _judge_all(bench, task.seed, tally)
    for dtype in TOLERANCES:
        _call_all(bench, task.seed, dtype, tally)
    return tally


@cache
def _bench(folder: Path, only: str) -> _Bench:
    torch.set_num_threads(1)
    return _Bench(Warm(), packs_in(folder, only), [Direct(form, the_lesson()) for form in chosen(only)])


def _judge_all(bench: _Bench, seed: int, tally: Tally) -> None:
    judge = Judge(the_lesson(), seed, bench.warm)
    for place, pack in bench.packs.items():
        tally.judged.update(pack.forms.keys())
        for form, facts in pack.rejections(judge, the_lesson(), place).items():
            tally.rejected[form.path] += 1
            tally.facts += [f"seed {seed}, {form.name}: {fact}" for fact in facts]


def _call_all(bench: _Bench, seed: int, dtype: torch.dtype, tally: Tally) -> None:
    chain = draw_chain(seed, dtype)
    for direct in bench.direct:
        form, misfits = direct.form, direct.misfits(chain, dtype)
        tally.called[form.path] += 1
        tally.unlike[form.path] += bool(misfits)
        tally.facts += [f"draw {seed}, {dtype}, {form.path}, {form.name}: {misfit}" for misfit in misfits]
