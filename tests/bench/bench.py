"""`make bench`: what the kit costs, as ratios within one run (machines are shared and noisy).

check of one step, cold    against `python -c "import torch"`            at most 1.3
a training step by hand    loss.backward()'s step against it             at least 1.2
a sealed process           its start against a bare fork's              at most 10 ms more
a save under `watch`       until its verdict stands on the screen       at most 150 ms, at the median
a class of 1,000           as the command grades it, on 2 cores           at most 60 s
a submission               against fork, seal and the same calls alone  at most 2.5
its throughput             against one pytest process a submission      at least 40
the class again, unchanged without torch                                at most 2 s
a mixed class of 95        with mends, against without                   at most 2
a submission that loops    what it adds to the mixed class              at most 6 s
"""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from grader.judge.draw import draw_inputs
from grader.lesson import Case, Lesson, load_lesson
from grader.lesson.network import Network
from grader.runner import autograd
from grader.seal import probe
from grader.seal.close import seal
from grader.seal.layers import Limits, described
from tests.bench.bare import fork_time
from tests.bench.classrun import class_rows
from tests.bench.row import Row
from tests.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
SOLUTIONS = ROOT / "solutions" / "mlp"
COLD_ROUNDS = 9
STEP_ROUNDS, STEPS_A_ROUND = 30, 100
FORK_ROUNDS = 200
SEAL_COSTS_AT_MOST = 10.0  # ms a submission
SAVE_ROUNDS = 15
SAVE_TAKES_AT_MOST = 150.0  # ms, with torch warm
SETTLED = "save a file, and it is judged"  # what watch says when nothing is left to judge
TRAINING_SIZES = {"n": 32, "vocab_size": 27, "n_embd": 10, "block_size": 3, "n_hidden": 200}
LEARNING_RATE = 0.1


def main() -> int:
    """Prints the table; 1 if a claim does not hold."""
    torch.set_num_threads(1)
    lesson = load_lesson(SOLUTIONS)
    rows = [sealed_fork(), cold_check(), watched_save(), training_step(lesson), *class_rows(lesson)]
    table = Table("claim", "measured", "wanted", "holds")
    for row in rows:
        table.add_row(row.claim, row.measured, row.wanted, "yes" if row.holds else "NO")
    Console().print(table)
    return 0 if all(row.holds for row in rows) else 1


def sealed_fork() -> Row:
    """A process forked from one that holds torch, from its first to its last moment: bare, and sealed, in turns."""
    layers = probe.find().layers
    autograd.prepare()
    limits = Limits(memory_mib=2048, cpu_seconds=85)

    def sealed() -> None:
        autograd.switch_off()
        seal(layers, limits)

    times: dict[str, list[float]] = {"bare": [], "sealed": []}
    for _ in range(FORK_ROUNDS):
        times["bare"].append(fork_time(lambda: None))
        times["sealed"].append(fork_time(sealed))
    bare, closed = (statistics.median(values) * 1000 for values in times.values())
    measured = f"{closed - bare:.1f} ms ({closed:.1f} ms / {bare:.1f} ms = {closed / bare:.1f})"
    claim = f"a fork with the seal ({described(layers)}), over a bare one"
    return Row(claim, measured, f"at most {SEAL_COSTS_AT_MOST:g} ms more", closed - bare <= SEAL_COSTS_AT_MOST)


def cold_check() -> Row:
    """`check` of one step in a fresh process, against importing torch in one, turn by turn."""
    bare = [sys.executable, "-c", "import torch"]
    check = [sys.executable, "-m", "grader", "check", str(SOLUTIONS), "dprobs"]
    times: dict[str, list[float]] = {"bare": [], "check": []}
    for _ in range(COLD_ROUNDS):
        for name, command in (("bare", bare), ("check", check)):
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - start)
    middle = {name: statistics.median(values) for name, values in times.items()}
    ratio = middle["check"] / middle["bare"]
    measured = f"{ratio:.2f} ({middle['check']:.2f} s / {middle['bare']:.2f} s)"
    return Row("check of one step, cold / import torch", measured, "at most 1.3", ratio <= 1.3)


def watched_save() -> Row:
    """From the write of a file to the verdict on the screen of a real `grader watch`: right and wrong in turns."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "answers"
        shutil.copytree(SOLUTIONS, folder)
        file = folder / "ex1_chain.py"
        right = file.read_text(encoding="utf-8")
        wrong = right.replace("return dlogprobs / probs", "return -dlogprobs / probs")
        with Terminal(["watch", folder]) as terminal:
            terminal.shows(SETTLED)
            for _ in range(SAVE_ROUNDS):
                for text, verdict in ((wrong, "dprobs  wrong"), (right, "dprobs  exact")):
                    start = time.perf_counter()
                    file.write_text(text, encoding="utf-8")
                    terminal.shows(verdict)
                    times.append((time.perf_counter() - start) * 1000)
                    terminal.shows(SETTLED)
            terminal.press("q")
            terminal.ends()
    middle = statistics.median(times)
    measured = f"{middle:.0f} ms (from {min(times):.0f} to {max(times):.0f} ms)"
    claim = "watch, from the save to the verdict on the screen"
    return Row(claim, measured, f"at most {SAVE_TAKES_AT_MOST:g} ms", middle <= SAVE_TAKES_AT_MOST)


def training_step(lesson: Lesson) -> Row:
    """One step of exercise 4: the solution's fused backward against loss.backward(), the same forward and update."""
    steps = {"by hand": _by_hand(lesson), "autograd": _by_autograd(lesson)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(STEP_ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(STEPS_A_ROUND):
                step()
            times[name].append((time.perf_counter() - start) / STEPS_A_ROUND)
    middle = {name: statistics.median(values) * 1e6 for name, values in times.items()}
    ratio = middle["autograd"] / middle["by hand"]
    measured = f"{ratio:.2f} ({middle['autograd']:.0f} µs / {middle['by hand']:.0f} µs)"
    return Row("training step, autograd / by hand", measured, "at least 1.2", ratio >= 1.2)


def _start(lesson: Lesson) -> dict[str, Tensor]:
    drawn = draw_inputs(Case("bench", TRAINING_SIZES, lesson.inputs), "bench")
    return {name: value.float() if value.is_floating_point() else value for name, value in drawn.items()}


def _learned(lesson: Lesson) -> list[str]:
    exercise = next(exercise for exercise in lesson.exercises if exercise.function)
    return [step.tensor for step in exercise.gradient_steps]


def _by_hand(lesson: Lesson) -> Callable[[], None]:
    inputs, network = _start(lesson), Network(lesson.graph)
    gradients = _solution().gradients
    asked = gradients.__code__.co_varnames[: gradients.__code__.co_argcount]

    @torch.no_grad()
    def step() -> None:
        values: dict[str, Any] = {**network.forward(inputs, TRAINING_SIZES), **TRAINING_SIZES}
        for name, gradient in zip(_names, gradients(**{key: values[key] for key in asked}), strict=True):
            inputs[name] -= LEARNING_RATE * gradient

    _names = _learned(lesson)
    return step


def _by_autograd(lesson: Lesson) -> Callable[[], None]:
    inputs, network = _start(lesson), Network(lesson.graph)
    names = _learned(lesson)
    for name in names:
        inputs[name].requires_grad_()

    def step() -> None:
        for name in names:
            inputs[name].grad = None
        network.forward(inputs, TRAINING_SIZES)[lesson.loss].backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for name in names:
                gradient = inputs[name].grad
                assert gradient is not None
                inputs[name] -= LEARNING_RATE * gradient

    return step


def _solution() -> Any:
    spec = importlib.util.spec_from_file_location("solution", SOLUTIONS / "ex4_training.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
